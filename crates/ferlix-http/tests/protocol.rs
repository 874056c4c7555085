//! HTTP as clients speak it: versions, connections, bodies, limits, and what must be refused.

mod support;

use ferlix_http::{Body, BoxError, HttpService as _, MountOptions, handler_fn};
use http::{Request, Response};

use support::{Client, echo, mount, options, server, text};

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = server(options()).await;
    mount(&server, "/echo", echo());
    let mut client = Client::connect(&server).await;
    for number in 0..20 {
        let body = "x".repeat(number * 1000);
        let answer = client.post("/echo/a?b=c", &body).await;
        assert_eq!((answer.status, answer.body), (200, body));
    }
}

#[tokio::test]
async fn the_handler_sees_normalised_paths() {
    let server = server(options()).await;
    mount(&server, "/files", echo());
    mount(&server, "/", echo());
    let mut client = Client::connect(&server).await;
    for (target, expected) in [
        ("/files", ("/files", "")),
        ("/files/", ("/files", "/")),
        ("/files/a/../%62//c?d=/e", ("/files", "/b/c")),
        ("/x/../files/a", ("/files", "/a")),
        ("/filesystem", ("/", "/filesystem")),
        ("http://x/files/a", ("/files", "/a")),
    ] {
        let answer = client.get(target).await;
        let seen = (
            answer.header("x-mount").unwrap(),
            answer.header("x-sub-path").unwrap(),
        );
        assert_eq!(seen, expected, "{target}");
    }
}

#[tokio::test]
async fn bad_targets_are_refused_and_the_connection_lives() {
    let server = server(options()).await;
    mount(&server, "/", text("reached"));
    let mut client = Client::connect(&server).await;
    for target in ["/../etc", "/%2e%2e/etc", "/a%00b", "/%ff"] {
        let answer = client.get(target).await;
        assert_eq!(answer.status, 400, "{target}");
        assert!(!answer.body.contains("etc"), "{}", answer.body);
    }
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn unknown_paths_get_a_page_that_does_not_echo_them() {
    let server = server(options()).await;
    let answer = Client::connect(&server).await.get("/%3Cscript%3E").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(!answer.body.contains("script"));
}

#[tokio::test]
async fn http_1_0_closes_unless_asked_to_keep_alive() {
    let server = server(options()).await;
    mount(&server, "/echo", echo());
    let mut client = Client::connect(&server).await;
    for _ in 0..2 {
        let request =
            "POST /echo HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi";
        client.send(request).await;
        let answer = client.answer().await;
        assert_eq!(
            (answer.version.as_str(), answer.body.as_str()),
            ("HTTP/1.0", "hi")
        );
        assert_eq!(answer.header("connection"), Some("keep-alive"));
    }
    // No Host is asked for in HTTP/1.0.
    client.send("GET /echo HTTP/1.0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200);
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn http_1_0_gets_streams_without_chunks() {
    let server = server(options()).await;
    let stream = handler_fn(async |request: Request<Body>| {
        Ok::<_, BoxError>(Response::new(Body::wrap(request.into_body())))
    });
    mount(&server, "/stream", stream);
    let body = "4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n";
    let mut client = Client::connect(&server).await;
    client
        .send(format!(
            "POST /stream HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{body}"
        ))
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.body, "Wikipedia");
}

#[tokio::test]
async fn chunked_requests_are_read() {
    let server = server(options()).await;
    mount(&server, "/echo", echo());
    let mut client = Client::connect(&server).await;
    for _ in 0..2 {
        client
            .send(
                "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            )
            .await;
        client
            .send("2;name=value\r\nde\r\n0\r\ntrailer: x\r\n\r\n")
            .await;
        assert_eq!(client.answer().await.body, "abcde");
    }
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_answered() {
    let server = server(options()).await;
    mount(&server, "/echo", echo());
    let mut client = Client::connect(&server).await;
    client
        .send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi")
        .await;
    client.close_sending().await;
    assert_eq!(client.answer().await.body, "hi");
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = server(options()).await;
    mount(&server, "/a", text("a"));
    mount(&server, "/b", text("b"));
    let mut client = Client::connect(&server).await;
    let request = |path| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    client
        .send(request("/a") + &request("/b") + &request("/none") + &request("/a"))
        .await;
    for expected in [
        (200, Some("a")),
        (200, Some("b")),
        (404, None),
        (200, Some("a")),
    ] {
        let answer = client.answer().await;
        assert_eq!(answer.status, expected.0);
        if let Some(body) = expected.1 {
            assert_eq!(answer.body, body);
        }
    }
}

#[tokio::test]
async fn an_upgrade_that_nobody_wants_changes_nothing() {
    let server = server(options()).await;
    mount(&server, "/echo", echo());
    let mut client = Client::connect(&server).await;
    for _ in 0..2 {
        // As Java's HTTP client begins.
        client
            .send(
                "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\
                 http2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\ncontent-length: 2\r\n\r\nhi",
            )
            .await;
        assert_eq!(client.answer().await.body, "hi");
    }
}

#[tokio::test]
async fn bodies_above_the_limit_are_refused() {
    let mut options = options();
    options.max_body_size = 10;
    let server = server(options).await;
    mount(&server, "/echo", echo());
    let large = MountOptions::new("test").max_body_size(20);
    server.mount("/large", echo(), large).unwrap();
    let chunk = "b\r\n12345678901\r\n0\r\n\r\n";
    let chunked = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}")
    };

    assert_eq!(
        Client::connect(&server)
            .await
            .post("/echo", "1234567890")
            .await
            .status,
        200
    );
    let answer = Client::connect(&server)
        .await
        .post("/echo", "12345678901")
        .await;
    assert_eq!(answer.status, 413);
    assert!(answer.body.contains("10 bytes"), "{}", answer.body);
    assert_eq!(
        Client::connect(&server)
            .await
            .post("/large", "12345678901")
            .await
            .status,
        200
    );

    let mut client = Client::connect(&server).await;
    client.send(chunked("/echo")).await;
    assert_eq!(client.answer().await.status, 413);
    let mut client = Client::connect(&server).await;
    client.send(chunked("/large")).await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn a_client_that_sends_all_of_a_large_body_reads_the_refusal() {
    let mut options = options();
    options.max_body_size = 10;
    let server = server(options).await;
    mount(&server, "/echo", echo());
    let mut client = Client::connect(&server).await;
    let length = 4 * 1024 * 1024;
    client
        .send(format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"
        ))
        .await;
    client.send(vec![b'x'; length]).await;
    assert_eq!(client.answer().await.status, 413);
    client.close_sending().await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let mut options = options();
    options.max_body_size = 10;
    let server = server(options).await;
    mount(&server, "/echo", echo());
    let mut client = Client::connect(&server).await;
    let head = |length| {
        format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    client.send(head(2)).await;
    assert_eq!(client.answer().await.status, 100);
    client.send("hi").await;
    assert_eq!(client.answer().await.body, "hi");
    client.send(head(11)).await;
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn headers_above_the_limits_are_refused() {
    let server = server(options()).await;
    mount(&server, "/", text("reached"));
    for header in ["x".repeat(40_000), "a\r\nx: ".repeat(200)] {
        let mut client = Client::connect(&server).await;
        client
            .send(format!("GET / HTTP/1.1\r\nhost: x\r\nx: {header}\r\n\r\n"))
            .await;
        assert_eq!(client.answer().await.status, 431);
    }
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let server = server(options()).await;
    mount(&server, "/", text("reached"));
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +1\r\n\r\na",
        "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nname : value\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\n folded: value\r\n\r\n",
        "GET /\r\n\r\n",
        "\u{1}\u{2}\r\n\r\n",
    ] {
        let mut client = Client::connect(&server).await;
        client.send(request).await;
        assert_eq!(client.answer().await.status, 400, "{request:?}");
    }
    let mut client = Client::connect(&server).await;
    client
        .send("CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 501);
}

#[tokio::test]
async fn two_lengths_are_never_kept_alive() {
    let server = server(options()).await;
    mount(&server, "/echo", echo());
    let mut client = Client::connect(&server).await;
    client
        .send(
            "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n\
             0\r\n\r\nGET /echo HTTP/1.1\r\nhost: x\r\n\r\n",
        )
        .await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn connections_above_the_limit_wait() {
    let mut options = options();
    options.max_connections = 2;
    let server = server(options).await;
    mount(&server, "/", text("reached"));
    let mut first = Client::connect(&server).await;
    let mut second = Client::connect(&server).await;
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(second.get("/").await.status, 200);
    let mut third = Client::connect(&server).await;
    third.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // The other two are still served, and the third is as soon as one of them goes.
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(server.open_connections(), 2);
    drop(second);
    assert_eq!(third.answer().await.status, 200);
}

#[tokio::test]
async fn a_head_request_gets_no_body() {
    let server = server(options()).await;
    mount(&server, "/", text("reached"));
    let mut client = Client::connect(&server).await;
    client
        .send("HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    let rest = client.rest().await;
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n"), "{rest}");
    assert!(
        rest.contains("content-length: 7\r\n") && rest.ends_with("\r\n\r\n"),
        "{rest}"
    );
}
