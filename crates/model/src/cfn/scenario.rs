//! Which combinations of conditions can hold.

use super::evaluated::{Evaluated, Is};
use super::evaluation::Evaluator;
use super::graph::ResourceGraph;
use super::value::{Kind, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a parameter beyond its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Its value.
    Value(String),
    /// The default is not to be relied on.
    Unknown,
}

/// One combination of conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scenario {
    /// Every condition of the graph.
    pub conditions: BTreeMap<String, bool>,
    /// What leads here, for people: `Environment=prod`; empty when nothing had to be chosen.
    pub when: Vec<String>,
}

/// The combinations that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenarios {
    /// Each once; at least one.
    pub examined: Vec<Scenario>,
    /// Whether there are no others.
    pub is_complete: bool,
    /// Conditions that are fixed only because a parameter has its default: `Name (Parameter=default)`.
    pub by_default: Vec<String>,
}

/// The largest number of assignments that are tried.
const ASSIGNMENTS: usize = 4096;

/// The largest number of decisions (assignments times conditions) that are made.
const DECISIONS: usize = 400_000;

/// Every satisfiable combination of the graph's conditions, at most `bound` of them.
///
/// Parameters without a value take each value that a condition compares them with (or each
/// allowed value), and "any other". A condition that is open even then is taken both ways.
#[must_use]
pub fn scenarios(graph: &ResourceGraph, given: &BTreeMap<String, Given>, bound: usize) -> Scenarios {
    let order = order(graph);
    let choices = choices(graph, given);
    let mut found = Scenarios { examined: Vec::new(), is_complete: true, by_default: by_default(graph, given) };
    let mut seen = BTreeSet::new();
    let mut digits = vec![0_usize; choices.len()];
    let mut decisions = DECISIONS;
    for _ in 0..ASSIGNMENTS {
        let mut assigned = given.clone();
        let mut when = Vec::new();
        for ((name, values), digit) in choices.iter().zip(&digits) {
            let value = &values[*digit];
            assigned.insert((*name).to_owned(), Given::Value(value.clone().unwrap_or_else(|| OTHER.to_owned())));
            when.push(match value {
                Some(value) => format!("{name}={value}"),
                None => format!("{name}=(any other value)"),
            });
        }
        extend(
            graph,
            &assigned,
            &order,
            Scenario { conditions: BTreeMap::new(), when },
            (bound, &mut decisions),
            &mut seen,
            &mut found,
        );
        if !advance(&mut digits, &choices) {
            return found;
        }
        if !found.is_complete {
            return found;
        }
    }
    found.is_complete = false;
    found
}

/// No template compares a parameter with this text.
const OTHER: &str = "\u{1}any other value\u{1}";

fn advance(digits: &mut [usize], choices: &[(&str, Vec<Option<String>>)]) -> bool {
    for (digit, (_, values)) in digits.iter_mut().zip(choices) {
        *digit += 1;
        if *digit < values.len() {
            return true;
        }
        *digit = 0;
    }
    false
}

/// Decides the conditions in order; an open one is taken both ways.
fn extend(
    graph: &ResourceGraph,
    given: &BTreeMap<String, Given>,
    order: &[&str],
    start: Scenario,
    (bound, decisions): (usize, &mut usize),
    seen: &mut BTreeSet<Vec<bool>>,
    found: &mut Scenarios,
) {
    let mut open = vec![start];
    let mut steps = 0;
    while let Some(mut scenario) = open.pop() {
        steps += 1;
        let undecided = order.len() - scenario.conditions.len();
        // The first combination is always examined, however many conditions there are.
        match decisions.checked_sub(undecided) {
            Some(left) if steps <= ASSIGNMENTS => *decisions = left,
            _ if seen.is_empty() => *decisions = 0,
            _ => {
                found.is_complete = false;
                return;
            }
        }
        while let Some(name) = order.get(scenario.conditions.len()) {
            let truth = graph.conditions.get(*name).map_or(Err(BTreeSet::new()), |value| {
                Evaluator::with_conditions(graph, given, &scenario.conditions).truth(value)
            });
            let truth = truth.unwrap_or_else(|_| {
                // More than can be examined need not be remembered.
                if open.len() < bound.max(1) {
                    let mut other = scenario.clone();
                    other.conditions.insert((*name).to_owned(), false);
                    other.when.push(format!("{name} is false"));
                    open.push(other);
                } else {
                    found.is_complete = false;
                }
                scenario.when.push(format!("{name} is true"));
                true
            });
            scenario.conditions.insert((*name).to_owned(), truth);
        }
        if seen.insert(scenario.conditions.values().copied().collect()) {
            if found.examined.len() >= bound.max(1) {
                found.is_complete = false;
                return;
            }
            found.examined.push(scenario);
        }
    }
}

/// The conditions, each behind those that it mentions; members of a cycle come in the order of the template.
fn order(graph: &ResourceGraph) -> Vec<&str> {
    let mut order: Vec<&str> = Vec::new();
    let mut placed = BTreeSet::new();
    for name in graph.conditions.keys() {
        let mut stack = vec![(name.as_str(), false)];
        let mut entered = BTreeSet::new();
        while let Some((name, is_left)) = stack.pop() {
            if is_left {
                if placed.insert(name) {
                    order.push(name);
                }
                continue;
            }
            let Some(value) = graph.conditions.get(name) else { continue };
            if placed.contains(name) || !entered.insert(name) {
                continue;
            }
            stack.push((name, true));
            stack.extend(walk(value).into_iter().filter_map(|value| match &value.kind {
                Kind::Condition(other) | Kind::If(other, ..) => Some((other.as_str(), false)),
                _ => None,
            }));
        }
    }
    order
}

fn walk(value: &Value) -> Vec<&Value> {
    let mut all = vec![value];
    let mut next = 0;
    while let Some(value) = all.get(next).copied() {
        all.extend(value.children());
        next += 1;
    }
    all
}

/// For each parameter without a value that a condition looks at: what it may be; `None` is "any other".
fn choices<'g>(graph: &'g ResourceGraph, given: &BTreeMap<String, Given>) -> Vec<(&'g str, Vec<Option<String>>)> {
    let mut compared: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let no_conditions = BTreeMap::new();
    let evaluator = Evaluator::with_conditions(graph, given, &no_conditions);
    for value in graph.conditions.values().flat_map(walk) {
        if let Kind::Equals(left, right) = &value.kind {
            for (one, other) in [(left, right), (right, left)] {
                if let (Kind::Ref(name), Evaluated { is: Is::Text(text), .. }) = (&one.kind, evaluator.evaluate(other))
                {
                    compared.entry(name.as_str()).or_default().insert(text);
                }
            }
        }
    }
    let mut choices: Vec<(&str, Vec<Option<String>>)> = Vec::new();
    for (name, parameter) in &graph.parameters {
        let is_open = match given.get(name) {
            Some(Given::Value(_)) => false,
            Some(Given::Unknown) => true,
            None => parameter.default.is_none(),
        };
        let Some(values) = compared.get(name.as_str()).filter(|_| is_open && !parameter.is_list()) else { continue };
        let values = if parameter.allowed.is_empty() {
            values.iter().cloned().map(Some).chain([None]).collect()
        } else {
            parameter.allowed.iter().cloned().map(Some).collect()
        };
        choices.push((name, values));
    }
    choices
}

fn by_default(graph: &ResourceGraph, given: &BTreeMap<String, Given>) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, value) in &graph.conditions {
        let defaults: BTreeSet<String> = walk(value)
            .into_iter()
            .filter_map(|value| match &value.kind {
                Kind::Ref(parameter) if !given.contains_key(parameter) => {
                    let default = graph.parameters.get(parameter)?.default.as_ref()?;
                    Some(format!("{parameter}={default}"))
                }
                _ => None,
            })
            .collect();
        if !defaults.is_empty() {
            notes.push(format!("{name} ({})", defaults.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    notes
}
