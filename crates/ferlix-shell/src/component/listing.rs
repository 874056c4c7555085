//! `factories`, `instances` and `waiting`.

use ferlix_core::command::{Arguments, CommandResult, Session, table};
use ferlix_core::component::ComponentManager;

pub(super) fn factories(
    components: &ComponentManager,
    bundle: impl Fn(u64) -> String,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let part = arguments.word(0);
    let rows: Vec<Vec<String>> = components
        .factories()
        .iter()
        .filter(|factory| part.is_none_or(|part| factory.name.contains(part)))
        .map(|factory| vec![factory.name.to_owned(), bundle(factory.bundle_id)])
        .collect();
    let footer = footer(rows.len(), part, "factories", "factories available");
    session.write(&(table("", &["Factory", "Bundle"], rows) + &footer));
    Ok(None)
}

pub(super) fn instances(
    components: &ComponentManager,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let part = arguments.word(0);
    let rows: Vec<Vec<String>> = components
        .instances()
        .iter()
        .filter(|instance| part.is_none_or(|part| instance.name.contains(part)))
        .map(|instance| {
            vec![
                instance.name.to_string(),
                instance.factory.to_owned(),
                instance.state.to_string(),
            ]
        })
        .collect();
    let footer = footer(rows.len(), part, "components", "components running");
    session.write(&(table("", &["Name", "Factory", "State"], rows) + &footer));
    Ok(None)
}

/// Nothing ever waits for a handler: all of them are part of the component model.
pub(super) fn waiting(arguments: &Arguments, session: &Session) -> CommandResult {
    let footer = footer(
        0,
        arguments.word(0),
        "components",
        "components in the waiting queue",
    );
    session.write(&(table("", &["Name", "Factory", "Missing handlers"], Vec::new()) + &footer));
    Ok(None)
}

/// The line under a table: of what was asked for, or of everything.
fn footer(count: usize, part: Option<&str>, what: &str, everything: &str) -> String {
    match part {
        Some(_) => format!("{count} filtered {what}\n"),
        None => format!("{count} {everything}\n"),
    }
}
