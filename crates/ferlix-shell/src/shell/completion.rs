//! What may follow what is typed: commands, and what each parameter asks for.

use std::path::Path;

use ferlix_core::command::{Command, Completion, ParameterKind};
use ferlix_core::framework::BundleContext;
use ferlix_core::registry::ServiceRef;

use super::line;
use super::lookup::{Commands, DEFAULT};

/// What could stand in place of the word that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completions {
    /// Where the word begins, in bytes.
    pub start: usize,
    /// What could stand there, in order.
    pub candidates: Vec<String>,
}

pub(super) fn complete(context: &BundleContext, line: &str, position: usize) -> Completions {
    let Some(typed) = line.get(..position) else {
        return Completions::default();
    };
    let start = typed.rfind(char::is_whitespace).map_or(0, |blank| {
        blank + typed[blank..].chars().next().map_or(1, char::len_utf8)
    });
    let (before, word) = typed.split_at(start);
    // What comes before must be whole words: inside quotes there is nothing to say.
    let candidates = match line::parse(before) {
        Ok(None) if before.trim().is_empty() => commands(context, word),
        Ok(Some(parsed)) => Commands::now(context)
            .find(&parsed.command)
            .map(|found| arguments(context, &found.command, parsed.word_count(), word))
            .unwrap_or_default(),
        Ok(None) | Err(_) => Vec::new(),
    };
    Completions { start, candidates }
}

/// Names of commands: bare, or with a name space once there is one.
fn commands(context: &BundleContext, word: &str) -> Vec<String> {
    let commands = Commands::now(context);
    let word = word.to_lowercase();
    let mut candidates: Vec<String> = match word.split_once('.') {
        Some((namespace, _)) => {
            let found = commands.namespace(namespace);
            found
                .into_iter()
                .flat_map(|(_, found)| found.keys())
                .map(|name| format!("{namespace}.{name}"))
                .collect()
        }
        None => {
            let names = commands
                .namespaces
                .values()
                .flat_map(|found| found.keys().cloned());
            let prefixes = commands
                .namespace_names()
                .filter(|name| *name != DEFAULT)
                .map(|name| format!("{name}."));
            names.chain(prefixes).collect()
        }
    };
    candidates.retain(|candidate| candidate.starts_with(&word));
    candidates.sort();
    candidates.dedup();
    candidates
}

/// What the parameter at a position asks for.
fn arguments(
    context: &BundleContext,
    command: &Command,
    position: usize,
    word: &str,
) -> Vec<String> {
    let mut parameters = command
        .parameters
        .iter()
        .filter(|parameter| parameter.kind != ParameterKind::Keywords);
    let parameter = parameters.clone().nth(position).or_else(|| {
        let last = parameters.next_back();
        last.filter(|parameter| parameter.kind == ParameterKind::Rest)
    });
    let Some(parameter) = parameter else {
        return Vec::new();
    };
    if parameter.completion == Completion::File {
        return files(word);
    }
    let mut candidates = names(context, parameter.completion);
    candidates.retain(|candidate| candidate.starts_with(word));
    candidates.dedup();
    candidates
        .iter()
        .map(|candidate| quoted(candidate))
        .collect()
}

/// Everything of a kind, in order.
fn names(context: &BundleContext, kind: Completion) -> Vec<String> {
    let framework = context.framework();
    let components = context.components();
    match kind {
        Completion::Bundle => {
            let bundles = framework.bundles();
            let numbers = bundles.iter().map(|bundle| bundle.id().to_string());
            numbers
                .chain(sorted(
                    bundles
                        .iter()
                        .map(|bundle| bundle.symbolic_name().to_owned()),
                ))
                .collect()
        }
        Completion::Catalogue => sorted(
            framework
                .catalogue()
                .iter()
                .map(|definition| definition.symbolic_name.to_owned()),
        ),
        Completion::Command => {
            let commands = Commands::now(context);
            let names = commands
                .namespaces
                .values()
                .flat_map(|found| found.keys().cloned());
            sorted(names.chain(commands.namespace_names().cloned()))
        }
        Completion::Component => components
            .instances()
            .iter()
            .map(|instance| instance.name.to_string())
            .collect(),
        Completion::Factory => components
            .factories()
            .iter()
            .map(|factory| factory.name.to_owned())
            .collect(),
        Completion::Property => framework
            .properties()
            .iter()
            .map(|(key, _)| key.to_owned())
            .collect(),
        Completion::Service => {
            let mut ids: Vec<u64> = context
                .references(None, None)
                .iter()
                .map(ServiceRef::id)
                .collect();
            ids.sort_unstable();
            ids.iter().map(ToString::to_string).collect()
        }
        Completion::Specification => {
            let references = context.references(None, None);
            sorted(
                references
                    .iter()
                    .flat_map(ServiceRef::specifications)
                    .map(ToString::to_string),
            )
        }
        _ => Vec::new(),
    }
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The files whose path begins as typed; a folder ends with a slash.
fn files(word: &str) -> Vec<String> {
    let (folder, _) = word
        .rsplit_once('/')
        .map_or(("", word), |(folder, name)| (&word[..=folder.len()], name));
    let listed = std::fs::read_dir(if folder.is_empty() {
        Path::new(".")
    } else {
        Path::new(folder)
    });
    let entries = listed.into_iter().flatten().flatten();
    let paths = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let slash = if entry.path().is_dir() { "/" } else { "" };
        Some(format!("{folder}{name}{slash}"))
    });
    sorted(paths.filter(|path| path.starts_with(word)))
        .iter()
        .map(|path| quoted(path))
        .collect()
}

/// A candidate as it is typed: quoted where it must be, with what the shell would read into it escaped.
fn quoted(candidate: &str) -> String {
    let quoted = shlex::try_quote(candidate).unwrap_or_default();
    quoted.replace('$', "$$").replace('=', "\\=")
}
