//! How a failed verb says so: what was being done, what came back, what to do next.

use crate::command_error::CommandError;
use crate::console::Console;
use crate::views::style::{BAD, DIM, HINT, paint};
use model::{Fault, FaultKind};
use serde_json::{Value, json};

/// Prints the error where it belongs: a JSON document on standard output for programs, text on
/// standard error for people.
pub(crate) fn print(error: &CommandError, console: &Console) {
    if console.json {
        if let Some(document) = document(error) {
            crate::views::progress::print_json_line(&document);
        }
        return;
    }
    if let Some(text) = text(error) {
        anstream::eprintln!("{text}");
    }
}

fn text(error: &CommandError) -> Option<String> {
    match error {
        CommandError::Findings(findings, sources) | CommandError::Refuted(findings, sources) => {
            let text = compiler::report::to_text(findings, sources, crate::views::findings::stderr_style());
            Some(format!("{text}\n{}", crate::views::findings::count(findings)))
        }
        CommandError::Refused(findings, sources) => {
            Some(under_their_lines(findings, sources, "Refused; nothing was changed."))
        }
        CommandError::Denied(findings, sources) => {
            Some(under_their_lines(findings, sources, "Not allowed; everything is as it was before."))
        }
        CommandError::RolledBack(findings, sources) => {
            Some(under_their_lines(findings, sources, "Failed and rolled back; everything is as it was before."))
        }
        CommandError::Stuck(findings, sources) => Some(under_their_lines(
            findings,
            sources,
            "Failed, and it needs you; `landfall status` says how it stands.",
        )),
        CommandError::Obstacles(fault, others) => {
            let all: Vec<String> =
                std::iter::once(fault.as_ref()).chain(others).map(|fault| fault_text("refused", fault)).collect();
            Some(all.join("\n"))
        }
        CommandError::Preflight(fault) => Some(fault_text("refused", fault)),
        CommandError::Fault(fault) => Some(fault_text("error", fault)),
        CommandError::Usage { message, help } => Some(with_help(format!("{} {message}", label("error")), help)),
        CommandError::Interrupted => Some("Interrupted; type the same command again to go on.".to_owned()),
        CommandError::VerifyFailed
        | CommandError::Reported
        | CommandError::NotProved
        | CommandError::Strict
        | CommandError::Drifted
        | CommandError::Client(_)
        | CommandError::BrokenPipe => None,
    }
}

fn under_their_lines(findings: &model::Findings, sources: &compiler::report::Sources, verdict: &str) -> String {
    let text = compiler::report::to_text(findings, sources, crate::views::findings::stderr_style());
    format!("{text}\n{verdict}")
}

fn label(word: &str) -> String {
    paint(BAD, format!("{word}:"))
}

fn with_help(mut text: String, help: &Option<String>) -> String {
    if let Some(help) = help {
        text.push_str(&format!("\n  {} {help}", paint(HINT, "do:")));
    }
    text
}

fn fault_text(word: &str, fault: &Fault) -> String {
    let mut text = format!("{} {}: {}", label(word), fault.operation, fault.cause);
    if !fault.log_tail.is_empty() {
        text.push_str(&format!("\n  {}", paint(DIM, "last lines of its log:")));
        for line in &fault.log_tail {
            text.push_str(&format!("\n  {} {line}", paint(DIM, "|")));
        }
    }
    if fault.kind == FaultKind::Bug {
        text.push_str("\n  This is a defect of landfall; please report it with the output of `landfall doctor`.");
    }
    with_help(text, &fault.help)
}

/// The error as one JSON document.
fn document(error: &CommandError) -> Option<Value> {
    let body = match error {
        CommandError::Findings(findings, sources)
        | CommandError::Refuted(findings, sources)
        | CommandError::Refused(findings, sources)
        | CommandError::Denied(findings, sources)
        | CommandError::RolledBack(findings, sources)
        | CommandError::Stuck(findings, sources) => compiler::report::to_json(findings, sources),
        CommandError::Preflight(fault) | CommandError::Fault(fault) => json!({ "fault": fault }),
        CommandError::Obstacles(fault, others) => {
            let all: Vec<&Fault> = std::iter::once(fault.as_ref()).chain(others).collect();
            json!({ "fault": fault, "faults": all })
        }
        CommandError::Usage { message, help } => json!({ "usage": { "message": message, "help": help } }),
        CommandError::Interrupted => json!({ "interrupted": true }),
        CommandError::VerifyFailed
        | CommandError::Reported
        | CommandError::NotProved
        | CommandError::Strict
        | CommandError::Drifted
        | CommandError::Client(_)
        | CommandError::BrokenPipe => return None,
    };
    Some(json!({ "version": 1, "event": "error", "exit_code": error.exit_code() as u8, "error": body }))
}
