//! The page of finding codes.

use super::Code;
use std::fmt::Write;

/// Each code with its explanation, in the order of the codes.
pub(super) fn page(codes: &[Code]) -> String {
    let mut page =
        "# Findings\n\nEvery finding has a stable code; `landfall explain CODE` prints the same text.\n\n".to_owned();
    let mut sorted: Vec<&Code> = codes.iter().collect();
    sorted.sort_by(|a, b| a.code.cmp(&b.code));
    page.push_str("| code | is | what |\n|---|---|---|\n");
    for code in &sorted {
        let anchor = code.code.to_lowercase();
        let _ =
            writeln!(page, "| [{}](#{anchor}) | {} | {} |", code.code, code.severity, code.title.replace('|', "\\|"));
    }
    for code in &sorted {
        let _ = write!(
            page,
            "\n## {}\n\n**{}** ({})\n\n{}\n",
            code.code,
            code.title,
            code.severity,
            code.explanation.trim()
        );
    }
    page
}
