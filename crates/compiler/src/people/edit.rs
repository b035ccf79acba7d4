//! Adding a person to a manifest, or taking one out, in its text: one place changes, everything else stays byte for
//! byte as somebody wrote it.

use components::people::Person;
use model::Findings;
use model::yaml::{self, Entry, Kind, Node};
use serde_json::{Map, Value, json};
use std::ops::Range;

/// What is done to the people of a manifest.
#[derive(Debug, Clone, Copy)]
pub enum PeopleEdit<'a> {
    /// A person more.
    Add {
        /// The name.
        name: &'a str,
        /// All that is said of the person.
        person: &'a Person,
    },
    /// A person less.
    Remove {
        /// The name.
        name: &'a str,
    },
}

/// Why a manifest was not edited, in words, with what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotEdited {
    /// Why.
    pub why: String,
    /// What to do.
    pub help: String,
}

/// The text with the edit done. Nothing is lost: what was read before, with the edit, is what is read afterwards.
///
/// # Errors
/// When the text cannot be read, is written in a way that hides what would change (an anchor, a merge), or the person
/// is there already or not there.
pub fn edit_people(text: &str, edit: PeopleEdit<'_>) -> Result<String, NotEdited> {
    let root = read(text)?;
    let (range, new) = match edit {
        PeopleEdit::Add { name, person } => added(text, &root, name, person)?,
        PeopleEdit::Remove { name } => removed(text, &root, name)?,
    };
    let mut edited = text.to_owned();
    edited.replace_range(range, &new);
    let found = read(&edited).map(|root| root.to_json());
    if found.as_ref().ok() != Some(&expected(root.to_json(), edit)) {
        return Err(refuse("it is written in a way that an edit could damage", by_hand(edit)));
    }
    Ok(edited)
}

fn refuse(why: impl Into<String>, help: impl Into<String>) -> NotEdited {
    NotEdited { why: why.into(), help: help.into() }
}

fn by_hand(edit: PeopleEdit<'_>) -> String {
    match edit {
        PeopleEdit::Add { name, person } => {
            format!("write it yourself below `people:`, as `{name}: {}`", flow(person))
        }
        PeopleEdit::Remove { name } => format!("remove `{name}` below `people:` yourself"),
    }
}

fn read(text: &str) -> Result<Node, NotEdited> {
    let help = "type `landfall check`";
    let document = yaml::read("", text.as_bytes(), &crate::parse::LIMITS, &mut Findings::new());
    let document = document.ok_or_else(|| refuse("the manifest cannot be read", help))?;
    match document.root.kind {
        Kind::Mapping(_) => Ok(document.root),
        _ => Err(refuse("the manifest is no mapping", help)),
    }
}

/// What must be read afterwards.
fn expected(mut root: Value, edit: PeopleEdit<'_>) -> Value {
    if let Some(root) = root.as_object_mut() {
        let people = root.entry("people").or_insert_with(|| json!({}));
        if people.is_null() {
            *people = json!({});
        }
        if let Some(people) = people.as_object_mut() {
            match edit {
                PeopleEdit::Add { name, person } => {
                    people.insert(name.to_owned(), serde_json::to_value(said(person)).unwrap_or_default());
                }
                PeopleEdit::Remove { name } => {
                    people.shift_remove(name);
                }
            }
        }
    }
    root
}

/// What is written of a person: the keys that say something, `${` so that it stays what it is.
fn said(person: &Person) -> Map<String, Value> {
    let text = |text: &str| Value::String(text.trim().replace("${", "$${"));
    let mut said = Map::new();
    said.insert("roles".to_owned(), person.roles.iter().map(|role| text(role)).collect());
    for (key, value) in [("ssh-key", &person.ssh_key), ("email", &person.email)] {
        if let Some(value) = value {
            said.insert(key.to_owned(), text(value));
        }
    }
    said
}

fn added(text: &str, root: &Node, name: &str, person: &Person) -> Result<(Range<usize>, String), NotEdited> {
    let end = line_end(text);
    let line = format!("{}: {}", key(name), flow(person));
    let Some(people) = root.entry("people") else {
        if is_flow(text, root) {
            return into_flow(text, root, &format!("people: {{ {line} }}"));
        }
        let before = if text.ends_with('\n') || text.is_empty() { "" } else { end };
        return Ok((text.len()..text.len(), format!("{before}people:{end}  {line}{end}")));
    };
    refuse_hidden(text, people)?;
    if people.value.is_null() {
        // After what stands in that line, which may be a comment.
        let written = people.value.range.clone();
        if !written.is_empty() {
            return Ok((written, format!("{{ {line} }}")));
        }
        let at = end_of_line(text, people.key_range.end);
        return Ok((at..at, format!("{end}  {line}")));
    }
    let Some(entries) = people.value.entries() else {
        return Err(refuse("`people` is no mapping", "type `landfall check`"));
    };
    if entries.iter().any(|entry| entry.key == name) {
        let help = format!("edit the entry, or take it away first: `landfall user remove {name}`");
        return Err(refuse(format!("{name} is among the people already"), help));
    }
    let Some(last) = entries.last().filter(|_| !is_flow(text, &people.value)) else {
        return into_flow(text, &people.value, &line);
    };
    let indent = indent_of(text, last.key_range.start);
    let at = end_of_line(text, last_byte(last));
    Ok((at..at, format!("{end}{}", entry_like(text, last, indent, name, person, end))))
}

/// An entry written as its neighbour is: in one line, or with a line for each key.
fn entry_like(text: &str, neighbour: &Entry, indent: &str, name: &str, person: &Person, end: &str) -> String {
    let block = neighbour.value.entries().and_then(<[Entry]>::first).filter(|_| !is_flow(text, &neighbour.value));
    let Some(first) = block else { return format!("{indent}{}: {}", key(name), flow(person)) };
    let deeper = indent_of(text, first.key_range.start);
    let keys = said(person).into_iter().map(|(key, value)| format!("{end}{deeper}{key}: {}", flow_value(&value)));
    format!("{indent}{}:{}", key(name), keys.collect::<String>())
}

fn into_flow(text: &str, mapping: &Node, line: &str) -> Result<(Range<usize>, String), NotEdited> {
    let inside = mapping.range.start + 1..mapping.range.end.saturating_sub(1);
    let is_whole = text.get(mapping.range.clone()).is_some_and(|text| text.starts_with('{') && text.ends_with('}'));
    if !is_whole {
        return Err(refuse("`people` is not written where it is used", "write the person there by hand"));
    }
    match mapping.entries().and_then(<[Entry]>::last) {
        Some(last) => {
            let at = last_byte(last);
            Ok((at..at, format!(", {line}")))
        }
        None => Ok((inside, format!(" {line} "))),
    }
}

fn removed(text: &str, root: &Node, name: &str) -> Result<(Range<usize>, String), NotEdited> {
    let missing = || refuse(format!("there is no person `{name}`"), "`landfall user ls` shows everybody");
    let people = root.entry("people").ok_or_else(missing)?;
    refuse_hidden(text, people)?;
    let entries = people.value.entries().ok_or_else(missing)?;
    let index = entries.iter().position(|entry| entry.key == name).ok_or_else(missing)?;
    let entry = &entries[index];
    let end = last_byte(entry);
    if is_flow(text, &people.value) {
        // With the comma behind it, or of the last one the comma before it.
        let range = match (entries.get(index + 1), index.checked_sub(1).and_then(|before| entries.get(before))) {
            (Some(next), _) => entry.key_range.start..next.key_range.start,
            (None, Some(before)) => last_byte(before)..end,
            (None, None) => entry.key_range.start..end,
        };
        return Ok((range, String::new()));
    }
    let start = start_of_line(text, entry.key_range.start);
    let stop = end_of_line(text, end);
    let after = text[stop..].find('\n').map_or(text.len(), |at| stop + at + 1);
    if entries.len() == 1 {
        // A key without a value would be nothing said. Comments before the entry stay.
        let between = text[people.key_range.end..start].trim_end_matches([' ', '\t']);
        return Ok((people.key_range.end..after, between.replacen(':', ": {}", 1)));
    }
    if after == text.len() && !text.ends_with('\n') {
        // The last line has no end: take the one before it.
        return Ok((start.saturating_sub(line_end(text).len())..after, String::new()));
    }
    Ok((start..after, String::new()))
}

/// What is said through an anchor or a merge stands somewhere else.
fn refuse_hidden(text: &str, people: &Entry) -> Result<(), NotEdited> {
    let begins = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
    let hidden = begins(&people.value.range).starts_with(['*', '&'])
        || text[people.key_range.end..].lines().next().is_some_and(|line| {
            let behind = line.trim_start_matches(':').trim_start();
            behind.starts_with(['*', '&', '!'])
        });
    if hidden {
        return Err(refuse("`people` is written with an anchor or a tag", "edit it by hand"));
    }
    Ok(())
}

fn is_flow(text: &str, mapping: &Node) -> bool {
    text.get(mapping.range.clone()).is_some_and(|text| text.starts_with('{'))
}

/// Where the last thing that is said of an entry ends.
fn last_byte(entry: &Entry) -> usize {
    fn end(node: &Node) -> usize {
        let below = match &node.kind {
            Kind::Scalar { .. } => None,
            Kind::Sequence(items) => items.last().map(end),
            Kind::Mapping(entries) => entries.last().map(|entry| end(&entry.value).max(entry.key_range.end)),
        };
        node.range.end.max(below.unwrap_or_default())
    }
    end(&entry.value).max(entry.key_range.end)
}

fn start_of_line(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |before| before + 1)
}

/// The end of a line, without its line feed.
fn end_of_line(text: &str, at: usize) -> usize {
    // A block value may end behind its last line feed.
    let at = at - (text[..at].len() - text[..at].trim_end().len());
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    if text[..end].ends_with('\r') { end - 1 } else { end }
}

fn indent_of(text: &str, at: usize) -> &str {
    &text[start_of_line(text, at)..at]
}

fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn flow(person: &Person) -> String {
    let entries = said(person).into_iter().map(|(key, value)| format!("{key}: {}", flow_value(&value)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

fn flow_value(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| key(item.as_str().unwrap_or_default())).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => key(text),
        other => other.to_string(),
    }
}

/// A text, in quotes where it could be read as something else.
fn key(text: &str) -> String {
    let is_word = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&text);
    if is_word { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

#[cfg(test)]
mod tests;
