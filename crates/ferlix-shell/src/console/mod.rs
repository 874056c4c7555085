//! The bundle `ferlix.shell.console`: the shell on standard input and output, and consoles on anything else.
//!
//! In: lines from a terminal (edited, with history and completion) or from a pipe. Out: what the commands print, through
//! one writer. The console begins when the framework is up. Lines are read on a thread of its own that nothing waits
//! for, so a read that blocks keeps neither the framework nor the program from ending; commands run on the runtime.
//!
//! `quit`, Ctrl-D and a second Ctrl-C stop the framework. The end of input on a pipe does not: a program whose standard
//! input is closed goes on. Deliberately absent: the stop of the process itself, which is the end of its `main`.

mod driver;
mod input;
mod log;
mod terminal;

use std::io::{self, IsTerminal as _, Write as _};

use async_trait::async_trait;
use ferlix_core::bundle;
use ferlix_core::framework::{BoxError, BundleActivator, BundleContext};

pub use driver::{Console, serve};
pub use log::{LogWriter, log_writer};

use input::{LineInput, StandardInput};
use terminal::Terminal;

/// The framework properties that the console reads.
pub mod property {
    /// A script to run before the first prompt. If it fails, the framework stops.
    pub const INIT_FILE: &str = "ferlix.shell.console.init_file";
    /// A script to run in place of a console; the framework stops after it.
    pub const SCRIPT_FILE: &str = "ferlix.shell.console.script_file";
    /// A file that keeps the lines typed on a terminal; none unless set, and then they are kept in memory.
    pub const HISTORY_FILE: &str = "ferlix.shell.console.history_file";
}

bundle!(
    /// The bundle `ferlix.shell.console`.
    pub CONSOLE = "ferlix.shell.console", activator = Activator
);

#[derive(Default)]
struct Activator;

#[async_trait]
impl BundleActivator for Activator {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        // It closes itself when the bundle stops.
        Console::start(context, standard_input(context), print);
        Ok(())
    }
}

/// The editor when both ends are a terminal, else plain lines.
fn standard_input(context: &BundleContext) -> Box<dyn LineInput> {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        match Terminal::open(context) {
            Ok(terminal) => return Box::new(terminal),
            Err(error) => {
                tracing::warn!(%error, "the line editor cannot be used: reading plain lines");
            }
        }
    }
    Box::new(StandardInput)
}

/// Prints to standard output at once. That nobody reads it any more is no reason to stop.
fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text.as_bytes());
    let _ = output.flush();
}
