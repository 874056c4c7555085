//! What the macros say when they are used wrongly, and that they are silent when used rightly.
//!
//! The expected messages lie beside each file; `TRYBUILD=overwrite cargo test -p ferlix-core --test macros_ui` writes them
//! anew. They are those of the project's own compiler version: with another one only the rightly used are compiled.

use std::process::Command;

#[test]
fn errors_say_what_to_write() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    let wanted = format!("rustc {}.", env!("CARGO_PKG_RUST_VERSION"));
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(compiler).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    if version.starts_with(&wanted) {
        cases.compile_fail("tests/ui/*.rs");
    } else {
        eprintln!("the messages are those of {wanted}x, this is {version}: they are not compared");
    }
}
