//! The proof: the blueprint's matrix, generated applications, and how time grows with interfaces.

use super::Report;
use super::table::{Figures, Promise, Row};
use crate::shell::Shell;
use crate::{Result, workspace};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::Path;

const RUNS: usize = 11;
/// Interfaces of the generated applications of the plot; each has four resources.
const GROWTH: [usize; 9] = [10, 25, 50, 100, 300, 700, 1500, 3000, 5000];

/// What the example says of one size.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Cost {
    reading_ms: f64,
    proving_ms: f64,
    peak_mb: f64,
    resources: usize,
    sources: usize,
    destinations: usize,
    open: usize,
}

impl Cost {
    fn whole(&self) -> f64 {
        self.reading_ms + self.proving_ms
    }
}

pub(super) fn measure(target: &Path, report: &mut Report) -> Result {
    let words = ["build", "--release", "--locked", "--quiet", "-p", "landfall-compiler", "--example", "proof_bench"];
    Shell::cargo(words).run()?;
    let program = target.join("release/examples/proof_bench");
    let ask = |words: &[String]| -> Result<Cost> {
        let said = Shell::new(program.to_string_lossy().as_ref(), words.iter().cloned()).output()?;
        Ok(serde_json::from_str(&said)?)
    };

    let cost = ask(&[(RUNS * 10).to_string(), "tabpy".to_owned()])?;
    let figures = Figures { wall_ms: Some(cost.proving_ms), peak_mb: Some(cost.peak_mb), ..Figures::default() };
    let name = format!("proof of tabpy's production graph, {} pairs", cost.sources * cost.destinations);
    let promise = Promise::at_most(cost.proving_ms, 5.0, "5 ms");
    report.row(Row { group: "proof-tabpy", name, runs: RUNS * 10, figures, promise: Some(promise) });

    for (interfaces, resources, runs, limit, memory) in
        [(300, 2_000, RUNS, 100.0, f64::INFINITY), (5_000, 20_000, 5, 3_000.0, 500.0)]
    {
        let cost = ask(&[runs.to_string(), interfaces.to_string(), resources.to_string()])?;
        let wall = cost.whole();
        let figures = Figures { wall_ms: Some(wall), peak_mb: Some(cost.peak_mb), ..Figures::default() };
        let pairs = cost.sources * cost.destinations;
        let name = format!(
            "read and proved: {} resources, {interfaces} interfaces, {pairs} pairs, {} open",
            cost.resources, cost.open
        );
        let text = if memory.is_finite() { format!("{limit} ms, {memory} MB") } else { format!("{limit} ms") };
        let promise = Promise { text, kept: wall <= limit && cost.peak_mb <= memory };
        report.row(Row { group: "proof", name, runs, figures, promise: Some(promise) });
    }

    let mut points = Vec::new();
    for interfaces in GROWTH {
        let runs = if interfaces < 1000 { RUNS } else { 3 };
        let cost = ask(&[runs.to_string(), interfaces.to_string(), (interfaces * 4).to_string()])?;
        points.push((interfaces as f64, cost.reading_ms, cost.proving_ms));
        let figures = Figures { wall_ms: Some(cost.whole()), peak_mb: Some(cost.peak_mb), ..Figures::default() };
        report.row(Row { group: "growth", name: format!("{interfaces} interfaces"), runs, figures, promise: None });
    }
    let file = workspace::root().join("docs/proof-growth.svg");
    let new = file.with_extension("svg.new");
    std::fs::write(&new, plot(&points))?;
    std::fs::rename(new, &file)?;
    println!("  plotted: {}", file.display());
    Ok(())
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 50.0;
const TOP: f64 = 30.0;

/// Time against interfaces, both on scales of powers of ten.
fn plot(points: &[(f64, f64, f64)]) -> String {
    let decades = |values: Vec<f64>| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min).log10().floor();
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max).log10().ceil();
        (low, if high > low { high } else { low + 1.0 })
    };
    let (x_low, x_high) = decades(points.iter().map(|point| point.0).collect());
    let (y_low, y_high) =
        decades(points.iter().flat_map(|point| [point.1, point.2]).map(|time| time.max(1e-3)).collect());
    let x = |value: f64| LEFT + (value.log10() - x_low) / (x_high - x_low) * (WIDTH - LEFT - 20.0);
    let y =
        |value: f64| HEIGHT - BOTTOM - (value.max(1e-3).log10() - y_low) / (y_high - y_low) * (HEIGHT - BOTTOM - TOP);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Time of a proof against interfaces</title>\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    let grid = |out: &mut String, at: (f64, f64), to: (f64, f64)| {
        let _ = writeln!(
            out,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>",
            at.0, at.1, to.0, to.1
        );
    };
    let mut decade = x_low;
    while decade <= x_high {
        let (value, at) = (10_f64.powf(decade), x(10_f64.powf(decade)));
        grid(&mut out, (at, TOP), (at, HEIGHT - BOTTOM));
        let _ = writeln!(
            out,
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value}</text>",
            HEIGHT - BOTTOM + 18.0
        );
        decade += 1.0;
    }
    let mut decade = y_low;
    while decade <= y_high {
        let (value, at) = (10_f64.powf(decade), y(10_f64.powf(decade)));
        grid(&mut out, (LEFT, at), (WIDTH - 20.0, at));
        let _ =
            writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value} ms</text>", LEFT - 6.0, at + 4.0);
        decade += 1.0;
    }
    let mut lines = |name: &str, colour: &str, time: fn(&(f64, f64, f64)) -> f64, row: f64| {
        let path: Vec<String> = points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(time(point)))).collect();
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
            path.join(" ")
        );
        for point in points {
            let (x, y) = (x(point.0), y(time(point)));
            let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
            LEFT + 12.0,
            TOP + 16.0 * row
        );
    };
    lines("the whole matrix", "#b5179e", |point| point.2, 1.0);
    lines("reading the template", "#4361ee", |point| point.1, 2.0);
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">interfaces</text>\n</svg>",
        (WIDTH + LEFT) / 2.0,
        HEIGHT - 10.0
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_example_says_is_read() {
        let said = r#"{"reading_ms": 1.5, "proving_ms": 2.5, "peak_mb": 9.0, "resources": 40, "sources": 3, "destinations": 4, "open": 5}"#;
        let cost: Cost = serde_json::from_str(said).unwrap();
        assert!((cost.whole() - 4.0).abs() < f64::EPSILON);
    }

    #[test]
    fn more_time_is_drawn_higher() {
        let text = plot(&[(10.0, 0.1, 0.2), (1000.0, 10.0, 200.0)]);
        let heights: Vec<f64> = text
            .lines()
            .filter(|line| line.starts_with("<circle") && line.contains("#b5179e"))
            .map(|line| line.split("cy=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!(heights.len() == 2 && heights[1] < heights[0], "{text}");
    }
}
