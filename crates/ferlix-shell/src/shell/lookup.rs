//! [`Commands`]: which commands there are at this moment, and which one a name means.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ferlix_core::command::{Command, CommandProvider};
use ferlix_core::framework::BundleContext;
use ferlix_core::registry::ServiceGuard;

/// The name space whose commands need no prefix.
pub(super) const DEFAULT: &str = "default";

/// A command under one of its names.
#[derive(Clone)]
pub(super) struct Found {
    /// The main name of its name space.
    pub(super) namespace: String,
    /// The name under which it was found, in lower case.
    pub(super) name: String,
    pub(super) command: Command,
    /// Who runs it; in use while this is held.
    pub(super) provider: Arc<ServiceGuard<dyn CommandProvider>>,
}

/// All commands of this moment, by name space and name, both in lower case; aliases are names of their own.
#[derive(Default)]
pub(crate) struct Commands {
    pub(super) namespaces: BTreeMap<String, BTreeMap<String, Found>>,
    /// From other names of name spaces to their main ones.
    aliases: BTreeMap<String, String>,
}

impl Commands {
    /// Asks every provider. Of two that bring one command, the better ranked wins.
    pub(crate) fn now(context: &BundleContext) -> Self {
        let mut commands = Self::default();
        for provider in context.services::<dyn CommandProvider>(None) {
            let reference = provider.reference().clone();
            if catch_unwind(AssertUnwindSafe(|| commands.add(provider))).is_err() {
                tracing::error!(service = %reference, "the command provider panicked: its commands are left out");
            }
        }
        commands
    }

    fn add(&mut self, provider: ServiceGuard<dyn CommandProvider>) {
        let namespace = provider.namespace().to_lowercase();
        for alias in provider.namespace_aliases() {
            self.aliases
                .entry(alias.to_lowercase())
                .or_insert_with(|| namespace.clone());
        }
        let known = self.namespaces.entry(namespace.clone()).or_default();
        let provider = Arc::new(provider);
        for command in provider.commands() {
            for name in std::iter::once(&command.name).chain(command.aliases) {
                let name = name.to_lowercase();
                known.entry(name.clone()).or_insert_with(|| Found {
                    namespace: namespace.clone(),
                    name,
                    command: command.clone(),
                    provider: Arc::clone(&provider),
                });
            }
        }
    }

    /// The commands of a name space, by its main name or another.
    pub(super) fn namespace(&self, name: &str) -> Option<(&str, &BTreeMap<String, Found>)> {
        let name = name.to_lowercase();
        let main = self
            .aliases
            .get(&name)
            .filter(|_| !self.namespaces.contains_key(&name))
            .unwrap_or(&name);
        self.namespaces
            .get_key_value(main)
            .map(|(name, commands)| (name.as_str(), commands))
    }

    /// The names of all name spaces, the aliases too.
    pub(super) fn namespace_names(&self) -> impl Iterator<Item = &String> {
        self.namespaces.keys().chain(self.aliases.keys())
    }

    /// Every command of this bare name, that of the default name space first.
    pub(super) fn named(&self, name: &str) -> Vec<&Found> {
        let name = name.to_lowercase();
        let default = self.namespaces.get(DEFAULT);
        let others = self
            .namespaces
            .iter()
            .filter(|(namespace, _)| *namespace != DEFAULT)
            .map(|(_, commands)| commands);
        default
            .into_iter()
            .chain(others)
            .filter_map(|commands| commands.get(&name))
            .collect()
    }

    /// The command that a name means, with or without a name space.
    ///
    /// # Errors
    /// The line to print.
    pub(super) fn find(&self, name: &str) -> Result<Found, String> {
        if let Some((namespace, command)) = name.split_once('.') {
            let namespace = if namespace.is_empty() {
                DEFAULT
            } else {
                namespace
            };
            let (main, commands) = self
                .namespace(namespace)
                .ok_or_else(|| format!("Unknown name space {}", namespace.to_lowercase()))?;
            let command = command.to_lowercase();
            return commands
                .get(&command)
                .cloned()
                .ok_or_else(|| format!("Unknown command: {main}.{command}"));
        }
        let found = self.named(name);
        match found.as_slice() {
            [] => Err(format!("Unknown command {}", name.to_lowercase())),
            [only] => Ok((*only).clone()),
            [first, ..] if first.namespace == DEFAULT => Ok((*first).clone()),
            several => {
                let namespaces: Vec<&str> = several
                    .iter()
                    .map(|found| found.namespace.as_str())
                    .collect();
                Err(format!(
                    "Multiple name spaces for command '{}': {}",
                    name.to_lowercase(),
                    namespaces.join(", ")
                ))
            }
        }
    }
}
