//! What those who look at files again and again share: listing a folder, telling a changed file from an unchanged one, and
//! reading a text within a limit.
//!
//! Polling is used rather than the system's notices because a folder need not exist, may be replaced as a whole (a link, as
//! Kubernetes does) or lie on a network, where notices are lost. All of it blocks. Deliberately absent: when to look.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file that changed this shortly ago may change again without another time stamp: it is read again.
const GRAIN: Duration = Duration::from_millis(100);

/// By what a changed file is told from an unchanged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    modified: SystemTime,
    length: u64,
    /// On Unix, the number of the file and when its entry changed.
    identity: (u64, i64, i64),
}

impl FileStamp {
    /// The stamp of a file; `None` for one that changed so shortly ago that its stamp cannot be trusted.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Option<Self> {
        let modified = metadata.modified().ok()?;
        // A time in the future is no reason to read a file for ever.
        let recent = SystemTime::now()
            .duration_since(modified)
            .is_ok_and(|age| age < GRAIN);
        (!recent).then(|| Self {
            modified,
            length: metadata.len(),
            identity: identity(metadata),
        })
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, i64, i64) {
    (0, 0, 0)
}

/// A file of a folder as it was found.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// Its name in the folder.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its stamp, if that can be trusted.
    pub stamp: Option<FileStamp>,
}

/// The files of a folder whose names are wanted, by name; none when there is no folder. A link stands for its file, and a name
/// that is not UTF-8 is passed over.
///
/// # Errors
/// Those of the system; in words when there are more than `most` such files.
pub fn files(
    folder: &Path,
    most: usize,
    wanted: impl Fn(&str) -> bool,
) -> io::Result<Vec<FoundFile>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| wanted(name)) else {
            continue;
        };
        // Not the entry's own metadata: a link stands for its file. One that cannot be seen is gone by now.
        let path = entry.path();
        let Some(metadata) = fs::metadata(&path).ok().filter(Metadata::is_file) else {
            continue;
        };
        if found.len() == most {
            let error = format!("there are more than {most} files");
            return Err(io::Error::other(error));
        }
        found.push(FoundFile {
            name: name.to_owned(),
            path,
            stamp: FileStamp::of(&metadata),
        });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// Reads a file of at most `largest` bytes of UTF-8.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::FileTooLarge`] with the limit in words.
pub fn read_text(path: &Path, largest: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(largest.saturating_add(1))
        .read_to_string(&mut text)?;
    if text.len() as u64 > largest {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {largest} bytes"),
        ));
    }
    Ok(text)
}
