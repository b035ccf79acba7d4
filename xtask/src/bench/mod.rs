//! `cargo xtask bench`: what the product promises about time and memory, measured, beside the usual
//! tools where they are installed. What cannot be measured here is named, with the reason.

mod aws;
mod build;
mod edge;
mod measure;
mod offline;
mod proof;
mod running;
mod table;
mod tunnel;

pub(crate) use measure::measured;

use crate::sandbox::Sandbox;
use crate::shell::Shell;
use crate::{Result, binary};
use std::path::PathBuf;
use table::Row;

/// What the person asked for.
#[derive(Debug, Default)]
struct Wish {
    cold: bool,
    peers: Option<PathBuf>,
    only: Vec<String>,
}

impl Wish {
    fn read(words: &[&str]) -> Result<Self> {
        let mut wish = Self::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--cold" => wish.cold = true,
                "--peers" => wish.peers = Some(PathBuf::from(words.next().ok_or("--peers needs a folder")?)),
                section if SECTIONS.contains(&section) => wish.only.push(section.to_owned()),
                other => return Err(format!("bench knows no `{other}`; sections: {}", SECTIONS.join(", ")).into()),
            }
        }
        Ok(wish)
    }

    fn wants(&self, section: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == section)
    }
}

const SECTIONS: [&str; 7] = ["check", "proof", "up", "aws", "edge", "tunnel", "build"];

/// What was found, and what could not be.
#[derive(Default)]
struct Report {
    rows: Vec<Row>,
    skipped: Vec<String>,
}

impl Report {
    fn row(&mut self, row: Row) {
        println!("  measured: {}", row.name);
        self.rows.push(row);
    }

    fn skip(&mut self, what: impl Into<String>) {
        let what = what.into();
        println!("  skipped: {what}");
        self.skipped.push(what);
    }
}

/// Builds the release once, measures, prints the table and keeps it as JSON.
pub(crate) fn run(words: &[&str]) -> Result {
    let wish = Wish::read(words)?;
    Shell::cargo(["build", "--release", "--locked", "--quiet"]).run()?;
    let target = binary::target_directory()?;
    let binary = target.join("release/landfall");
    let sandbox = Sandbox::new(&binary)?;
    let mut report = Report::default();
    if wish.wants("check") {
        println!("check");
        offline::measure(&sandbox, wish.peers.as_deref(), &mut report)?;
    }
    if wish.wants("proof") {
        println!("proof");
        proof::measure(&target, &mut report)?;
    }
    if wish.wants("up") {
        println!("up");
        running::measure(&sandbox, &mut report)?;
    }
    if wish.wants("aws") {
        println!("aws");
        aws::measure(&sandbox, &mut report)?;
    }
    if wish.wants("edge") {
        println!("edge");
        edge::measure(&sandbox, &target, &mut report)?;
    }
    if wish.wants("tunnel") {
        println!("tunnel");
        tunnel::measure(&target, &mut report)?;
    }
    if wish.wants("build") {
        println!("build");
        if wish.cold {
            build::measure(&sandbox, &mut report)?;
        } else {
            report.skip("the build from nothing and the edit of a pure crate: ask with --cold");
        }
    }
    println!("\n{}", table::print(&report.rows));
    for what in &report.skipped {
        println!("skipped: {what}");
    }
    let kept = target.join("bench/latest.json");
    std::fs::create_dir_all(target.join("bench"))?;
    std::fs::write(&kept, serde_json::to_string_pretty(&report.rows)? + "\n")?;
    println!("written to {}", kept.display());
    Ok(())
}
