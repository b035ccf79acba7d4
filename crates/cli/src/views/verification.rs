//! The verification table: every claim, whether it holds, and what was seen.

use crate::views::style::{BAD, DIM, GOOD, HINT, duration, paint};
use model::verification::{ProbeResult, Verdict, VerificationReport};

/// One line for a claim that holds; four for one that does not.
pub(crate) fn result(result: &ProbeResult, verbose: bool) -> String {
    let took = if result.duration_ms >= 1000 { format!("  {}", duration(result.duration_ms)) } else { String::new() };
    match &result.verdict {
        Verdict::Passed { seen } => {
            let seen = if verbose { format!("\n      {}", paint(DIM, seen)) } else { String::new() };
            format!("  {} {}: {}{}{seen}", paint(GOOD, "✓"), result.component, result.claim, paint(DIM, took))
        }
        Verdict::Waiting { seen, help } => format!(
            "  {} {}: {}{}\n      waits:    {seen}\n      {} {help}",
            paint(HINT, "…"),
            result.component,
            result.claim,
            paint(DIM, took),
            paint(HINT, "do:      "),
        ),
        Verdict::Failed { expected, seen, help } => format!(
            "  {} {}: {}{}\n      expected: {expected}\n      seen:     {seen}\n      from:     {}\n      {} {help}",
            paint(BAD, "✗"),
            result.component,
            result.claim,
            paint(DIM, took),
            result.origin,
            paint(HINT, "do:      "),
        ),
    }
}

/// The line below the table.
pub(crate) fn summary(report: &VerificationReport) -> String {
    let (passed, waiting, all) = (report.passed(), report.waiting(), report.results.len());
    if report.is_proved() {
        paint(GOOD, format!("Proved: all {all} claims hold."))
    } else if all == 0 {
        paint(BAD, "Nothing was proved: no probe was asked.")
    } else if report.nothing_failed() {
        paint(HINT, format!("Not proved yet: {passed} of {all} claims hold, {waiting} wait for somebody else."))
    } else {
        paint(BAD, format!("Not proved: {} of {all} claims do not hold.", all - passed - waiting))
    }
}
