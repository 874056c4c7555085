//! What is counted of calls: exactly, at both ends; and how it is shown.

use std::sync::Mutex;

use ferlix_core::command::{Arguments, CommandProvider, Session};
use ferlix_xmlrpc::statistics::{Direction, MethodCalls, Outcome, Statistics};

use super::*;

fn of(statistics: &Statistics, direction: Direction, method: &str) -> MethodCalls {
    let snapshot = statistics.snapshot();
    let mut calls = snapshot
        .iter()
        .filter(|calls| calls.direction == direction && &*calls.method == method);
    let found = calls.next().cloned();
    found.unwrap_or_else(|| panic!("{method} in {snapshot:?}"))
}

fn counts(calls: &MethodCalls) -> Vec<(Outcome, u64)> {
    Outcome::ALL
        .into_iter()
        .map(|outcome| (outcome, calls.count(outcome)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[tokio::test]
async fn every_call_is_counted_once_by_how_it_ended() {
    let tokens = Tokens::new(&["alice"]);
    let services = Services::new(ServicesOptions {
        timeout: Duration::from_millis(200),
        ..ServicesOptions::default()
    });
    let rules = "deny anyone * relay; allow anyone".parse().unwrap();
    let services = Arc::new(services.with_rules(rules));
    services.insert(3, dispatchers(None), None);
    let server = serve(Arc::clone(&services), tokens.server()).await;
    let statistics = Arc::new(Statistics::new());
    let caller = caller(
        &server,
        &TransportOptions {
            statistics: Arc::clone(&statistics),
            ..TransportOptions::default()
        },
    );
    let proxy = witness(&caller);
    for _ in 0..5 {
        soon(proxy.tell()).await.unwrap();
    }
    for _ in 0..2 {
        soon(proxy.fail()).await.unwrap_err();
    }
    soon(proxy.panic()).await.unwrap_err();
    soon(proxy.relay()).await.unwrap_err();
    soon(caller.call_values("nothing", Vec::new()))
        .await
        .unwrap_err();
    soon(proxy.never()).await.unwrap_err();
    // One that is given up by its caller: the service is told, since the connection closes.
    let given_up = tokio::time::timeout(Duration::from_millis(50), proxy.never()).await;
    given_up.unwrap_err();
    soon(caller.call_values("tell", vec![Value::from(1)]))
        .await
        .unwrap_err();
    caller.close();
    soon(proxy.tell()).await.unwrap_err();

    let exported = |method| of(services.statistics(), Direction::Exported, method);
    let imported = |method| of(&statistics, Direction::Imported, method);
    soon(async {
        while exported("never").total() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(
        counts(&exported("tell")),
        [(Outcome::Ok, 5), (Outcome::Invalid, 1)]
    );
    assert_eq!(counts(&exported("fail")), [(Outcome::Fault, 2)]);
    assert_eq!(counts(&exported("panic")), [(Outcome::Panic, 1)]);
    assert_eq!(counts(&exported("relay")), [(Outcome::Refused, 1)]);
    assert_eq!(counts(&exported("(unknown)")), [(Outcome::Unknown, 1)]);
    let never = exported("never");
    assert_eq!(never.in_flight, 0);
    assert!(
        never.count(Outcome::Timeout) >= 1 && never.total() == 2,
        "{never:?}"
    );

    assert_eq!(
        counts(&imported("tell")),
        [(Outcome::Ok, 5), (Outcome::Fault, 1), (Outcome::Gone, 1)]
    );
    assert_eq!(counts(&imported("fail")), [(Outcome::Fault, 2)]);
    assert_eq!(
        counts(&imported("never")),
        [(Outcome::Fault, 1), (Outcome::Cancelled, 1)]
    );
    // What one end sent, the other received.
    let (here, there) = (imported("fail"), exported("fail"));
    assert_eq!((here.sent, here.received), (there.received, there.sent));
    assert!(here.sent > 100 && here.received > 100);
    assert_eq!(here.latencies.iter().sum::<u64>(), 2);
}

#[tokio::test]
async fn calls_that_did_not_arrive_are_counted_by_their_errors() {
    let server = {
        let services = Arc::new(Services::new(ServicesOptions {
            timeout: Duration::from_secs(20),
            ..ServicesOptions::default()
        }));
        serve(services, options()).await
    };
    let statistics = Arc::new(Statistics::new());
    let options = TransportOptions {
        statistics: Arc::clone(&statistics),
        ..TransportOptions::default()
    };
    let proxy = witness(&caller(&server, &options));
    soon(server.shutdown()).await;
    soon(proxy.tell()).await.unwrap_err();
    let calls = of(&statistics, Direction::Imported, "tell");
    assert_eq!(counts(&calls), [(Outcome::Unreachable, 1)]);
}

#[tokio::test]
async fn hostile_names_make_no_series() {
    let services = Services::new(ServicesOptions {
        timeout: Duration::from_secs(20),
        ..ServicesOptions::default()
    });
    services.insert(3, dispatchers(None), None);
    let before = services.statistics().snapshot().len();
    for index in 0..1000 {
        let document = write_call(&format!("3.method{index}"), &[]).unwrap();
        services.answer(&http::HeaderMap::new(), &document).await;
        let document = write_call(&format!("{index}.tell\"}} 1"), &[]).unwrap();
        services.answer(&http::HeaderMap::new(), &document).await;
    }
    services
        .answer(&http::HeaderMap::new(), b"no document")
        .await;
    let snapshot = services.statistics().snapshot();
    assert_eq!(snapshot.len(), before);
    let unknown = of(services.statistics(), Direction::Exported, "(unknown)");
    assert_eq!(
        counts(&unknown),
        [(Outcome::Invalid, 1), (Outcome::Unknown, 2000)]
    );
}

/// A framework that exports a witness to itself, and its proxy.
async fn mirror() -> (Framework, Arc<dyn Witness>) {
    let framework = framework(Properties::new()).await;
    let (_, proxy) = import_own(&framework).await;
    (framework, proxy)
}

/// The page of the metrics.
async fn metrics(framework: &Framework) -> String {
    let http = framework
        .context()
        .service::<dyn ferlix_http::HttpService>(None)
        .unwrap();
    let mut stream = TcpStream::connect(http.address()).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

#[tokio::test]
async fn the_metrics_show_both_directions() {
    let (framework, proxy) = mirror().await;
    for _ in 0..3 {
        soon(proxy.tell()).await.unwrap();
    }
    soon(proxy.fail()).await.unwrap_err();
    let page = metrics(&framework).await;
    for direction in ["exported", "imported"] {
        let labels = |method: &str| {
            format!(
                "{{direction=\"{direction}\",service=\"org.example.Witness\",method=\"{method}\""
            )
        };
        let (tell, fail) = (labels("tell"), labels("fail"));
        for line in [
            format!("ferlix_calls_total{tell},outcome=\"ok\"}} 3"),
            format!("ferlix_calls_total{fail},outcome=\"ok\"}} 0"),
            format!("ferlix_calls_total{fail},outcome=\"fault\"}} 1"),
            format!("ferlix_calls_in_flight{tell}}} 0"),
            format!("ferlix_call_duration_seconds_count{tell}}} 3"),
            format!("ferlix_call_duration_seconds_bucket{tell},le=\"+Inf\"}} 3"),
        ] {
            assert!(page.lines().any(|other| other == line), "{line} in {page}");
        }
    }
    // Every line is a comment or a sample of the format.
    for line in page.lines() {
        let is_sample = line.rsplit_once(' ').is_some_and(|(name, number)| {
            name.starts_with("ferlix_") && number.parse::<f64>().is_ok()
        });
        assert!(is_sample || line.starts_with("# "), "{line}");
    }
    assert!(
        page.contains("\nferlix_http_responses_total{code=\"2xx\"} 4\n"),
        "{page}"
    );
    framework.stop().await.unwrap();
}

/// Runs a command of the shell, without one.
async fn run(framework: &Framework, words: &[&str]) -> (String, Option<Value>) {
    let context = framework.context();
    let commands = context
        .services::<dyn CommandProvider>(None)
        .into_iter()
        .find(|commands| commands.namespace() == "xmlrpc")
        .unwrap();
    let printed = Arc::new(Mutex::new(String::new()));
    let copy = Arc::clone(&printed);
    let session = Session::new(move |text| copy.lock().unwrap().push_str(text));
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    let arguments = Arguments::new(words, Default::default());
    let value = commands.run("calls", &arguments, &session).await.unwrap();
    let printed = printed.lock().unwrap().clone();
    (printed, value)
}

#[tokio::test]
async fn the_command_shows_calls_while_they_are_made() {
    let (framework, proxy) = mirror().await;
    let (printed, value) = run(&framework, &[]).await;
    assert_eq!(printed, "No exported calls.\nNo imported calls.\n");
    assert_eq!(value, Some(Value::Long(0)));
    soon(proxy.tell()).await.unwrap();
    soon(proxy.fail()).await.unwrap_err();
    let waiting = {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move { proxy.never().await })
    };
    let row = |printed: &str, method: &str| -> Vec<String> {
        let line = printed.lines().find(|line| line.contains(method)).unwrap();
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let printed = soon(async {
        loop {
            let (printed, _) = run(&framework, &[]).await;
            if printed.matches("never").count() == 2 {
                break printed;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(
        printed.contains("Calls of exported services:\n+"),
        "{printed}"
    );
    assert!(
        printed.contains("Calls of imported services:\n+"),
        "{printed}"
    );
    let tell = row(&printed, "| tell ");
    assert_eq!(tell[..5], ["org.example.Witness", "tell", "1", "0", "0"]);
    assert!(
        tell[5].ends_with('s') && tell[8].ends_with(" B"),
        "{tell:?}"
    );
    assert_eq!(row(&printed, "| fail ")[2..5], ["1", "1 fault", "0"]);
    let never = row(&printed, "| never ");
    assert_eq!(never[2..8], ["0", "0", "1", "-", "-", "-"]);
    let (printed, value) = run(&framework, &["fail"]).await;
    assert!(
        !printed.contains("tell") && printed.contains("1 fault"),
        "{printed}"
    );
    assert_eq!(value, Some(Value::Long(2)));
    waiting.abort();
    framework.stop().await.unwrap();
}
