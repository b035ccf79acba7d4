//! Transitive exposure: what a source reaches over others, one stolen host after the other.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A way over several components.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Where it begins.
    pub from: String,
    /// Each step: the column of the matrix that is reached next.
    pub steps: Vec<String>,
    /// Whether every step is proved reachable, and none only perhaps.
    pub is_certain: bool,
}

/// A pair that packets pass, at least partly or perhaps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The source's name.
    pub from: String,
    /// The component that is reached.
    pub to: String,
    /// The column's name.
    pub column: String,
    /// Whether it is proved.
    pub is_certain: bool,
}

/// The edges that a chain may use.
#[derive(Debug, Clone, Default)]
pub struct Network {
    edges: BTreeMap<String, BTreeSet<Edge>>,
}

impl Network {
    /// Adds an edge.
    pub fn add(&mut self, edge: Edge) {
        self.edges.entry(edge.from.clone()).or_default().insert(edge);
    }

    /// The shortest chain to every component that is reached from a source, not going into `without`.
    #[must_use]
    pub fn chains(&self, from: &str, without: Option<&str>) -> BTreeMap<String, Chain> {
        let mut found: BTreeMap<String, Chain> = BTreeMap::new();
        let start = Chain { from: from.to_owned(), steps: Vec::new(), is_certain: true };
        // Certain ways first, so that a way which is only perhaps open never hides one that is.
        for only_certain in [true, false] {
            let mut seen = BTreeSet::from([from.to_owned()]);
            let mut queue = VecDeque::from([(from.to_owned(), start.clone())]);
            while let Some((at, chain)) = queue.pop_front() {
                for edge in self.edges.get(&at).into_iter().flatten() {
                    let is_closed = without == Some(edge.to.as_str()) || (only_certain && !edge.is_certain);
                    if is_closed || !seen.insert(edge.to.clone()) {
                        continue;
                    }
                    let mut next = chain.clone();
                    next.steps.push(edge.column.clone());
                    next.is_certain &= edge.is_certain;
                    found.entry(edge.to.clone()).or_insert_with(|| next.clone());
                    queue.push_back((edge.to.clone(), next));
                }
            }
        }
        found
    }
}
