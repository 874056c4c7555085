//! The tutorial's exporter: offers the greeting service on port 8181 and advertises it in etcd.

use std::process::ExitCode;

use clap::Parser;
use ferlix_examples::program::{Arguments, export};

fn main() -> ExitCode {
    export(&Arguments::parse(), 8181)
}
