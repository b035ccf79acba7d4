//! Standard output for data, standard error for everything said to a person.

use crate::command_error::CommandError;
use std::io::Write as _;

/// How this run speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    /// JSON on standard output.
    pub(crate) json: bool,
    /// Errors and results only.
    pub(crate) quiet: bool,
    /// More.
    pub(crate) verbose: bool,
    /// Whether a person reads standard error.
    pub(crate) stderr_is_terminal: bool,
    /// Whether a person could answer a question.
    pub(crate) can_ask: bool,
}

impl Console {
    /// A line of data.
    pub(crate) fn line(&self, text: &str) -> Result<(), CommandError> {
        Ok(writeln!(anstream::stdout().lock(), "{text}")?)
    }

    /// Data that ends its lines itself.
    pub(crate) fn text(&self, text: &str) -> Result<(), CommandError> {
        Ok(write!(anstream::stdout().lock(), "{text}")?)
    }

    /// One JSON document.
    pub(crate) fn document(&self, value: &impl serde::Serialize) -> Result<(), CommandError> {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, value).map_err(std::io::Error::from)?;
        Ok(writeln!(out)?)
    }

    /// A line to the person; left out when only results are wanted.
    pub(crate) fn tell(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr().lock(), "{text}");
        }
    }

    /// Asks a person to type `expected`; anything else is a no.
    pub(crate) fn confirm(&self, question: &str, expected: &str) -> Result<bool, CommandError> {
        let _ = write!(anstream::stderr().lock(), "{question} ");
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        Ok(answer.trim() == expected)
    }
}
