//! The texts of `help`.

use std::collections::BTreeMap;

use super::lookup::{Commands, DEFAULT, Found};

/// The help of one command, as it follows a line that does not fit it.
pub(super) fn one(found: &Found) -> String {
    section(&found.namespace, [found])
}

/// The help of everything, of a name space, or of a command; of both when both have the name.
///
/// # Errors
/// The line to print.
pub(super) fn topic(commands: &Commands, topic: Option<&str>) -> Result<String, String> {
    let Some(topic) = topic else {
        let default = commands.namespaces.get_key_value(DEFAULT);
        let others = commands
            .namespaces
            .iter()
            .filter(|(name, _)| *name != DEFAULT);
        let sections: Vec<String> = default
            .into_iter()
            .chain(others)
            .map(|(name, found)| whole(name, found))
            .collect();
        return Ok(sections.join("\n\n"));
    };
    if topic.contains('.') {
        return commands.find(topic).map(|found| one(&found));
    }
    let mut sections: Vec<String> = commands.named(topic).into_iter().map(one).collect();
    sections.extend(
        commands
            .namespace(topic)
            .map(|(name, found)| whole(name, found)),
    );
    if sections.is_empty() {
        return Err(format!("Unknown command {}", topic.to_lowercase()));
    }
    Ok(sections.join("\n\n"))
}

fn whole(namespace: &str, commands: &BTreeMap<String, Found>) -> String {
    section(namespace, commands.values())
}

/// A heading and commands, with a blank line between them.
fn section<'a>(namespace: &str, commands: impl IntoIterator<Item = &'a Found>) -> String {
    let entries: Vec<String> = commands.into_iter().map(entry).collect();
    format!("=== Name space '{namespace}' ===\n{}", entries.join("\n"))
}

fn entry(found: &Found) -> String {
    let usage = found.command.usage();
    // An alias is shown with its own name in place of the main one.
    let parameters = usage.strip_prefix(found.command.name).unwrap_or_default();
    format!("- {}{parameters}\n\t\t{}\n", found.name, found.command.help)
}
