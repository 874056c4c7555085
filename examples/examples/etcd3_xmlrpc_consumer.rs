//! The tutorial's consumer: calls the greeting service as soon as it is found in etcd.

use std::process::ExitCode;

use clap::Parser;
use ferlix_examples::program::{Arguments, consume};

fn main() -> ExitCode {
    consume(&Arguments::parse())
}
