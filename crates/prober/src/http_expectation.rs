//! Whether an answer is the right one, and in words what is wrong with it.

use crate::answer::Answer;
use crate::http_exchange::Exchange;
use crate::redactor::Redactor;
use model::probe::HttpExpectation;
use serde_json::Value;

/// So much of a body is shown to people.
const EXCERPT: usize = 160;
/// So much of a body is searched for secrets before the excerpt is cut from it.
const EXCERPT_SOURCE: usize = 64 * 1024;

/// What must come back, for people.
pub(crate) fn in_words(expect: &HttpExpectation) -> String {
    let mut parts = Vec::new();
    if !expect.statuses.is_empty() {
        parts.push(format!("status {}", alternatives(&expect.statuses)));
    }
    for (name, value) in &expect.headers {
        parts.push(match value.strip_prefix('~') {
            Some(part) => format!("header {name} containing {part:?}"),
            None => format!("header {name} equal to {value:?}"),
        });
    }
    parts.extend(expect.json.iter().map(|(pointer, value)| format!("{} equal to {value}", place(pointer))));
    parts.extend(expect.json_absent.iter().map(|pointer| format!("no {}", place(pointer))));
    parts.extend(expect.contains.iter().map(|text| format!("a body containing {text:?}")));
    if parts.is_empty() { "any answer".to_owned() } else { parts.join(", ") }
}

fn alternatives(statuses: &[u16]) -> String {
    statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ")
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() { "JSON document".to_owned() } else { format!("JSON at {pointer}") }
}

/// Compares an answer with what must come back.
pub(crate) fn compare(exchange: &Exchange, expect: &HttpExpectation, expected: String, redactor: &Redactor) -> Answer {
    let status = exchange.status.as_u16();
    let mut wrong = Vec::new();
    let is_status = expect.statuses.is_empty() || expect.statuses.contains(&status);
    for (name, value) in &expect.headers {
        wrong.extend(wrong_header(exchange, name, value, redactor));
    }
    if !expect.json.is_empty() || !expect.json_absent.is_empty() {
        match serde_json::from_slice::<Value>(&exchange.body) {
            Ok(document) => wrong.extend(wrong_json(&document, expect, redactor)),
            Err(_) => wrong.push("a body that is no JSON".to_owned()),
        }
    }
    let text = String::from_utf8_lossy(&exchange.body);
    let missing = expect.contains.iter().filter(|part| !text.contains(part.as_str()));
    wrong.extend(missing.map(|part| format!("a body without {part:?}")));

    if is_status && wrong.is_empty() {
        return Answer::holds(format!("status {status}"));
    }
    let mut seen = vec![format!("status {status}")];
    seen.extend(wrong);
    seen.extend(exchange.cut.clone());
    let excerpt = excerpt(&text, redactor);
    if !excerpt.is_empty() {
        seen.push(format!("body: {excerpt}"));
    }
    Answer::fails(expected, seen.join("; "))
}

fn wrong_header(exchange: &Exchange, name: &str, wanted: &str, redactor: &Redactor) -> Option<String> {
    let values: Vec<String> = exchange
        .headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let holds = |value: &String| match wanted.strip_prefix('~') {
        Some(part) => value.contains(part),
        None => value == wanted,
    };
    if values.iter().any(holds) {
        return None;
    }
    if values.is_empty() {
        return Some(format!("no header {name}"));
    }
    Some(format!("header {name}: {}", excerpt(&values.join(", "), redactor)))
}

fn wrong_json(document: &Value, expect: &HttpExpectation, redactor: &Redactor) -> Vec<String> {
    let mut wrong = Vec::new();
    for (pointer, wanted) in &expect.json {
        match document.pointer(pointer) {
            Some(value) if is_same(value, wanted) => {}
            Some(value) => wrong.push(format!("{}: {}", place(pointer), excerpt(&value.to_string(), redactor))),
            None => wrong.push(format!("no {}", place(pointer))),
        }
    }
    for pointer in &expect.json_absent {
        if let Some(value) = document.pointer(pointer) {
            wrong.push(format!("{}: {}", place(pointer), excerpt(&value.to_string(), redactor)));
        }
    }
    wrong
}

/// Equality where 2 is 2.0, as in JSON itself.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let matches = |(key, value): (&String, &Value)| right.get(key).is_some_and(|other| is_same(value, other));
            left.len() == right.len() && left.iter().all(matches)
        }
        _ => left == right,
    }
}

/// The beginning of a text on one line. Secrets go before it is cut, so that no half of one stays.
fn excerpt(text: &str, redactor: &Redactor) -> String {
    let mut end = text.len().min(EXCERPT_SOURCE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let clean = redactor.clean(&text[..end]);
    let mut words = String::new();
    for word in clean.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().filter(|c| !c.is_control()));
    }
    match words.char_indices().nth(EXCERPT) {
        Some((cut, _)) => format!("{}…", &words[..cut]),
        None => words,
    }
}
