//! Records to advertise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ferlix_etcd::Record;

/// Says its text and how often it was asked, so that each put can be told from the one before.
#[derive(Debug)]
pub(crate) struct Counting {
    text: String,
    asked: AtomicU64,
}

impl Counting {
    pub(crate) fn new(text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            text: text.into(),
            asked: AtomicU64::new(0),
        })
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Record for Counting {
    fn value(&self) -> Vec<u8> {
        let times = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        format!("{} {times}", self.text).into_bytes()
    }
}

/// Always says the same.
pub(crate) fn fixed(text: impl Into<String>) -> Arc<dyn Record> {
    let text = text.into();
    Arc::new(move || text.clone().into_bytes())
}
