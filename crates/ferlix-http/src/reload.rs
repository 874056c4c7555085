//! [`Reloaded`]: a value that is made of files, and made anew when they change.
//!
//! In: files that an operator replaces while the program runs: certificates, keys, passwords, tokens. Out: the value of
//! the last files that could be used. They are read and compared as a whole, not by their times, so that it does not
//! matter how they are replaced: by a rename, a symbolic link or a network mount. Files that cannot be used – half-written,
//! or a key without its certificate – change nothing; that is said once, and the next change is looked at again.
//!
//! Deliberately absent: any task. Whoever has a `Reloaded` says when to look: now and then, or when it is used.

use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::error::BoxError;

/// No file of ours is larger than this, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A file that cannot be used (the configuration is at fault).
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}: {source}", file.display())]
#[non_exhaustive]
pub struct FileError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub source: BoxError,
}

impl FileError {
    /// A file and what is wrong with it.
    pub fn new(file: impl Into<PathBuf>, source: impl Into<BoxError>) -> Self {
        Self {
            file: file.into(),
            source: source.into(),
        }
    }
}

type Make<T> = dyn Fn(&[Vec<u8>]) -> Result<T, FileError> + Send + Sync;

/// A value made of files.
pub struct Reloaded<T> {
    /// What the log calls it, e.g. `the passwords`.
    name: &'static str,
    files: Vec<PathBuf>,
    make: Box<Make<T>>,
    value: ArcSwap<T>,
    /// Of what was looked at last, usable or not.
    seen: Mutex<u64>,
    hasher: RandomState,
    made: Instant,
    /// When it was looked last, in milliseconds after it was made.
    looked: AtomicU64,
}

impl<T> Reloaded<T> {
    /// Makes the first value; `make` is given the contents of the files in their order.
    ///
    /// # Errors
    /// When a file cannot be read, or what `make` says.
    pub fn new(
        name: &'static str,
        files: Vec<PathBuf>,
        make: impl Fn(&[Vec<u8>]) -> Result<T, FileError> + Send + Sync + 'static,
    ) -> Result<Self, FileError> {
        let contents = read(&files)?;
        let value = make(&contents)?;
        let hasher = RandomState::new();
        Ok(Self {
            name,
            files,
            make: Box::new(make),
            value: ArcSwap::from_pointee(value),
            seen: Mutex::new(hasher.hash_one(Ok::<_, String>(contents))),
            hasher,
            made: Instant::now(),
            looked: AtomicU64::new(0),
        })
    }

    /// The value of the last files that could be used.
    #[must_use]
    pub fn load(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Looks at the files as [`refresh`](Self::refresh) does, on a thread that may block, unless somebody did within
    /// `interval`; `true` when there is a new value.
    pub async fn refresh_after(self: &Arc<Self>, interval: Duration) -> bool
    where
        T: Send + Sync + 'static,
    {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = milliseconds(self.made.elapsed());
        let last = self.looked.load(Ordering::Relaxed);
        if now.saturating_sub(last) < milliseconds(interval)
            || self
                .looked
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return false;
        }
        let this = Arc::clone(self);
        let looking = tokio::task::spawn_blocking(move || this.refresh());
        // It fails when the runtime ends only.
        looking.await.unwrap_or(false)
    }

    /// Looks at the files, and makes the value anew when they have changed; `true` when there is a new value. Reads files:
    /// not to be called on a task.
    pub fn refresh(&self) -> bool {
        // Held while the files are read: two looks at once must not take turns with the older one winning.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = read(&self.files);
        let shown = contents.as_ref().map_err(ToString::to_string);
        let now = self.hasher.hash_one(shown);
        if *seen == now {
            return false;
        }
        *seen = now;
        match contents.and_then(|contents| (self.make)(&contents)) {
            Ok(value) => {
                self.value.store(Arc::new(value));
                tracing::info!("{}: the files have changed and are used", self.name);
                true
            }
            Err(error) => {
                let name = self.name;
                tracing::warn!("{name}: {error}; what was there before stays in use");
                false
            }
        }
    }
}

impl<T> fmt::Debug for Reloaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloaded")
            .field("name", &self.name)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

fn read(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, FileError> {
    let read = |file: &PathBuf| {
        let mut content = Vec::new();
        let mut limited = File::open(file)?.take(LARGEST + 1);
        limited.read_to_end(&mut content)?;
        if content.len() as u64 > LARGEST {
            let text = format!("it is larger than {LARGEST} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(content)
    };
    files
        .iter()
        .map(|file| read(file).map_err(|error| FileError::new(file, error)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_broken_file_keeps_the_value_and_the_next_good_one_replaces_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        let make = |file: PathBuf| {
            move |contents: &[Vec<u8>]| {
                let text = String::from_utf8_lossy(&contents[0]).into_owned();
                text.parse::<u32>()
                    .map_err(|error| FileError::new(&file, error))
            }
        };
        let load = || Reloaded::new("the number", vec![file.clone()], make(file.clone()));
        let missing = load().unwrap_err();
        assert!(missing.to_string().contains("number: "), "{missing}");
        fs::write(&file, "1").unwrap();
        let number = load().unwrap();
        assert!(!number.refresh());
        for (content, changed, value) in [
            (Some("2"), true, 2),
            (Some("half"), false, 2),
            (None, false, 2),
            (Some("2"), true, 2),
            (Some("3"), true, 3),
        ] {
            match content {
                Some(content) => fs::write(&file, content).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            assert_eq!(number.refresh(), changed, "{content:?}");
            assert_eq!(*number.load(), value);
            assert!(!number.refresh());
        }
    }
}
