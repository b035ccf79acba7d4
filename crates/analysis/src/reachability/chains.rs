//! Transitive exposure: what a source reaches over others, one stolen host after the other.

use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};

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

/// The pairs that packets pass, at least partly or perhaps: names as numbers.
#[derive(Debug, Clone, Default)]
pub struct Network {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
    /// By source: the component that is reached, the column that is it, whether that is proved.
    edges: HashMap<u32, Vec<(u32, u32, bool)>>,
}

impl Network {
    /// The number that stands for a name.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    /// Adds that a source reaches a component by a column of the matrix, for certain or perhaps; all by number.
    pub fn add(&mut self, from: u32, to: u32, column: u32, is_certain: bool) {
        let edges = self.edges.entry(from).or_default();
        // Of several ports of one component one is enough.
        if edges.last().is_none_or(|(last, _, certain)| *last != to || (is_certain && !certain)) {
            edges.push((to, column, is_certain));
        }
    }

    /// The shortest chain to every component that is reached from a source, not going into `without`.
    #[must_use]
    pub fn chains(&self, from: &str, without: &[String]) -> BTreeMap<String, Chain> {
        let Some(start) = self.numbers.get(from) else { return BTreeMap::new() };
        let without: Vec<u32> = without.iter().filter_map(|name| self.numbers.get(name).copied()).collect();
        let mut found = BTreeMap::new();
        // Certain ways first, so that a way which is only perhaps open never hides one that is.
        for only_certain in [true, false] {
            // For each node the one before it, and the column by which it was reached.
            let mut before: HashMap<u32, (u32, u32)> = HashMap::new();
            let mut queue = VecDeque::from([*start]);
            while let Some(at) = queue.pop_front() {
                for (to, column, is_certain) in self.edges.get(&at).into_iter().flatten() {
                    let is_closed = without.contains(to) || (only_certain && !is_certain) || to == start;
                    if is_closed || before.contains_key(to) {
                        continue;
                    }
                    before.insert(*to, (at, *column));
                    queue.push_back(*to);
                }
            }
            for end in before.keys() {
                found.entry(self.names[*end as usize].clone()).or_insert_with(|| {
                    let mut steps = Vec::new();
                    let mut at = *end;
                    while let Some((previous, column)) = before.get(&at) {
                        steps.push(self.names[*column as usize].clone());
                        at = *previous;
                    }
                    steps.reverse();
                    Chain { from: from.to_owned(), steps, is_certain: only_certain }
                });
            }
        }
        found
    }
}
