//! What a value is under a choice of parameters and conditions, or why that cannot be known.

use super::cidr;
use super::graph::{Parameter, ResourceGraph};
use super::scenario::{Given, Scenario};
use super::value::{Kind, SubPart, Value};
use indexmap::IndexMap;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One named thing because of which something cannot be known: `parameter VpcId has no value`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Why(pub String);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value after evaluation, with the line of the template that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// What it is.
    pub is: Is,
    /// Line, from 1; 0 when it came from no template.
    pub line: u32,
}

/// What a value is after evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Is {
    /// Nothing: null, `AWS::NoValue`, or not said at all.
    Absent,
    /// A text, number or boolean. Pseudo parameters such as the region stand in it as `${AWS::Region}`.
    Text(String),
    /// A list.
    List(Vec<Evaluated>),
    /// A mapping.
    Map(IndexMap<String, Evaluated>),
    /// `Ref` of a resource of the same graph.
    Resource(String),
    /// An attribute of a resource of the same graph.
    Attribute(String, String),
    /// Not to be known, because of these.
    Unknown(BTreeSet<Why>),
}

impl Evaluated {
    /// What stands for a property that was not given.
    pub const ABSENT: Self = Self { is: Is::Absent, line: 0 };

    fn unknown(line: u32, why: impl Into<String>) -> Self {
        Self { is: Is::Unknown(BTreeSet::from([Why(why.into())])), line }
    }

    /// The value under a key; absent when this is no mapping or has no such key, unknown when this is unknown.
    #[must_use]
    pub fn get(&self, key: &str) -> &Self {
        match &self.is {
            Is::Map(entries) => entries.get(key).unwrap_or(&Self::ABSENT),
            Is::Unknown(_) => self,
            _ => &Self::ABSENT,
        }
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.is == Is::Absent
    }

    /// The text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.is {
            Is::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Why it is unknown.
    #[must_use]
    pub fn why(&self) -> Option<&BTreeSet<Why>> {
        match &self.is {
            Is::Unknown(whys) => Some(whys),
            _ => None,
        }
    }

    /// The items: of a list its items, of a single value itself, of nothing none.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.is {
            Is::List(items) => items,
            Is::Absent => &[],
            _ => std::slice::from_ref(self),
        }
    }
}

/// Evaluates values of one graph under one scenario.
#[derive(Debug)]
pub struct Evaluator<'g> {
    graph: &'g ResourceGraph,
    given: &'g BTreeMap<String, Given>,
    conditions: &'g BTreeMap<String, bool>,
    /// How many attributes that stand for properties are being followed.
    depth: Cell<u8>,
}

/// Longer ways from attribute to attribute are cycles.
const DEPTH: u8 = 8;

impl<'g> Evaluator<'g> {
    /// For one scenario of a graph with what was given for its parameters.
    #[must_use]
    pub fn new(graph: &'g ResourceGraph, given: &'g BTreeMap<String, Given>, scenario: &'g Scenario) -> Self {
        Self { graph, given, conditions: &scenario.conditions, depth: Cell::new(0) }
    }

    pub(super) fn with_conditions(
        graph: &'g ResourceGraph,
        given: &'g BTreeMap<String, Given>,
        conditions: &'g BTreeMap<String, bool>,
    ) -> Self {
        Self { graph, given, conditions, depth: Cell::new(0) }
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

    /// What a value is.
    #[must_use]
    pub fn evaluate(&self, value: &Value) -> Evaluated {
        let line = value.line;
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
            Kind::Split(delimiter, text) => match (self.text(delimiter), self.text(text)) {
                (Ok(delimiter), Ok(text)) if !delimiter.is_empty() => Is::List(
                    text.split(delimiter.as_str())
                        .map(|part| Evaluated { is: Is::Text(part.to_owned()), line })
                        .collect(),
                ),
                (Ok(_), Ok(_)) => {
                    return Evaluated::unknown(line, format!("Fn::Split at line {line} has no delimiter"));
                }
                (delimiter, text) => Is::Unknown(whys([delimiter, text])),
            },
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

    fn text(&self, value: &Value) -> Result<String, BTreeSet<Why>> {
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

    fn reference(&self, name: &str, line: u32) -> Evaluated {
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

    fn attribute(&self, name: &str, attribute: &str, line: u32) -> Evaluated {
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

    fn sub(&self, parts: &[SubPart], variables: &IndexMap<String, Value>, line: u32) -> Evaluated {
        let evaluate = |part: &SubPart| match part {
            SubPart::Literal(text) => Evaluated { is: Is::Text(text.clone()), line },
            SubPart::Name(name) => match variables.get(name) {
                Some(value) => self.evaluate(value),
                None => self.reference(name, line),
            },
            SubPart::Attribute(name, attribute) => self.attribute(name, attribute, line),
        };
        if let [only] = parts {
            return evaluate(only);
        }
        let pieces: Vec<Evaluated> = parts.iter().map(evaluate).collect();
        concatenate(&pieces, "", line)
    }

    fn join(&self, delimiter: &Value, list: &Value, line: u32) -> Evaluated {
        let delimiter = match self.text(delimiter) {
            Ok(delimiter) => delimiter,
            Err(whys) => return Evaluated { is: Is::Unknown(whys), line },
        };
        let list = self.evaluate(list);
        match &list.is {
            Is::List(items) => match items.as_slice() {
                [only] => Evaluated { is: only.is.clone(), line },
                items => concatenate(items, &delimiter, line),
            },
            _ => Evaluated { is: list.is, line },
        }
    }

    fn select(&self, index: &Value, list: &Value, line: u32) -> Evaluated {
        let index = match self.text(index) {
            Ok(text) => text.trim().parse::<usize>().ok(),
            Err(whys) => return Evaluated { is: Is::Unknown(whys), line },
        };
        let list = self.evaluate(list);
        match (&list.is, index) {
            (Is::Unknown(_), _) => Evaluated { line, ..list },
            (Is::List(items), Some(index)) if index < items.len() => items[index].clone(),
            // An attribute that is a list (Ipv6CidrBlocks, CidrBlockAssociations): which item is known once it exists.
            (Is::Attribute(..) | Is::Resource(_), _) => list,
            _ => Evaluated::unknown(line, format!("Fn::Select at line {line} selects nothing")),
        }
    }

    fn find_in_map(&self, keys: &[Value; 3], default: Option<&Value>, line: u32) -> Evaluated {
        let [map, first, second] = keys.each_ref().map(|key| self.text(key));
        let (map, first, second) = match (map, first, second) {
            (Ok(map), Ok(first), Ok(second)) => (map, first, second),
            (map, first, second) => return Evaluated { is: Is::Unknown(whys([map, first, second])), line },
        };
        let Some(entries) = self.graph.mappings.get(&map) else {
            return Evaluated::unknown(line, format!("there is no mapping {map} (line {line})"));
        };
        if let Some(value) = entries.get(&first).and_then(|row| row.get(&second)) {
            return self.evaluate(value);
        }
        if first.contains("${AWS::") {
            let mut values = entries.values().filter_map(|row| row.get(&second));
            if let Some(value) = values.next()
                && values.all(|other| other == value)
            {
                return self.evaluate(value);
            }
            return Evaluated::unknown(line, format!("{first} is not given, and the mapping {map} depends on it"));
        }
        match default {
            Some(default) => self.evaluate(default),
            None => Evaluated::unknown(line, format!("the mapping {map} has no {first}.{second} (line {line})")),
        }
    }

    fn cidr(&self, block: &Value, count: &Value, bits: Option<&Value>, line: u32) -> Evaluated {
        let block = self.evaluate(block);
        let text = match &block.is {
            Is::Text(text) => text.clone(),
            Is::Attribute(name, attribute) => {
                return Evaluated::unknown(line, format!("{name}.{attribute} is known once it exists"));
            }
            Is::Unknown(whys) => return Evaluated { is: Is::Unknown(whys.clone()), line },
            _ => return Evaluated::unknown(line, format!("Fn::Cidr at line {line} is given no block")),
        };
        let bits = bits.map_or_else(|| Ok("8".to_owned()), |bits| self.text(bits));
        let numbers = match (self.text(count), bits) {
            (Ok(count), Ok(bits)) => (count.trim().parse::<u32>(), bits.trim().parse::<u8>()),
            (count, bits) => return Evaluated { is: Is::Unknown(whys([count, bits])), line },
        };
        let blocks = match numbers {
            (Ok(count), Ok(bits)) => cidr::carve(&text, count, bits),
            _ => None,
        };
        match blocks {
            Some(blocks) => Evaluated {
                is: Is::List(blocks.into_iter().map(|block| Evaluated { is: Is::Text(block), line }).collect()),
                line,
            },
            None => Evaluated::unknown(line, format!("Fn::Cidr at line {line} asks for blocks that do not fit {text}")),
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

fn whys<const N: usize>(results: [Result<String, BTreeSet<Why>>; N]) -> BTreeSet<Why> {
    results.into_iter().filter_map(Result::err).flatten().collect()
}

fn concatenate(pieces: &[Evaluated], delimiter: &str, line: u32) -> Evaluated {
    let mut text = String::new();
    let mut whys = BTreeSet::new();
    for (position, piece) in pieces.iter().enumerate() {
        if position > 0 {
            text.push_str(delimiter);
        }
        match &piece.is {
            Is::Text(part) => text.push_str(part),
            Is::Absent => {}
            Is::Unknown(more) => whys.extend(more.iter().cloned()),
            Is::Resource(name) => {
                whys.insert(Why(format!("the id of {name} is known once it exists")));
            }
            Is::Attribute(name, attribute) => {
                whys.insert(Why(format!("{name}.{attribute} is known once it exists")));
            }
            Is::List(_) | Is::Map(_) => {
                whys.insert(Why(format!("a text is expected at line {line}")));
            }
        }
    }
    let is = if whys.is_empty() { Is::Text(text) } else { Is::Unknown(whys) };
    Evaluated { is, line }
}
