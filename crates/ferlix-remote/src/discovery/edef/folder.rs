//! [`Folder`]: the files, and which endpoints they describe now.
//!
//! In goes a look at the folder, which blocks; out come the records that are new, different or gone. It runs nobody's code. What
//! describes endpoints is one file or several together: `a.xml` with the `a.properties` over it, or one of them alone, and
//! the defaults of the folder under all. When one of these changes, all that it has to do with is read again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use ferlix_core::error_chain;
use ferlix_core::file::{FileStamp, FoundFile, files, read_text};

use crate::edef::{self, DEFAULTS, PROPERTIES, Texts, XML};
use crate::endpoint::EndpointDescription;

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
    /// By the file that gives the records their name: the XML, if there is any.
    known: BTreeMap<String, Known>,
    /// What was said of the folder itself, to say it once.
    problem: Option<String>,
}

/// What is known of files that describe endpoints together.
#[derive(Debug, Default)]
struct Known {
    stamps: Option<Stamps>,
    /// What stands for the texts that were read last: the same ones say nothing new, not even where they ask for new values.
    content: Option<u64>,
    records: BTreeMap<Arc<str>, EndpointDescription>,
    /// What was said of them.
    problem: Option<String>,
}

/// The stamps of the XML, the properties and the defaults, as far as they are there.
type Stamps = [Option<FileStamp>; 3];

/// The files that describe endpoints together.
#[derive(Clone, Copy, Default)]
struct Sources<'a> {
    xml: Option<&'a FoundFile>,
    properties: Option<&'a FoundFile>,
    defaults: Option<&'a FoundFile>,
}

impl Folder {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            known: BTreeMap::new(),
            problem: None,
        }
    }

    /// Looks at the folder, and says what changed since the last look. It blocks.
    pub(super) fn look(&mut self) -> Vec<Change> {
        // A file whose name begins with a dot is on its way to its place.
        let wanted = |name: &str| {
            !name.starts_with('.') && (name.ends_with(XML) || name.ends_with(PROPERTIES))
        };
        let found = match files(&self.path, MOST_FILES, wanted) {
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
        let found = together(&found);
        let gone: Vec<String> = self
            .known
            .keys()
            .filter(|name| !found.contains_key(name.as_str()))
            .cloned()
            .collect();
        // What is new first, so that an endpoint that moves to another file stays.
        let mut changes = Vec::new();
        let mut removed = Vec::new();
        for (name, sources) in found {
            let known = self.known.entry(name.to_owned()).or_default();
            known.take(name, sources, &mut changes, &mut removed);
        }
        for name in gone {
            tracing::debug!(file = name, "a file with endpoints is gone");
            let known = self.known.remove(&name);
            removed.extend(
                known
                    .into_iter()
                    .flat_map(|known| known.records.into_keys()),
            );
        }
        changes.extend(removed.into_iter().map(Change::Remove));
        changes
    }
}

/// Which files describe endpoints together.
fn together(found: &[FoundFile]) -> BTreeMap<&str, Sources<'_>> {
    let mut stems: BTreeMap<&str, Sources<'_>> = BTreeMap::new();
    let mut defaults = None;
    for file in found {
        if file.name == DEFAULTS {
            defaults = Some(file);
        } else if let Some(stem) = file.name.strip_suffix(XML) {
            stems.entry(stem).or_default().xml = Some(file);
        } else if let Some(stem) = file.name.strip_suffix(PROPERTIES) {
            stems.entry(stem).or_default().properties = Some(file);
        }
    }
    let named = stems.into_values().filter_map(|sources| {
        let name = &sources.xml.or(sources.properties)?.name;
        Some((
            name.as_str(),
            Sources {
                defaults,
                ..sources
            },
        ))
    });
    named.collect()
}

impl Sources<'_> {
    fn all(&self) -> [Option<&FoundFile>; 3] {
        [self.xml, self.properties, self.defaults]
    }

    /// The stamps; `None` when one that is there cannot be trusted.
    fn stamps(&self) -> Option<Stamps> {
        let mut stamps = Stamps::default();
        for (stamp, file) in stamps.iter_mut().zip(self.all()) {
            if let Some(file) = file {
                *stamp = Some(file.stamp?);
            }
        }
        Some(stamps)
    }

    /// The texts; an error in words that say of which file, if it is not the one that names the records.
    fn texts(&self, name: &str) -> Result<Texts, String> {
        let [xml, properties, defaults] = self.all().map(|file| {
            let read = |file: &FoundFile| {
                let read = read_text(&file.path, edef::MAX_BYTES as u64);
                read.map_err(|error| match file.name == name {
                    true => error_chain(&error),
                    false => format!("{}: {}", file.name, error_chain(&error)),
                })
            };
            file.map(read).transpose()
        });
        Ok(Texts {
            xml: xml?,
            properties: properties?,
            defaults: defaults?,
        })
    }
}

impl Known {
    fn take(
        &mut self,
        name: &str,
        sources: Sources<'_>,
        changes: &mut Vec<Change>,
        removed: &mut Vec<Arc<str>>,
    ) {
        let stamps = sources.stamps();
        if stamps.is_some() && stamps == self.stamps {
            return;
        }
        self.stamps = stamps;
        let texts = sources.texts(name);
        let content = texts.as_ref().ok().map(|texts| {
            let mut hasher = DefaultHasher::new();
            texts.hash(&mut hasher);
            hasher.finish()
        });
        if content.is_some() && content == self.content {
            return;
        }
        let endpoints = match texts.and_then(|texts| described(&texts)) {
            Ok(endpoints) => endpoints,
            // It may be half written: it is read again, and then said.
            Err(_) if stamps.is_none() => return,
            Err(problem) => {
                if self.problem.as_ref() != Some(&problem) {
                    let kept = self.records.len();
                    tracing::warn!(
                        file = name,
                        kept,
                        "a bad file with endpoints is skipped: {problem}"
                    );
                    self.problem = Some(problem);
                }
                return;
            }
        };
        self.problem = None;
        self.content = content;
        let mut records = BTreeMap::new();
        for endpoint in endpoints {
            let key: Arc<str> = format!("{name}#{}", endpoint.id()).into();
            let known = self.records.remove(&key);
            if known.is_none_or(|known| known.properties() != endpoint.properties()) {
                changes.push(Change::Put(Arc::clone(&key), endpoint.clone()));
            }
            records.insert(key, endpoint);
        }
        removed.extend(std::mem::replace(&mut self.records, records).into_keys());
    }
}

/// The endpoints of some texts; an error in words that say where and which limit.
fn described(texts: &Texts) -> Result<Vec<EndpointDescription>, String> {
    let endpoints = texts.descriptions().map_err(|error| error_chain(&error))?;
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
    use std::fs;
    use std::path::Path;
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
            assert!(folder.known["a.xml"].problem.is_some());
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
        assert!(folder.known["a.xml"].problem.is_none());
    }

    #[test]
    fn properties_stand_alone_and_lie_over_xml_and_over_defaults() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        let mut folder = Folder::new(path);
        let alone = "endpoint.id=2\nobjectClass=a.B\n";
        write(path, "a.xml", &file(&[endpoint("1", "xml")]));
        write(path, "b.properties", &format!("{alone}content=b\n"));
        assert_eq!(look(&mut folder), ["a.xml#1=xml"]);
        let problem = folder.known["b.properties"].problem.clone().unwrap();
        assert!(problem.contains("service.imported.configs"), "{problem}");
        // Defaults come, change and go.
        let defaults = "service.imported.configs=x\n";
        write(path, DEFAULTS, defaults);
        assert_eq!(look(&mut folder), ["b.properties#2=b"]);
        write(path, DEFAULTS, &format!("{defaults}more=1\n"));
        assert_eq!(look(&mut folder), ["a.xml#1=xml", "b.properties#2=b"]);
        assert_eq!(look(&mut folder), [""; 0]);
        // So do the properties of an XML file, and those that stand alone.
        write(path, "a.properties", "content=over\n");
        write(path, "b.properties", &format!("{alone}content=c\n"));
        assert_eq!(look(&mut folder), ["a.xml#1=over", "b.properties#2=c"]);
        write(path, "a.properties", "content:long=x\n");
        assert_eq!(look(&mut folder), [""; 0], "the last good content stays");
        assert!(folder.known["a.xml"].problem.is_some());
        fs::remove_file(path.join("a.properties")).unwrap();
        assert_eq!(look(&mut folder), ["a.xml#1=xml"]);
        assert!(folder.known["a.xml"].problem.is_none());
        // XML beside it makes of a description what lies over others.
        write(path, "b.xml", &file(&[endpoint("3", "xml")]));
        assert_eq!(
            look(&mut folder),
            ["b.xml#2=c", "b.properties#2 gone"],
            "it overrides the identity, too"
        );
        fs::remove_file(path.join("b.xml")).unwrap();
        assert_eq!(look(&mut folder), ["b.properties#2=c", "b.xml#2 gone"]);
        fs::remove_file(path.join("b.properties")).unwrap();
        assert_eq!(look(&mut folder), ["b.properties#2 gone"]);
        fs::remove_file(path.join(DEFAULTS)).unwrap();
        assert_eq!(look(&mut folder), ["a.xml#1=xml"]);
    }

    #[test]
    fn only_so_many_files_are_looked_at() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        fs::create_dir(path.join("c.xml")).unwrap();
        for name in ["b.xml", "a.xml", "a.txt"] {
            write(path, name, "");
        }
        let named = |most| files(path, most, |name| name.ends_with(XML));
        let names: Vec<_> = named(2).unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["a.xml", "b.xml"]);
        let error = named(1).unwrap_err().to_string();
        assert_eq!(error, "there are more than 1 files");
        assert!(files(&path.join("d"), 1, |_| true).unwrap().is_empty());
    }

    #[test]
    fn values_that_are_made_stay_while_the_files_do() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        let mut folder = Folder::new(path);
        let text = "endpoint.id:uuid=\nobjectClass=a.B\nservice.imported.configs=x\ncontent=a\n";
        // Too new to be trusted: it is read at each look.
        fs::write(path.join("a.properties"), text).unwrap();
        assert_eq!(look(&mut folder).len(), 1);
        assert_eq!(look(&mut folder), [""; 0]);
        write(path, "a.properties", &text.replace("=a\n", "=b\n"));
        assert_eq!(
            look(&mut folder).len(),
            2,
            "another one, and the one before is gone"
        );
        assert_eq!(look(&mut folder), [""; 0]);
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
        assert!(folder.known.is_empty());
    }
}
