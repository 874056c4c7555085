//! The program of the benchmarks: see the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ferlix_benches::run()
}
