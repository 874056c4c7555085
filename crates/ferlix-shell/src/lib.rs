//! The shell of Ferlix: a line is parsed, a command found among the [`CommandProvider`] services, and run.
//!
//! The public interface is:
//! - [`BUNDLES`], and each bundle alone: [`CORE`] (`ferlix.shell.core`: the shell service and the commands of the name
//!   space `default`), [`COMPONENT`] (`ferlix.shell.component`: name space `ipopo`, alias `component`), [`CONSOLE`]
//!   (`ferlix.shell.console`: standard input and output);
//! - [`Shell`], the service by which any bundle runs lines and completes them;
//! - [`Console`] and [`serve`], a console on any input and output;
//! - [`log_writer`], so that log lines stand above the prompt, and [`LogLevels`], so that `loglevel` works.
//!
//! A program turns the console on by installing the set, and hooks its logs up if it has any:
//!
//! ```no_run
//! use ferlix_core::framework::Framework;
//! use ferlix_shell::LogLevels;
//! use tracing_subscriber::{EnvFilter, prelude::*, reload};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
//!     let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
//!     let lines = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(ferlix_shell::log_writer);
//!     tracing_subscriber::registry().with(filter).with(lines).init();
//!
//!     let framework = Framework::builder().install(ferlix_shell::BUNDLES).stop_on_signals().build()?;
//!     LogLevels::new("info", move |directives| Ok(handle.reload(EnvFilter::try_new(directives)?)?)).offer(&framework)?;
//!     framework.start().await?;
//!     framework.wait_for_stop().await?;
//!     Ok(())
//! }
//! ```
//!
//! Deliberately absent: the commands of other crates (each brings its own [`CommandProvider`]), and a remote shell.
//!
//! [`CommandProvider`]: ferlix_core::command::CommandProvider

mod commands;
mod component;
mod console;
mod shell;

use ferlix_core::framework::BundleSet;

pub use commands::{CORE, LogLevels};
pub use component::COMPONENT;
pub use console::{CONSOLE, Console, LogWriter, log_writer, property, serve};
pub use shell::{Completions, Shell};

/// The three bundles of the shell.
pub static BUNDLES: BundleSet = BundleSet {
    bundles: &[&CORE, &COMPONENT, &CONSOLE],
    instances: &[],
};
