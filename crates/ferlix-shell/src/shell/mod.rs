//! The shell service: from a line to a command that has run.
//!
//! In: a line and the session that it belongs to. Out: what the command prints, whether it succeeded, and its result in
//! the session variable `?`. The commands are looked up anew for every line, so they come and go with their bundles.
//! Deliberately absent: reading lines (the console's part), and any command.

mod binding;
mod completion;
mod help;
mod line;
mod lookup;
mod variables;

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use ferlix_core::command::{CommandError, Session, printable};
use ferlix_core::framework::BundleContext;
use ferlix_core::property::{Value, shown};
use ferlix_core::service::{Interface, Service};
use futures_util::FutureExt;

pub use completion::Completions;
pub(crate) use line::significant;
pub(crate) use lookup::Commands;

/// The session variable with the result of the last command that had one, or `False` after one that failed.
const RESULT: &str = "?";

/// The shell as a service, `ferlix.shell`.
#[async_trait]
pub trait Shell: Send + Sync {
    /// Runs one line for a session and returns whether it succeeded; an empty line or a comment does.
    ///
    /// Why it failed has been printed. Dropping the future drops the command where it is.
    async fn execute(&self, line: &str, session: &Session) -> bool;

    /// What could stand at a position (in bytes) of a line that is being typed.
    fn complete(&self, line: &str, position: usize) -> Completions;
}

impl Service for dyn Shell {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("ferlix.shell");
        &INTERFACE
    }
}

/// The shell of one framework. It keeps nothing but its bundle's context.
#[derive(Clone)]
pub(crate) struct ShellService {
    context: BundleContext,
}

impl ShellService {
    pub(crate) fn new(context: BundleContext) -> Self {
        Self { context }
    }

    /// The help of everything, of a name space, or of a command.
    pub(crate) fn help(&self, topic: Option<&str>) -> Result<String, String> {
        help::topic(&Commands::now(&self.context), topic)
    }

    /// Runs a line; what is wrong has been printed when this fails.
    async fn run(&self, line: &str, session: &Session) -> Result<Option<Value>, ()> {
        let say = |text: String| session.line(text);
        let parsed =
            line::parse(line).map_err(|reason| say(format!("Error reading line: {reason}")))?;
        let Some(parsed) = parsed else {
            return Ok(None);
        };
        let found = Commands::now(&self.context)
            .find(&parsed.command)
            .map_err(say)?;
        let given = parsed.arguments(|name| {
            let property = || {
                let value = self.context.property(name)?;
                Some(shown(name, &value).to_string())
            };
            session.variable(name).or_else(property)
        });
        let result = match binding::bind(&found.command, given) {
            Ok(arguments) => {
                let run =
                    AssertUnwindSafe(found.provider.run(found.command.name, &arguments, session));
                run.catch_unwind()
                    .await
                    .unwrap_or_else(|panic| Err(panicked(found.command.name, panic.as_ref())))
            }
            Err(reason) => Err(CommandError::Arguments(reason)),
        };
        result.map_err(|error| match error {
            CommandError::Failed => {}
            CommandError::Arguments(reason) => {
                session.write(&format!(
                    "Invalid method call: {reason}\n{}",
                    help::one(&found)
                ));
            }
            error => say(safe(&error.to_string())),
        })
    }
}

#[async_trait]
impl Shell for ShellService {
    async fn execute(&self, line: &str, session: &Session) -> bool {
        if session.variable(RESULT).is_none() {
            session.set_variable(RESULT, "None");
        }
        match self.run(line, session).await {
            Ok(None) => true,
            Ok(Some(value)) => {
                session.set_variable(RESULT, value.to_string());
                true
            }
            Err(()) => {
                session.set_variable(RESULT, "False");
                false
            }
        }
    }

    fn complete(&self, line: &str, position: usize) -> Completions {
        completion::complete(&self.context, line, position)
    }
}

/// A text of several lines without control characters: it may hold what a peer said.
fn safe(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(printable).collect();
    lines.join("\n")
}

fn panicked(command: &str, panic: &(dyn std::any::Any + Send)) -> CommandError {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    CommandError::Error {
        kind: "Panic".to_owned(),
        message: format!(
            "command {command}: {}",
            text.unwrap_or_else(|| "no message".to_owned())
        ),
    }
}
