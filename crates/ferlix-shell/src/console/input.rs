//! Where a console's lines come from: [`LineInput`], and plain [`Lines`].

use std::io::BufRead;

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

/// Plain lines of UTF-8; other bytes become U+FFFD. A read error ends them.
pub(super) struct Lines<R> {
    input: R,
    stops_at_end: bool,
}

impl<R: BufRead + Send> Lines<R> {
    pub(super) fn new(input: R, stops_at_end: bool) -> Self {
        Self {
            input,
            stops_at_end,
        }
    }
}

impl<R: BufRead + Send> LineInput for Lines<R> {
    fn stops_at_end(&self) -> bool {
        self.stops_at_end
    }

    fn read(&mut self, _: &str) -> Input {
        let mut line = Vec::new();
        match self.input.read_until(b'\n', &mut line) {
            Ok(0) => Input::End,
            Ok(_) => Input::Line(
                String::from_utf8_lossy(&line)
                    .trim_end_matches(['\r', '\n'])
                    .to_owned(),
            ),
            Err(error) => {
                tracing::warn!(%error, "the console's input cannot be read any more");
                Input::End
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_kind() {
        let mut lines = Lines::new(&b"a\n\nb \r\n\xFFc"[..], false);
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
