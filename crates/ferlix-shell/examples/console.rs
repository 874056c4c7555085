//! A program with a console: its log lines stand above the prompt, `loglevel` works, and a bundle of it brings a command.
//!
//! Run it with `cargo run -p ferlix-shell --example console`, and type `help`.

use std::error::Error;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ferlix_core::bundle;
use ferlix_core::command::{
    Arguments, Command, CommandError, CommandProvider, CommandResult, Completion, Session,
};
use ferlix_core::framework::{BoxError, BundleActivator, BundleContext, Framework};
use ferlix_core::property::Properties;
use ferlix_shell::LogLevels;
use tracing_subscriber::{EnvFilter, prelude::*, reload};

bundle!(LATER = "example.later", activator = Activator);

#[derive(Default)]
struct Activator;

#[async_trait]
impl BundleActivator for Activator {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        let later = Command::new("later", "Logs a line after a while.")
            .required("milliseconds", Completion::None);
        context.register::<dyn CommandProvider>(Arc::new(Commands([later])), Properties::new())?;
        Ok(())
    }
}

/// Commands of the name space `example`.
struct Commands([Command; 1]);

#[async_trait]
impl CommandProvider for Commands {
    fn namespace(&self) -> &str {
        "example"
    }

    fn commands(&self) -> &[Command] {
        &self.0
    }

    async fn run(&self, _: &str, arguments: &Arguments, _: &Session) -> CommandResult {
        let pause = arguments.required(0, "milliseconds")?.parse();
        let pause =
            pause.map_err(|error| CommandError::Arguments(format!("milliseconds: {error}")))?;
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            tracing::info!("{pause} ms later");
        });
        Ok(None)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(ferlix_shell::log_writer);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();

    // `name=value` words of the command line are framework properties.
    let properties: Properties = std::env::args()
        .filter_map(|word| {
            word.split_once('=')
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
        })
        .collect();
    let framework = Framework::builder()
        .properties(&properties)
        .install(ferlix_shell::BUNDLES)
        .install(&LATER)
        .stop_on_signals()
        .build()?;
    LogLevels::new("info", move |directives| {
        Ok(handle.reload(EnvFilter::try_new(directives)?)?)
    })
    .offer(&framework)?;
    framework.start().await?;
    framework.wait_for_stop().await?;
    Ok(())
}
