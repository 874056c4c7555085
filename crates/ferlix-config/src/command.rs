//! The bundle `ferlix.shell.configadmin`: the commands `config.create`, `update`, `reload`, `delete` and `list`.

use std::sync::Arc;

use async_trait::async_trait;
use ferlix_core::command::{
    Arguments, Command, CommandError, CommandProvider, CommandResult, Completion, Session,
    printable,
};
use ferlix_core::property::{Properties, Value, shown};
use ferlix_core::{bundle, component};

use crate::{ConfigError, Configuration, ConfigurationAdmin};

bundle!(
    /// The commands of the configuration admin; they are there while it is.
    pub SHELL_BUNDLE = "ferlix.shell.configadmin",
    components = [Commands],
    activator = None,
);

#[component(
    factory = "configadmin-shell-commands-factory",
    instance = "configadmin-shell-commands",
    provides(dyn CommandProvider)
)]
pub(crate) struct Commands {
    #[inject]
    admin: Arc<dyn ConfigurationAdmin>,
    #[init(commands())]
    commands: Vec<Command>,
}

fn commands() -> Vec<Command> {
    let pid = |name, help| Command::new(name, help).required("pid", Completion::None);
    vec![
        Command::new("create", "Creates a factory configuration")
            .required("factory_pid", Completion::None)
            .keywords("property"),
        pid(
            "update",
            "Updates a configuration; the value None removes a property",
        )
        .keywords("property"),
        pid("reload", "Reads the file of a configuration again"),
        pid("delete", "Deletes a configuration"),
        Command::new("list", "Lists the configurations, or one of them")
            .optional("pid", Completion::None),
    ]
}

#[async_trait]
impl CommandProvider for Commands {
    fn namespace(&self) -> &str {
        "config"
    }

    fn commands(&self) -> &[Command] {
        &self.commands
    }

    async fn run(&self, command: &str, arguments: &Arguments, session: &Session) -> CommandResult {
        match command {
            "create" => {
                let factory_pid = arguments.required(0, "factory_pid")?;
                let created = self.admin.create_factory_configuration(factory_pid);
                let configuration = created.map_err(refused)?;
                let pid = configuration.pid();
                session.line(format_args!("New configuration: {}", printable(pid)));
                let properties = arguments.properties();
                if !properties.is_empty() {
                    configuration.update(properties).await.map_err(refused)?;
                }
                Ok(Some(Value::from(pid)))
            }
            "update" => {
                let configuration = self.configuration(arguments)?;
                let properties = updated(&configuration, &arguments.properties());
                configuration.update(properties).await.map_err(refused)?;
                Ok(None)
            }
            "reload" => {
                let configuration = self.configuration(arguments)?;
                if let Err(error) = configuration.reload().await {
                    let pid = printable(configuration.pid());
                    session.line(format_args!(
                        "Error reloading {pid}: {}",
                        printable(&error.to_string())
                    ));
                    return Err(CommandError::Failed);
                }
                Ok(None)
            }
            "delete" => {
                let configuration = self.configuration(arguments)?;
                configuration.delete().await.map_err(refused)?;
                Ok(None)
            }
            "list" => Ok(self.list(arguments.word(0), session)),
            _ => Err(CommandError::Arguments(format!("no command {command}"))),
        }
    }
}

impl Commands {
    fn configuration(&self, arguments: &Arguments) -> Result<Configuration, CommandError> {
        let pid = arguments.required(0, "pid")?;
        self.admin.configuration(pid).map_err(refused)
    }

    fn list(&self, pid: Option<&str>, session: &Session) -> Option<Value> {
        let mut configurations = self.admin.configurations(None);
        if configurations.is_empty() {
            session.line("No configuration.");
            return None;
        }
        if let Some(pid) = pid {
            configurations.retain(|configuration| configuration.pid() == pid);
            if configurations.is_empty() {
                session.line(format_args!(
                    "No configuration with PID {}.",
                    printable(pid)
                ));
                return None;
            }
        }
        let count = configurations.len();
        let mut text = String::new();
        for configuration in configurations {
            describe(&configuration, &mut text);
        }
        session.line(text);
        i64::try_from(count).ok().map(Value::from)
    }
}

/// The properties of a configuration with those of a command over them; the word `None` removes one, as in iPOPO.
fn updated(configuration: &Configuration, given: &Properties) -> Properties {
    let now = configuration.properties();
    let mut properties = now.map(|now| Properties::clone(&now)).unwrap_or_default();
    properties.merge(given);
    for (key, value) in given.iter() {
        if value.as_str() == Some("None") {
            properties.remove(key);
        }
    }
    properties
}

fn describe(configuration: &Configuration, text: &mut String) {
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("* {}:", printable(configuration.pid())));
    if let Some(factory_pid) = configuration.factory_pid() {
        line(format!("\tFactory PID: {}", printable(factory_pid)));
    }
    let location = configuration.location().display().to_string();
    line(format!("\tLocation: {}", printable(&location)));
    match configuration.properties() {
        Some(properties) => {
            line("\tProperties:".to_owned());
            for (key, value) in properties.iter() {
                line(format!(
                    "\t\t{} = {}",
                    printable(key),
                    printable(&shown(key, value).to_string())
                ));
            }
        }
        None if configuration.is_deleted() => line("\t** Deleted **".to_owned()),
        None => line("\tNot yet updated".to_owned()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err calls")]
fn refused(error: ConfigError) -> CommandError {
    CommandError::new("ConfigError", &error)
}
