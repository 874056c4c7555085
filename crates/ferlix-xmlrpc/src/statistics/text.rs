//! The statistics as Prometheus reads them.

use ferlix_http::MetricsText;

use super::{Direction, LATENCY_BOUNDS, MethodCalls, Outcome};

/// Writes what was counted.
pub(super) fn write(calls: &[MethodCalls], text: &mut MetricsText) {
    text.counter(
        "ferlix_calls_total",
        "Remote calls that ended, by how they ended.",
    );
    for calls in calls {
        for outcome in Outcome::ALL {
            let count = calls.count(outcome);
            // That nothing went wrong is said by one series, not by eleven.
            if count > 0 || outcome == Outcome::Ok {
                let [direction, service, method] = labels(calls);
                let outcome = ("outcome", outcome.as_str());
                text.sample(&[direction, service, method, outcome], count);
            }
        }
    }
    text.gauge(
        "ferlix_calls_in_flight",
        "Remote calls that have not ended.",
    );
    for calls in calls {
        text.sample(&labels(calls), calls.in_flight);
    }
    text.histogram(
        "ferlix_call_duration_seconds",
        "How long remote calls took, from the document that was read to the one that was written.",
    );
    for calls in calls {
        let bounds = LATENCY_BOUNDS.iter().map(std::time::Duration::as_secs_f64);
        let (seconds, counts) = (calls.time.as_secs_f64(), &calls.latencies);
        text.buckets(&labels(calls), bounds, counts, seconds);
    }
    for (name, help, bytes) in [
        (
            "ferlix_call_received_bytes_total",
            "Bytes of the documents of remote calls that came.",
            (|calls| calls.received) as fn(&MethodCalls) -> u64,
        ),
        (
            "ferlix_call_sent_bytes_total",
            "Bytes of the documents of remote calls that went.",
            |calls| calls.sent,
        ),
    ] {
        text.counter(name, help);
        for calls in calls {
            text.sample(&labels(calls), bytes(calls));
        }
    }
}

fn labels(calls: &MethodCalls) -> [(&'static str, &str); 3] {
    [
        ("direction", Direction::as_str(calls.direction)),
        ("service", &calls.service),
        ("method", &calls.method),
    ]
}
