//! The context of a call: it reaches the service, and goes on with the calls that the service makes.

use std::time::Instant;

use super::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn server(next: Option<Arc<dyn Witness>>) -> Server {
    let services = Arc::new(Services::new(ServicesOptions {
        timeout: Duration::from_secs(20),
        ..ServicesOptions::default()
    }));
    services.insert(3, dispatchers(next), None);
    serve(services, options()).await
}

#[tokio::test]
async fn the_service_knows_the_caller_and_the_deadline() {
    let tokens = Tokens::new(&["alice"]);
    let services = Arc::new(Services::new(ServicesOptions {
        timeout: Duration::from_secs(20),
        ..ServicesOptions::default()
    }));
    services.insert(3, dispatchers(None), None);
    let server = serve(services, tokens.server()).await;
    let alice = caller(&server, &tokens.client("alice"));
    // The service's own deadline is the shorter one.
    let told = soon(witness(&alice).tell()).await.unwrap();
    assert_eq!(told, "alice from 127.0.0.1 within 20 s, trace - -");
    alice.set_timeout(Duration::from_secs(7));
    let told = soon(witness(&alice).tell()).await.unwrap();
    assert_eq!(told, "alice from 127.0.0.1 within 7 s, trace - -");
    // Work that goes on to its end has no deadline; who asked for it is known all the same.
    let told = soon(witness(&alice).tell_finishing()).await.unwrap();
    assert_eq!(told, "alice from 127.0.0.1 within 0 s, trace - -");
    let nobody = caller(&server, &TransportOptions::default());
    let told = soon(witness(&nobody).tell()).await.unwrap();
    assert_eq!(told, "nobody from 127.0.0.1 within 20 s, trace - -");
}

#[tokio::test]
async fn a_trace_is_read_and_a_malformed_one_is_not() {
    let server = server(None).await;
    for (headers, trace) in [
        (format!("traceparent: {PARENT}\r\n"), format!("{PARENT} -")),
        (
            format!("traceparent: {PARENT}\r\ntracestate: a=1\r\nTraceState: b=2\r\n"),
            format!("{PARENT} a=1,b=2"),
        ),
        (
            "traceparent: 00-x\r\ntracestate: a=1\r\n".to_owned(),
            "- -".to_owned(),
        ),
        (
            format!("traceparent: {PARENT}\r\n").repeat(2),
            "- -".to_owned(),
        ),
        ("tracestate: a=1\r\n".to_owned(), "- -".to_owned()),
    ] {
        let told = text(post(&server, "3.tell", &headers).await);
        let expected = format!("nobody from 127.0.0.1 within 20 s, trace {trace}");
        assert_eq!(told, expected, "{headers}");
    }
}

#[tokio::test]
async fn trace_and_deadline_go_on_through_proxies() {
    let last = server(None).await;
    let middle = server(Some(witness(&caller(&last, &TransportOptions::default())))).await;
    let first = server(Some(witness(&caller(
        &middle,
        &TransportOptions::default(),
    ))))
    .await;
    let headers =
        format!("traceparent: {PARENT}\r\ntracestate: a=1\r\nx-osgi-basic-timeout: 9000\r\n");
    let told = text(post(&first, "3.relay", &headers).await);
    let expected = format!("nobody from 127.0.0.1 within 9 s, trace {PARENT} a=1");
    assert_eq!(told, expected);
    // Without a context, nothing is made up.
    let direct = witness(&caller(&last, &TransportOptions::default()));
    let told = soon(direct.tell()).await.unwrap();
    assert_eq!(told, "nobody from 127.0.0.1 within 20 s, trace - -");
}

#[tokio::test]
async fn a_nested_call_ends_with_the_one_it_is_for() {
    let server = server(None).await;
    let inner = witness(&caller(&server, &TransportOptions::default()));
    let begun = Instant::now();
    let context = CallContext::default().with_deadline(begun + Duration::from_millis(100));
    let error = soon(context.scope(async move { inner.never().await }))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    // When its time is over, it is not made at all.
    let statistics = Arc::new(ferlix_xmlrpc::statistics::Statistics::new());
    let options = TransportOptions {
        statistics: Arc::clone(&statistics),
        ..TransportOptions::default()
    };
    let inner = witness(&caller(&server, &options));
    let over = CallContext::default().with_deadline(begun);
    let error = soon(over.scope(async move { inner.tell().await }))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::Timeout { after, .. } if after.is_zero()),
        "{error:?}"
    );
    assert_eq!(statistics.snapshot()[0].sent, 0);
}
