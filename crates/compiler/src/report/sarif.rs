//! Findings as SARIF 2.1.0, which code hosts and editors read.

use super::sources::{Located, Sources};
use model::{Finding, FindingCode, Findings, Place, Severity};
use serde_json::{Value, json};

/// All findings as one run of a tool of this version.
#[must_use]
pub fn to_sarif(findings: &Findings, sources: &Sources, tool_version: &str) -> Value {
    let sorted = sources.sorted(findings);
    let mut rules: Vec<&'static FindingCode> = sorted.iter().map(|(finding, _)| finding.code).collect();
    rules.sort_by_key(|code| code.code);
    rules.dedup_by_key(|code| code.code);
    let results: Vec<Value> =
        sorted.iter().map(|(finding, at)| result(finding, at.as_ref(), &rules, sources)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "landfall",
                "version": tool_version,
                "rules": rules.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &FindingCode) -> Value {
    json!({
        "id": code.code,
        "shortDescription": { "text": code.title },
        "fullDescription": { "text": code.explanation },
        "defaultConfiguration": { "level": level(code.severity) },
    })
}

fn result(finding: &Finding, at: Option<&Located>, rules: &[&FindingCode], sources: &Sources) -> Value {
    let mut message = match &finding.place {
        Place::Outside(what) => format!("{what}: {}", finding.summary),
        _ => finding.summary.clone(),
    };
    if let Some(help) = &finding.help {
        message.push_str("\nHelp: ");
        message.push_str(help);
    }
    let mut result = json!({
        "ruleId": finding.code.code,
        "ruleIndex": rules.iter().position(|code| code.code == finding.code.code),
        "level": level(finding.severity),
        "message": { "text": message },
        "locations": at.map(|at| json!({ "physicalLocation": physical(at) })).into_iter().collect::<Vec<_>>(),
    });
    let related: Vec<Value> = finding
        .related
        .iter()
        .filter_map(|(place, label)| {
            let at = sources.locate(place)?;
            Some(json!({ "physicalLocation": physical(&at), "message": { "text": label } }))
        })
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = Value::Array(related);
    }
    result
}

fn physical(at: &Located) -> Value {
    json!({
        "artifactLocation": { "uri": uri(&at.file) },
        "region": {
            "startLine": at.start.line,
            "startColumn": at.start.column,
            "endLine": at.end.line,
            "endColumn": at.end.column,
        },
    })
}

/// A file's name as a relative reference (RFC 3986).
fn uri(file: &str) -> String {
    let mut uri = String::new();
    for byte in file.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
