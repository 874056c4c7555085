//! Properties: typed values and case-insensitive maps of them.
//!
//! A service, a component, a framework and an endpoint description carry [`Properties`]. A [`Value`] is also what
//! crosses the wire in a remote call, so it holds every type that an OSGi property or an XML-RPC value can have.
//! Deliberately absent: any text form for a wire (that is the codecs' work).

mod convert;
pub mod keys;
mod map;
mod secret;
mod value;

pub use convert::{Element, FromValue, IntoValue, ValueError};
pub use map::Properties;
pub use secret::{HIDDEN, is_secret, shown};
pub use value::{DateTime, Value};

#[doc(hidden)]
pub use convert::take_member;
