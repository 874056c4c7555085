//! Where a console's lines come from: [`LineInput`], and plain [`Lines`].

use std::io::{self, BufRead, IsTerminal as _};

/// What a read gives.
#[derive(Debug, PartialEq)]
pub(super) enum Input {
    Line(String),
    /// Ctrl-C on a terminal.
    Interrupted,
    End,
}

/// A source of lines. Reads block, and are made on a thread of its own.
pub(super) trait LineInput: Send {
    /// Whether it shows the prompt itself; else the console prints it before the read.
    fn shows_prompt(&self) -> bool {
        false
    }

    /// Whether its end stops the framework.
    fn stops_at_end(&self) -> bool;

    /// The next line.
    fn read(&mut self, prompt: &str) -> Input;

    /// What puts the terminal back as it was when a read is given up.
    fn restore(&self) -> Box<dyn Fn() + Send + Sync> {
        Box::new(|| {})
    }
}

/// Plain lines of any source, whose end leaves the framework running.
pub(super) struct Lines<R>(pub(super) R);

impl<R: BufRead + Send> LineInput for Lines<R> {
    fn stops_at_end(&self) -> bool {
        false
    }

    fn read(&mut self, _: &str) -> Input {
        read_line(&mut self.0)
    }
}

/// Plain lines of standard input; its end stops the framework if it is a terminal. What is read ahead stays with the
/// process, for the next console.
pub(super) struct StandardInput;

impl LineInput for StandardInput {
    fn stops_at_end(&self) -> bool {
        io::stdin().is_terminal()
    }

    fn read(&mut self, _: &str) -> Input {
        read_line(&mut io::stdin().lock())
    }
}

/// A line of UTF-8; other bytes become U+FFFD. A read error is the end.
fn read_line(input: &mut impl BufRead) -> Input {
    let mut line = Vec::new();
    match input.read_until(b'\n', &mut line) {
        Ok(0) => Input::End,
        Ok(_) => {
            let line = String::from_utf8_lossy(&line);
            Input::Line(line.trim_end_matches(['\r', '\n']).to_owned())
        }
        Err(error) => {
            tracing::warn!(%error, "the console's input cannot be read any more");
            Input::End
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_kind() {
        let mut lines = Lines(&b"a\n\nb \r\n\xFFc"[..]);
        let read: Vec<Input> = std::iter::repeat_with(|| lines.read("")).take(5).collect();
        let line = |text: &str| Input::Line(text.to_owned());
        assert_eq!(
            read,
            [
                line("a"),
                line(""),
                line("b "),
                line("\u{FFFD}c"),
                Input::End
            ]
        );
    }
}
