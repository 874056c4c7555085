//! EDEF: the XML file format of endpoint descriptions (OSGi Remote Service Admin, name space `rsa/v1.0.0`).
//!
//! [`write()`] makes the text that iPOPO writes, to the byte, but for values whose type iPOPO loses. [`read`] takes every
//! form of the specification, and what iPOPO and Aries write beyond it. Deliberately absent: files (the shell reads and
//! writes them) and the extender that reads them from bundles.

mod kind;
mod reader;
mod writer;

pub use reader::{MAX_BYTES, MAX_DEPTH, MAX_VALUES, read};
pub use writer::write;

/// The name space of the elements.
pub const NAMESPACE: &str = "http://www.osgi.org/xmlns/rsa/v1.0.0";
