//! What every reader of foreign input must stand, one function for each: any bytes go in; the function returns, or
//! panics where the reader broke a promise.
//!
//! The first promise is that it ends, without a panic, whatever the bytes. The second is agreement with the writer: what
//! was accepted can be written, and is read back as the same. Where a format is known to lose something (a `float` becomes a
//! `double`), the check says so and allows that alone.
//!
//! Two programs call these functions: libFuzzer's (`fuzz/fuzz_targets`, run by `cargo xtask fuzz`), and the test of this
//! package, which runs the committed corpus and seeded changes of it on any toolchain. Deliberately absent: what is
//! accepted and what is refused; each crate's own tests say that.

mod edef;
mod filter;
mod http_request;
mod path;
mod record;
mod shell_line;
mod xmlrpc;

pub use edef::edef;
pub use filter::filter;
pub use http_request::http_request;
pub use path::path;
pub use record::record;
pub use shell_line::shell_line;
pub use xmlrpc::{xmlrpc_call, xmlrpc_response};

/// What checks some bytes.
pub type Check = fn(&[u8]);

/// Every check under the name of its fuzz program and of its folder in `fuzz/corpus`.
pub const CHECKS: [(&str, Check); 8] = [
    ("edef", edef),
    ("filter", filter),
    ("http_request", http_request),
    ("path", path),
    ("record", record),
    ("shell_line", shell_line),
    ("xmlrpc_call", xmlrpc_call),
    ("xmlrpc_response", xmlrpc_response),
];
