//! [`Folder`]: the files of configurations, `<pid>.toml` each. All of it blocks: callers are on a blocking thread.
//!
//! A file is written aside, synced, and renamed over the old one, and the folder is synced: a crash leaves the old one or
//! the new one. The folder is made when the first configuration is stored, never before. Files that are no
//! configurations are left alone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ferlix_core::file::{FileStamp, files, read_text};
use ferlix_core::property::Properties;

use crate::{ConfigError, codec, pid};

/// The ending of the files.
const ENDING: &str = ".toml";
/// The largest file, in bytes.
const LARGEST: u64 = 1 << 20;
/// How many files a folder may hold.
const MOST: usize = 10_000;

/// Where the files are.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

/// The files as they are now.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The PIDs that have a file.
    pub(crate) present: Vec<String>,
    /// The files that are not as they were, each with a stamp if that can be trusted.
    pub(crate) changed: Vec<(String, Option<FileStamp>, Result<Properties, ConfigError>)>,
}

impl Folder {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self, pid: &str) -> Result<PathBuf, ConfigError> {
        pid::check(pid)?;
        Ok(self.0.join(format!("{pid}{ENDING}")))
    }

    /// Looks at all files and reads those whose stamp is not the known one.
    pub(crate) fn scan(&self, known: &BTreeMap<String, FileStamp>) -> Result<Scan, ConfigError> {
        let mut scan = Scan {
            present: Vec::new(),
            changed: Vec::new(),
        };
        let wanted = |name: &str| pid_of(name).is_some();
        let files = files(&self.0, MOST, wanted).map_err(|error| failed("read", &self.0, error))?;
        for file in files {
            let Some(pid) = pid_of(&file.name) else {
                continue;
            };
            scan.present.push(pid.to_owned());
            if file.stamp.is_none() || file.stamp.as_ref() != known.get(pid) {
                let content = read(&file.path);
                scan.changed.push((pid.to_owned(), file.stamp, content));
            }
        }
        Ok(scan)
    }

    /// Reads one file; `None` when there is none.
    pub(crate) fn load(&self, pid: &str) -> Result<Option<Properties>, ConfigError> {
        match read(&self.file(pid)?) {
            Ok(properties) => Ok(Some(properties)),
            Err(ConfigError::Storage { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Stores a text, whole or not at all; the permissions of a file that was there stay.
    pub(crate) fn store(&self, pid: &str, text: &str) -> Result<Option<FileStamp>, ConfigError> {
        let path = self.file(pid)?;
        fs::create_dir_all(&self.0).map_err(|error| failed("make the folder", &self.0, error))?;
        // The dot keeps it from being taken for a configuration.
        let aside = self
            .0
            .join(format!(".{pid}.{}.part", uuid::Uuid::new_v4().simple()));
        let written = write_aside(&aside, text, &path).and_then(|()| fs::rename(&aside, &path));
        if let Err(error) = written {
            // It may not even be there.
            let _ = fs::remove_file(&aside);
            return Err(failed("write", &path, error));
        }
        self.sync();
        Ok(fs::metadata(&path).ok().as_ref().and_then(FileStamp::of))
    }

    /// Deletes a file; one that is not there is deleted already.
    pub(crate) fn delete(&self, pid: &str) -> Result<(), ConfigError> {
        let path = self.file(pid)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("delete", &path, error))
            }
            _ => {
                self.sync();
                Ok(())
            }
        }
    }

    /// Makes names durable; not every system can, and the data is safe without.
    fn sync(&self) {
        if let Err(error) = File::open(&self.0).and_then(|folder| folder.sync_all()) {
            tracing::debug!(folder = %self.0.display(), %error, "the folder was not synced");
        }
    }
}

/// The PID of a file's name, if it is one of a configuration.
fn pid_of(name: &str) -> Option<&str> {
    let pid = name.strip_suffix(ENDING)?;
    pid::check(pid).ok().map(|()| pid)
}

fn write_aside(aside: &Path, text: &str, path: &Path) -> io::Result<()> {
    let mut file = File::create_new(aside)?;
    if let Ok(metadata) = fs::metadata(path) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn read(path: &Path) -> Result<Properties, ConfigError> {
    let text = read_text(path, LARGEST).map_err(|error| failed("read", path, error))?;
    codec::parse(&text).map_err(|fault| ConfigError::Syntax {
        path: path.to_owned(),
        line: fault.line,
        column: fault.column,
        message: fault.message,
    })
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> ConfigError {
    ConfigError::Storage {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path().join("conf"));
        (temporary, folder)
    }

    #[test]
    fn what_is_stored_is_loaded_until_deleted() {
        let (_temporary, folder) = folder();
        assert_eq!(folder.load("a").unwrap(), None);
        assert!(folder.scan(&BTreeMap::new()).unwrap().present.is_empty());
        folder.delete("a").unwrap();
        assert!(
            !folder.path().exists(),
            "nothing makes the folder but a store"
        );
        folder.store("a", "x = 1\n").unwrap();
        assert_eq!(folder.load("a").unwrap(), Some([("x", 1)].into()));
        folder.delete("a").unwrap();
        assert_eq!(folder.load("a").unwrap(), None);
    }

    #[test]
    fn no_call_leaves_the_folder() {
        let (temporary, folder) = folder();
        fs::write(temporary.path().join("out.toml"), "x = 1\n").unwrap();
        for pid in ["../out", "..\\out", "a/../../out", "a\0"] {
            assert!(matches!(
                folder.store(pid, ""),
                Err(ConfigError::Pid { .. })
            ));
            assert!(matches!(folder.load(pid), Err(ConfigError::Pid { .. })));
            assert!(matches!(folder.delete(pid), Err(ConfigError::Pid { .. })));
        }
        assert!(temporary.path().join("out.toml").exists());
        assert!(!folder.path().exists());
    }

    #[test]
    fn a_store_replaces_the_file_and_leaves_nothing_aside() {
        let (_temporary, folder) = folder();
        for number in 0..3 {
            folder.store("a", &format!("x = {number}\n")).unwrap();
        }
        let names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["a.toml"]);
        assert_eq!(folder.load("a").unwrap(), Some([("x", 2)].into()));
    }

    #[cfg(unix)]
    #[test]
    fn a_store_keeps_the_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let (_temporary, folder) = folder();
        folder.store("a", "x = 1\n").unwrap();
        let path = folder.path().join("a.toml");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        folder.store("a", "x = 2\n").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_failed_store_keeps_the_file() {
        let (_temporary, folder) = folder();
        folder.store("a", "x = 1\n").unwrap();
        // What cannot be replaced by a file: a folder that is not empty.
        let path = folder.path().join("b.toml");
        fs::create_dir_all(path.join("inside")).unwrap();
        assert!(matches!(
            folder.store("b", "x = 1\n"),
            Err(ConfigError::Storage { .. })
        ));
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 2, "what was written aside is gone");
        assert_eq!(folder.load("a").unwrap(), Some([("x", 1)].into()));
    }

    #[test]
    fn other_files_are_left_alone_and_a_bad_one_says_where() {
        let (_temporary, folder) = folder();
        fs::create_dir_all(folder.path().join("folder.toml")).unwrap();
        for name in [
            "README", "a.json", ".b.toml", ".c.part", "d.toml~", " e.toml",
        ] {
            fs::write(folder.path().join(name), "x = 1\n").unwrap();
        }
        fs::write(folder.path().join("good.toml"), "x = 1\n").unwrap();
        fs::write(folder.path().join("bad.toml"), "x = 1\ny = \n").unwrap();
        fs::write(folder.path().join("latin.toml"), b"x = '\xe4'\n").unwrap();
        let mut scan = folder.scan(&BTreeMap::new()).unwrap();
        scan.present.sort();
        assert_eq!(scan.present, ["bad", "good", "latin"]);
        scan.changed.sort_by(|left, right| left.0.cmp(&right.0));
        assert!(matches!(
            scan.changed[0].2,
            Err(ConfigError::Syntax { line: 2, .. })
        ));
        assert_eq!(
            *scan.changed[1].2.as_ref().unwrap(),
            Properties::from([("x", 1)])
        );
        assert!(matches!(
            scan.changed[2].2,
            Err(ConfigError::Storage { .. })
        ));
    }

    #[test]
    fn only_what_changed_is_read_again() {
        let (_temporary, folder) = folder();
        folder.store("a", "x = 1\n").unwrap();
        let old = SystemTime::now() - Duration::from_secs(60);
        let age = || {
            let file = File::options()
                .write(true)
                .open(folder.path().join("a.toml"))
                .unwrap();
            file.set_modified(old).unwrap();
        };
        age();
        let first = folder.scan(&BTreeMap::new()).unwrap();
        let (pid, stamp, _) = &first.changed[0];
        let known = BTreeMap::from([(pid.clone(), stamp.unwrap())]);
        assert!(folder.scan(&known).unwrap().changed.is_empty());
        // Another length, at the same time.
        fs::write(folder.path().join("a.toml"), "x = 12\n").unwrap();
        age();
        assert_eq!(folder.scan(&known).unwrap().changed.len(), 1);
    }
}
