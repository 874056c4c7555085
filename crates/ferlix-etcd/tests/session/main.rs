//! What a session and its client promise, through every fault that ends: on the embedded etcd over in-memory streams with
//! paused time, and on the real etcd binaries that `FERLIX_TEST_ETCD` names (`:` between them).

#![expect(
    clippy::unwrap_used,
    reason = "this is a test throughout, helpers included"
)]

mod asleep;
mod client;
mod closing;
mod cluster;
mod faults;
mod logging;
mod memory;
mod outage;
mod process;
mod random;
mod real;
mod real_limits;
mod real_secured;
mod records;
mod room;
mod simulation;
mod view;
