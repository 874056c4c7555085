//! The two locks of the registry that the order of events hangs on: [`Guarded`], the lock of the index, and [`InTurn`], what
//! is to be told of one service.
//!
//! A change is made and put in its queue under the index's lock, so the queue has the order of the changes; it is told under
//! no lock, by whoever found the queue idle, who also tells what comes in meanwhile. So nothing is told twice, by two at
//! once, out of order, or never.
//!
//! Deliberately absent: what an index or an event is. The package `loom` runs this very file with loom's locks through every
//! order in which threads can meet; that is why the locks come from `sync`.

use std::collections::VecDeque;

use super::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Plain data under a lock, also after a panic: nothing that could panic half-way runs under it.
pub(super) struct Guarded<T>(RwLock<T>);

impl<T> Guarded<T> {
    pub(super) fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Things that are handed on one after the other, by one thread at a time.
pub(super) struct InTurn<T>(Mutex<Turn<T>>);

struct Turn<T> {
    waiting: VecDeque<T>,
    /// Somebody hands on.
    busy: bool,
}

impl<T> InTurn<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Turn {
            waiting: VecDeque::new(),
            busy: false,
        }))
    }

    /// Takes a thing in. `None` when somebody hands on and will hand on this one, too; else it is the caller's, who goes on
    /// with [`next`](Self::next) until there is none.
    #[must_use]
    pub(super) fn begin(&self, thing: T) -> Option<T> {
        let mut turn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.busy {
            turn.waiting.push_back(thing);
            return None;
        }
        turn.busy = true;
        Some(thing)
    }

    /// The next thing to hand on; `None` ends the caller's turn.
    pub(super) fn next(&self) -> Option<T> {
        let mut turn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = turn.waiting.pop_front();
        if next.is_none() {
            turn.busy = false;
            // Few services ever have a queue: none of them keeps the memory for it.
            turn.waiting = VecDeque::new();
        }
        next
    }
}
