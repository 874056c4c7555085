//! The bundle `ferlix.shell.eventadmin`: the commands `event.send`, `event.post` and `event.handlers`.

use std::sync::Arc;

use async_trait::async_trait;
use ferlix_core::command::{
    Arguments, Command, CommandError, CommandProvider, CommandResult, Completion, Session, table,
};
use ferlix_core::property::Value;
use ferlix_core::{bundle, component};

use crate::EventAdmin;

bundle!(
    /// The commands of the event admin; they are there while it is.
    pub SHELL_BUNDLE = "ferlix.shell.eventadmin",
    components = [Commands],
    activator = None,
);

#[component(
    factory = "eventadmin-shell-commands-factory",
    instance = "eventadmin-shell-commands",
    provides(dyn CommandProvider)
)]
pub(crate) struct Commands {
    #[inject]
    events: Arc<dyn EventAdmin>,
    #[init(commands())]
    commands: Vec<Command>,
}

fn commands() -> Vec<Command> {
    vec![
        Command::new("send", "Sends an event and waits until it is handled")
            .required("topic", Completion::None)
            .keywords("property"),
        Command::new("post", "Posts an event and does not wait")
            .required("topic", Completion::None)
            .keywords("property"),
        Command::new(
            "handlers",
            "Lists the event handlers and what became of their events",
        ),
    ]
}

#[async_trait]
impl CommandProvider for Commands {
    fn namespace(&self) -> &str {
        "event"
    }

    fn commands(&self) -> &[Command] {
        &self.commands
    }

    async fn run(&self, command: &str, arguments: &Arguments, session: &Session) -> CommandResult {
        let refused = |error| CommandError::new("EventError", &error);
        match command {
            "send" => {
                let topic = arguments.required(0, "topic")?;
                let sent = self.events.send(topic, arguments.properties()).await;
                sent.map_err(refused)?;
                Ok(None)
            }
            "post" => {
                let topic = arguments.required(0, "topic")?;
                let posted = self.events.post(topic, arguments.properties());
                posted.map_err(refused)?;
                Ok(None)
            }
            "handlers" => Ok(self.handlers(session)),
            _ => Err(CommandError::Arguments(format!("no command {command}"))),
        }
    }
}

impl Commands {
    fn handlers(&self, session: &Session) -> Option<Value> {
        let handlers = self.events.handlers();
        let row = |status: &crate::HandlerStatus| {
            let properties = status.reference.properties();
            let shown = |key: &str| {
                properties
                    .get(key)
                    .map(Value::to_string)
                    .unwrap_or_default()
            };
            vec![
                status.reference.id().to_string(),
                shown(crate::properties::TOPICS),
                shown(crate::properties::FILTER),
                status.handled.to_string(),
                status.queued.to_string(),
                status.dropped.to_string(),
                status.panicked.to_string(),
                status.late.to_string(),
            ]
        };
        let headings = [
            "Service ID",
            "Topics",
            "Filter",
            "Handled",
            "Queued",
            "Dropped",
            "Panicked",
            "Late",
        ];
        session.write(&table("", &headings, handlers.iter().map(row).collect()));
        session.line(format_args!("{} event handlers", handlers.len()));
        i64::try_from(handlers.len()).ok().map(Value::from)
    }
}
