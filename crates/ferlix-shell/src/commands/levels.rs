//! `loglevel`, and [`LogLevels`], by which a program lets it change the levels of its log.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferlix_core::Error;
use ferlix_core::command::{Arguments, CommandError, CommandResult, Session};
use ferlix_core::framework::{BoxError, BundleContext, BundleEventKind, BundleState, Framework};
use ferlix_core::property::Properties;
use ferlix_core::service::{Interface, Service};

/// The levels that a log line can have, and the one that no line has.
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF"];

/// The log levels of a program: a service, `ferlix.shell.loglevel`, that the program offers to `loglevel`.
///
/// The levels are kept as directives in the form of `tracing-subscriber`'s filters, `info,hyper=warn`; whatever applies
/// them is the program's, typically the reload handle of its filter (see the crate's documentation).
pub struct LogLevels {
    directives: Mutex<Directives>,
    apply: Box<dyn Fn(&str) -> Result<(), BoxError> + Send + Sync>,
}

#[derive(Clone, Default)]
struct Directives {
    /// The level of what no target names.
    root: Option<String>,
    targets: BTreeMap<String, String>,
    /// What is neither, kept as it came.
    others: Vec<String>,
}

impl LogLevels {
    /// The levels that are in force, and what puts others in force.
    pub fn new(
        directives: &str,
        apply: impl Fn(&str) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            directives: Mutex::new(Directives::parse(directives)),
            apply: Box::new(apply),
        }
    }

    /// Offers them to the shell of a framework: at once if it runs, else as soon as it starts, before any bundle.
    ///
    /// # Errors
    /// None today for a framework that was not started yet; as [`BundleContext::register`] for one that runs.
    pub fn offer(self, framework: &Framework) -> Result<(), Error> {
        let (levels, context) = (Arc::new(self), framework.context());
        if matches!(
            framework.state(),
            BundleState::Starting | BundleState::Active
        ) {
            context.register(levels, Properties::new())?;
            return Ok(());
        }
        context.add_bundle_listener(move |event| {
            if event.kind == BundleEventKind::Starting && event.bundle.id() == 0 {
                let registered = event
                    .bundle
                    .context()
                    .register(Arc::clone(&levels), Properties::new());
                if let Err(error) = registered {
                    tracing::error!(%error, "the log levels cannot be offered to the shell");
                }
            }
        });
        Ok(())
    }

    /// Puts a level in force, for everything or for one target.
    fn set(&self, target: Option<&str>, level: &str) -> Result<(), BoxError> {
        let mut changed = self.locked().clone();
        match target {
            None => changed.root = Some(level.to_owned()),
            Some(target) => {
                changed.targets.insert(target.to_owned(), level.to_owned());
            }
        }
        (self.apply)(&changed.to_string())?;
        *self.locked() = changed;
        Ok(())
    }

    fn locked(&self) -> MutexGuard<'_, Directives> {
        self.directives
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directives {
    fn parse(text: &str) -> Self {
        let mut directives = Self::default();
        for piece in text
            .split(',')
            .map(str::trim)
            .filter(|piece| !piece.is_empty())
        {
            match (piece.split_once('='), level(piece)) {
                (None, Some(level)) => directives.root = Some(level.to_owned()),
                (Some((target, name)), _)
                    if !target.contains(['[', '{']) && level(name).is_some() =>
                {
                    directives.targets.insert(
                        target.to_owned(),
                        level(name).unwrap_or_default().to_owned(),
                    );
                }
                _ => directives.others.push(piece.to_owned()),
            }
        }
        directives
    }
}

impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = self.root.iter().map(|level| level.to_lowercase());
        let targets = self
            .targets
            .iter()
            .map(|(target, level)| format!("{target}={}", level.to_lowercase()));
        let pieces: Vec<String> = root
            .chain(targets)
            .chain(self.others.iter().cloned())
            .collect();
        f.write_str(&pieces.join(","))
    }
}

impl Service for LogLevels {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("ferlix.shell.loglevel");
        &INTERFACE
    }
}

impl fmt::Debug for LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogLevels({})", self.locked())
    }
}

/// The level of a name in any case; `WARNING` is another name of `WARN`.
fn level(name: &str) -> Option<&'static str> {
    let name = name.to_uppercase();
    let name = if name == "WARNING" { "WARN" } else { &name };
    LEVELS.into_iter().find(|level| *level == name)
}

pub(super) fn command(
    context: &BundleContext,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let Some(levels) = context.service::<LogLevels>(None) else {
        session.line("This program does not let its log levels be changed: it registers no ferlix.shell.loglevel service");
        return Err(CommandError::Failed);
    };
    let Some(word) = arguments.word(0) else {
        let directives = levels.locked().clone();
        let root = directives.root.as_deref().unwrap_or("ERROR");
        let mut text = format!("Root log level: {root} (real: {root})\n");
        for (target, level) in &directives.targets {
            text += &format!("{target} log level: {level} (real: {level})\n");
        }
        session.write(&text);
        return Ok(None);
    };
    let Some(level) = level(word) else {
        session.line(format!("Invalid log level: {word}"));
        return Err(CommandError::Failed);
    };
    let target = arguments.word(1);
    levels
        .set(target, level)
        .map_err(|error| CommandError::new("LogLevelError", error.as_ref()))?;
    session.line(format!(
        "New level for {}: {level}",
        target.unwrap_or("Root")
    ));
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::Directives;

    #[test]
    fn directives_are_read_and_written() {
        for (text, written) in [
            ("", ""),
            ("INFO", "info"),
            (
                "warning, hyper=Debug ,a::b=off",
                "warn,a::b=off,hyper=debug",
            ),
            ("info,[span]=debug,h2", "info,[span]=debug,h2"),
        ] {
            assert_eq!(Directives::parse(text).to_string(), written, "{text}");
        }
    }
}
