//! The figures as a table for people and as JSON for whoever compares two of them.

use crate::bench::measure::Cost;
use serde::Serialize;

/// One line of the table.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// Rows of one group are compared with its first.
    pub(super) group: &'static str,
    pub(super) name: String,
    pub(super) runs: usize,
    /// Milliseconds, and so on; what was not measured is absent.
    pub(super) figures: Figures,
    /// What the product promises, where it does.
    pub(super) promise: Option<Promise>,
}

/// What may be known of a row.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Figures {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wall_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) requests_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p99_ms: Option<f64>,
}

impl From<Cost> for Figures {
    fn from(cost: Cost) -> Self {
        let (wall_ms, cpu_ms, peak_mb) = (Some(cost.wall_ms), Some(cost.cpu_ms), Some(cost.peak_mb));
        Self { wall_ms, cpu_ms, peak_mb, ..Self::default() }
    }
}

/// A limit and whether it was kept.
#[derive(Debug, Serialize)]
pub(super) struct Promise {
    pub(super) text: String,
    pub(super) kept: bool,
}

impl Promise {
    /// At most this much of a figure.
    pub(super) fn at_most(figure: f64, limit: f64, text: impl Into<String>) -> Self {
        Self { text: text.into(), kept: figure <= limit }
    }
}

const HEADINGS: [&str; 8] = ["what", "wall ms", "ratio", "CPU ms", "peak MB", "requests/s", "p99 ms", "promise"];

/// All rows, aligned.
pub(super) fn print(rows: &[Row]) -> String {
    let mut lines: Vec<[String; 8]> = vec![HEADINGS.map(str::to_owned)];
    for row in rows {
        let figures = &row.figures;
        let first = rows.iter().find(|first| first.group == row.group).map_or(figures, |first| &first.figures);
        let main = |figures: &Figures| figures.wall_ms.or(figures.requests_per_second).or(figures.peak_mb);
        let ratio = main(first).zip(main(figures)).map(|(first, this)| this / first);
        let shown = |figure: Option<f64>| figure.map(number).unwrap_or_default();
        lines.push([
            format!("{} (n={})", row.name, row.runs),
            shown(figures.wall_ms),
            ratio
                .filter(|_| !std::ptr::eq(first, figures))
                .map(|ratio| format!("{}x", number(ratio)))
                .unwrap_or_default(),
            shown(figures.cpu_ms),
            shown(figures.peak_mb),
            shown(figures.requests_per_second),
            shown(figures.p99_ms),
            row.promise
                .as_ref()
                .map(|promise| format!("{} {}", promise.text, if promise.kept { "kept" } else { "BROKEN" }))
                .unwrap_or_default(),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cell = |(column, cell): (usize, &String)| {
            let width = widths[column];
            if column == 0 || column + 1 == HEADINGS.len() {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        };
        text.push_str(line.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Three digits are enough to compare.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_with_the_first_of_their_group() {
        let row = |name: &str, wall: f64, promise: Option<Promise>| Row {
            group: "check",
            name: name.to_owned(),
            runs: 3,
            figures: Figures { wall_ms: Some(wall), ..Figures::default() },
            promise,
        };
        let text = print(&[
            row("ours", 5.0, Some(Promise::at_most(5.0, 15.0, "under 15"))),
            row("theirs", 1000.0, Some(Promise::at_most(2.0, 1.0, "under 1"))),
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["ours", "(n=3)", "5.00", "under", "15", "kept"]);
        assert_eq!(
            lines[2].split_whitespace().collect::<Vec<_>>(),
            ["theirs", "(n=3)", "1000", "200x", "under", "1", "BROKEN"]
        );
    }
}
