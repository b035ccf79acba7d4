//! `Fn::ForEach` written out, and what SAM's `Globals` add: both are done by transforms before anything else is read.

use crate::yaml::{Entry, Kind, Node, Style};

/// More nodes than this are made by nobody.
const NODES: usize = 1_000_000;

/// The template with every loop over a literal list written out; others stay as they are.
pub(super) fn unrolled(root: &Node) -> Node {
    unroll(root, &mut NODES.clone())
}

fn unroll(node: &Node, left: &mut usize) -> Node {
    let kind = match &node.kind {
        Kind::Scalar { .. } => return node.clone(),
        Kind::Sequence(items) => Kind::Sequence(items.iter().map(|item| unroll(item, left)).collect()),
        Kind::Mapping(entries) => {
            let mut made = Vec::with_capacity(entries.len());
            for entry in entries {
                match turns(entry, left) {
                    Some(turns) => made.extend(turns),
                    None => made.push(Entry { value: unroll(&entry.value, left), ..entry.clone() }),
                }
            }
            Kind::Mapping(made)
        }
    };
    Node { kind, range: node.range.clone(), tag: node.tag.clone() }
}

/// The entries that a loop stands for; nothing when it is none, or not over a literal list.
fn turns(entry: &Entry, left: &mut usize) -> Option<Vec<Entry>> {
    entry.key.strip_prefix("Fn::ForEach::")?;
    let [name, list, body] = entry.value.items()? else { return None };
    let (name, body) = (name.text()?, body.entries()?);
    if list.tag.is_some() {
        return None;
    }
    let values: Option<Vec<&str>> =
        list.items()?.iter().map(|item| item.text().filter(|_| item.tag.is_none())).collect();
    let mut made = Vec::new();
    for value in values? {
        for part in body {
            let turn = Entry {
                key: replaced(&part.key, name, value),
                key_range: part.key_range.clone(),
                value: substituted(&part.value, name, value, left)?,
            };
            match turns(&turn, left) {
                Some(inner) => made.extend(inner),
                None => made.push(Entry { value: unroll(&turn.value, left), ..turn }),
            }
        }
    }
    Some(made)
}

/// `${Name}`, and `&{Name}` for the letters and digits alone.
fn replaced(text: &str, name: &str, value: &str) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    text.replace(&format!("${{{name}}}"), value).replace(&format!("&{{{name}}}"), &plain)
}

fn substituted(node: &Node, name: &str, value: &str, left: &mut usize) -> Option<Node> {
    *left = left.checked_sub(1)?;
    let scalar = |text: String, style| Kind::Scalar { text, style };
    let is_reference = match &node.kind {
        Kind::Scalar { text, .. } => node.tag.as_deref() == Some("!Ref") && text == name,
        Kind::Mapping(entries) => {
            matches!(entries.as_slice(), [only] if only.key == "Ref" && only.value.text() == Some(name))
        }
        Kind::Sequence(_) => false,
    };
    if is_reference {
        return Some(Node { kind: scalar(value.to_owned(), Style::Quoted), range: node.range.clone(), tag: None });
    }
    let kind = match &node.kind {
        Kind::Scalar { text, style } => scalar(replaced(text, name, value), *style),
        Kind::Sequence(items) => {
            Kind::Sequence(items.iter().map(|item| substituted(item, name, value, left)).collect::<Option<_>>()?)
        }
        Kind::Mapping(entries) => {
            let entries = entries.iter().map(|entry| {
                let inner = substituted(&entry.value, name, value, left)?;
                Some(Entry { key: replaced(&entry.key, name, value), key_range: entry.key_range.clone(), value: inner })
            });
            Kind::Mapping(entries.collect::<Option<_>>()?)
        }
    };
    Some(Node { kind, range: node.range.clone(), tag: node.tag.clone() })
}

/// What is said for all with what is said for one: mappings are joined, lists added, single values replaced.
pub(super) fn joined(all: &Node, one: &Node) -> Node {
    let kind = match (&all.kind, &one.kind) {
        (Kind::Mapping(first), Kind::Mapping(second)) => {
            let is_function =
                |entries: &[Entry]| entries.iter().any(|it| it.key == "Ref" || it.key.starts_with("Fn::"));
            if is_function(first) || is_function(second) {
                return one.clone();
            }
            let mut made: Vec<Entry> = first.clone();
            for entry in second {
                match made.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => known.value = joined(&known.value, &entry.value),
                    None => made.push(entry.clone()),
                }
            }
            Kind::Mapping(made)
        }
        (Kind::Sequence(first), Kind::Sequence(second)) if all.tag.is_none() && one.tag.is_none() => {
            Kind::Sequence(first.iter().chain(second).cloned().collect())
        }
        _ => return one.clone(),
    };
    Node { kind, range: one.range.clone(), tag: one.tag.clone() }
}
