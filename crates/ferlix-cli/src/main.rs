//! The `ferlix` program.

fn main() {}
