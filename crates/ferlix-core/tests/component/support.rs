//! What the tests share: a service, a journal, and short names for what they do often.

use std::sync::{Arc, Mutex};

use ferlix_core::component::ComponentState;
use ferlix_core::framework::{BundleDefinition, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRegistration;
use ferlix_core::{service, service_impl};

/// Says its name.
#[service("test.echo")]
pub(crate) trait Echo: Send + Sync {
    fn name(&self) -> String;
}

/// An echo in another language.
#[service("test.translator")]
pub(crate) trait Translator: Send + Sync {
    fn language(&self) -> String;
}

/// Keeps what happened.
#[service("test.journal")]
pub(crate) trait Journal: Send + Sync {
    fn write(&self, line: String);
}

pub(crate) struct Named(pub(crate) &'static str);

#[service_impl]
impl Echo for Named {
    fn name(&self) -> String {
        self.0.to_owned()
    }
}

#[service_impl]
impl Translator for Named {
    fn language(&self) -> String {
        format!("{}-language", self.0)
    }
}

#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<String>>);

#[service_impl]
impl Journal for Lines {
    fn write(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

/// A framework with some bundles and a journal.
pub(crate) struct Stage {
    pub(crate) framework: Framework,
    lines: Arc<Lines>,
}

impl Stage {
    pub(crate) async fn new(bundles: &[&'static BundleDefinition]) -> Self {
        let framework = Framework::builder().start().await.unwrap();
        let lines = Arc::new(Lines::default());
        framework
            .context()
            .register::<dyn Journal>(lines.clone(), Properties::new())
            .unwrap();
        for bundle in bundles {
            let bundle = framework.install(bundle).unwrap();
            bundle.start().await.unwrap();
        }
        Self { framework, lines }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.0.lock().unwrap())
    }

    /// Registers an echo with these properties.
    pub(crate) fn echo(
        &self,
        name: &'static str,
        properties: impl Into<Properties>,
    ) -> ServiceRegistration {
        let echo: Arc<dyn Echo> = Arc::new(Named(name));
        let registered = self.framework.context().register(echo, properties.into());
        registered.unwrap()
    }

    pub(crate) async fn make(&self, factory: &str, name: &str, properties: impl Into<Properties>) {
        let components = self.framework.components();
        let made = components.instantiate(factory, name, properties.into());
        made.await.unwrap();
    }

    pub(crate) fn state(&self, name: &str) -> ComponentState {
        self.framework.components().instance(name).unwrap().state
    }

    pub(crate) fn valid(&self, name: &str) -> bool {
        self.state(name) == ComponentState::Valid
    }

    /// The number of a bundle.
    pub(crate) fn bundle(&self, name: &str) -> u64 {
        let bundles = self.framework.bundles();
        let mut named = bundles.iter().filter(|one| one.symbolic_name() == name);
        named.next().unwrap().id()
    }

    /// How many services of a specification there are.
    pub(crate) fn count(&self, specification: &str) -> usize {
        let context = self.framework.context();
        context.references(Some(specification), None).len()
    }
}

pub(crate) fn ranked(ranking: i32) -> Properties {
    Properties::from([("service.ranking", ranking)])
}

/// A value that is a map of texts, as `requires.filters` wants it.
pub(crate) fn map(entries: &[(&str, &str)]) -> Value {
    let entry = |(key, value): &(&str, &str)| ((*key).to_owned(), Value::from(*value));
    Value::Map(entries.iter().map(entry).collect())
}
