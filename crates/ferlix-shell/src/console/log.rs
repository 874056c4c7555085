//! [`log_writer`]: log lines go to standard error, and above the prompt while a line is being edited there.
//!
//! A terminal is one for the whole process, and so is what is known of it here: the prompt that is open, if any. Log
//! lines that come meanwhile are handed to a thread that passes them to the line editor, which may block, so that no
//! thread of the runtime does. Deliberately absent: logs on anything but standard error; one that is no terminal gets
//! its lines at once.

use std::io::{self, IsTerminal as _, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustyline::ExternalPrinter;

/// How many log lines may wait for the editor; those beyond are printed over the prompt.
const WAITING: usize = 256;

/// Where log lines go while a prompt is open.
static PROMPT: Mutex<Option<SyncSender<String>>> = Mutex::new(None);

/// A writer of log lines that leaves the prompt of the console whole: give this function to `tracing-subscriber`'s
/// `with_writer`.
#[must_use]
pub fn log_writer() -> LogWriter {
    LogWriter { text: Vec::new() }
}

/// Collects a text and prints it when it is flushed or dropped; see [`log_writer`].
#[derive(Debug)]
pub struct LogWriter {
    text: Vec<u8>,
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let text = std::mem::take(&mut self.text);
        let prompt = PROMPT
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match prompt {
            Some(prompt) => {
                let lines = String::from_utf8_lossy(&text).into_owned();
                prompt
                    .try_send(lines)
                    .or_else(|_| io::stderr().write_all(&text))
            }
            None => io::stderr().write_all(&text),
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        // Where logs cannot be written, nothing can be said about it.
        let _ = self.flush();
    }
}

/// The way of log lines to one line editor.
pub(super) struct AbovePrompt {
    lines: Option<SyncSender<String>>,
}

impl AbovePrompt {
    /// Log lines through this printer, if standard error is a terminal.
    pub(super) fn new(printer: Option<impl ExternalPrinter + Send + 'static>) -> Self {
        let lines = printer
            .filter(|_| io::stderr().is_terminal())
            .and_then(|printer| {
                let (sender, receiver) = sync_channel(WAITING);
                let thread = thread::Builder::new().name("ferlix-console-log".to_owned());
                thread
                    .spawn(move || pass_on(&receiver, printer))
                    .is_ok()
                    .then_some(sender)
            });
        Self { lines }
    }

    /// From now on log lines go above the prompt.
    pub(super) fn open(&self) {
        *PROMPT.lock().unwrap_or_else(PoisonError::into_inner) = self.lines.clone();
    }

    /// From now on they go to standard error.
    pub(super) fn close() {
        *PROMPT.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn pass_on(lines: &Receiver<String>, mut printer: impl ExternalPrinter) {
    while let Ok(line) = lines.recv() {
        // An editor that is gone leaves the line to standard error.
        if printer.print(line.clone()).is_err() {
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }
}
