//! Nothing is kept of what is over: connections, calls and services that came and went leave no allocation behind, counted by
//! `dhat` while the server lives on.
//!
//! Resident memory, which the load test measures, also grows when nothing is kept, because the allocator gives back late what
//! is free; here a leak of a few bytes for each of the calls shows. This file has one test, because there is one allocator for
//! all.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod echo;
mod load;

use std::time::{Duration, Instant};

use tokio::time::sleep;

use self::load::Load;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const CLIENTS: u64 = 10;
/// Connections of a wave, at least.
const WAVE: u64 = 100;
/// What may be left after a wave that was not before: far less than one for each connection. The runtime keeps a few.
const BLOCKS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn calls_connections_and_services_leave_nothing_behind() {
    let _profiler = dhat::Profiler::builder()
        .testing()
        .trim_backtraces(Some(1))
        .build();
    let mut load = Load::new().await;
    // What comes into being once and stays.
    let first = wave(&mut load, usize::MAX).await;
    let second = wave(&mut load, first + BLOCKS).await;
    let third = wave(&mut load, first + BLOCKS).await;
    let sums = load.stop().await;
    println!(
        "{} calls on {} connections; {first}, {second}, {third} allocations after each wave",
        sums.sent, sums.connections
    );
    assert!(second <= first + BLOCKS, "{first} then {second}");
    assert!(third <= first + BLOCKS, "{first} then {third}");
}

/// Loads the server for a while, and waits until no more than so many allocations are left, or in vain; returns how many.
async fn wave(load: &mut Load, wanted: usize) -> usize {
    let before = load.connections();
    load.begin(CLIENTS);
    while load.connections() < before + WAVE {
        sleep(Duration::from_millis(10)).await;
        load.look();
    }
    load.end().await;
    let given_up = Instant::now() + PATIENCE;
    let mut last = usize::MAX;
    loop {
        // Connections end at the server a moment after they do at the client.
        sleep(Duration::from_millis(200)).await;
        let left = dhat::HeapStats::get().curr_blocks;
        if (left <= wanted && left == last) || Instant::now() > given_up {
            return left;
        }
        last = left;
    }
}
