//! A second exporter of the tutorial's greeting service, on port 8182.

use std::process::ExitCode;

use clap::Parser;
use ferlix_examples::program::{Arguments, export};

fn main() -> ExitCode {
    export(&Arguments::parse(), 8182)
}
