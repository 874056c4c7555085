//! [`Terminal`]: lines edited on a terminal, with history, completion and log lines above the prompt.

use std::path::PathBuf;

use ferlix_core::framework::BundleContext;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::input::{Input, LineInput};
use super::log::AbovePrompt;
use super::property;
use crate::shell::Shell;

/// How many lines the history keeps.
const HISTORY: usize = 1000;

/// The line editor on standard input and output.
pub(super) struct Terminal {
    editor: Editor<Words, DefaultHistory>,
    history_file: Option<PathBuf>,
    logs: AbovePrompt,
    mode: SavedMode,
}

impl Terminal {
    /// Takes hold of the terminal.
    ///
    /// # Errors
    /// When it cannot be edited on.
    pub(super) fn open(context: &BundleContext) -> rustyline::Result<Self> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .max_history_size(HISTORY)?
            .auto_add_history(true)
            // A pasted text of several lines is several commands.
            .bracketed_paste(false)
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Words {
            context: context.clone(),
        }));
        let history_file = context
            .property(property::HISTORY_FILE)
            .map(|path| PathBuf::from(path.to_string()));
        if let Some(path) = history_file.as_ref().filter(|path| path.exists())
            && let Err(error) = editor.load_history(path)
        {
            tracing::warn!(path = %path.display(), %error, "the console's history cannot be read");
        }
        let printer = editor.create_external_printer();
        Ok(Self {
            logs: AbovePrompt::new(printer.ok()),
            mode: SavedMode::take(),
            history_file,
            editor,
        })
    }

    fn keep_history(&mut self) {
        if let Some(path) = &self.history_file
            && let Err(error) = self.editor.append_history(path)
        {
            tracing::warn!(path = %path.display(), %error, "the console's history cannot be written: it is kept in memory");
            self.history_file = None;
        }
    }
}

impl LineInput for Terminal {
    fn shows_prompt(&self) -> bool {
        true
    }

    fn stops_at_end(&self) -> bool {
        true
    }

    fn read(&mut self, prompt: &str) -> Input {
        loop {
            self.logs.open();
            let line = self.editor.readline(prompt);
            AbovePrompt::close();
            return match line {
                Ok(line) => {
                    self.keep_history();
                    Input::Line(line)
                }
                Err(ReadlineError::Interrupted) => Input::Interrupted,
                // The window was resized, or the process continued: the prompt is shown again.
                Err(ReadlineError::Signal(_)) => continue,
                Err(ReadlineError::Eof) => Input::End,
                Err(error) => {
                    tracing::warn!(%error, "the terminal cannot be read any more");
                    Input::End
                }
            };
        }
    }

    fn restore(&self) -> Box<dyn Fn() + Send + Sync> {
        let mode = self.mode.clone();
        Box::new(move || {
            AbovePrompt::close();
            mode.restore();
        })
    }
}

/// Completes with what the shell says.
struct Words {
    context: BundleContext,
}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let shell = self.context.service::<dyn Shell>(None);
        let completions = shell
            .map(|shell| shell.complete(line, position))
            .unwrap_or_default();
        Ok((completions.start, completions.candidates))
    }
}

impl Hinter for Words {
    type Hint = String;
}
impl Highlighter for Words {}
impl Validator for Words {}
impl Helper for Words {}

/// The mode of the terminal before it was edited on: the editor puts it back after each line, but not when the program
/// ends while a line is being typed.
#[derive(Clone)]
struct SavedMode {
    #[cfg(unix)]
    mode: Option<std::sync::Arc<std::sync::Mutex<nix::sys::termios::Termios>>>,
}

#[cfg(unix)]
impl SavedMode {
    fn take() -> Self {
        let mode = nix::sys::termios::tcgetattr(std::io::stdin()).ok();
        Self {
            mode: mode.map(|mode| std::sync::Arc::new(std::sync::Mutex::new(mode))),
        }
    }

    fn restore(&self) {
        use nix::sys::termios::{SetArg, tcsetattr};
        if let Some(mode) = &self.mode {
            let mode = mode
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            // A terminal that is gone needs no mode.
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &mode);
        }
    }
}

#[cfg(not(unix))]
impl SavedMode {
    fn take() -> Self {
        Self {}
    }

    fn restore(&self) {}
}
