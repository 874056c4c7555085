//! The bundle `ferlix.shell.core`: the shell service, and the commands of the name space `default`.
//!
//! They look at the framework and its process and change both; each is a function of its own. Deliberately absent: the
//! component model's commands (another bundle's), and identities: whoever has the console may do everything.

mod bundles;
mod levels;
mod process;
mod services;
mod session;
mod threads;

use std::sync::Arc;

use async_trait::async_trait;
use ferlix_core::bundle;
use ferlix_core::command::{
    Arguments, Command, CommandError, CommandProvider, CommandResult, Completion, Session,
};
use ferlix_core::framework::{BoxError, BundleActivator, BundleContext};
use ferlix_core::property::Properties;

pub use levels::LogLevels;

use crate::shell::{Shell, ShellService};

bundle!(
    /// The bundle `ferlix.shell.core`.
    pub CORE = "ferlix.shell.core", activator = Activator
);

#[derive(Default)]
struct Activator;

#[async_trait]
impl BundleActivator for Activator {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        let shell = ShellService::new(context.clone());
        context.register::<dyn Shell>(Arc::new(shell.clone()), Properties::new())?;
        let commands = CoreCommands {
            context: context.clone(),
            shell,
            commands: declare(),
        };
        context.register::<dyn CommandProvider>(Arc::new(commands), Properties::new())?;
        Ok(())
    }
}

/// The commands of the name space `default`.
struct CoreCommands {
    context: BundleContext,
    shell: ShellService,
    commands: Vec<Command>,
}

#[async_trait]
impl CommandProvider for CoreCommands {
    fn namespace(&self) -> &str {
        "default"
    }

    fn commands(&self) -> &[Command] {
        &self.commands
    }

    async fn run(&self, command: &str, arguments: &Arguments, session: &Session) -> CommandResult {
        let framework = self.context.framework();
        match command {
            "bd" => bundles::details(framework, arguments, session),
            "bl" => bundles::list(framework, arguments, session),
            "start" => bundles::start(framework, arguments, session).await,
            "stop" => bundles::stop(framework, arguments, session).await,
            "update" => bundles::update(framework, arguments, session).await,
            "install" => bundles::install(framework, arguments, session),
            "uninstall" => bundles::uninstall(framework, arguments, session).await,
            "sl" => services::list(&self.context, arguments, session),
            "sd" => services::details(&self.context, arguments, session),
            "properties" => process::properties(framework, session),
            "property" => process::property(framework, arguments, session),
            "sysprops" => process::variables(session),
            "sysprop" => process::variable(arguments, session),
            "cd" => process::change_folder(arguments, session),
            "pwd" => process::folder(session),
            "whoami" => process::identity(session),
            "threads" => threads::list(framework, session),
            "thread" => threads::details(arguments, session),
            "loglevel" => levels::command(&self.context, arguments, session),
            "echo" => session::echo(arguments, session),
            "set" => session::set(arguments, session),
            "unset" => session::unset(arguments, session),
            "run" => session::run(&self.shell, arguments, session).await,
            "help" => session::help(&self.shell, arguments, session),
            "quit" => session::quit(framework, session).await,
            other => Err(CommandError::Arguments(format!(
                "there is no command {other}"
            ))),
        }
    }
}

fn declare() -> Vec<Command> {
    let bundles = |name, help| {
        Command::new(name, help)
            .required("bundle_id", Completion::Bundle)
            .rest("bundles_ids", Completion::Bundle)
    };
    vec![
        Command::new("bd", "Shows one bundle: its version, state and source, and the services it registered and uses.")
            .required("bundle_id", Completion::Bundle),
        Command::new("bl", "Shows all bundles, or those whose name contains a text.").optional("name", Completion::None),
        bundles("start", "Starts bundles, by number or name, up to the first that fails; installs those named from the catalogue."),
        bundles("stop", "Stops bundles, by number or name, up to the first that fails."),
        bundles("update", "Stops bundles and starts them anew, by number or name, up to the first that fails."),
        bundles("uninstall", "Stops bundles and takes them out of the framework, by number or name, up to the first that fails."),
        Command::new("install", "Installs a bundle of the program's catalogue by its symbolic name.")
            .required("symbolic_name", Completion::Catalogue),
        Command::new("sd", "Shows one service: its specifications and properties, and the bundles that use it.")
            .required("service_id", Completion::Service),
        Command::new("sl", "Shows all services, or those of one specification, best first.")
            .optional("specification", Completion::Specification),
        Command::new("properties", "Shows the properties that the framework was made with."),
        Command::new("property", "Shows one property of the framework.").required("name", Completion::Property),
        Command::new("sysprops", "Shows the environment variables of the process."),
        Command::new("sysprop", "Shows one environment variable of the process.").required("name", Completion::None),
        Command::new("threads", "Shows the threads of the process, and how many tasks run on them."),
        Command::new("thread", "Shows one thread of the process.").required("thread_id", Completion::None),
        Command::new("loglevel", "Shows the log levels, or sets that of everything or of one target.")
            .optional("level", Completion::None)
            .optional("name", Completion::None),
        Command::new("cd", "Goes to another folder, which is that of the whole process.")
            .required("path", Completion::File),
        Command::new("pwd", "Shows the folder that the process is in."),
        Command::new("whoami", "Shows as whom the commands run."),
        Command::new("help", "Shows the commands, those of one name space, or one of them.")
            .aliases(&["?"])
            .optional("command", Completion::Command),
        Command::new("echo", "Prints its words.").rest("words", Completion::None),
        Command::new("quit", "Stops the framework, and with it the program.").aliases(&["exit"]),
        Command::new("set", "Sets session variables, or shows them all.").keywords("property"),
        Command::new("unset", "Removes a session variable.").required("name", Completion::None),
        Command::new("run", "Runs the lines of a file, up to the first that fails.").required("filename", Completion::File),
    ]
}
