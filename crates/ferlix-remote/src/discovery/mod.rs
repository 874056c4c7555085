//! Discoveries that need nothing but this crate: [`edef`], files in a folder, and [`process`], the frameworks of one process.
//!
//! Both are made of the interfaces in [`provider`](crate::provider), as the discoveries in crates of their own are. Their
//! bundles are installed by who wants them; any number of discoveries may run side by side, and an endpoint that several
//! know goes with the last of them.

pub mod edef;
pub mod process;
