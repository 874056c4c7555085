//! Counts what one call allocates, by dhat: a program of its own, because counting slows every other benchmark down. The
//! benchmark `allocations` runs it and prints what it says.

#![forbid(unsafe_code)]

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn main() -> ExitCode {
    let _profiler = dhat::Profiler::builder()
        .testing()
        .trim_backtraces(Some(1))
        .build();
    ferlix_benches::count_allocations(|| {
        let heap = dhat::HeapStats::get();
        (heap.total_blocks, heap.total_bytes)
    })
}
