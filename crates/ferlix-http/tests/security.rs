//! Who comes in: passwords, tokens, certificates, open paths, rates, and files that change meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher as _;
use argon2::{Argon2, Params};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferlix_http::{
    Body, BoxError, HttpError, RateLimit, Server, ServerOptions, handler_fn, new_token,
};
use http::{Request, Response};
use tempfile::TempDir;

use support::{Answer, Client, mount, options, server, text, within};

/// An entry whose check costs little.
fn password(name: &str, password: &str) -> String {
    let little = Argon2::from(Params::new(8, 1, 1, None).unwrap());
    let hash = little.hash_password(password.as_bytes()).unwrap();
    format!("{name}:{hash}\n")
}

fn basic(name: &str, password: &str) -> String {
    let plain = format!("{name}:{password}");
    format!("authorization: Basic {}\r\n", STANDARD.encode(plain))
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

/// A server that says who came.
async fn greeter(options: ServerOptions) -> Server {
    let server = server(options).await;
    let who = handler_fn(async |request: Request<Body>| {
        let identity = request.body().info().and_then(|info| info.identity());
        let name = identity.map_or("stranger", |identity| identity.name());
        Ok::<_, BoxError>(Response::new(Body::from(name.to_owned())))
    });
    mount(&server, "/who", who);
    mount(&server, "/open", text("open"));
    server
}

async fn ask(client: &mut Client, path: &str, headers: &str) -> Answer {
    client
        .send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n"))
        .await;
    client.answer().await
}

/// What a new client is answered.
async fn asked(server: &Server, path: &str, headers: &str) -> Answer {
    ask(&mut Client::connect(server).await, path, headers).await
}

#[tokio::test]
async fn a_password_lets_in_and_nothing_else_does() {
    let files = Files::new();
    let mut options = options();
    let entries = password("alice", "wonder:land") + &password("zoë", "ß");
    options.security.password_file = Some(files.write("passwords", entries));
    options.security.failures = 0;
    let server = greeter(options).await;
    let mut client = Client::connect(&server).await;
    for (name, secret) in [
        ("alice", "wonder:land"),
        ("zoë", "ß"),
        ("alice", "wonder:land"),
    ] {
        let answer = ask(&mut client, "/who", &basic(name, secret)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, name));
    }
    let wrong = [
        String::new(),
        basic("alice", "wonderland"),
        basic("alice", ""),
        basic("bob", "wonder:land"),
        basic("", ""),
        basic("zoë", "wonder:land"),
        basic("alice", &"x".repeat(5000)),
        bearer("wonder:land"),
        "authorization: Basic !\r\n".to_owned(),
        basic("alice", "wonder:land").repeat(2),
    ];
    let mut pages = Vec::new();
    for headers in wrong {
        // Also for a path where nothing is: a stranger does not learn the difference.
        for path in ["/who", "/nothing/here"] {
            let answer = ask(&mut client, path, &headers).await;
            assert_eq!(answer.status, 401, "{headers}");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, Some("Basic realm=\"ferlix\", charset=\"UTF-8\""));
            pages.push(answer.body);
        }
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "{pages:?}");
    let missing = ask(&mut client, "/nothing/here", &basic("alice", "wonder:land")).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn a_token_lets_in_and_nothing_else_does() {
    let files = Files::new();
    let (token, entry) = new_token("robot").unwrap();
    assert!(
        token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{token}: it would be quoted somewhere, or be taken for an option"
    );
    let mut options = options();
    options.security.token_file = Some(files.write("tokens", &entry));
    options.security.realm = "the mill".to_owned();
    let server = greeter(options).await;
    let answer = asked(&server, "/who", &bearer(&token)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "robot"));
    for headers in [
        String::new(),
        bearer(&token[1..]),
        bearer(entry.split(':').next_back().unwrap()),
        basic("robot", &token),
    ] {
        let answer = asked(&server, "/who", &headers).await;
        assert_eq!(answer.status, 401, "{headers}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer realm=\"the mill\""));
    }
}

#[tokio::test]
async fn open_paths_and_anonymous_requests_need_no_credentials() {
    let files = Files::new();
    let mut options = options();
    options.security.password_file = Some(files.write("passwords", password("a", "b")));
    options.security.open_paths = vec!["/open/".to_owned()];
    let server = greeter(options.clone()).await;
    for (path, status) in [
        ("/open", 200),
        ("/open/more", 200),
        ("/opened", 401),
        ("/who", 401),
        ("/open/../who", 401),
        ("/%6fpen/%2e%2e/who", 401),
    ] {
        assert_eq!(asked(&server, path, "").await.status, status, "{path}");
    }
    // Who says something must say the truth, wherever.
    assert_eq!(asked(&server, "/open", &basic("a", "c")).await.status, 401);

    options.security.anonymous = true;
    let server = greeter(options).await;
    assert_eq!(asked(&server, "/who", "").await.body, "stranger");
    assert_eq!(asked(&server, "/who", &basic("a", "b")).await.body, "a");
    assert_eq!(asked(&server, "/who", &basic("a", "c")).await.status, 401);
}

#[tokio::test]
async fn the_body_of_a_request_waits_for_its_password() {
    let files = Files::new();
    let mut options = options();
    options.security.password_file = Some(files.write("passwords", password("a", "b")));
    let server = server(options).await;
    mount(&server, "/", support::echo());
    let body = "x".repeat(100_000);
    let mut client = Client::connect(&server).await;
    let head = |headers: String| {
        let length = body.len();
        format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
    };
    client.send(head(basic("a", "b"))).await;
    assert_eq!(client.answer().await.body, body);
    client.send(head(basic("a", "b"))).await;
    assert_eq!(client.answer().await.body, body);
    client.send(head(basic("a", "c"))).await;
    assert_eq!(client.answer().await.status, 401);
}

/// Waits until the answer is this.
async fn until(server: &Server, headers: &str, status: u16) {
    within(async {
        while asked(server, "/who", headers).await.status != status {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn files_that_change_are_followed_and_broken_ones_are_not() {
    let files = Files::new();
    let mut options = options();
    let (token, entry) = new_token("robot").unwrap();
    options.security.password_file = Some(files.write("passwords", password("a", "old")));
    options.security.token_file = Some(files.write("tokens", ""));
    options.security.failures = 0;
    options.reload_interval = Duration::from_millis(10);
    let server = greeter(options).await;
    assert_eq!(asked(&server, "/who", &basic("a", "old")).await.status, 200);
    files.write("passwords", "a:$argon2id$half");
    files.write("tokens", &entry);
    until(&server, &bearer(&token), 200).await;
    // The tokens are looked at after the passwords: so those were seen, too, and are not used.
    assert_eq!(asked(&server, "/who", &basic("a", "old")).await.status, 200);
    files.write("passwords", password("a", "new"));
    until(&server, &basic("a", "new"), 200).await;
    // What was remembered of the old file is forgotten.
    assert_eq!(asked(&server, "/who", &basic("a", "old")).await.status, 401);
    files.write("tokens", "");
    until(&server, &bearer(&token), 401).await;
}

#[tokio::test]
async fn a_greedy_client_does_not_hurt_a_good_one() {
    let files = Files::new();
    let mut options = options();
    let entries = password("greedy", "g") + &password("good", "h");
    options.security.password_file = Some(files.write("passwords", entries));
    options.security.rate = Some(RateLimit {
        per_second: 0.01,
        burst: 5,
    });
    let server = greeter(options).await;
    let mut greedy = Client::connect(&server).await;
    let mut refused = 0;
    for _ in 0..100 {
        let answer = ask(&mut greedy, "/who", &basic("greedy", "g")).await;
        if answer.status == 429 {
            let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=100).contains(&wait), "{wait}");
            refused += 1;
        }
    }
    assert_eq!(refused, 95);
    // From the same address.
    let mut good = Client::connect(&server).await;
    for _ in 0..5 {
        assert_eq!(
            ask(&mut good, "/who", &basic("good", "h")).await.status,
            200
        );
    }
}

#[tokio::test]
async fn strangers_share_the_allowance_of_their_address() {
    let mut options = options();
    options.security.rate = Some(RateLimit {
        per_second: 0.01,
        burst: 2,
    });
    let server = greeter(options).await;
    for status in [200, 200, 429, 429] {
        assert_eq!(asked(&server, "/who", "").await.status, status);
    }
}

#[tokio::test]
async fn guessing_is_stopped_and_who_is_known_goes_on() {
    let files = Files::new();
    let mut options = options();
    options.security.password_file = Some(files.write("passwords", password("a", "b")));
    options.security.failures = 3;
    let server = greeter(options).await;
    let mut known = Client::connect(&server).await;
    assert_eq!(ask(&mut known, "/who", &basic("a", "b")).await.status, 200);
    let mut guesser = Client::connect(&server).await;
    let mut statuses = Vec::new();
    for guess in 0..6 {
        let headers = basic("a", &guess.to_string());
        statuses.push(ask(&mut guesser, "/who", &headers).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429, 429]);
    assert_eq!(ask(&mut known, "/who", &basic("a", "b")).await.status, 200);
}

#[tokio::test(flavor = "current_thread")]
async fn a_costly_check_is_made_once_and_stalls_nobody() {
    let files = Files::new();
    let mut options = options();
    // 64 MiB and 6 passes: far more than a request may stall the one thread of this runtime.
    let costly = Argon2::from(Params::new(65_536, 6, 1, None).unwrap());
    let hash = costly.hash_password(b"b").unwrap();
    options.security.password_file = Some(files.write("passwords", format!("a:{hash}")));
    options.security.open_paths = vec!["/open".to_owned()];
    let server = greeter(options).await;

    let begun = Instant::now();
    let mut first = Client::connect(&server).await;
    first
        .send(format!(
            "GET /who HTTP/1.1\r\nhost: x\r\n{}\r\n",
            basic("a", "b")
        ))
        .await;
    let mut meanwhile = Client::connect(&server).await;
    let mut answered = 0;
    let answer = {
        let mut answer = std::pin::pin!(first.answer());
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => break answer,
                other = ask(&mut meanwhile, "/open", "") => {
                    assert_eq!(other.status, 200);
                    answered += 1;
                }
            }
        }
    };
    let cost = begun.elapsed();
    assert_eq!(answer.body, "a");
    assert!(answered > 10, "{answered} in {cost:?}");
    // As many as would take a hundred times as long if each were checked.
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(ask(&mut first, "/who", &basic("a", "b")).await.body, "a");
    }
    assert!(
        begun.elapsed() < cost * 10,
        "{:?} for {cost:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn bad_files_are_named_without_their_secrets() {
    let files = Files::new();
    let mut with_passwords = options();
    with_passwords.security.password_file = Some(files.write("passwords", "alice:geheim"));
    let mut with_tokens = options();
    with_tokens.security.token_file = Some(files.write("tokens", "alice:geheim"));
    let mut without = options();
    without.security.token_file = Some(files.folder.path().join("none"));
    for (options, name) in [
        (with_passwords, "passwords"),
        (with_tokens, "tokens"),
        (without, "none"),
    ] {
        let error = Server::bind(options).await.unwrap_err();
        assert!(matches!(error, HttpError::File(_)), "{error:?}");
        let said = format!("{error} {error:?}");
        assert!(said.contains(name) && !said.contains("geheim"), "{said}");
    }
}
