//! The matrix as a picture.

use crate::reachability::report::ProofReport;
use crate::reachability::verdict::Status;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const CELL: usize = 18;

/// The matrix as SVG; shapes tell the statuses apart as well as colours do.
#[must_use]
pub fn svg(report: &ProofReport) -> String {
    let longest = |names: &mut dyn Iterator<Item = usize>| names.max().unwrap_or(0) * 7 + 16;
    let left = longest(&mut report.sources.iter().map(|name| name.chars().count()));
    let top = longest(&mut report.destinations.iter().map(|column| column.name.chars().count()));
    let width = left + report.destinations.len() * CELL + 12;
    let height = top + report.sources.len() * CELL + 44;
    let cells: BTreeMap<(usize, usize), Status> =
        report.cells.iter().map(|cell| ((cell.source, cell.destination), cell.status)).collect();
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" font-family=\"ui-monospace, monospace\" font-size=\"11\">\n<title>Who reaches whom</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (number, column) in report.destinations.iter().enumerate() {
        let x = left + number * CELL + CELL / 2 + 4;
        let _ =
            writeln!(out, "<text transform=\"translate({x},{}) rotate(-90)\">{}</text>", top - 6, escape(&column.name));
    }
    for (row, source) in report.sources.iter().enumerate() {
        let y = top + row * CELL;
        let _ =
            writeln!(out, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", left - 6, y + 13, escape(source));
        for (column, destination) in report.destinations.iter().enumerate() {
            let status = match cells.get(&(row, column)) {
                Some(status) => *status,
                None if report.is_sparse => Status::Unreachable,
                None => continue,
            };
            let title = format!("{source} to {}: {}", destination.name, status.word());
            let _ = write!(out, "<g><title>{}</title>", escape(&title));
            mark(&mut out, status, left + column * CELL, y);
            out.push_str("</g>\n");
        }
    }
    let y = top + report.sources.len() * CELL + 14;
    for (number, status) in
        [Status::Reachable, Status::Partly, Status::Unknown, Status::Unreachable].into_iter().enumerate()
    {
        let x = 8 + number * 110;
        mark(&mut out, status, x, y);
        let _ = writeln!(out, "<text x=\"{}\" y=\"{}\">{}</text>", x + CELL + 4, y + 13, status.word());
    }
    out.push_str("</svg>\n");
    out
}

fn mark(out: &mut String, status: Status, x: usize, y: usize) {
    let (x, y, size) = (x + 1, y + 1, CELL - 2);
    let fill = match status {
        Status::Reachable => "#1b6e3c",
        Status::Partly => "#8cc9a1",
        Status::Unknown => "#f2c14e",
        Status::Unreachable => "#eceff1",
    };
    let _ = write!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{size}\" height=\"{size}\" rx=\"2\" fill=\"{fill}\"/>");
    if status == Status::Unknown {
        let _ = write!(out, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">?</text>", x + size / 2, y + 12);
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
