//! The report for a terminal.

use crate::reachability::guarantee::Outcome;
use crate::reachability::picture::Place;
use crate::reachability::report::ProofReport;
use crate::reachability::verdict::{Status, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Wider matrices are listed instead of drawn.
const COLUMNS: usize = 24;

fn mark(status: Option<Status>) -> char {
    match status {
        Some(Status::Reachable) => '#',
        Some(Status::Partly) => '+',
        Some(Status::Unknown) => '?',
        Some(Status::Unreachable) => '.',
        None => ' ',
    }
}

/// The whole report.
#[must_use]
pub fn text(report: &ProofReport) -> String {
    let mut out = String::new();
    if !report.answers.is_empty() {
        for answer in &report.answers {
            let _ = writeln!(out, "{} -> {}: {}", answer.from, answer.to, answer.verdict.status.word());
            verdict(&mut out, report, &answer.verdict, "  ");
        }
        out.push('\n');
    } else if !report.destinations.is_empty() {
        matrix(&mut out, report);
        reasons(&mut out, report);
    }
    if let Some(expectation) = &report.expectation {
        let word = if expectation.is_met { "proved" } else { "NOT proved" };
        let _ = writeln!(out, "{word}: {}", expectation.text);
    }
    guarantees(&mut out, report, true);
    if report.answers.is_empty() {
        chains(&mut out, report);
        section(
            &mut out,
            "Rules that could go or be narrower",
            report.hints.iter().map(|hint| format!("{} ({}): {}", line_of(report, &hint.place), hint.kind, hint.text)),
        );
    }
    section(&mut out, "Notes", report.notes.iter().cloned());
    if report.scenarios.len() > 1 {
        let lines = report.scenarios.iter().map(|scenario| scenario.when.join(", "));
        section(&mut out, "Combinations of conditions that were examined", lines);
    }
    out
}

/// Guarantees, matrix and chains, without the steps of each verdict.
#[must_use]
pub fn outline(report: &ProofReport) -> String {
    let mut out = String::new();
    guarantees(&mut out, report, false);
    out.push('\n');
    matrix(&mut out, report);
    chains(&mut out, report);
    section(&mut out, "Notes", report.notes.iter().cloned());
    out
}

fn guarantees(out: &mut String, report: &ProofReport, with_evidence: bool) {
    for guarantee in &report.guarantees {
        let word = match guarantee.outcome {
            Outcome::Holds => "holds",
            Outcome::Violated => "VIOLATED",
            Outcome::Unknown => "not proved",
        };
        let _ = writeln!(out, "{word}: {}", guarantee.claim);
        for evidence in guarantee.evidence.iter().filter(|_| with_evidence) {
            let _ = writeln!(out, "  {}", evidence.text);
            if let Some(found) = &evidence.verdict {
                verdict(out, report, found, "    ");
            }
        }
    }
}

/// Each way over others, once for all that begin there; the beginning of a longer way is not told twice.
fn chains(out: &mut String, report: &ProofReport) {
    let mut ways: BTreeMap<&[String], Vec<(&str, bool)>> = BTreeMap::new();
    for chain in &report.chains {
        ways.entry(&chain.steps).or_default().push((&chain.from, chain.is_certain));
    }
    let longer: Vec<&[String]> = ways.keys().copied().collect();
    let is_told = |steps: &[String]| longer.iter().any(|other| other.len() > steps.len() && other.starts_with(steps));
    let lines = ways.iter().filter(|(steps, _)| !is_told(steps)).map(|(steps, from)| {
        let doubt = if from.iter().all(|(_, is_certain)| *is_certain) { "" } else { " (not certain)" };
        let from: Vec<&str> = from.iter().map(|(from, _)| *from).collect();
        format!("{} -> {}{doubt}", from.join(", "), steps.join(" -> "))
    });
    section(out, "Over others (what one stolen host opens)", lines.collect::<Vec<_>>().into_iter());
}

fn section(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let _ = writeln!(out, "\n{title}");
        for line in lines {
            let _ = writeln!(out, "  {line}");
        }
    }
}

fn matrix(out: &mut String, report: &ProofReport) {
    let counts: Vec<String> =
        report.counts().into_iter().rev().map(|(status, count)| format!("{count} {}", status.word())).collect();
    let pairs = report.counts().values().sum::<usize>();
    let _ = writeln!(out, "{pairs} pairs: {}", counts.join(", "));
    let cells: BTreeMap<(usize, usize), Status> =
        report.cells.iter().map(|cell| ((cell.source, cell.destination), cell.status)).collect();
    if report.destinations.len() <= COLUMNS && report.sources.len() <= 60 {
        let width = report.sources.iter().map(String::len).max().unwrap_or(0);
        out.push('\n');
        let _ = writeln!(out, "# reachable   + partly   ? unknown   . unreachable\n");
        for (number, column) in report.destinations.iter().enumerate() {
            let _ = writeln!(out, "{:width$}  {}{}", "", "| ".repeat(number), column.name);
        }
        for (row, source) in report.sources.iter().enumerate() {
            let marks: Vec<String> = (0..report.destinations.len())
                .map(|column| mark(cells.get(&(row, column)).copied()).to_string())
                .collect();
            let row = format!("{source:width$}  {}", marks.join(" "));
            let _ = writeln!(out, "{}", row.trim_end());
        }
    }
}

/// The steps of every verdict that is not a denial.
fn reasons(out: &mut String, report: &ProofReport) {
    out.push('\n');
    for cell in report.cells.iter().filter(|cell| cell.status != Status::Unreachable) {
        let (source, destination) = (&report.sources[cell.source], &report.destinations[cell.destination].name);
        let _ = writeln!(out, "{source} -> {destination}: {}", cell.status.word());
        if let Some(found) = &cell.verdict {
            verdict(out, report, found, "  ");
        }
    }
}

fn line_of(report: &ProofReport, place: &Place) -> String {
    match report.line_of(place) {
        (0, Some(path)) => format!("{} (from {path})", place.id),
        (line, Some(path)) => format!("{} ({}:{line}, {path})", place.id, report.file),
        (0, None) => place.id.clone(),
        (line, None) => format!("{} ({}:{line})", place.id, report.file),
    }
}

fn verdict(out: &mut String, report: &ProofReport, verdict: &Verdict, indent: &str) {
    if let Some(part) = &verdict.part {
        let _ = writeln!(out, "{indent}only {part}");
    }
    for hop in &verdict.hops {
        let _ = writeln!(out, "{indent}{}: {} - {}", hop.what, hop.text, line_of(report, &hop.place));
    }
    if let Some(witness) = &verdict.witness {
        let _ = writeln!(
            out,
            "{indent}for example {} port {} to {} port {}",
            witness.source, witness.source_port, witness.destination, witness.port
        );
    }
    if let Some(cut) = &verdict.cut {
        let word = if verdict.status == Status::Partly { "the rest is stopped" } else { "stopped" };
        let _ = writeln!(out, "{indent}{word} by {}: {} - {}", cut.what, cut.text, line_of(report, &cut.place));
        if !cut.fix.is_empty() && verdict.status != Status::Partly {
            let _ = writeln!(out, "{indent}to open it: {}", cut.fix);
            for fix in &cut.further_fixes {
                let _ = writeln!(out, "{indent}       and: {fix}");
            }
        }
    }
    for why in &verdict.whys {
        let _ = writeln!(out, "{indent}unknown because {why}");
    }
}
