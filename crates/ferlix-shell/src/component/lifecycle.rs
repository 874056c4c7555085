//! `instantiate`, `kill`, `retry` and `reconfigure`.

use ferlix_core::Error;
use ferlix_core::command::{Arguments, CommandError, CommandResult, Session};
use ferlix_core::component::{ComponentManager, ComponentState};
use ferlix_core::property::Value;

pub(super) async fn instantiate(
    components: &ComponentManager,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let (factory, name) = (
        arguments.required(0, "factory")?,
        arguments.required(1, "name")?,
    );
    match components
        .instantiate(factory, name, arguments.properties())
        .await
    {
        Ok(()) => {
            session.line(format!("Component '{name}' instantiated."));
            Ok(Some(Value::from(name)))
        }
        Err(error) => {
            session.line(match error {
                Error::Unknown { hint, .. } => {
                    format!("Invalid factory: Unknown factory '{factory}'{hint}")
                }
                Error::Duplicate { .. } => {
                    format!("Invalid parameter: '{name}' is an already running instance name")
                }
                error => format!("Invalid parameter: {error}"),
            });
            Err(CommandError::Failed)
        }
    }
}

pub(super) async fn kill(
    components: &ComponentManager,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let name = arguments.required(0, "name")?;
    components
        .kill(name)
        .await
        .map_err(|error| refuse(error, name, session))?;
    session.line(format!("Component '{name}' killed."));
    Ok(None)
}

pub(super) async fn retry(
    components: &ComponentManager,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let name = arguments.required(0, "name")?;
    let state = components.retry(name, arguments.properties()).await;
    say_state(
        name,
        state.map_err(|error| refuse(error, name, session))?,
        session,
    );
    Ok(None)
}

pub(super) async fn reconfigure(
    components: &ComponentManager,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let name = arguments.required(0, "name")?;
    if arguments.keywords.is_empty() {
        return Err(CommandError::Arguments(
            "missing argument: property=value".to_owned(),
        ));
    }
    let state = components.reconfigure(name, arguments.properties()).await;
    say_state(
        name,
        state.map_err(|error| refuse(error, name, session))?,
        session,
    );
    Ok(None)
}

fn say_state(name: &str, state: ComponentState, session: &Session) {
    session.line(format!("Component '{name}' is now in state {state}."));
}

fn refuse(error: Error, name: &str, session: &Session) -> CommandError {
    session.line(match error {
        Error::Unknown { .. } => format!("Invalid parameter: Unknown component instance '{name}'"),
        error => format!("Invalid parameter: {error}"),
    });
    CommandError::Failed
}
