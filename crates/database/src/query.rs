//! One statement of a probe.

use crate::connection::{Answer, Connection, Row, within};
use crate::error::Result;

/// How many rows are kept for people to see.
const SHOWN: usize = 20;

/// What a probe's statement brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// How many rows came.
    pub count: u64,
    /// How many rows it changed, where it is no question.
    pub affected: u64,
    /// The first rows, as texts.
    pub rows: Vec<Row>,
}

/// Runs a statement, within the time of the connection's [`Access`](crate::Access).
///
/// # Errors
/// [`Error::Denied`](crate::Error::Denied) where a right is lacking, [`Error::Server`](crate::Error::Server) where the server says no for
/// another reason, [`Error::TimedOut`](crate::Error::TimedOut), [`Error::Lost`](crate::Error::Lost). A refused login is seen when connecting.
pub async fn query(connection: &mut Connection, statement: &str) -> Result<Found> {
    let limit = connection.timeout();
    let mut answers = within(limit, "the answer to a statement", connection.ask(statement)).await?;
    // CALL brings rows and, behind them, an answer of its own without any.
    let told = answers.iter().rposition(|answer| !answer.rows.is_empty()).unwrap_or(answers.len().saturating_sub(1));
    let last = if answers.is_empty() { Answer::default() } else { answers.swap_remove(told) };
    let count = last.rows.len() as u64;
    let rows = last.rows.into_iter().take(SHOWN).collect();
    Ok(Found { count, affected: last.affected, rows })
}
