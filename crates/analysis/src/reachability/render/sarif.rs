//! The report as SARIF 2.1.0, for code scanning.

use crate::reachability::guarantee::Outcome;
use crate::reachability::picture::Place;
use crate::reachability::report::ProofReport;
use crate::reachability::verdict::{Status, Verdict};
use serde_json::{Value, json};

/// What was expected or guaranteed and is not proved, and the hints.
#[must_use]
pub fn sarif(report: &ProofReport) -> Value {
    let mut results = Vec::new();
    if let Some(expectation) = report.expectation.as_ref().filter(|expectation| !expectation.is_met) {
        for answer in &report.answers {
            let is_as_expected = answer.verdict.status.word() == expectation.expected;
            if !is_as_expected {
                let text = format!(
                    "{} to {} is {}; {}",
                    answer.from,
                    answer.to,
                    answer.verdict.status.word(),
                    reason(&answer.verdict)
                );
                results.push(result(report, "reachability/expectation", "error", &text, place(&answer.verdict)));
            }
        }
    }
    for guarantee in report.guarantees.iter().filter(|guarantee| guarantee.outcome != Outcome::Holds) {
        let level = if guarantee.outcome == Outcome::Violated { "error" } else { "warning" };
        for evidence in &guarantee.evidence {
            let text = format!("{}: {}", guarantee.claim, evidence.text);
            let at = evidence.verdict.as_deref().and_then(place);
            results.push(result(report, "reachability/guarantee", level, &text, at));
        }
    }
    for hint in &report.hints {
        let rule = format!("reachability/{}-rule", hint.kind);
        results.push(result(report, &rule, "note", &hint.text, Some(&hint.place)));
    }
    let rules: Vec<Value> = [
        ("reachability/expectation", "The network does not do what was expected"),
        ("reachability/guarantee", "A guarantee is not proved"),
        ("reachability/unused-rule", "No packet uses a rule"),
        ("reachability/wide-rule", "A rule is wider than what listens"),
    ]
    .iter()
    .map(|(id, text)| json!({ "id": id, "shortDescription": { "text": text } }))
    .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": { "name": "landfall", "rules": rules } }, "results": results }],
    })
}

/// The last rule on the way, or what cuts it.
fn place(verdict: &Verdict) -> Option<&Place> {
    let hop = verdict.hops.iter().rev().find(|hop| hop.what == "security group rule").or(verdict.hops.last());
    match verdict.status {
        Status::Unreachable => verdict.cut.as_ref().map(|cut| &cut.place),
        _ => hop.map(|hop| &hop.place),
    }
}

fn reason(verdict: &Verdict) -> String {
    match verdict.status {
        Status::Unreachable => verdict.cut.as_ref().map_or(String::new(), |cut| cut.text.clone()),
        Status::Unknown => verdict.whys.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        Status::Reachable | Status::Partly => {
            verdict.hops.iter().map(|hop| hop.text.clone()).collect::<Vec<_>>().join("; ")
        }
    }
}

fn result(report: &ProofReport, rule: &str, level: &str, text: &str, place: Option<&Place>) -> Value {
    let line = place.map_or(1, |place| report.line_of(place).0.max(1));
    let mut location = json!({
        "physicalLocation": { "artifactLocation": { "uri": uri(&report.file) }, "region": { "startLine": line } },
    });
    if let Some(place) = place {
        location["logicalLocations"] = json!([{ "name": place.id }]);
    }
    json!({ "ruleId": rule, "level": level, "message": { "text": text }, "locations": [location] })
}

/// A file's name as a relative reference (RFC 3986).
fn uri(file: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    file.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
