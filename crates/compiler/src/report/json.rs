//! Findings as versioned JSON.

use super::sources::{Located, Sources};
use model::{Findings, Place};
use serde_json::{Value, json};

/// The version of the JSON form.
pub const JSON_VERSION: u32 = 1;

/// All findings, sorted by place.
#[must_use]
pub fn to_json(findings: &Findings, sources: &Sources) -> Value {
    let all: Vec<Value> = sources
        .sorted(findings)
        .into_iter()
        .map(|(finding, at)| {
            let related: Vec<Value> = finding
                .related
                .iter()
                .map(|(place, label)| {
                    let located = sources.locate(place);
                    json!({ "label": label, "place": place_json(place, located.as_ref()) })
                })
                .collect();
            json!({
                "code": finding.code.code,
                "severity": finding.severity,
                "title": finding.code.title,
                "summary": finding.summary,
                "help": finding.help,
                "place": place_json(&finding.place, at.as_ref()),
                "related": related,
            })
        })
        .collect();
    json!({ "version": JSON_VERSION, "findings": all })
}

fn place_json(place: &Place, at: Option<&Located>) -> Value {
    let path = match place {
        Place::Key(path) | Place::Value(path) => Some(path.to_string()),
        Place::Span { .. } | Place::Outside(_) => None,
    };
    match (place, at) {
        (Place::Outside(what), _) => json!({ "outside": what }),
        (_, Some(at)) => json!({
            "file": at.file,
            "line": at.start.line,
            "column": at.start.column,
            "end_line": at.end.line,
            "end_column": at.end.column,
            "path": path,
        }),
        (_, None) => json!({ "path": path }),
    }
}
