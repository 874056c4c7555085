//! How often a call allocates, counted by `dhat`: the figures that the documentation states, and no more.
//!
//! This file has one test, because there is one allocator for all.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod echo;

use std::future::ready;
use std::sync::Arc;

use ferlix_core::property::Value;
use ferlix_core::service::Caller as _;
use ferlix_http::{HttpService as _, MountOptions, Server, ServerOptions};
use ferlix_xmlrpc::client::{Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::{Limits, read_call, write_call, write_response};
use ferlix_xmlrpc::provider::{Services, ServicesOptions, handler};

use self::echo::Echo;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Allocations and bytes of one of many runs.
fn each(runs: u64, mut work: impl FnMut()) -> (u64, u64) {
    let before = dhat::HeapStats::get();
    for _ in 0..runs {
        work();
    }
    let after = dhat::HeapStats::get();
    (
        (after.total_blocks - before.total_blocks) / runs,
        (after.total_bytes - before.total_bytes) / runs,
    )
}

#[test]
fn calls_allocate_no_more_than_they_did() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let message = Value::from("x".repeat(200));
    let numbers = Value::List((0..10_000).map(Value::Int).collect());
    let limits = Limits::default();
    let document = |value: &Value| write_call("1.echo", std::slice::from_ref(value)).unwrap();

    let small = document(&message);
    let read = each(100, || drop(read_call(&small, &limits).unwrap()));
    let written = each(100, || drop(write_response(&message).unwrap()));
    let large = document(&numbers);
    let many = each(10, || drop(read_call(&large, &limits).unwrap()));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_server, caller) = runtime.block_on(async {
        let services = Arc::new(Services::new(ServicesOptions::default()));
        services.insert(1, vec![Arc::new(Echo(|| ready(())))], None);
        let server = Server::bind(ServerOptions::new("127.0.0.1", 0))
            .await
            .unwrap();
        let options = MountOptions::new("test");
        server
            .mount("/xml-rpc", handler(services), options)
            .unwrap();
        let url = format!("http://{}/xml-rpc", server.address());
        let transport = Transport::new(&TransportOptions::default()).unwrap();
        let caller = XmlRpcCaller::new(&transport, &url, 1, "org.example.Echo").unwrap();
        (server, caller)
    });
    let call = || {
        let answer = runtime.block_on(caller.call_values("echo", vec![message.clone()]));
        assert_eq!(answer.unwrap(), message);
    };
    for _ in 0..20 {
        call();
    }
    let both = each(200, call);
    println!(
        "read {read:?}, written {written:?}, 10,000 numbers read {many:?}, both ends {both:?} (allocations, bytes)"
    );
    // The stack of open elements, the name, the arguments and the text.
    assert!(read.0 <= READ, "{read:?}");
    assert!(written.0 <= WRITTEN, "{written:?}");
    assert!(many.0 <= MANY, "{many:?}");
    assert!(both.0 <= BOTH, "{both:?}");
}

/// What is allowed for each: what was counted, and for both ends a few more for what the runtime does now and then.
const READ: u64 = 4;
const WRITTEN: u64 = 1;
const MANY: u64 = 20;
const BOTH: u64 = 60;
