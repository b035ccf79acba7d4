//! Reads a CloudFormation template, YAML or JSON, with intrinsics in short or long form.
//!
//! What has an unexpected shape does not stop the reader: it becomes a gap of the graph, so that
//! nothing is proved about it.

use super::graph::{Parameter, Resource, ResourceGraph};
use super::loops;
use super::value::{Kind, SubPart, Value};
use crate::yaml::{self, Limits, Node};
use crate::{Finding, FindingCode, Findings, Place, Severity};
use indexmap::IndexMap;

static NO_TEMPLATE: FindingCode = FindingCode {
    code: "CFN001",
    title: "the file is no CloudFormation template",
    explanation: "A template is a mapping with a section `Resources` that holds at least one resource. The file was \
                  read, but it has no such section, so there is nothing to judge. Check the name that was given.",
    severity: Severity::Error,
};

/// All codes of this module, sorted.
pub const CODES: &[&FindingCode] = &[&NO_TEMPLATE];

/// A template that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The file's name as the user would write it.
    pub file: String,
    /// What it says.
    pub graph: ResourceGraph,
    /// The values under `Outputs`, by name.
    pub outputs: IndexMap<String, Value>,
    /// What it says of itself.
    pub description: Option<String>,
}

/// More than CloudFormation itself takes (1 MB), so that generated templates of any size can be judged.
const LIMITS: Limits = Limits { bytes: 32 << 20, nodes: 4_000_000, depth: 100 };

/// Reads a template's text.
#[must_use]
pub fn read(file: &str, text: &str, findings: &mut Findings) -> Option<Template> {
    // JSON may be indented with tabs, YAML may not; a string of JSON never holds a bare one.
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let spaced = (is_json && text.contains('\t')).then(|| text.replace('\t', " "));
    let document = yaml::read(file, spaced.as_deref().unwrap_or(text).as_bytes(), &LIMITS, findings)?;
    let reader = Reader { lines: line_starts(&document.text) };
    let root = match document.text.contains("Fn::ForEach::") {
        true => loops::unrolled(&document.root),
        false => document.root,
    };
    let Some(resources) = root.get("Resources").filter(|node| node.entries().is_some()) else {
        let place = Place::Span { file: file.to_owned(), range: 0..0 };
        findings.push(
            Finding::new(&NO_TEMPLATE, place, "the file has no section `Resources`")
                .help("name a CloudFormation template in YAML or JSON"),
        );
        return None;
    };
    let outputs = root.get("Outputs").and_then(Node::entries).unwrap_or_default().iter();
    Some(Template {
        file: file.to_owned(),
        graph: reader.graph(&root, resources),
        outputs: outputs
            .filter_map(|entry| Some((entry.key.clone(), reader.value(entry.value.get("Value")?))))
            .collect(),
        description: root.get("Description").and_then(Node::text).map(str::to_owned),
    })
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

struct Reader {
    lines: Vec<usize>,
}

impl Reader {
    fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.lines.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    fn graph(&self, root: &Node, resources: &Node) -> ResourceGraph {
        let mut graph = ResourceGraph::default();
        let section = |name: &str| root.get(name).and_then(Node::entries).unwrap_or_default();
        for entry in section("Parameters") {
            let text = |key: &str| {
                let node = entry.value.get(key)?;
                match node.items() {
                    Some(items) => Some(items.iter().filter_map(Node::text).collect::<Vec<_>>().join(",")),
                    None => node.text().map(str::to_owned),
                }
            };
            let allowed = entry.value.get("AllowedValues").and_then(Node::items).unwrap_or_default();
            let parameter = Parameter {
                kind: text("Type").unwrap_or_else(|| "String".to_owned()),
                default: text("Default"),
                allowed: allowed.iter().filter_map(|item| item.text().map(str::to_owned)).collect(),
                line: self.line(entry.key_range.start),
            };
            graph.parameters.insert(entry.key.clone(), parameter);
        }
        for map in section("Mappings") {
            let rows = map.value.entries().unwrap_or_default().iter().map(|row| {
                let cells = row.value.entries().unwrap_or_default().iter();
                (row.key.clone(), cells.map(|cell| (cell.key.clone(), self.value(&cell.value))).collect())
            });
            graph.mappings.insert(map.key.clone(), rows.collect());
        }
        for entry in section("Conditions") {
            graph.conditions.insert(entry.key.clone(), self.value(&entry.value));
        }
        for transform in [root.get("Transform"), root.get("Fn::Transform")].into_iter().flatten() {
            let items = transform.items().unwrap_or(std::slice::from_ref(transform));
            graph.transforms.extend(items.iter().map(transform_name));
        }
        for entry in resources.entries().unwrap_or_default() {
            let line = self.line(entry.key_range.start);
            let Some(kind) = entry.value.get("Type").and_then(Node::text) else {
                graph.gaps.push(if entry.key.starts_with("Fn::") {
                    format!("line {line}: {} is written out by a transform", entry.key)
                } else {
                    format!("line {line}: {} has no type", entry.key)
                });
                continue;
            };
            if entry.value.get("Fn::Transform").is_some() {
                graph.gaps.push(format!("line {line}: a transform writes a part of {}", entry.key));
            }
            let globals = kind.strip_prefix("AWS::Serverless::").and_then(|kind| root.get("Globals")?.get(kind));
            let own = entry.value.get("Properties");
            let properties = match (globals, own) {
                (Some(globals), Some(own)) => Some(self.value(&loops::joined(globals, own))),
                (globals, own) => own.or(globals).map(|node| self.value(node)),
            };
            let resource = Resource {
                kind: kind.to_owned(),
                condition: entry.value.get("Condition").and_then(Node::text).map(str::to_owned),
                properties: properties.unwrap_or(Value { kind: Kind::Map(IndexMap::new()), line }),
                attributes: entry
                    .value
                    .entries()
                    .unwrap_or_default()
                    .iter()
                    .filter(|attribute| !matches!(attribute.key.as_str(), "Type" | "Properties" | "Condition"))
                    .map(|attribute| (attribute.key.clone(), self.value(&attribute.value)))
                    .collect(),
                layer: None,
                component: None,
                origin: None,
                line,
            };
            if let Some(name) = resource.condition.as_ref().filter(|name| !graph.conditions.contains_key(*name)) {
                graph.gaps.push(format!("line {line}: there is no condition {name}"));
            }
            graph.resources.insert(entry.key.clone(), resource);
        }
        graph
    }

    fn value(&self, node: &Node) -> Value {
        let line = self.line(node.range.start);
        let kind = match node.tag.as_deref() {
            Some(tag) if tag.starts_with('!') && !tag.starts_with("!!") && tag.len() > 1 => {
                let name = tag.trim_start_matches('!');
                self.call(name, &Node { tag: None, ..node.clone() })
            }
            _ => self.plain(node),
        };
        Value { kind, line }
    }

    fn plain(&self, node: &Node) -> Kind {
        if let Some(items) = node.items() {
            return Kind::List(items.iter().map(|item| self.value(item)).collect());
        }
        let Some(entries) = node.entries() else {
            return match node.text() {
                Some(text) if !node.is_null() => Kind::Text(text.to_owned()),
                _ => Kind::Null,
            };
        };
        if let [only] = entries
            && let Some(name) = long_form(&only.key)
            // A condition's long form is a text; a policy statement has a mapping under the same key.
            && (name != "Condition" || only.value.text().is_some())
        {
            return self.call(name, &only.value);
        }
        if let Some(function) = entries.iter().find(|entry| entry.key.starts_with("Fn::")) {
            // Something is written in beside what is said, so that what is said is not all.
            let all = entries.iter().map(|entry| (entry.key.clone(), self.value(&entry.value))).collect();
            let inner = Value { kind: Kind::Map(all), line: self.line(function.key_range.start) };
            return Kind::Other(function.key.clone(), Box::new(inner));
        }
        Kind::Map(entries.iter().map(|entry| (entry.key.clone(), self.value(&entry.value))).collect())
    }

    /// A function with its argument, whatever form it was written in.
    fn call(&self, name: &str, argument: &Node) -> Kind {
        let name = name.strip_prefix("Fn::").unwrap_or(name);
        self.known_call(name, argument).unwrap_or_else(|| {
            let inner = Value { kind: self.plain(argument), line: self.line(argument.range.start) };
            let name = if matches!(name, "Ref" | "Condition") { name.to_owned() } else { format!("Fn::{name}") };
            Kind::Other(name, Box::new(inner))
        })
    }

    fn known_call(&self, name: &str, argument: &Node) -> Option<Kind> {
        let boxed = |node: &Node| Box::new(self.value(node));
        let items = argument.items();
        let pair = || match items? {
            [first, second] => Some((boxed(first), boxed(second))),
            _ => None,
        };
        let all = || Some(items?.iter().map(|item| self.value(item)).collect());
        Some(match name {
            "Ref" => Kind::Ref(argument.text()?.to_owned()),
            "Condition" => Kind::Condition(argument.text()?.to_owned()),
            "GetAtt" => match (argument.text(), items) {
                (Some(text), _) => {
                    let (name, attribute) = text.split_once('.')?;
                    Kind::GetAtt(name.to_owned(), attribute.to_owned())
                }
                (None, Some([name, attribute])) => Kind::GetAtt(name.text()?.to_owned(), attribute.text()?.to_owned()),
                _ => return None,
            },
            "Sub" => match (argument.text(), items) {
                (Some(text), _) => Kind::Sub(sub_parts(text), IndexMap::new()),
                (None, Some([text, variables])) => {
                    let variables = variables.entries()?.iter();
                    let variables = variables.map(|entry| (entry.key.clone(), self.value(&entry.value))).collect();
                    Kind::Sub(sub_parts(text.text()?), variables)
                }
                (None, Some([text])) => Kind::Sub(sub_parts(text.text()?), IndexMap::new()),
                _ => return None,
            },
            "Join" => pair().map(|(delimiter, list)| Kind::Join(delimiter, list))?,
            "Select" => pair().map(|(index, list)| Kind::Select(index, list))?,
            "Split" => pair().map(|(delimiter, text)| Kind::Split(delimiter, text))?,
            "Equals" => pair().map(|(left, right)| Kind::Equals(left, right))?,
            "FindInMap" => match items? {
                [map, first, second] => {
                    Kind::FindInMap(Box::new([self.value(map), self.value(first), self.value(second)]), None)
                }
                [map, first, second, extra] => Kind::FindInMap(
                    Box::new([self.value(map), self.value(first), self.value(second)]),
                    extra.get("DefaultValue").map(boxed),
                ),
                _ => return None,
            },
            "If" => match items? {
                [name, yes, no] => Kind::If(name.text()?.to_owned(), boxed(yes), boxed(no)),
                _ => return None,
            },
            "Cidr" => match items? {
                [block, count] => Kind::Cidr(boxed(block), boxed(count), None),
                [block, count, bits] => Kind::Cidr(boxed(block), boxed(count), Some(boxed(bits))),
                _ => return None,
            },
            "GetAZs" => Kind::GetAzs(boxed(argument)),
            "ImportValue" => Kind::ImportValue(boxed(argument)),
            "Base64" => Kind::Base64(boxed(argument)),
            "And" => Kind::And(all()?),
            "Or" => Kind::Or(all()?),
            "Not" => match items? {
                [item] => Kind::Not(boxed(item)),
                _ => return None,
            },
            _ => return None,
        })
    }
}

fn transform_name(node: &Node) -> String {
    node.text().or_else(|| node.get("Name").and_then(Node::text)).unwrap_or("a transform").to_owned()
}

fn long_form(key: &str) -> Option<&str> {
    match key {
        "Ref" | "Condition" => Some(key),
        _ => key.strip_prefix("Fn::").filter(|name| !name.is_empty()),
    }
}

/// The pieces of an `Fn::Sub` text; `${!x}` is the literal `${x}`.
pub(super) fn sub_parts(text: &str) -> Vec<SubPart> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        literal.push_str(before);
        let inside = &from[2..];
        let Some(end) = inside.find('}') else {
            rest = from;
            break;
        };
        let name = inside[..end].trim();
        rest = &inside[end + 1..];
        if let Some(escaped) = name.strip_prefix('!') {
            literal.push_str("${");
            literal.push_str(escaped);
            literal.push('}');
            continue;
        }
        if !literal.is_empty() {
            parts.push(SubPart::Literal(std::mem::take(&mut literal)));
        }
        parts.push(match name.split_once('.') {
            Some((name, attribute)) => SubPart::Attribute(name.to_owned(), attribute.to_owned()),
            None => SubPart::Name(name.to_owned()),
        });
    }
    literal.push_str(rest);
    if !literal.is_empty() || parts.is_empty() {
        parts.push(SubPart::Literal(literal));
    }
    parts
}
