//! Shell commands: the trait by which any bundle brings its own, and what they print with.
//!
//! A bundle registers a [`CommandProvider`] service; the shell finds it, parses a line, checks the arguments against the
//! [`Command`]'s parameters and runs it with a [`Session`] to print to. Deliberately absent: parsing and the console
//! (the shell's own crate).

mod arguments;
mod session;
mod table;

use async_trait::async_trait;

pub use arguments::Arguments;
pub use session::Session;
pub use table::{printable, table};

use crate::property::Value;
use crate::service::{Interface, Service};

/// The specification of [`CommandProvider`] services.
pub const SPECIFICATION: &str = "ferlix.shell.command";

/// A set of shell commands in one name space.
#[async_trait]
pub trait CommandProvider: Send + Sync {
    /// The name space, e.g. `rsa`; `default` for commands that need no prefix.
    fn namespace(&self) -> &str;

    /// Other names of the name space.
    fn namespace_aliases(&self) -> &[&'static str] {
        &[]
    }

    /// The commands; `help` lists them and their aliases by name.
    fn commands(&self) -> &[Command];

    /// Runs a command by its main name (never an alias), with arguments that fit its parameters.
    ///
    /// # Errors
    /// [`CommandError`]: the shell prints what is not printed yet, and `$?` and scripts see a failure.
    async fn run(&self, command: &str, arguments: &Arguments, session: &Session) -> CommandResult;
}

impl Service for dyn CommandProvider {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local(SPECIFICATION);
        &INTERFACE
    }
}

/// What a command returns: a value for the session variable `?`, or nothing.
pub type CommandResult = Result<Option<Value>, CommandError>;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The command has said why; nothing more is printed.
    #[error("the command failed")]
    Failed,
    /// The arguments do not fit: printed as `Invalid method call: …` with the help of the command.
    #[error("{0}")]
    Arguments(String),
    /// Anything else: printed as `<kind>: <message>`.
    #[error("{kind}: {message}")]
    Error {
        /// The kind of error, e.g. `RemoteServiceError`.
        kind: String,
        /// What happened.
        message: String,
    },
}

impl CommandError {
    /// An error of a kind, with its chain of causes in one line.
    pub fn new(kind: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Error {
            kind: kind.to_owned(),
            message: crate::error_chain(error),
        }
    }
}

/// The description of one command: its name, parameters and help.
///
/// ```
/// use ferlix_core::command::{Command, Completion};
/// let command = Command::new("sd", "Prints the details of a service").required("service_id", Completion::Service);
/// assert_eq!(command.usage(), "sd <service_id>");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Command {
    /// The main name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
    /// The parameters, in order.
    pub parameters: Vec<Parameter>,
}

/// One parameter of a command.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name, as the help shows it.
    pub name: &'static str,
    /// Whether it must be given, and what else it takes.
    pub kind: ParameterKind,
    /// What completes it.
    pub completion: Completion,
}

/// How a parameter is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterKind {
    /// By position, always.
    Required,
    /// By position, or left out; with the default that the help shows.
    Optional(Option<&'static str>),
    /// Any number of further words.
    Rest,
    /// Any number of `name=value` words.
    Keywords,
}

/// What completes a parameter on the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Completion {
    /// Nothing.
    None,
    /// The numbers and names of bundles.
    Bundle,
    /// The symbolic names in the catalogue.
    Catalogue,
    /// The names of commands.
    Command,
    /// The names of component instances.
    Component,
    /// The names of component factories.
    Factory,
    /// The names of files.
    File,
    /// The keys of framework properties.
    Property,
    /// The numbers of services.
    Service,
    /// The specifications of services.
    Specification,
}

impl Command {
    /// A command without parameters.
    #[must_use]
    pub fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            help,
            parameters: Vec::new(),
        }
    }

    /// Other names.
    #[must_use]
    pub fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// One more parameter that must be given.
    #[must_use]
    pub fn required(self, name: &'static str, completion: Completion) -> Self {
        self.parameter(name, ParameterKind::Required, completion)
    }

    /// One more parameter that may be left out.
    #[must_use]
    pub fn optional(self, name: &'static str, completion: Completion) -> Self {
        self.parameter(name, ParameterKind::Optional(None), completion)
    }

    /// One more parameter that may be left out, with the default that the help shows.
    #[must_use]
    pub fn defaulted(
        self,
        name: &'static str,
        default: &'static str,
        completion: Completion,
    ) -> Self {
        self.parameter(name, ParameterKind::Optional(Some(default)), completion)
    }

    /// Any number of further words.
    #[must_use]
    pub fn rest(self, name: &'static str, completion: Completion) -> Self {
        self.parameter(name, ParameterKind::Rest, completion)
    }

    /// Any number of `name=value` words.
    #[must_use]
    pub fn keywords(self, name: &'static str) -> Self {
        self.parameter(name, ParameterKind::Keywords, Completion::None)
    }

    fn parameter(
        mut self,
        name: &'static str,
        kind: ParameterKind,
        completion: Completion,
    ) -> Self {
        self.parameters.push(Parameter {
            name,
            kind,
            completion,
        });
        self
    }

    /// The command with its parameters as the help shows them, e.g. `sl [<specification>]`.
    #[must_use]
    pub fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        for parameter in &self.parameters {
            let name = parameter.name;
            usage.push(' ');
            usage.push_str(&match parameter.kind {
                ParameterKind::Required => format!("<{name}>"),
                ParameterKind::Optional(None) => format!("[<{name}>]"),
                ParameterKind::Optional(Some(default)) => format!("[<{name}>={default}]"),
                ParameterKind::Rest => format!("[<{name} ...>]"),
                ParameterKind::Keywords => format!("[<{name}=value> ...]"),
            });
        }
        usage
    }
}
