//! [`Grouped`]: one of a thing for each of a few groups of threads, so that threads on other cores do not write to the same
//! memory.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many groups there are.
const GROUPS: usize = 8;

/// The group of this thread: threads take turns.
fn group() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static GROUP: Cell<usize> = const { Cell::new(GROUPS) };
    }
    GROUP.with(|group| {
        if group.get() == GROUPS {
            group.set(NEXT.fetch_add(1, Ordering::Relaxed) % GROUPS);
        }
        group.get()
    })
}

/// One for each group of threads, made when one of the group asks for it.
pub(super) struct Grouped<T>([OnceLock<T>; GROUPS]);

impl<T> Default for Grouped<T> {
    fn default() -> Self {
        Self(Default::default())
    }
}

impl<T> Grouped<T> {
    /// That of this thread's group; `None` when it cannot be made.
    pub(super) fn get(&self, make: impl FnOnce() -> Option<T>) -> Option<&T> {
        let place = &self.0[group()];
        match place.get() {
            Some(own) => Some(own),
            None => {
                let made = make()?;
                Some(place.get_or_init(|| made))
            }
        }
    }

    /// Those that were made.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(OnceLock::get)
    }
}
