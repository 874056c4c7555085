//! [`Keeper`]: the configurations in memory and in files, kept the same.
//!
//! In: changes by handles, and what the folder holds. Out: the PIDs to apply. Whoever touches files has the turn, so that
//! memory and files change in one order; nothing is applied during a turn.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use ferlix_core::file::FileStamp;
use ferlix_core::property::Properties;
use tokio::sync::{Mutex, MutexGuard};

use crate::admin::properties::{FACTORY_PID, SERVICE_PID};
use crate::apply::Applier;
use crate::folder::Folder;
use crate::table::Table;
use crate::{ConfigError, Configuration, codec};

#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) table: Arc<Table>,
    pub(crate) folder: Arc<Folder>,
    pub(crate) applier: Arc<Applier>,
    turn: Mutex<Files>,
}

/// What is known of the files.
#[derive(Debug, Default)]
struct Files {
    present: BTreeSet<String>,
    stamps: BTreeMap<String, FileStamp>,
    /// What was said of bad files, to say it once.
    problems: BTreeMap<String, String>,
    folder_problem: Option<String>,
}

impl Files {
    fn note(&mut self, pid: &str, stamp: Option<FileStamp>) {
        self.present.insert(pid.to_owned());
        match stamp {
            Some(stamp) => self.stamps.insert(pid.to_owned(), stamp),
            None => self.stamps.remove(pid),
        };
    }

    fn forget(&mut self, pid: &str) {
        self.present.remove(pid);
        self.stamps.remove(pid);
        self.problems.remove(pid);
    }
}

impl Keeper {
    pub(crate) fn new(table: Arc<Table>, folder: Folder, applier: Arc<Applier>) -> Self {
        Self {
            table,
            folder: Arc::new(folder),
            applier,
            turn: Mutex::default(),
        }
    }

    pub(crate) async fn update(
        &self,
        configuration: &Configuration,
        mut properties: Properties,
    ) -> Result<(), ConfigError> {
        let pid = &configuration.pid;
        let mut files = self.turn(configuration).await?;
        properties.remove(SERVICE_PID);
        properties.remove(FACTORY_PID);
        if let Some(factory_pid) = &configuration.factory_pid {
            properties.insert(FACTORY_PID, &**factory_pid);
        }
        let refused = |key: String, reason| ConfigError::Value {
            pid: pid.to_string(),
            key,
            reason,
        };
        let text = codec::render(&properties).map_err(|(key, reason)| refused(key, reason))?;
        let stored = codec::parse(&text)
            .map_err(|fault| refused(fault.message, "it is not read back as it was written"))?;
        let name = Arc::clone(pid);
        let stamp = self
            .blocking(move |folder| folder.store(&name, &text))
            .await?;
        files.note(pid, stamp);
        files.problems.remove(&**pid);
        self.set(pid, stored);
        Ok(())
    }

    pub(crate) async fn reload(&self, configuration: &Configuration) -> Result<(), ConfigError> {
        let pid = Arc::clone(&configuration.pid);
        let _files = self.turn(configuration).await?;
        let name = Arc::clone(&pid);
        let loaded = self.blocking(move |folder| folder.load(&name)).await?;
        let properties = loaded.ok_or_else(|| ConfigError::Storage {
            action: "read",
            path: configuration.location(),
            source: io::ErrorKind::NotFound.into(),
        })?;
        self.set(&pid, properties);
        Ok(())
    }

    pub(crate) async fn delete(&self, configuration: &Configuration) -> Result<(), ConfigError> {
        let pid = Arc::clone(&configuration.pid);
        let mut files = self.turn(configuration).await?;
        let name = Arc::clone(&pid);
        let deleted = self.blocking(move |folder| folder.delete(&name)).await;
        if deleted.is_ok() {
            // A file that could not be deleted stays known: it must not come back by itself.
            files.forget(&pid);
        }
        self.remove(&pid);
        deleted
    }

    /// Takes over what changed in the folder.
    pub(crate) async fn scan(&self) {
        let mut files = self.turn.lock().await;
        let known = files.stamps.clone();
        let scan = match self.blocking(move |folder| folder.scan(&known)).await {
            Ok(scan) => scan,
            Err(error) => {
                let text = error.to_string();
                if files.folder_problem.as_ref() != Some(&text) {
                    tracing::error!("the configurations stay as they are: {text}");
                    files.folder_problem = Some(text);
                }
                return;
            }
        };
        files.folder_problem = None;
        for (pid, stamp, content) in scan.changed {
            files.note(&pid, stamp);
            match content {
                Ok(properties) => {
                    files.problems.remove(&pid);
                    self.set(&pid, properties);
                }
                // It went between two looks: the next scan sees it gone.
                Err(ConfigError::Storage { source, .. })
                    if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let text = error.to_string();
                    if files.problems.get(&pid) != Some(&text) {
                        tracing::error!(
                            pid,
                            "the file is not applied, the last good configuration stays: {text}"
                        );
                        files.problems.insert(pid, text);
                    }
                }
            }
        }
        let present: BTreeSet<String> = scan.present.into_iter().collect();
        let gone: Vec<String> = files.present.difference(&present).cloned().collect();
        for pid in gone {
            files.forget(&pid);
            self.remove(&pid);
        }
    }

    /// Waits for the turn, for a configuration that is there still.
    async fn turn(
        &self,
        configuration: &Configuration,
    ) -> Result<MutexGuard<'_, Files>, ConfigError> {
        if self.applier.is_stopped() {
            return Err(ConfigError::NotRunning);
        }
        let files = self.turn.lock().await;
        if configuration.is_deleted() {
            return Err(ConfigError::Deleted {
                pid: configuration.pid.to_string(),
            });
        }
        Ok(files)
    }

    fn set(&self, pid: &str, properties: Properties) {
        if self.table.set(pid, properties) {
            tracing::debug!(pid, "the configuration changed");
            self.applier.mark(pid);
        }
    }

    fn remove(&self, pid: &str) {
        if self.table.remove(pid) {
            tracing::debug!(pid, "the configuration was deleted");
            self.applier.mark(pid);
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, ConfigError> + Send + 'static,
    ) -> Result<T, ConfigError> {
        let folder = Arc::clone(&self.folder);
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.unwrap_or_else(|error| {
            Err(ConfigError::Storage {
                action: "work on",
                path: self.folder.path().to_owned(),
                source: io::Error::other(error),
            })
        })
    }
}
