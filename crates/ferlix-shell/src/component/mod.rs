//! The bundle `ferlix.shell.component`: the commands of the component model, name space `ipopo`, alias `component`.
//!
//! They show factories and instances as iPOPO's shell does, and make, change and end instances. Deliberately absent: any
//! state; everything is asked of the component manager.

mod details;
mod lifecycle;
mod listing;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ferlix_core::command::{
    Arguments, Command, CommandError, CommandProvider, CommandResult, Completion, Session,
};
use ferlix_core::component::{ComponentContext, ComponentManager};
use ferlix_core::framework::BundleContext;
use ferlix_core::{bundle, component, lifecycle};

bundle!(
    /// The bundle `ferlix.shell.component`.
    pub COMPONENT = "ferlix.shell.component", components = [ComponentCommands]
);

/// The commands of the name space `ipopo`.
#[component(factory = "ipopo-shell-commands-factory", instance = "ipopo-shell-commands", provides(dyn CommandProvider))]
struct ComponentCommands {
    #[inject]
    components: Arc<ComponentManager>,
    /// Set before the commands are published.
    context: OnceLock<BundleContext>,
    #[init(declare())]
    commands: Vec<Command>,
}

#[lifecycle]
impl ComponentCommands {
    #[validate]
    fn start(&self, context: &ComponentContext) {
        self.context.get_or_init(|| context.bundle().clone());
    }
}

#[async_trait]
impl CommandProvider for ComponentCommands {
    fn namespace(&self) -> &str {
        "ipopo"
    }

    fn namespace_aliases(&self) -> &[&'static str] {
        &["component"]
    }

    fn commands(&self) -> &[Command] {
        &self.commands
    }

    async fn run(&self, command: &str, arguments: &Arguments, session: &Session) -> CommandResult {
        let components = self.components.as_ref();
        let bundle = |id: u64| {
            let bundle = self
                .context
                .get()
                .and_then(|context| context.framework().bundle(id));
            bundle.map_or_else(|| format!("Bundle(ID={id})"), |bundle| bundle.to_string())
        };
        match command {
            "factories" => listing::factories(components, bundle, arguments, session),
            "instances" => listing::instances(components, arguments, session),
            "waiting" => listing::waiting(arguments, session),
            "factory" => details::factory(components, bundle, arguments, session),
            "instance" => details::instance(components, arguments, session),
            "instantiate" => lifecycle::instantiate(components, arguments, session).await,
            "kill" => lifecycle::kill(components, arguments, session).await,
            "retry" => lifecycle::retry(components, arguments, session).await,
            "reconfigure" => lifecycle::reconfigure(components, arguments, session).await,
            other => Err(CommandError::Arguments(format!(
                "there is no command {other}"
            ))),
        }
    }
}

fn declare() -> Vec<Command> {
    vec![
        Command::new("factories", "Shows all component factories, or those whose name contains a text.")
            .optional("name", Completion::None),
        Command::new("factory", "Shows one component factory: its properties, services and requirements.")
            .required("name", Completion::Factory),
        Command::new("instances", "Shows all component instances, or those whose name contains a text.")
            .optional("name", Completion::None),
        Command::new("instance", "Shows one component instance: its state, services, dependencies and properties.")
            .required("name", Completion::Component),
        Command::new("waiting", "Shows the components that wait for a handler; Ferlix has all handlers built in.")
            .optional("name", Completion::None),
        Command::new("instantiate", "Makes a component instance of a factory, with properties of its own.")
            .required("factory", Completion::Factory)
            .required("name", Completion::None)
            .keywords("property"),
        Command::new("kill", "Ends a component instance.").required("name", Completion::Component),
        Command::new("retry", "Tries an ERRONEOUS component instance again, with properties changed if any are given.")
            .required("name", Completion::Component)
            .keywords("property"),
        Command::new("reconfigure", "Changes properties of a component instance.")
            .required("name", Completion::Component)
            .keywords("property"),
    ]
}
