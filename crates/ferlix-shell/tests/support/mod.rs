//! A framework with the shell, and bundles to look at.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test program uses a part, and all of it is for tests"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ferlix_core::command::{
    Arguments, Command, CommandError, CommandProvider, CommandResult, Session,
};
use ferlix_core::component::{
    Best, CallbackFuture, Callbacks, Component, ComponentError, ComponentFactory, Fields, Live,
    Many, Opt, RetryPolicy,
};
use ferlix_core::framework::{
    BoxError, BundleActivator, BundleContext, BundleDefinition, Framework,
};
use ferlix_core::property::{Properties, Value};
use ferlix_core::service::{Interface, Service};
use ferlix_shell::Shell;

/// A service without methods.
pub(crate) trait Part: Send + Sync {}

impl Service for dyn Part {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.part");
        &INTERFACE
    }
}

pub(crate) struct Piece;

impl Part for Piece {}

/// A service that a component provides.
pub(crate) trait Whole: Send + Sync {}

impl Service for dyn Whole {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.whole");
        &INTERFACE
    }
}

/// A component with a field of each kind.
pub(crate) struct Assembly;

impl Whole for Assembly {}

impl Component for Assembly {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("assembly-factory")
            .provides::<Self, dyn Whole>(|this| this)
            .property("kind", "assembly")
            .value::<Option<String>>("label", None)
            .value::<Live<u32>>("pause", Some(Value::from(5)))
            .inject::<Arc<dyn Part>>("fixed", "(role=main)", 0)
            .inject::<Best<dyn Part>>("best", "", 0)
            .inject::<Opt<dyn Part>>("maybe", "", 0)
            .inject::<Many<dyn Part>>("all", "", 0)
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        fields.property::<Option<String>>("label")?;
        fields.property::<Live<u32>>("pause")?;
        Ok(Self)
    }
}

/// A component that does not come up until its property `good` is true.
struct Broken(bool);

impl Component for Broken {
    fn factory() -> ComponentFactory {
        fn validate(this: Arc<Broken>) -> CallbackFuture {
            Box::pin(async move {
                if this.0 {
                    Ok(())
                } else {
                    Err("no luck".into())
                }
            })
        }
        let callbacks = Callbacks::<Self> {
            validate: Some(|this, _| validate(this)),
            ..Callbacks::default()
        };
        ComponentFactory::of::<Self>("broken-factory")
            .value::<bool>("good", Some(Value::from(false)))
            .retry(RetryPolicy::Off)
            .callbacks(callbacks)
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self(fields.property("good")?))
    }
}

/// Commands of the name space `test`, other names `t` and `T2`.
pub(crate) struct TestCommands(pub(crate) &'static str, pub(crate) Vec<Command>);

#[async_trait]
impl CommandProvider for TestCommands {
    fn namespace(&self) -> &str {
        self.0
    }

    fn namespace_aliases(&self) -> &[&'static str] {
        if self.0 == "test" { &["t", "T2"] } else { &[] }
    }

    fn commands(&self) -> &[Command] {
        &self.1
    }

    async fn run(&self, command: &str, arguments: &Arguments, session: &Session) -> CommandResult {
        match command {
            "panic" => panic!("no way"),
            "fail" => Err(CommandError::Failed),
            "refuse" => Err(CommandError::Arguments("not like this".to_owned())),
            "error" => Err(CommandError::Error {
                kind: "TestError".to_owned(),
                message: "it went\u{1b}[2J\nwrong".to_owned(),
            }),
            "give" => Ok(Some(Value::from(vec![
                arguments.word(0).unwrap_or("nothing"),
            ]))),
            other => {
                let keywords = &arguments.keywords;
                session.line(format!(
                    "{}.{other} {:?} {keywords:?}",
                    self.0, arguments.words
                ));
                Ok(None)
            }
        }
    }
}

struct Failing;

#[async_trait]
impl BundleActivator for Failing {
    async fn start(&self, _: &BundleContext) -> Result<(), BoxError> {
        Err("out of order".into())
    }
}

pub(crate) static PARTS: BundleDefinition = BundleDefinition {
    symbolic_name: "test.parts",
    version: "1.2.3",
    location: "parts.rs",
    components: &[Assembly::factory, Broken::factory],
    activator: None,
};

pub(crate) static LATER: BundleDefinition = BundleDefinition {
    symbolic_name: "test.later",
    version: "0.0.0",
    location: "later.rs",
    components: &[],
    activator: None,
};

pub(crate) static FAILING: BundleDefinition = BundleDefinition {
    symbolic_name: "test.failing",
    activator: Some(|| Box::new(Failing)),
    ..LATER
};

/// A framework with the shell, without console, and a session.
pub(crate) struct Bench {
    pub(crate) framework: Framework,
    pub(crate) session: Session,
    printed: Arc<Mutex<String>>,
}

impl Bench {
    /// Bundles 2 and 3 are the shell's, 4 is [`PARTS`].
    pub(crate) async fn new() -> Self {
        let framework = Framework::builder()
            .property("framework.uid", "the-uid")
            .property("Some.List", vec!["a", "b"])
            .property("db.password", "secret")
            .catalogue(&[&LATER, &FAILING])
            .install(&ferlix_shell::CORE)
            .install(&ferlix_shell::COMPONENT)
            .install(&PARTS)
            .start()
            .await
            .unwrap();
        let printed: Arc<Mutex<String>> = Arc::default();
        let output = Arc::clone(&printed);
        let session = Session::new(move |text| output.lock().unwrap().push_str(text));
        Self {
            framework,
            session,
            printed,
        }
    }

    /// Runs a line: whether it succeeded, and what it printed.
    pub(crate) async fn run(&self, line: &str) -> (bool, String) {
        let shell = self.framework.context().service::<dyn Shell>(None).unwrap();
        let success = tokio::time::timeout(DEADLINE, shell.execute(line, &self.session))
            .await
            .unwrap();
        (success, std::mem::take(&mut *self.printed.lock().unwrap()))
    }

    /// What a line that succeeds prints.
    pub(crate) async fn good(&self, line: &str) -> String {
        let (success, text) = self.run(line).await;
        assert!(success, "{line}: {text}");
        text
    }

    /// What a line that fails prints.
    pub(crate) async fn bad(&self, line: &str) -> String {
        let (success, text) = self.run(line).await;
        assert!(!success, "{line}: {text}");
        text
    }

    /// What could stand at the end of a line.
    pub(crate) fn complete(&self, line: &str) -> (usize, Vec<String>) {
        let shell = self.framework.context().service::<dyn Shell>(None).unwrap();
        let completions = shell.complete(line, line.len());
        (completions.start, completions.candidates)
    }

    pub(crate) fn register_commands(&self, namespace: &'static str, commands: Vec<Command>) {
        let provider = Arc::new(TestCommands(namespace, commands));
        self.framework
            .context()
            .register::<dyn CommandProvider>(provider, Properties::new())
            .unwrap();
    }

    pub(crate) fn register_part(&self, properties: Properties) {
        self.framework
            .context()
            .register::<dyn Part>(Arc::new(Piece), properties)
            .unwrap();
    }
}

/// How long a test waits for what must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
