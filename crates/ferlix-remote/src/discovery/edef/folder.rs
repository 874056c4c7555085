//! [`Folder`]: the files, and which endpoints they describe now.
//!
//! In goes a look at the folder, which blocks; out come the records that are new, different or gone. It runs nobody's code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferlix_core::error_chain;
use ferlix_core::file::{FileStamp, read_text};

use crate::edef;
use crate::endpoint::EndpointDescription;

/// The ending of the files.
const ENDING: &str = ".xml";
/// How many files are looked at.
const MOST_FILES: usize = 10_000;

/// What became of a record.
#[derive(Debug)]
pub(super) enum Change {
    Put(Arc<str>, EndpointDescription),
    Remove(Arc<str>),
}

/// What is known of a folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    files: BTreeMap<String, Known>,
    /// What was said of the folder itself, to say it once.
    problem: Option<String>,
}

/// What is known of a file.
#[derive(Debug, Default)]
struct Known {
    stamp: Option<FileStamp>,
    records: BTreeMap<Arc<str>, EndpointDescription>,
    /// What was said of it.
    problem: Option<String>,
}

/// A file as it was found.
struct Found {
    name: String,
    stamp: Option<FileStamp>,
    /// Nothing for a file that is as it was.
    content: Option<Result<Vec<EndpointDescription>, String>>,
}

impl Folder {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            files: BTreeMap::new(),
            problem: None,
        }
    }

    /// Looks at the folder, and says what changed since the last look. It blocks.
    pub(super) fn look(&mut self) -> Vec<Change> {
        let found = match self.find() {
            Ok(found) => found,
            Err(error) => {
                let problem = error.to_string();
                if self.problem.as_ref() != Some(&problem) {
                    tracing::error!(folder = %self.path.display(), "the endpoints of the folder stay as they are: {problem}");
                    self.problem = Some(problem);
                }
                return Vec::new();
            }
        };
        self.problem = None;
        let present: BTreeSet<&str> = found.iter().map(|file| file.name.as_str()).collect();
        let gone: Vec<String> = self
            .files
            .keys()
            .filter(|name| !present.contains(name.as_str()))
            .cloned()
            .collect();
        // What is new first, so that an endpoint that moves to another file stays.
        let mut changes = Vec::new();
        let mut removed = Vec::new();
        for file in found {
            self.files
                .entry(file.name.clone())
                .or_default()
                .take(file, &mut changes, &mut removed);
        }
        for name in gone {
            tracing::debug!(file = name, "a file with endpoints is gone");
            let known = self.files.remove(&name);
            removed.extend(
                known
                    .into_iter()
                    .flat_map(|known| known.records.into_keys()),
            );
        }
        changes.extend(removed.into_iter().map(Change::Remove));
        changes
    }

    fn find(&self) -> io::Result<Vec<Found>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // A file whose name begins with a dot is on its way to its place.
            if !name.ends_with(ENDING) || name.starts_with('.') {
                continue;
            }
            // Not the entry's own metadata: a link stands for its file.
            let path = entry.path();
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            if !metadata.is_file() {
                continue;
            }
            if found.len() == MOST_FILES {
                return Err(io::Error::other(format!(
                    "it has more than {MOST_FILES} files"
                )));
            }
            let stamp = FileStamp::of(&metadata);
            let known = self.files.get(&name).and_then(|known| known.stamp);
            let content = (stamp.is_none() || stamp != known).then(|| read(&path));
            found.push(Found {
                name,
                stamp,
                content,
            });
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }
}

impl Known {
    fn take(&mut self, file: Found, changes: &mut Vec<Change>, removed: &mut Vec<Arc<str>>) {
        let Some(content) = file.content else { return };
        self.stamp = file.stamp;
        let endpoints = match content {
            Ok(endpoints) => endpoints,
            // It may be half written: it is read again, and then said.
            Err(_) if file.stamp.is_none() => return,
            Err(problem) => {
                if self.problem.as_ref() != Some(&problem) {
                    let kept = self.records.len();
                    tracing::warn!(
                        file = file.name,
                        kept,
                        "a bad file with endpoints is skipped: {problem}"
                    );
                    self.problem = Some(problem);
                }
                return;
            }
        };
        self.problem = None;
        let mut records = BTreeMap::new();
        for endpoint in endpoints {
            let key: Arc<str> = format!("{}#{}", file.name, endpoint.id()).into();
            let known = self.records.remove(&key);
            if known.is_none_or(|known| known.properties() != endpoint.properties()) {
                changes.push(Change::Put(Arc::clone(&key), endpoint.clone()));
            }
            records.insert(key, endpoint);
        }
        removed.extend(std::mem::replace(&mut self.records, records).into_keys());
    }
}

/// The endpoints of a file; an error in words that say where and which limit.
fn read(path: &Path) -> Result<Vec<EndpointDescription>, String> {
    let text = read_text(path, edef::MAX_BYTES as u64).map_err(|error| error_chain(&error))?;
    let endpoints = edef::read(&text).map_err(|error| error_chain(&error))?;
    let mut seen = BTreeSet::new();
    match endpoints
        .iter()
        .find(|endpoint| !seen.insert(endpoint.id()))
    {
        Some(twice) => Err(format!("the endpoint {} is there twice", twice.id())),
        None => Ok(endpoints),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use ferlix_core::property::Properties;

    use super::*;

    fn endpoint(id: &str, content: &str) -> EndpointDescription {
        EndpointDescription::new(Properties::from([
            ("endpoint.id", id),
            ("objectClass", "a.B"),
            ("service.imported.configs", "x"),
            ("content", content),
        ]))
        .unwrap()
    }

    /// Writes a file whose stamp can be trusted at once; each call gives another time.
    fn write(folder: &Path, name: &str, text: &str) {
        use std::sync::atomic::{AtomicU64, Ordering};
        static AGE: AtomicU64 = AtomicU64::new(1_000_000);
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        let age = Duration::from_secs(AGE.fetch_sub(1, Ordering::Relaxed));
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    fn file(endpoints: &[EndpointDescription]) -> String {
        edef::write(endpoints)
    }

    fn look(folder: &mut Folder) -> Vec<String> {
        let short = |change: &Change| match change {
            Change::Put(key, endpoint) => {
                format!("{key}={}", endpoint.properties().text("content").unwrap())
            }
            Change::Remove(key) => format!("{key} gone"),
        };
        folder.look().iter().map(short).collect()
    }

    #[test]
    fn files_come_change_and_go() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("endpoints");
        let mut folder = Folder::new(&path);
        assert_eq!(look(&mut folder), [""; 0], "no folder is no error");
        fs::create_dir(&path).unwrap();
        let (one, two) = (endpoint("1", "a"), endpoint("2", "a"));
        write(&path, "b.xml", &file(&[one.clone(), two.clone()]));
        write(&path, "notes.txt", "not ours");
        write(&path, ".c.xml", "on its way");
        assert_eq!(look(&mut folder), ["b.xml#1=a", "b.xml#2=a"]);
        assert_eq!(look(&mut folder), [""; 0]);
        write(&path, "b.xml", &file(&[endpoint("1", "b"), two.clone()]));
        assert_eq!(look(&mut folder), ["b.xml#1=b"]);
        // One moves to another file, one goes.
        write(&path, "a.xml", &file(std::slice::from_ref(&two)));
        write(&path, "b.xml", &file(&[]));
        assert_eq!(
            look(&mut folder),
            ["a.xml#2=a", "b.xml#1 gone", "b.xml#2 gone"]
        );
        fs::remove_file(path.join("a.xml")).unwrap();
        assert_eq!(look(&mut folder), ["a.xml#2 gone"]);
        write(&path, "a.xml", &file(&[one]));
        assert_eq!(look(&mut folder), ["a.xml#1=a"]);
        fs::remove_dir_all(&path).unwrap();
        assert_eq!(look(&mut folder), ["a.xml#1 gone"]);
    }

    #[test]
    fn a_bad_file_leaves_its_last_good_content_and_the_others() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        let mut folder = Folder::new(path);
        write(path, "a.xml", &file(&[endpoint("1", "a")]));
        assert_eq!(look(&mut folder), ["a.xml#1=a"]);
        for (index, bad) in [
            "<endpoint-descriptions",
            "\u{1}",
            "<!DOCTYPE x><x/>",
            &file(&[endpoint("1", "a"), endpoint("1", "b")]),
            &" ".repeat(edef::MAX_BYTES + 1),
        ]
        .iter()
        .enumerate()
        {
            write(path, "a.xml", bad);
            let other = format!("{index}");
            write(path, "b.xml", &file(&[endpoint("2", &other)]));
            assert_eq!(look(&mut folder), [format!("b.xml#2={other}")]);
            assert!(folder.files["a.xml"].problem.is_some());
            // Said once: it is not even read again.
            assert_eq!(look(&mut folder), [""; 0]);
        }
        fs::write(path.join("c.xml"), [0xff, 0xfe]).unwrap();
        assert_eq!(
            look(&mut folder),
            [""; 0],
            "not text, and too new to be said"
        );
        write(path, "a.xml", &file(&[endpoint("1", "c")]));
        assert_eq!(look(&mut folder), ["a.xml#1=c"]);
        assert!(folder.files["a.xml"].problem.is_none());
    }

    #[test]
    fn a_thousand_pairs_leave_nothing() {
        let temporary = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(temporary.path());
        let text = file(&[endpoint("1", "a")]);
        for _ in 0..1000 {
            fs::write(temporary.path().join("a.xml"), &text).unwrap();
            assert_eq!(look(&mut folder).len(), 1);
            fs::remove_file(temporary.path().join("a.xml")).unwrap();
            assert_eq!(look(&mut folder).len(), 1);
        }
        assert!(folder.files.is_empty());
    }
}
