//! The load test: calls at full rate over a thousand connections that come and go, while services appear and vanish. Every
//! request gets exactly one answer, which is counted at both ends, and memory does not grow.
//!
//! It runs for [`SECONDS`] (20 by default, as a test; `cargo xtask soak calls` runs it for ten minutes). Its clients are
//! sockets and no HTTP library: they see each byte that the server sends. What is measured is resident memory, clients
//! included; that nothing is forgotten on the heap is the business of `leaks.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod echo;
mod load;

use std::time::{Duration, Instant};

use tokio::time::sleep;

use self::load::Load;

/// How long the load lasts, in seconds.
const SECONDS: &str = "FERLIX_TEST_SECONDS";
const CONNECTIONS: u64 = 1000;
/// How much memory may grow from the middle of the run to its end. In a short run buffers still come into being there, the more
/// of them the busier the machine is: only a gross leak is seen.
const GROWTH: f64 = 0.01;
const GROWTH_WHEN_SHORT: f64 = 0.25;

/// Resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

fn median(mut numbers: Vec<u64>) -> f64 {
    numbers.sort_unstable();
    numbers[numbers.len() / 2] as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_gets_one_answer_and_memory_does_not_grow() {
    let seconds = std::env::var(SECONDS).map_or(20, |text| text.parse().unwrap());
    let mut load = Load::new().await;
    load.begin(CONNECTIONS);
    let (begun, length) = (Instant::now(), Duration::from_secs(seconds));
    // What the process held, in each tenth of the time.
    let mut tenths = vec![Vec::new(); 10];
    while begun.elapsed() < length {
        let tenth = begun.elapsed().as_millis() * 10 / length.as_millis();
        if let Some(tenth) = tenths.get_mut(tenth as usize) {
            tenth.push(resident());
        }
        sleep(Duration::from_millis(50)).await;
        load.look();
    }
    load.end().await;
    let sums = load.stop().await;

    let tenths: Vec<_> = tenths.into_iter().map(median).collect();
    let (middle, end) = (tenths[5], tenths[9]);
    let growth = end / middle - 1.0;
    println!(
        "{} calls ({:.0}/s) on {} connections: {} echoed, {} for no service; memory {:.1} MiB, {:+.2} %",
        sums.sent,
        sums.sent as f64 / length.as_secs_f64(),
        sums.connections,
        sums.echoed,
        sums.unknown,
        end / 1024.0,
        growth * 100.0
    );
    let shown = tenths.iter().map(|kib| format!("{:.2}", kib / 1024.0));
    let shown: Vec<_> = shown.collect();
    println!("in each tenth: {} MiB", shown.join(", "));
    let allowed = if seconds < 300 {
        GROWTH_WHEN_SHORT
    } else {
        GROWTH
    };
    assert!(growth < allowed, "{growth}");
}
