//! What a proof found, as data.

use super::chains::Chain;
use super::guarantee::GuaranteeReport;
use super::hints::Hint;
use super::verdict::{Status, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

/// The version of the JSON form.
pub const REPORT_VERSION: u32 = 1;

/// A combination of conditions that was examined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScenarioReport {
    /// What leads there; empty when nothing had to be chosen.
    pub when: Vec<String>,
    /// Every condition.
    pub conditions: BTreeMap<String, bool>,
}

/// A column of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// As it is asked for: `Database:5432`, `Resolver:udp/53`, `internet`, `service:s3`.
    pub name: String,
    /// The component, if it is one.
    pub component: Option<String>,
    /// The line on which that listens.
    pub line: u32,
}

/// One cell of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Index into the sources.
    pub source: usize,
    /// Index into the destinations.
    pub destination: usize,
    /// In one word.
    pub status: Status,
    /// The reasons; large matrices have none, ask for the pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<Verdict>>,
}

/// The answer to a question that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// With the reasons.
    pub verdict: Verdict,
}

/// What was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectationReport {
    /// `reachable` or `unreachable`.
    pub expected: String,
    /// Whether that is proved.
    pub is_met: bool,
    /// In a sentence.
    pub text: String,
}

/// What made a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The path in the manifest.
    pub path: String,
    /// The line there, from 1; 0 when it is not known.
    pub line: u32,
}

/// Everything that a proof found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProofReport {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The file.
    pub file: String,
    /// The combinations of conditions that were examined.
    pub scenarios: Vec<ScenarioReport>,
    /// Whether there are no other combinations.
    pub all_scenarios_examined: bool,
    /// Conditions that hold or not only by a parameter's default.
    pub conditions_by_default: Vec<String>,
    /// Rows of the matrix.
    pub sources: Vec<String>,
    /// Columns of the matrix.
    pub destinations: Vec<Column>,
    /// Cells; pairs without a cell are unreachable when [`ProofReport::is_sparse`], and were not asked otherwise.
    pub cells: Vec<Cell>,
    /// Whether unreachable pairs have no cell.
    pub is_sparse: bool,
    /// Answers to what was asked.
    pub answers: Vec<Answer>,
    /// Whether they are as expected.
    pub expectation: Option<ExpectationReport>,
    /// Guarantees with their outcomes.
    pub guarantees: Vec<GuaranteeReport>,
    /// What can be reached over others, not directly.
    pub chains: Vec<Chain>,
    /// Rules that could be narrower or could go.
    pub hints: Vec<Hint>,
    /// What was assumed or ignored.
    pub notes: Vec<String>,
    /// What made each resource, by logical id, when the resources were made from a manifest.
    pub origins: BTreeMap<String, Origin>,
}

impl ProofReport {
    /// The line of a place in the file, and the path in the manifest if the resources were made from one. Parts of
    /// a resource are named `Id.part` and `Id[0]`.
    #[must_use]
    pub fn line_of(&self, place: &super::picture::Place) -> (u32, Option<&str>) {
        let root = place.id.split(['.', '[']).next().unwrap_or_default();
        match self.origins.get(root) {
            Some(origin) => (origin.line, Some(&origin.path)),
            None => (place.line, None),
        }
    }

    /// The status of a pair by name.
    #[must_use]
    pub fn status(&self, source: &str, destination: &str) -> Option<Status> {
        let source = self.sources.iter().position(|name| name == source)?;
        let destination = self.destinations.iter().position(|column| column.name == destination)?;
        // Cells are sorted.
        let cell = self.cells.binary_search_by_key(&(source, destination), |cell| (cell.source, cell.destination));
        match cell.ok().map(|index| &self.cells[index]) {
            Some(cell) => Some(cell.status),
            None if self.is_sparse => Some(Status::Unreachable),
            None => None,
        }
    }

    /// Whether everything that was expected or guaranteed is proved.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.expectation.as_ref().is_none_or(|expectation| expectation.is_met)
            && self.guarantees.iter().all(|guarantee| guarantee.outcome == super::guarantee::Outcome::Holds)
    }

    /// How many pairs have each status.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Status, usize> {
        let mut counts = BTreeMap::new();
        for cell in &self.cells {
            *counts.entry(cell.status).or_default() += 1;
        }
        if self.is_sparse {
            let all = self.sources.len() * self.destinations.len();
            let known: usize = counts.values().sum();
            *counts.entry(Status::Unreachable).or_default() += all.saturating_sub(known);
        }
        counts
    }
}
