//! What a value is under a choice of parameters and conditions, or why that cannot be known.

use super::evaluated::{Evaluated, Is, Why};
use super::graph::{Parameter, ResourceGraph};
use super::scenario::{Given, Scenario};
use super::value::{Kind, Value};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Evaluates values of one graph under one scenario.
#[derive(Debug)]
pub struct Evaluator<'g> {
    pub(super) graph: &'g ResourceGraph,
    given: &'g BTreeMap<String, Given>,
    conditions: &'g BTreeMap<String, bool>,
    /// How many attributes that stand for properties are being followed.
    depth: Cell<u8>,
    /// How many bytes of values may still be made.
    budget: Cell<usize>,
}

/// Values of one template larger than this come from one that is made to grow, not from a network.
const BUDGET: usize = 256 << 20;
/// What a value costs beside its text.
pub(super) const NODE: usize = 64;

/// Longer ways from attribute to attribute are cycles.
const DEPTH: u8 = 8;

impl<'g> Evaluator<'g> {
    /// For one scenario of a graph with what was given for its parameters.
    #[must_use]
    pub fn new(graph: &'g ResourceGraph, given: &'g BTreeMap<String, Given>, scenario: &'g Scenario) -> Self {
        Self::with_conditions(graph, given, &scenario.conditions)
    }

    pub(super) fn with_conditions(
        graph: &'g ResourceGraph,
        given: &'g BTreeMap<String, Given>,
        conditions: &'g BTreeMap<String, bool>,
    ) -> Self {
        Self { graph, given, conditions, depth: Cell::new(0), budget: Cell::new(BUDGET) }
    }

    /// Whether a resource of the graph exists in this scenario.
    #[must_use]
    pub fn exists(&self, logical_id: &str) -> bool {
        self.graph
            .resources
            .get(logical_id)
            .is_some_and(|resource| resource.condition.as_ref().is_none_or(|name| self.condition(name) != Some(false)))
    }

    /// Whether a named condition holds; `None` when the graph has no such condition.
    #[must_use]
    pub fn condition(&self, name: &str) -> Option<bool> {
        self.conditions.get(name).copied()
    }

    /// Whether so much more may be made.
    pub(super) fn charge(&self, cost: usize) -> bool {
        let left = self.budget.get().checked_sub(cost);
        self.budget.set(left.unwrap_or(0));
        left.is_some()
    }

    pub(super) fn exhausted(line: u32) -> Evaluated {
        Evaluated::unknown(line, "the values of this template grow too large to be evaluated")
    }

    /// What a value is.
    #[must_use]
    pub fn evaluate(&self, value: &Value) -> Evaluated {
        let line = value.line;
        let length = if let Kind::Text(text) = &value.kind { text.len() } else { 0 };
        if !self.charge(NODE + length) {
            return Self::exhausted(line);
        }
        let is = match &value.kind {
            Kind::Null => Is::Absent,
            Kind::Text(text) => Is::Text(text.clone()),
            Kind::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    let item = self.evaluate(item);
                    if !item.is_absent() {
                        list.push(item);
                    }
                }
                Is::List(list)
            }
            Kind::Map(entries) => Is::Map(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), self.evaluate(value)))
                    .filter(|(_, value)| !value.is_absent())
                    .collect(),
            ),
            Kind::Ref(name) => return self.reference(name, line),
            Kind::GetAtt(name, attribute) => return self.attribute(name, attribute, line),
            Kind::Sub(parts, variables) => return self.sub(parts, variables, line),
            Kind::Join(delimiter, list) => return self.join(delimiter, list, line),
            Kind::Select(index, list) => return self.select(index, list, line),
            Kind::Split(delimiter, text) => return self.split(delimiter, text, line),
            Kind::FindInMap(keys, default) => return self.find_in_map(keys, default.as_deref(), line),
            Kind::If(name, yes, no) => match self.condition(name) {
                Some(true) => return self.evaluate(yes),
                Some(false) => return self.evaluate(no),
                None => return Evaluated::unknown(line, format!("there is no condition {name} (line {line})")),
            },
            Kind::Cidr(block, count, bits) => return self.cidr(block, count, bits.as_deref(), line),
            Kind::GetAzs(_) => {
                Is::List((0..6).map(|zone| Evaluated { is: Is::Text(format!("${{AWS::Zone{zone}}}")), line }).collect())
            }
            Kind::ImportValue(name) => {
                let name = self.text(name).unwrap_or_else(|_| "of an unknown name".to_owned());
                return Evaluated::unknown(line, format!("the imported value {name} is not in this template"));
            }
            Kind::Base64(text) => return self.evaluate(text),
            Kind::Other(name, list) if name == "Fn::Length" => match self.evaluate(list).is {
                Is::List(items) => Is::Text(items.len().to_string()),
                _ => return Evaluated::unknown(line, format!("Fn::Length at line {line} is given no list")),
            },
            Kind::And(_) | Kind::Or(_) | Kind::Not(_) | Kind::Equals(..) | Kind::Condition(_) => {
                match self.truth(value) {
                    Ok(truth) => Is::Text(truth.to_string()),
                    Err(whys) => Is::Unknown(whys),
                }
            }
            Kind::Other(name, _) => {
                return Evaluated::unknown(line, format!("{name} at line {line} is not evaluated"));
            }
        };
        Evaluated { is, line }
    }

    /// Whether a condition's expression holds.
    pub(super) fn truth(&self, value: &Value) -> Result<bool, BTreeSet<Why>> {
        match &value.kind {
            Kind::And(items) => self.several(items, false),
            Kind::Or(items) => self.several(items, true),
            Kind::Not(item) => self.truth(item).map(|truth| !truth),
            Kind::Condition(name) => {
                self.condition(name).ok_or_else(|| BTreeSet::from([Why(format!("the condition {name} is not known"))]))
            }
            Kind::Equals(left, right) => self.equals(&self.evaluate(left), &self.evaluate(right)),
            _ => match self.evaluate(value).is {
                Is::Text(text) if text == "true" => Ok(true),
                Is::Text(text) if text == "false" => Ok(false),
                Is::Unknown(whys) => Err(whys),
                _ => Err(BTreeSet::from([Why(format!("line {} is no condition", value.line))])),
            },
        }
    }

    fn several(&self, items: &[Value], decisive: bool) -> Result<bool, BTreeSet<Why>> {
        let mut open = BTreeSet::new();
        for item in items {
            match self.truth(item) {
                Ok(truth) if truth == decisive => return Ok(decisive),
                Ok(_) => {}
                Err(whys) => open.extend(whys),
            }
        }
        if open.is_empty() { Ok(!decisive) } else { Err(open) }
    }

    fn equals(&self, left: &Evaluated, right: &Evaluated) -> Result<bool, BTreeSet<Why>> {
        match (&left.is, &right.is) {
            (Is::Unknown(a), Is::Unknown(b)) => Err(a.union(b).cloned().collect()),
            (Is::Unknown(whys), _) | (_, Is::Unknown(whys)) => Err(whys.clone()),
            (Is::Text(a), Is::Text(b)) if a != b && (a.contains("${AWS::") || b.contains("${AWS::")) => {
                Err(BTreeSet::from([Why(format!("{a} is not known here"))]))
            }
            (Is::List(a), Is::List(b)) if a.len() == b.len() => {
                for (a, b) in a.iter().zip(b) {
                    if !self.equals(a, b)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Is::Absent, Is::Absent) => Ok(true),
            (a, b) => Ok(a == b),
        }
    }

    pub(super) fn text(&self, value: &Value) -> Result<String, BTreeSet<Why>> {
        let line = value.line;
        match self.evaluate(value).is {
            Is::Text(text) => Ok(text),
            Is::Absent => Ok(String::new()),
            Is::Unknown(whys) => Err(whys),
            Is::Resource(name) => Err(BTreeSet::from([Why(format!("the id of {name} is known once it exists"))])),
            Is::Attribute(name, attribute) => {
                Err(BTreeSet::from([Why(format!("{name}.{attribute} is known once it exists"))]))
            }
            Is::List(_) | Is::Map(_) => Err(BTreeSet::from([Why(format!("a text is expected at line {line}"))])),
        }
    }

    pub(super) fn reference(&self, name: &str, line: u32) -> Evaluated {
        if let Some(parameter) = self.graph.parameters.get(name) {
            return self.parameter(name, parameter, line);
        }
        if self.graph.resources.contains_key(name) {
            return if self.exists(name) {
                Evaluated { is: Is::Resource(name.to_owned()), line }
            } else {
                Evaluated::unknown(line, format!("{name} is not created under these conditions (line {line})"))
            };
        }
        match name {
            "AWS::NoValue" => Evaluated { is: Is::Absent, line },
            "AWS::NotificationARNs" => Evaluated { is: Is::List(Vec::new()), line },
            "AWS::AccountId" | "AWS::Partition" | "AWS::Region" | "AWS::StackId" | "AWS::StackName"
            | "AWS::URLSuffix" => match self.given.get(name) {
                Some(Given::Value(value)) => Evaluated { is: Is::Text(value.clone()), line },
                _ => Evaluated { is: Is::Text(format!("${{{name}}}")), line },
            },
            _ => Evaluated::unknown(line, format!("{name} is neither parameter nor resource (line {line})")),
        }
    }

    fn parameter(&self, name: &str, parameter: &Parameter, line: u32) -> Evaluated {
        let given = match self.given.get(name) {
            Some(Given::Value(value)) => Some(value),
            Some(Given::Unknown) => None,
            None => parameter.default.as_ref(),
        };
        let Some(value) = given else {
            return Evaluated::unknown(line, format!("parameter {name} has no value"));
        };
        if parameter.is_looked_up() {
            return Evaluated::unknown(line, format!("parameter {name} is looked up in the account"));
        }
        // The empty default of a parameter for an existing thing means "fill me in".
        if value.is_empty() && parameter.kind.starts_with("AWS::") {
            return Evaluated::unknown(line, format!("parameter {name} has no value"));
        }
        if !self.charge(value.len() + if parameter.is_list() { NODE * value.matches(',').count() } else { 0 }) {
            return Self::exhausted(line);
        }
        let is = if parameter.is_list() {
            Is::List(
                value
                    .split(',')
                    .map(|item| Evaluated { is: Is::Text(item.trim().to_owned()), line })
                    .filter(|item| item.as_text() != Some(""))
                    .collect(),
            )
        } else {
            Is::Text(value.clone())
        };
        Evaluated { is, line }
    }

    pub(super) fn attribute(&self, name: &str, attribute: &str, line: u32) -> Evaluated {
        if !self.graph.resources.contains_key(name) {
            Evaluated::unknown(line, format!("there is no resource {name} (line {line})"))
        } else if self.exists(name) {
            match self.property_of_attribute(name, attribute) {
                Some(is) => Evaluated { is, line },
                None => Evaluated { is: Is::Attribute(name.to_owned(), attribute.to_owned()), line },
            }
        } else {
            Evaluated::unknown(line, format!("{name} is not created under these conditions (line {line})"))
        }
    }

    /// An attribute that only repeats a property: `CidrBlock` of a VPC.
    fn property_of_attribute(&self, name: &str, attribute: &str) -> Option<Is> {
        let property = match attribute {
            "CidrBlock" => self.graph.resources.get(name)?.properties.get(attribute)?,
            _ => return None,
        };
        if self.depth.get() >= DEPTH {
            return None;
        }
        self.depth.set(self.depth.get() + 1);
        let value = self.evaluate(property);
        self.depth.set(self.depth.get() - 1);
        matches!(value.is, Is::Text(_)).then_some(value.is)
    }
}
