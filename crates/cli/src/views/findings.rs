//! Findings in the forms that were asked for; the report itself is the compiler's.

use compiler::report::Style;
use std::io::IsTerminal as _;

/// Colours for standard error, where a person reads it and wants them.
pub(crate) fn stderr_style() -> Style {
    style(anstream::AutoStream::choice(&std::io::stderr()), std::io::stderr().is_terminal())
}

/// Colours for standard output, where a person reads it and wants them.
pub(crate) fn stdout_style() -> Style {
    style(anstream::AutoStream::choice(&std::io::stdout()), std::io::stdout().is_terminal())
}

fn style(choice: anstream::ColorChoice, is_terminal: bool) -> Style {
    match choice {
        anstream::ColorChoice::Never => Style::Plain,
        anstream::ColorChoice::Auto if !is_terminal => Style::Plain,
        _ => Style::Coloured,
    }
}

/// The line below a report: `2 errors, 1 warning`.
pub(crate) fn count(findings: &model::Findings) -> String {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let named =
        |count: usize, word: &str| (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }));
    let parts = [
        named(of(model::Severity::Error), "error"),
        named(of(model::Severity::Warning), "warning"),
        named(of(model::Severity::Note), "note"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
