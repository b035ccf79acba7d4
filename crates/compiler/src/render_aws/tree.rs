//! A template as a tree that can be written.

use super::split::Part;
use indexmap::IndexMap;
use model::cfn::{Kind, Output, Parameter, Resource, SubPart, Value};
use model::yaml::write::{Tree, write};

/// The text of a template.
pub(super) fn template(part: &Part, about: &str) -> String {
    let mut sections = vec![
        ("AWSTemplateFormatVersion".to_owned(), Tree::text("2010-09-09")),
        ("Description".to_owned(), Tree::text(about)),
    ];
    if !part.parameters.is_empty() {
        let all = part.parameters.iter().map(|(name, (said, about))| (name.clone(), parameter(said, about)));
        sections.push(("Parameters".to_owned(), Tree::Map(all.collect())));
    }
    let all = part.resources.iter().map(|(id, said)| (id.clone(), resource(said)));
    sections.push(("Resources".to_owned(), Tree::Map(all.collect())));
    if !part.outputs.is_empty() {
        let all = part.outputs.iter().map(|(name, said)| (name.clone(), output(said)));
        sections.push(("Outputs".to_owned(), Tree::Map(all.collect())));
    }
    write(&Tree::Map(sections))
}

fn parameter(said: &Parameter, about: &str) -> Tree {
    let mut entries = vec![("Type".to_owned(), Tree::text(&said.kind)), ("Description".to_owned(), Tree::text(about))];
    if let Some(default) = &said.default {
        entries.push(("Default".to_owned(), Tree::text(default)));
    }
    Tree::Map(entries)
}

fn output(said: &Output) -> Tree {
    Tree::map([("Description", Tree::text(&said.about)), ("Value", value(&said.value))])
}

fn resource(said: &Resource) -> Tree {
    let mut entries = vec![("Type".to_owned(), Tree::text(&said.kind))];
    if let Some(condition) = &said.condition {
        entries.push(("Condition".to_owned(), Tree::text(condition)));
    }
    if let Some(origin) = &said.origin {
        let mut metadata = vec![("ManifestPath".to_owned(), Tree::text(origin.to_string()))];
        if let Some(Kind::Map(more)) = said.attributes.get(METADATA).map(|said| &said.kind) {
            metadata.extend(more.iter().map(|(name, said)| (name.clone(), value(said))));
        }
        entries.push((METADATA.to_owned(), Tree::Map(metadata)));
    }
    let attributes = said.attributes.iter().filter(|(name, _)| *name != METADATA);
    entries.extend(attributes.map(|(name, said)| (name.clone(), value(said))));
    if said.properties.kind != Kind::Map(IndexMap::new()) {
        entries.push(("Properties".to_owned(), value(&said.properties)));
    }
    Tree::Map(entries)
}

/// Where a resource says what is no property of it.
const METADATA: &str = "Metadata";

/// A value with its functions in the short form where YAML allows it: one tag cannot stand behind another.
fn value(said: &Value) -> Tree {
    let pair = |first: &Value, second: &Value| Tree::List(vec![value(first), value(second)]);
    let list = |items: &[Value]| Tree::List(items.iter().map(value).collect());
    match &said.kind {
        Kind::Null => Tree::Plain("null".to_owned()),
        Kind::Text(text) if is_number_or_truth(text) => Tree::Plain(text.clone()),
        Kind::Text(text) => Tree::text(text),
        Kind::List(items) => list(items),
        Kind::Map(entries) => Tree::Map(entries.iter().map(|(key, said)| (key.clone(), value(said))).collect()),
        Kind::Ref(name) => Tree::Tagged("!Ref", Box::new(Tree::text(name))),
        Kind::GetAtt(name, attribute) => Tree::Tagged("!GetAtt", Box::new(Tree::Text(format!("{name}.{attribute}")))),
        Kind::Sub(parts, variables) if variables.is_empty() => {
            Tree::Tagged("!Sub", Box::new(Tree::Text(sub_text(parts))))
        }
        Kind::Sub(parts, variables) => {
            let variables = variables.iter().map(|(name, said)| (name.clone(), value(said))).collect();
            Tree::Tagged("!Sub", Box::new(Tree::List(vec![Tree::Text(sub_text(parts)), Tree::Map(variables)])))
        }
        Kind::Join(delimiter, items) => Tree::Tagged("!Join", Box::new(pair(delimiter, items))),
        Kind::Select(index, items) => Tree::Tagged("!Select", Box::new(pair(index, items))),
        Kind::Split(delimiter, text) => Tree::Tagged("!Split", Box::new(pair(delimiter, text))),
        Kind::FindInMap(keys, default) => {
            let mut items: Vec<Tree> = keys.iter().map(value).collect();
            items.extend(default.as_deref().map(|said| Tree::map([("DefaultValue", value(said))])));
            Tree::Tagged("!FindInMap", Box::new(Tree::List(items)))
        }
        Kind::If(name, yes, no) => {
            Tree::Tagged("!If", Box::new(Tree::List(vec![Tree::text(name), value(yes), value(no)])))
        }
        Kind::Cidr(block, count, bits) => {
            let items = [Some(block), Some(count), bits.as_ref()].into_iter().flatten();
            Tree::Tagged("!Cidr", Box::new(Tree::List(items.map(|said| value(said)).collect())))
        }
        Kind::GetAzs(region) => tagged("!GetAZs", "Fn::GetAZs", region),
        Kind::ImportValue(name) => tagged("!ImportValue", "Fn::ImportValue", name),
        Kind::Base64(text) => tagged("!Base64", "Fn::Base64", text),
        Kind::And(items) => Tree::Tagged("!And", Box::new(list(items))),
        Kind::Or(items) => Tree::Tagged("!Or", Box::new(list(items))),
        Kind::Not(item) => Tree::Tagged("!Not", Box::new(Tree::List(vec![value(item)]))),
        Kind::Equals(left, right) => Tree::Tagged("!Equals", Box::new(pair(left, right))),
        Kind::Condition(name) => Tree::Tagged("!Condition", Box::new(Tree::text(name))),
        Kind::Other(name, argument) => Tree::Map(vec![(name.clone(), value(argument))]),
    }
}

fn tagged(short: &'static str, long: &str, argument: &Value) -> Tree {
    match value(argument) {
        inner @ Tree::Tagged(..) => Tree::Map(vec![(long.to_owned(), inner)]),
        inner => Tree::Tagged(short, Box::new(inner)),
    }
}

/// What CloudFormation takes for a number or a truth value, and what comes back as the same text.
fn is_number_or_truth(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = (1..=9).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" && text == "0" || !digits.starts_with('0'))
        // The protocol "all" is a text.
        && text != "-1";
    is_number || matches!(text, "true" | "false")
}

fn sub_text(parts: &[SubPart]) -> String {
    parts
        .iter()
        .map(|part| match part {
            SubPart::Literal(text) => text.replace("${", "${!"),
            SubPart::Name(name) => format!("${{{name}}}"),
            SubPart::Attribute(name, attribute) => format!("${{{name}.{attribute}}}"),
        })
        .collect()
}
