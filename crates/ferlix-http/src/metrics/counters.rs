//! [`Counters`]: what the server counts of its own.

use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

use super::MetricsText;

/// Why a request was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Without credentials, or with wrong ones.
    Unauthenticated,
    /// More requests than its client may send.
    TooMany,
    /// More passwords wait to be checked than can be.
    Busy,
}

impl Refused {
    const ALL: [Self; 3] = [Self::Unauthenticated, Self::TooMany, Self::Busy];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::TooMany => "rate",
            Self::Busy => "busy",
        }
    }
}

/// The counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// By the first digit of the status.
    responses: [AtomicU64; 5],
    refused: [AtomicU64; Refused::ALL.len()],
}

impl Counters {
    pub(crate) fn responded(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.responses.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn refused(&self, why: Refused) {
        self.refused[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn write(&self, open_connections: usize, text: &mut MetricsText) {
        text.gauge(
            "ferlix_http_connections",
            "Connections that are open, idle ones too.",
        );
        text.sample(&[], open_connections as u64);
        text.counter(
            "ferlix_http_responses_total",
            "Requests that were answered, by the class of the status.",
        );
        let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        for (class, counter) in classes.into_iter().zip(&self.responses) {
            text.sample(&[("code", class)], counter.load(Ordering::Relaxed));
        }
        text.counter(
            "ferlix_http_refused_total",
            "Requests that were not let through to a handler.",
        );
        for (why, counter) in Refused::ALL.into_iter().zip(&self.refused) {
            text.sample(&[("reason", why.as_str())], counter.load(Ordering::Relaxed));
        }
    }
}
