//! The registry's locks and its index under every order in which threads can meet, by loom.
//!
//! The files of the registry that need neither tokio nor arc-swap are compiled here once more, with loom's locks in place of
//! the standard library's. A model is a registry in small: what is registered stands in the index under two specifications,
//! and each change is told to a listener, in the steps of `store.rs` and `delivery.rs`. The models are in `tests`; some
//! leave a step out or change the order of two, and expect that loom finds what goes wrong: one that could not fail proves
//! nothing.
//!
//! Deliberately absent: the tables that are read without a lock. They are made of arc-swap, which loom cannot see into.

#![forbid(unsafe_code)]

#[path = "../../crates/ferlix-core/src/registry/ordered.rs"]
#[allow(dead_code, unused_imports, reason = "the registry uses all of it")]
mod ordered;
#[path = "../../crates/ferlix-core/src/registry/turn.rs"]
mod turn;

/// loom's locks, for `turn`.
mod sync {
    pub(super) use std::sync::PoisonError;

    pub(super) use loom::sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
}

use std::cmp::Reverse;

use loom::sync::Arc;
use ordered::Ordered;
use turn::{Guarded, InTurn};

/// The index in small: the services of two specifications, best first, each with its colour.
#[derive(Default)]
struct Index {
    first: Specification,
    second: Specification,
}

type Specification = Ordered<(Reverse<i32>, u64), u8>;

/// The services of a specification, as a search takes them with it.
pub struct Found(Specification);

impl Found {
    /// The colours of the services, in order.
    pub fn colours(&self) -> Vec<u8> {
        self.0.values().copied().collect()
    }
}

/// What is told of a service's end.
pub const GONE: u8 = u8::MAX;

/// The registry in small, with one service that has a queue: number 1.
pub struct Registry {
    index: Guarded<Index>,
    events: InTurn<u8>,
    heard: loom::sync::Mutex<Vec<u8>>,
}

impl Registry {
    /// An empty one, to be shared.
    pub fn shared() -> Arc<Self> {
        Arc::new(Self {
            index: Guarded::new(Index::default()),
            events: InTurn::new(),
            heard: loom::sync::Mutex::new(Vec::new()),
        })
    }

    /// Registers a service that nobody hears of, under both specifications.
    pub fn register(&self, service: u64, colour: u8) {
        let mut index = self.index.write();
        index.first.insert((Reverse(0), service), colour);
        index.second.insert((Reverse(0), service), colour);
    }

    /// Gives service 1 the next colour, and tells it.
    pub fn paint(&self) {
        let told = {
            let mut index = self.index.write();
            self.events.begin(next_colour(&mut index))
        };
        self.tell(told);
    }

    /// The same with a fault: the event goes into its queue when the index is free already.
    pub fn paint_and_queue_late(&self) {
        let colour = next_colour(&mut self.index.write());
        let told = self.events.begin(colour);
        self.tell(told);
    }

    /// Takes service 1 out, and tells it; false when it is not there any more.
    pub fn unregister(&self) -> bool {
        let told = {
            let mut index = self.index.write();
            if index.first.remove(&(Reverse(0), 1)).is_none() {
                return false;
            }
            index.second.remove(&(Reverse(0), 1));
            self.events.begin(GONE)
        };
        self.tell(told);
        true
    }

    /// The services of both specifications.
    pub fn find(&self) -> (Found, Found) {
        let index = self.index.read();
        (Found(index.first.clone()), Found(index.second.clone()))
    }

    /// The same with a fault: the index is free between the two.
    pub fn find_in_two_looks(&self) -> (Found, Found) {
        let first = self.index.read().first.clone();
        (Found(first), Found(self.index.read().second.clone()))
    }

    /// What was told, in order.
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().expect("nobody panicked").clone()
    }

    fn tell(&self, first: Option<u8>) {
        let mut next = first;
        while let Some(colour) = next {
            // Two who tell at once would meet here.
            let mut heard = self.heard.try_lock().expect("only one tells at a time");
            heard.push(colour);
            drop(heard);
            next = self.events.next();
        }
    }
}

fn next_colour(index: &mut Index) -> u8 {
    let place = (Reverse(0), 1);
    let colour = index.first.remove(&place).unwrap_or_default() + 1;
    index.first.insert(place, colour);
    index.second.insert(place, colour);
    colour
}
