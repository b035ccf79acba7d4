//! Explicit guarantees and the implicit one: exactly the stated edges, and nothing else.

use super::chains::Network;
use super::report::ProofReport;
use super::verdict::Status;
use serde::Serialize;

/// Who, in a guarantee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaches {
    /// None of these.
    Nothing(Vec<String>),
    /// These and no other.
    Only(Vec<String>),
    /// Each of these, wholly.
    Every(Vec<String>),
}

/// `nothing`/`only`/`every` of some reach something, perhaps through something only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarantee {
    /// Sources by name; `internet` means both families.
    pub who: Reaches,
    /// A component, with or without `:port`; `internet`; `service:s3`.
    pub reaches: String,
    /// Every chain goes through this component.
    pub through: Option<String>,
}

/// An edge that a manifest states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedEdge {
    /// The source's name, as in the matrix; `internet` means both families.
    pub from: String,
    /// The column's name, as in the matrix.
    pub to: String,
    /// Whether it must be open; otherwise it may be.
    pub is_open: bool,
}

/// Whether a guarantee holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Proved.
    Holds,
    /// Refuted.
    Violated,
    /// Neither.
    Unknown,
}

/// A guarantee with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuaranteeReport {
    /// What was claimed.
    pub claim: String,
    /// Whether it holds.
    pub outcome: Outcome,
    /// The pairs that break it or leave it open, each in a sentence.
    pub evidence: Vec<String>,
}

/// `internet` stands for both families.
pub(super) fn is_source(row: &str, name: &str) -> bool {
    row == name || (name == "internet" && row.starts_with("internet-v"))
}

fn is_destination(report: &ProofReport, column: usize, name: &str) -> bool {
    let column = &report.destinations[column];
    column.name == name
        || column.component.as_deref() == Some(name)
        || (name == "internet" && column.name.starts_with("internet-v"))
}

/// The cells from rows that `from` picks to columns that are `to`, with their names.
fn pairs<'r>(
    report: &'r ProofReport,
    from: &'r dyn Fn(&str) -> bool,
    to: &'r str,
) -> impl Iterator<Item = (&'r super::report::Cell, String)> {
    report
        .cells
        .iter()
        .filter(move |cell| from(&report.sources[cell.source]) && is_destination(report, cell.destination, to))
        .map(|cell| {
            let text = format!(
                "{} to {}: {}",
                report.sources[cell.source],
                report.destinations[cell.destination].name,
                cell.status.word()
            );
            (cell, text)
        })
}

/// Judges a guarantee by a matrix.
#[must_use]
pub fn judge(report: &ProofReport, network: &Network, guarantee: &Guarantee) -> GuaranteeReport {
    let (word, names) = match &guarantee.who {
        Reaches::Nothing(names) => ("nothing of", names),
        Reaches::Only(names) => ("only", names),
        Reaches::Every(names) => ("every of", names),
    };
    let through = guarantee.through.as_ref().map_or(String::new(), |through| format!(" through {through} only"));
    let claim = format!("{word} {} reaches {}{through}", names.join(", "), guarantee.reaches);
    let mut judged = GuaranteeReport { claim, outcome: Outcome::Holds, evidence: Vec::new() };
    let known = |name: &str| report.sources.iter().any(|row| is_source(row, name));
    for name in names.iter().filter(|name| !known(name)) {
        judged.worsen(Outcome::Unknown, format!("there is no source {name}"));
    }
    if !(0..report.destinations.len()).any(|column| is_destination(report, column, &guarantee.reaches)) {
        judged.worsen(Outcome::Unknown, format!("there is no destination {}", guarantee.reaches));
    }
    let is_named = |row: &str| names.iter().any(|name| is_source(row, name));
    if let Some(through) = &guarantee.through {
        judge_through(network, names, guarantee, through, &mut judged);
        return judged;
    }
    match &guarantee.who {
        Reaches::Nothing(_) => {
            for (cell, text) in pairs(report, &is_named, &guarantee.reaches) {
                judged.must_be_closed(cell.status, text);
            }
        }
        Reaches::Only(_) => {
            let own = guarantee.reaches.split(':').next().unwrap_or_default().to_owned();
            let is_other = |row: &str| !is_named(row) && row != own;
            for (cell, text) in pairs(report, &is_other, &guarantee.reaches) {
                judged.must_be_closed(cell.status, text);
            }
        }
        Reaches::Every(_) => {
            for name in names {
                let rows = |row: &str| is_source(row, name);
                let best = pairs(report, &rows, &guarantee.reaches).max_by_key(|(cell, _)| cell.status);
                match best {
                    Some((cell, _)) if cell.status == Status::Reachable => {}
                    Some((cell, text)) if cell.status == Status::Unknown => judged.worsen(Outcome::Unknown, text),
                    Some((_, text)) => judged.worsen(Outcome::Violated, text),
                    None => judged.worsen(Outcome::Violated, format!("{name} to {}: unreachable", guarantee.reaches)),
                }
            }
        }
    }
    judged
}

fn judge_through(
    network: &Network,
    names: &[String],
    guarantee: &Guarantee,
    through: &str,
    judged: &mut GuaranteeReport,
) {
    let component = guarantee.reaches.split(':').next().unwrap_or_default();
    for name in names {
        let rows: Vec<String> = if name == "internet" {
            vec!["internet-v4".to_owned(), "internet-v6".to_owned()]
        } else {
            vec![name.clone()]
        };
        let mut is_reached = false;
        for row in rows {
            if let Some(chain) = network.chains(&row, Some(through)).get(component) {
                let text = format!("{row} -> {} goes past {through}", chain.steps.join(" -> "));
                judged.worsen(if chain.is_certain { Outcome::Violated } else { Outcome::Unknown }, text);
            }
            is_reached |= network.chains(&row, None).get(component).is_some_and(|chain| chain.is_certain);
        }
        if !is_reached {
            judged.worsen(Outcome::Unknown, format!("{name} is not proved to reach {component} at all"));
        }
    }
}

impl GuaranteeReport {
    fn worsen(&mut self, outcome: Outcome, evidence: String) {
        self.evidence.push(evidence);
        if self.outcome != Outcome::Violated {
            self.outcome = outcome;
        }
    }

    fn must_be_closed(&mut self, status: Status, text: String) {
        match status {
            Status::Unreachable => {}
            Status::Unknown => self.worsen(Outcome::Unknown, text),
            Status::Partly | Status::Reachable => self.worsen(Outcome::Violated, text),
        }
    }
}

/// The implicit guarantee: the matrix opens exactly the stated edges.
#[must_use]
pub fn judge_edges(report: &ProofReport, edges: &[StatedEdge]) -> GuaranteeReport {
    let claim = "exactly the stated edges, and nothing else".to_owned();
    let mut judged = GuaranteeReport { claim, outcome: Outcome::Holds, evidence: Vec::new() };
    let is_stated = |source: &str, column: usize| {
        edges.iter().any(|edge| is_source(source, &edge.from) && is_destination(report, column, &edge.to))
    };
    for cell in &report.cells {
        let (source, column) = (&report.sources[cell.source], &report.destinations[cell.destination].name);
        if !is_stated(source, cell.destination) && cell.status != Status::Unreachable {
            judged.must_be_closed(
                cell.status,
                format!("{source} to {column}: {}, and no edge states it", cell.status.word()),
            );
        }
    }
    for edge in edges.iter().filter(|edge| edge.is_open) {
        let rows = |row: &str| is_source(row, &edge.from);
        let best = pairs(report, &rows, &edge.to).map(|(cell, _)| cell.status).max();
        match best {
            Some(Status::Reachable | Status::Partly) => {}
            Some(Status::Unknown) => judged.worsen(Outcome::Unknown, format!("{} to {}: unknown", edge.from, edge.to)),
            _ => judged.worsen(Outcome::Violated, format!("{} to {}: stated, but unreachable", edge.from, edge.to)),
        }
    }
    judged
}
