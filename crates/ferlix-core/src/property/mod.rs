//! Properties: typed values and case-insensitive maps of them.
//!
//! A service, a component, a framework and an endpoint description carry [`Properties`]. A [`Value`] is also what
//! crosses the wire in a remote call whose types are not known, so it holds every type that an OSGi property or an XML-RPC
//! value can have; what is known by its Rust type crosses without one, as [`Event`]s.
//! Deliberately absent: any text form for a wire (that is the codecs' work).

mod convert;
mod event;
pub mod keys;
mod map;
mod secret;
mod tree;
mod value;

pub use convert::{Element, FromValue, IntoValue, ValueError};
pub use event::{Decoder, Encoder, Event, whole};
pub use map::Properties;
pub use secret::{HIDDEN, is_secret, shown};
pub use tree::{ValueDecoder, ValueEncoder};
pub use value::{DateTime, Value};
