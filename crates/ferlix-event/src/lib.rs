//! The event admin of Ferlix: events by topic, sent or posted to handler services.
//!
//! The public interface is:
//! - [`EventAdmin`]: the service `ferlix.services.eventadmin`, which takes events;
//! - [`EventHandler`]: a service that is told of the events whose topic and properties it names, with [`Event`];
//! - [`TopicPattern`]: how topics are matched;
//! - [`HandlerStatus`]: what was handled, dropped or failed, by handler;
//! - [`BUNDLE`], [`FACTORY`], [`INSTANCE`] and [`properties`]: the component that offers the service; [`SHELL_BUNDLE`]: the
//!   commands `event.send`, `event.post` and `event.handlers`;
//! - [`EventError`].
//!
//! ```
//! use std::sync::Arc;
//! use ferlix_core::framework::Framework;
//! use ferlix_core::property::Properties;
//! use ferlix_core::service_impl;
//! use ferlix_event::{Event, EventAdmin, EventHandler};
//!
//! struct Printer;
//!
//! #[service_impl]
//! impl EventHandler for Printer {
//!     async fn handle_event(&self, event: &Event) {
//!         println!("{} {:?}", event.topic(), event.property("degrees"));
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let framework = Framework::builder().install(&ferlix_event::BUNDLE).start().await?;
//! let context = framework.context();
//! context.components().instantiate(ferlix_event::FACTORY, ferlix_event::INSTANCE, Properties::new()).await?;
//! context.register::<dyn EventHandler>(Arc::new(Printer), [("event.topics", "weather/*")].into())?;
//! let events = context.service::<dyn EventAdmin>(None).ok_or("no event admin")?;
//! events.send("weather/rain", [("degrees", 12)].into()).await?;
//! # drop(events);
//! # framework.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Deliberately absent: events that outlive the process or leave it.

mod admin;
mod command;
mod error;
mod event;
mod service;
mod topic;

pub use admin::{BUNDLE, FACTORY, INSTANCE, properties};
pub use command::SHELL_BUNDLE;
pub use error::EventError;
pub use event::Event;
pub use service::{EVENT_ADMIN, EVENT_HANDLER, EventAdmin, EventHandler, HandlerStatus};
pub use topic::TopicPattern;
