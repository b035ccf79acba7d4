//! Writing YAML that people like to read: block style, quotes only where they are needed, texts of several lines as
//! they are. What is written is read back as the same texts.

use std::fmt::Write as _;

/// What can be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// A text. Written without quotes when it is read back as a text.
    Text(String),
    /// A number or a truth value: written as it is.
    Plain(String),
    /// Items in order.
    List(Vec<Tree>),
    /// Keys in order.
    Map(Vec<(String, Tree)>),
    /// A value with a tag such as `!Ref`; the value has no tag of its own.
    Tagged(&'static str, Box<Tree>),
    /// A value under a comment of its own; inside of lists and mappings.
    Commented(String, Box<Tree>),
}

impl Tree {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A mapping.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

/// The text of a document.
#[must_use]
pub fn write(tree: &Tree) -> String {
    let mut out = String::new();
    value(&mut out, tree, 0, Position::Start);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Where a value begins.
#[derive(Clone, Copy, PartialEq)]
enum Position {
    /// At the start of a line with its indentation written, or of the document.
    Start,
    /// Behind `key:` or a tag.
    AfterKey,
    /// Behind `- `.
    AfterDash,
}

/// Writes a value whose own lines have `indent` blanks; ends its last line.
fn value(out: &mut String, tree: &Tree, indent: usize, position: Position) {
    match tree {
        Tree::Text(text) => scalar(out, text, indent, position),
        Tree::Plain(text) => {
            blank(out, position);
            out.push_str(text);
            out.push('\n');
        }
        Tree::Commented(_, inner) => value(out, inner, indent, position),
        Tree::Tagged(tag, inner) => {
            blank(out, position);
            out.push_str(tag);
            // A mapping or list behind a tag stands on lines of its own.
            value(out, inner, indent, Position::AfterKey);
        }
        Tree::List(items) if items.is_empty() => {
            blank(out, position);
            out.push_str("[]\n");
        }
        Tree::Map(entries) if entries.is_empty() => {
            blank(out, position);
            out.push_str("{}\n");
        }
        Tree::List(items) => {
            let mut first = begin(out, position);
            for item in items {
                comment(out, item, indent, &mut first);
                pad(out, indent, &mut first);
                out.push('-');
                value(out, item, indent + 2, Position::AfterDash);
            }
        }
        Tree::Map(entries) => {
            let mut first = begin(out, position);
            for (key, entry) in entries {
                comment(out, entry, indent, &mut first);
                pad(out, indent, &mut first);
                out.push_str(&if is_plain(key) { key.clone() } else { quoted(key) });
                out.push(':');
                value(out, entry, indent + 2, Position::AfterKey);
            }
        }
    }
}

fn blank(out: &mut String, position: Position) {
    if position != Position::Start {
        out.push(' ');
    }
}

/// Begins a collection; says whether its first line has its indentation already.
fn begin(out: &mut String, position: Position) -> bool {
    match position {
        Position::Start => true,
        Position::AfterDash => {
            out.push(' ');
            true
        }
        Position::AfterKey => {
            out.push('\n');
            false
        }
    }
}

fn pad(out: &mut String, indent: usize, first: &mut bool) {
    if !std::mem::take(first) {
        out.extend(std::iter::repeat_n(' ', indent));
    }
}

fn comment(out: &mut String, tree: &Tree, indent: usize, first: &mut bool) {
    if let Tree::Commented(text, _) = tree {
        for line in text.lines() {
            pad(out, indent, first);
            let _ = writeln!(out, "# {line}");
        }
    }
}

fn scalar(out: &mut String, text: &str, indent: usize, position: Position) {
    blank(out, position);
    if position != Position::Start && is_block(text) {
        let body = text.trim_end_matches('\n');
        let breaks = text.len() - body.len();
        out.push('|');
        // A first line that begins with a blank would be taken for the indentation.
        if text.starts_with([' ', '\n']) {
            out.push('2');
        }
        out.push_str(match breaks {
            0 => "-",
            1 => "",
            _ => "+",
        });
        out.push('\n');
        for line in body.split('\n') {
            if !line.is_empty() {
                out.extend(std::iter::repeat_n(' ', indent));
                out.push_str(line);
            }
            out.push('\n');
        }
        out.extend(std::iter::repeat_n('\n', breaks.saturating_sub(1)));
    } else {
        out.push_str(&if is_plain(text) { text.to_owned() } else { quoted(text) });
        out.push('\n');
    }
}

/// Whether a text is written as a block: several lines, all of characters that a block can hold.
fn is_block(text: &str) -> bool {
    let body = text.trim_end_matches('\n');
    text.contains('\n')
        && !body.is_empty()
        && !text.starts_with('\n')
        && text.chars().all(|c| c == '\n' || !c.is_control() && !is_break(c) && c != '\u{feff}')
        && body.split('\n').all(|line| !line.trim_matches(' ').is_empty() || line.is_empty())
}

fn is_break(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a text needs no quotes: no other reader takes it for a number, a date, a truth value or syntax.
fn is_plain(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || "/_$".contains(c));
    let characters = text.chars().all(|c| c.is_ascii_alphanumeric() || " _-./+$()*=;~^@<>:#{},[]'\"|&?!%".contains(c));
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    starts_well
        && characters
        && !is_word
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text.len() <= 400
}

fn quoted(text: &str) -> String {
    if text.chars().all(|c| !c.is_control() && !is_break(c) && c != '\u{feff}') {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_break(c) || c == '\u{feff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::{Tree, write};
    use crate::Findings;
    use proptest::prelude::*;

    #[test]
    fn writes_what_people_like_to_read() {
        let tree = Tree::map([
            ("Version", Tree::text("2012-10-17")),
            ("Port", Tree::Plain("443".into())),
            ("Name", Tree::Tagged("!Ref", Box::new(Tree::text("NetVpc")))),
            (
                "Join",
                Tree::Tagged("!Join", Box::new(Tree::List(vec![Tree::text(","), Tree::List(vec![Tree::text("a")])]))),
            ),
            ("Empty", Tree::List(vec![])),
            ("On", Tree::Commented("why\nso".into(), Box::new(Tree::text("on")))),
            ("Script", Tree::text("#!/bin/bash\n\nset -eu\n  x\n")),
            (
                "List",
                Tree::List(vec![
                    Tree::map([("Key", Tree::text("a: b")), ("Value", Tree::text("it's"))]),
                    Tree::text("x\ny"),
                    Tree::List(vec![Tree::text("1"), Tree::text("")]),
                ]),
            ),
        ]);
        insta::assert_snapshot!(write(&tree), @r"
        Version: '2012-10-17'
        Port: 443
        Name: !Ref NetVpc
        Join: !Join
          - ','
          - - a
        Empty: []
        # why
        # so
        'On': 'on'
        Script: |
          #!/bin/bash

          set -eu
            x
        List:
          - Key: 'a: b'
            Value: it's
          - |-
            x
            y
          - - '1'
            - ''
        ");
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let text = prop_oneof![
            "\\PC{0,12}",
            "[a-z:# \\-'\"{}\\[\\],&*!|>%@`\\n\\t\\\\]{0,12}",
            Just("0x1F".to_owned()),
            Just("1e3".to_owned()),
            Just("~".to_owned()),
        ];
        let leaf = text.clone().prop_map(Tree::Text);
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
                proptest::collection::btree_map(text.clone(), inner, 0..4)
                    .prop_map(|map| Tree::Map(map.into_iter().collect())),
            ]
        })
    }

    fn same(tree: &Tree, node: &crate::yaml::Node) -> bool {
        match tree {
            Tree::Text(text) => node.text() == Some(text) && !node.is_null(),
            Tree::List(items) => node.items().is_some_and(|nodes| {
                nodes.len() == items.len() && items.iter().zip(nodes).all(|(item, node)| same(item, node))
            }),
            Tree::Map(entries) => node.entries().is_some_and(|nodes| {
                nodes.len() == entries.len()
                    && entries
                        .iter()
                        .zip(nodes)
                        .all(|((key, value), node)| *key == node.key && same(value, &node.value))
            }),
            Tree::Plain(_) | Tree::Tagged(..) | Tree::Commented(..) => false,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(tree in trees()) {
            let text = write(&Tree::map([("top", tree.clone())]));
            let mut findings = Findings::new();
            let document = crate::yaml::read("t.yaml", text.as_bytes(), &crate::yaml::Limits::default(), &mut findings);
            let document = document.unwrap_or_else(|| panic!("{text}\n{findings:?}"));
            prop_assert!(same(&tree, document.root.get("top").unwrap()), "{}", text);
        }
    }
}
