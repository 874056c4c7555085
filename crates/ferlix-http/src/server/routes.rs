//! The table of mounted handlers: changed under a lock, read without one.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;

use crate::error::HttpError;
use crate::handler::Handler;
use crate::path::normalise;
use crate::service::{Mount, MountOptions};

/// One mounted handler.
pub(crate) struct Entry {
    /// What requests are compared with: without a slash at the end (the root is empty), in lower case if case is ignored.
    key: String,
    /// The normalised path: `/` or without a slash at the end.
    path: String,
    holder: String,
    handler: Arc<dyn Handler>,
    max_body_size: u64,
}

impl Entry {
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn handler(&self) -> &dyn Handler {
        &*self.handler
    }

    /// In bytes; `u64::MAX` is no limit.
    pub(crate) const fn max_body_size(&self) -> u64 {
        self.max_body_size
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} of {})", self.path, self.holder)
    }
}

/// A state of the table.
#[derive(Debug, Default)]
struct Table {
    /// Ordered by key.
    entries: Vec<Arc<Entry>>,
    /// The most segments a key has: longer prefixes of a request need no look.
    deepest: usize,
}

impl Table {
    fn new(entries: Vec<Arc<Entry>>) -> Self {
        let depth = |entry: &Arc<Entry>| entry.key.matches('/').count();
        let deepest = entries.iter().map(depth).max().unwrap_or(0);
        Self { entries, deepest }
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.entries
            .binary_search_by(|entry| entry.key.as_str().cmp(key))
    }

    /// The entry with the longest key that is a whole-segment prefix of the path.
    fn find(&self, path: &str) -> Option<&Arc<Entry>> {
        // Most requests are for a mounted path itself.
        if let Ok(index) = self.position(path) {
            return Some(&self.entries[index]);
        }
        let bytes = path.bytes().enumerate();
        let slashes = bytes.filter_map(|(index, byte)| (byte == b'/').then_some(index));
        let prefixes = slashes.take(self.deepest + 1);
        let mut longest = None;
        for end in prefixes {
            if let Ok(index) = self.position(&path[..end]) {
                longest = Some(&self.entries[index]);
            }
        }
        longest
    }
}

/// The mounted handlers of one server.
#[derive(Debug)]
pub(crate) struct Routes {
    table: ArcSwap<Table>,
    /// Held while the table is replaced; never while a handler runs.
    changing: Mutex<()>,
    case_sensitive: bool,
    max_body_size: u64,
}

impl Routes {
    /// An empty table; `max_body_size` is for mounts that say nothing else.
    pub(super) fn new(case_sensitive: bool, max_body_size: u64) -> Self {
        Self {
            table: ArcSwap::default(),
            changing: Mutex::default(),
            case_sensitive,
            max_body_size,
        }
    }

    /// The entry that answers a normalised path.
    pub(super) fn find(&self, path: &str) -> Option<Arc<Entry>> {
        self.table.load().find(&self.folded(path)).cloned()
    }

    pub(super) fn mount(
        self: &Arc<Self>,
        path: &str,
        handler: Arc<dyn Handler>,
        options: MountOptions,
    ) -> Result<Mount, HttpError> {
        let path = self.mount_path(path)?;
        let key = self.key(&path);
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let table = self.table.load();
        let entry = match table.position(&key) {
            Ok(index) => {
                let entry = &table.entries[index];
                if !Arc::ptr_eq(&entry.handler, &handler) {
                    return Err(HttpError::PathTaken {
                        path,
                        holder: entry.holder.clone(),
                    });
                }
                Arc::clone(entry)
            }
            Err(index) => {
                let entry = Arc::new(Entry {
                    key,
                    path,
                    holder: options.holder,
                    handler,
                    max_body_size: options.max_body_size.unwrap_or(self.max_body_size),
                });
                let mut entries = table.entries.clone();
                entries.insert(index, Arc::clone(&entry));
                self.table.store(Arc::new(Table::new(entries)));
                entry
            }
        };
        let path = entry.path.clone();
        let routes = Arc::downgrade(self);
        let entry = Arc::downgrade(&entry);
        Ok(Mount::new(path, move || {
            Self::unmount_entry(&routes, &entry)
        }))
    }

    pub(super) fn unmount(&self, path: &str) -> bool {
        let Ok(path) = self.mount_path(path) else {
            return false;
        };
        let key = self.key(&path);
        self.remove(|entry| entry.key == key)
    }

    pub(super) fn paths(&self) -> Vec<String> {
        let table = self.table.load();
        table
            .entries
            .iter()
            .map(|entry| entry.path.clone())
            .collect()
    }

    fn unmount_entry(routes: &Weak<Self>, entry: &Weak<Entry>) -> bool {
        match (routes.upgrade(), entry.upgrade()) {
            (Some(routes), Some(entry)) => routes.remove(|other| Arc::ptr_eq(other, &entry)),
            _ => false,
        }
    }

    fn remove(&self, chosen: impl Fn(&Arc<Entry>) -> bool) -> bool {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let table = self.table.load();
        let kept: Vec<_> = table
            .entries
            .iter()
            .filter(|entry| !chosen(entry))
            .cloned()
            .collect();
        let removed = kept.len() < table.entries.len();
        if removed {
            self.table.store(Arc::new(Table::new(kept)));
        }
        removed
    }

    fn mount_path(&self, path: &str) -> Result<String, HttpError> {
        let normal = normalise(path).map_err(|source| HttpError::Path {
            path: path.to_owned(),
            source,
        })?;
        let trimmed = normal.trim_end_matches('/');
        Ok(if trimmed.is_empty() { "/" } else { trimmed }.to_owned())
    }

    fn key(&self, path: &str) -> String {
        self.folded(path.trim_end_matches('/')).into_owned()
    }

    /// ASCII letters only: folding others would change lengths.
    fn folded<'a>(&self, path: &'a str) -> Cow<'a, str> {
        if self.case_sensitive || !path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Borrowed(path)
        } else {
            Cow::Owned(path.to_ascii_lowercase())
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::body::Body;
    use crate::error::BoxError;
    use crate::handler::handler_fn;

    fn nothing() -> Arc<dyn Handler> {
        handler_fn(async |_| Ok::<_, BoxError>(Response::new(Body::empty())))
    }

    fn routes(paths: &[&str], case_sensitive: bool) -> Arc<Routes> {
        let routes = Arc::new(Routes::new(case_sensitive, 10));
        for path in paths {
            routes
                .mount(path, nothing(), MountOptions::new("test"))
                .unwrap();
        }
        routes
    }

    fn found(routes: &Routes, path: &str) -> Option<String> {
        routes.find(path).map(|entry| entry.path().to_owned())
    }

    #[test]
    fn the_longest_whole_segment_prefix_wins() {
        let routes = routes(&["/a", "/a/b", "/a/b/c/d", "/xml-rpc", "/é"], true);
        for (path, expected) in [
            ("/", None),
            ("/a", Some("/a")),
            ("/a/", Some("/a")),
            ("/ab", None),
            ("/a/bc", Some("/a")),
            ("/a/b", Some("/a/b")),
            ("/a/b/c", Some("/a/b")),
            ("/a/b/c/", Some("/a/b")),
            ("/a/b/c/d", Some("/a/b/c/d")),
            ("/a/b/c/d/e/f/g", Some("/a/b/c/d")),
            ("/a/b/c/de", Some("/a/b")),
            ("/A", None),
            ("/xml-rpc/x", Some("/xml-rpc")),
            ("/xml-rpcx", None),
            ("/é/x", Some("/é")),
            ("/b", None),
        ] {
            assert_eq!(found(&routes, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn the_root_answers_what_nobody_else_does() {
        let routes = routes(&["/", "/a"], true);
        assert_eq!(found(&routes, "/").as_deref(), Some("/"));
        assert_eq!(found(&routes, "/b/c").as_deref(), Some("/"));
        assert_eq!(found(&routes, "/a/c").as_deref(), Some("/a"));
    }

    #[test]
    fn case_is_ignored_when_told_to() {
        let routes = routes(&["/Files"], false);
        assert_eq!(found(&routes, "/fILES/x").as_deref(), Some("/Files"));
        let taken = routes.mount("/FILES", nothing(), MountOptions::new("other"));
        assert!(matches!(taken, Err(HttpError::PathTaken { .. })));
    }

    #[test]
    fn a_taken_path_names_its_holder() {
        let routes = Arc::new(Routes::new(true, 10));
        let first = nothing();
        let options = MountOptions::new("the exporter");
        routes
            .mount("/a/", Arc::clone(&first), options.clone())
            .unwrap();
        assert!(routes.mount("/a", Arc::clone(&first), options).is_ok());
        assert_eq!(routes.paths(), ["/a"]);
        let error = routes
            .mount("//a", nothing(), MountOptions::new("me"))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "path /a is taken by the exporter: unmount it or choose another path"
        );
    }

    #[test]
    fn a_mount_removes_only_itself() {
        let routes = Arc::new(Routes::new(true, 10));
        let old = routes
            .mount("/a", nothing(), MountOptions::new("old"))
            .unwrap();
        assert_eq!(old.path(), "/a");
        assert!(routes.unmount("/a/"));
        assert!(!routes.unmount("/a"));
        routes
            .mount("/a", nothing(), MountOptions::new("new"))
            .unwrap();
        assert!(!old.unmount());
        assert_eq!(routes.paths(), ["/a"]);
    }

    #[test]
    fn a_bad_mount_path_is_refused() {
        let routes = Arc::new(Routes::new(true, 10));
        let error = routes
            .mount("/../a", nothing(), MountOptions::new("me"))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid path \"/../a\": it leads above the root"
        );
        assert!(!routes.unmount("/../a"));
    }

    #[test]
    fn the_body_limit_is_the_mounts_or_the_servers() {
        let routes = routes(&["/a"], true);
        let options = MountOptions::new("test").max_body_size(99);
        routes.mount("/b", nothing(), options).unwrap();
        assert_eq!(routes.find("/a").unwrap().max_body_size(), 10);
        assert_eq!(routes.find("/b").unwrap().max_body_size(), 99);
    }
}
