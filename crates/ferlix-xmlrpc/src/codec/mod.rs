//! The XML-RPC codec: bytes to Rust types or [`Value`]s and back, in one pass, without a tree in between.
//!
//! In flows a whole document (the HTTP side has bounded it already), and a type reads itself from it as it passes
//! ([`decode_call`], [`decode_response`]), or out comes a [`MethodCall`] or a [`Response`] of values; the other way arguments and
//! a result write themselves ([`Writer`]), and a [`Fault`] becomes bytes. What is written is what both iPOPO
//! (Python's `xmlrpc.client`) and Eclipse ECF (Apache XML-RPC) read; what is read is every form that either writes:
//!
//! | [`Value`] | written as | also read |
//! |---|---|---|
//! | `Null` | `ex:nil` | `nil` with any prefix or none |
//! | `Bool` | `boolean` (`0`, `1`) | `true`, `false` |
//! | `Byte`, `Short`, `Int` | `int` | `i1` is a `Byte`, `i2` a `Short`, `i4` an `Int` |
//! | `Long` | `ex:i8` | `i8`, and `biginteger` that fits |
//! | `Float`, `Double` | `double` | `float` is a `Float`, `bigdecimal` a `Double` |
//! | `Char`, `String` | `string` | a `value` that holds text only |
//! | `Bytes` | `base64` on one line | with line breaks, with or without padding |
//! | `DateTime` | `dateTime.iso8601`, `YYYYMMDDTHH:MM:SS` | `dateTime`; with dashes, a fraction, `Z` or an offset (becomes UTC) |
//! | `List`, `Set` | `array` | |
//! | `Map` | `struct` | |
//!
//! A Rust type stands for the value that [`IntoValue`](ferlix_core::property::IntoValue) makes of it. The Rust type decides: a `Long` that would fit 32 bits is an `ex:i8` all the same, and an integer that does not fit
//! the type it is declared as is refused. `xmlns:ex` is declared on the root, when an `ex:` type is used and only then.
//!
//! Reading is strict about XML, with a scanner of its own: no DOCTYPE, no processing instruction, only the five
//! named and valid numeric references, one closed root, no character that XML forbids, UTF-8 (a declared encoding other
//! than UTF-8 or US-ASCII is refused, ISO-8859-1 too). [`Limits`] bound bytes, depth, elements and text. Attributes are
//! checked and ignored.
//!
//! ```
//! use ferlix_core::property::Value;
//! use ferlix_xmlrpc::codec::{Limits, read_call, write_call};
//!
//! let document = write_call("3.sayHello", &[Value::from("you"), Value::Long(5)])?;
//! let call = read_call(&document, &Limits::default())?;
//! assert_eq!(call.method, "3.sayHello");
//! assert_eq!(call.arguments, [Value::from("you"), Value::Long(5)]);
//! # Ok::<(), ferlix_xmlrpc::codec::CodecError>(())
//! ```
//!
//! Deliberately absent: namespaces (a prefix means nothing here, as in Python), serialised Java objects
//! (`ex:serializable` is refused by name), and introspection calls.

mod attributes;
mod characters;
mod error;
mod fault;
mod reader;
mod scalar;
mod scanner;
mod token;
mod writer;

use ferlix_core::property::Value;

pub use error::{CodecError, Limit};
pub use fault::Fault;
pub use reader::{decode_call, decode_response, read_call, read_response};
pub use writer::{Writer, write_call, write_fault, write_response};

/// How much a document may hold. What is beyond is refused with [`CodecError::Limit`], which names the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The length of the document in bytes (default 8 MiB).
    pub bytes: usize,
    /// How deep arrays and structs nest: a plain argument has depth 1 (default 64; the type bounds it to 255, so that no setting
    /// can exhaust the stack).
    pub depth: u8,
    /// The number of XML elements (default 500,000; a number in a list takes two).
    pub elements: usize,
    /// The length in bytes of one text: a string, a name, base64 (default 8 MiB).
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            depth: 64,
            elements: 500_000,
            text: 8 << 20,
        }
    }
}

/// A call as it came in.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodCall {
    /// The method's name as it stands in the document, e.g. `3.sayHello`.
    pub method: String,
    /// The arguments, in order.
    pub arguments: Vec<Value>,
}

/// An answer as it came in.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// The result; `Null` when the peer's method returns nothing.
    Value(Value),
    /// The peer's fault.
    Fault(Fault),
}
