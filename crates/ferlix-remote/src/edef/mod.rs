//! EDEF: the XML file format of endpoint descriptions (OSGi Remote Service Admin, name space `rsa/v1.0.0`).
//!
//! [`write()`] makes the text that iPOPO writes, to the byte, but for values whose type iPOPO loses. [`read`] takes every
//! form of the specification, and what iPOPO and Aries write beyond it; [`read_properties`] takes the `.properties` form of
//! Eclipse ECF; [`load`] reads files of either. iPOPO's own reader refuses `Byte`, and the `Boolean`s that its writer makes are
//! none: such properties do not reach it by a file.

mod file;
mod kind;
mod properties;
mod reader;
mod writer;

pub use file::{DEFAULTS, load, text};
pub(crate) use file::{PROPERTIES, Texts, XML};
pub use properties::read_properties;
pub use reader::{MAX_BYTES, MAX_DEPTH, MAX_VALUES, read};
pub use writer::write;

/// The name space of the elements.
pub const NAMESPACE: &str = "http://www.osgi.org/xmlns/rsa/v1.0.0";
