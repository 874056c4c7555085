//! What the tutorial's programs share: arguments, log, framework, console.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use ferlix::framework::BundleState;
use ferlix::prelude::*;
use ferlix::shell::LogLevels;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, reload};

use crate::{consumer, exporter};

/// The arguments of each program.
#[derive(Parser, Clone, Debug)]
pub struct Arguments {
    /// A framework property, e.g. -D etcd.hostname=etcd.example.org or -D ferlix.http.port=8190. May be repeated.
    #[arg(short = 'D', value_name = "name=value", value_parser = definition)]
    define: Vec<(String, String)>,
    /// What is logged, to stderr: error, warn, info, debug, trace, or a tracing filter.
    #[arg(long, default_value = "info")]
    log: String,
    /// Without the console: nothing is read from stdin.
    #[arg(long)]
    no_console: bool,
}

fn definition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write it as name=value, for example -D etcd.port=2379".to_owned()),
    }
}

impl Arguments {
    /// The framework properties: those given, over the program's own.
    fn properties<const N: usize>(&self, own: [(&'static str, Value); N]) -> Properties {
        let mut properties = Properties::from(own);
        properties.extend(
            self.define
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        properties
    }
}

/// Runs the exporter: the greeting service on a port of its own, until a signal or `quit`.
#[must_use]
pub fn export(arguments: &Arguments, port: u16) -> ExitCode {
    let properties = arguments.properties([
        ("etcd.hostname", "localhost".into()),
        ("etcd.port", 2379.into()),
        ("ferlix.http.address", "127.0.0.1".into()),
        ("ferlix.http.port", port.into()),
    ]);
    run(arguments, &properties, async |framework| {
        connect(framework).await?;
        // The HTTP service is what the XML-RPC distribution provider is mounted on.
        ferlix::http::instantiate(&framework.context(), Properties::new()).await?;
        framework.install(&exporter::BUNDLE)?.start().await
    })
}

/// Runs the consumer, until a signal or `quit`.
#[must_use]
pub fn consume(arguments: &Arguments) -> ExitCode {
    let properties = arguments.properties([
        ("etcd.hostname", "localhost".into()),
        ("etcd.port", 2379.into()),
    ]);
    run(arguments, &properties, async |framework| {
        framework.install(&consumer::BUNDLE)?.start().await?;
        connect(framework).await
    })
}

/// The topology manager first, so that it sees what the discovery finds; then the discovery.
async fn connect(framework: &Framework) -> Result<(), ferlix::Error> {
    let context = framework.context();
    ferlix::remote::topology::instantiate(&context, Properties::new()).await?;
    ferlix::discovery_etcd::instantiate(&context, Properties::new())
        .on_connected(|_| println!("Etcd3 connected!"))
        .await
}

/// Sets up the log and the framework, furnishes it, and waits for its end.
fn run(
    arguments: &Arguments,
    properties: &Properties,
    furnish: impl AsyncFnOnce(&Framework) -> Result<(), ferlix::Error>,
) -> ExitCode {
    let levels = match log(&arguments.log) {
        Ok(levels) => levels,
        Err(error) => {
            eprintln!(
                "--log {}: {error}. Write a level (error, warn, info, debug, trace) or a tracing filter",
                arguments.log
            );
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut builder = Framework::builder()
        .properties(properties)
        .catalogue(&[&exporter::BUNDLE, &consumer::BUNDLE])
        .stop_on_signals();
    if !arguments.no_console {
        builder = builder.install(ferlix::bundles::SHELL);
    }
    let end = runtime.block_on(async {
        let framework = builder.install(ferlix::bundles::REMOTE_BUNDLES).build()?;
        levels.offer(&framework)?;
        framework.start().await?;
        match furnish(&framework).await {
            // Who stops the program while it starts gets a clean stop, not an error.
            Err(error) if framework.state() == BundleState::Active => Err(error),
            _ => framework.wait_for_stop().await,
        }
    });
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", ferlix::error_chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Logs to stderr, above the prompt of the console, in colours for people only; `loglevel` changes what is logged.
fn log(directives: &str) -> Result<LogLevels, ParseError> {
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(directives)?);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(ferlix::shell::log_writer);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
    Ok(LogLevels::new(directives, move |directives| {
        Ok(handle.reload(EnvFilter::try_new(directives)?)?)
    }))
}
