//! The HTTP service of Ferlix: one server, on which bundles mount handlers by path while it runs.
//!
//! The public interface is:
//! - [`HttpService`]: the service that mounts handlers, with [`MountOptions`] and [`Mount`];
//! - [`Handler`], [`handler_fn`], [`tower_handler`]: what is mounted; [`Body`] and [`RequestInfo`]: what it works with;
//! - [`Servlet`]: a handler as a service, mounted while it is registered;
//! - [`SecurityOptions`], [`RateLimit`]: who may come in, and how often; [`password_entry`], [`new_password`], [`new_token`];
//! - [`MetricsSource`], [`MetricsText`]: what is shown to Prometheus;
//! - [`Reloaded`]: a value made of files, made anew when they change;
//! - [`BUNDLE`], [`instantiate`] and [`properties`]: the component that offers the service;
//! - [`Server`] and [`ServerOptions`]: the server itself, for programs without components;
//! - [`HttpError`], [`BodyError`], [`FileError`], [`PathError`].
//!
//! Types of `http`, `http-body`, `bytes` and `tower-service` stand in signatures; those of hyper and rustls never do.

mod body;
mod component;
mod error;
mod handler;
mod metrics;
mod pages;
mod path;
mod reload;
mod request;
mod security;
mod server;
mod service;
mod servlet;
mod tls;

pub use body::{Body, BodyError};
pub use component::{BUNDLE, FACTORY, INSTANCE, instantiate, properties};
pub use error::{BoxError, HttpError};
pub use handler::{Handler, HandlerFuture, handler_fn, tower_handler};
pub use metrics::{METRICS_SOURCE, MetricsSource, MetricsText};
pub use path::{PathError, normalise};
pub use reload::{FileError, Reloaded};
pub use request::RequestInfo;
pub use security::{RateLimit, SecurityOptions, new_password, new_token, password_entry};
pub use server::{Server, ServerOptions, TlsFiles};
pub use service::{HTTP_SERVICE, HttpService, Mount, MountOptions};
pub use servlet::{SERVLET, SERVLET_PATH, Servlet};
