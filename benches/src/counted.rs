//! Figures counted by dhat, which counts in programs of their own: their lines, read.

use std::collections::HashMap;
use std::process::Command;

use crate::error::Error;

/// What a counting program said: a number for each thing it counted.
pub(crate) struct Counted {
    program: String,
    figures: HashMap<String, f64>,
    said: String,
}

impl Counted {
    /// Runs the program of this name, which lies beside ours. Its lines are a number, a tab, and of what.
    pub(crate) fn by(program: &str) -> Result<Self, Error> {
        let path = std::env::current_exe()?.with_file_name(program);
        let output = Command::new(&path).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let figures = text
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter_map(|(number, what)| Some((what.to_owned(), number.parse().ok()?)));
        Ok(Self {
            program: path.display().to_string(),
            figures: figures.collect(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// The figure for this.
    pub(crate) fn figure(&self, what: &str) -> Result<f64, Error> {
        let Self {
            program,
            figures,
            said,
        } = self;
        let found = figures.get(what).copied();
        found.ok_or_else(|| Error::Answer(format!("no figure for {what} of {program}: {said}")))
    }
}
