//! All stages in a row, with what a report needs.

use crate::application::Application;
use crate::codes::MORE_FINDINGS;
use crate::options::Options;
use crate::parameter::ValueExplanation;
use crate::parse::{LIMITS, ParsedManifest, parse};
use crate::report::Sources;
use crate::resolve::resolve;
use components::registry;
use model::yaml::{self, Node, SourceMap};
use model::{Finding, FindingCode, Findings, Place, Severity};

/// What came of a manifest.
pub struct Compilation {
    /// The application, when there was no error.
    pub application: Option<Application>,
    /// Which source won for each parameter.
    pub values: Vec<ValueExplanation>,
    /// The names of the environments in AWS that the manifest declares.
    pub clouds: Vec<String>,
    /// Everything that was found.
    pub findings: Findings,
    /// Where it was found.
    pub sources: Sources,
}

/// Reads and understands a manifest. `file` is its name as the user would write it.
#[must_use]
pub fn compile(file: &str, bytes: &[u8], options: &Options<'_>) -> Compilation {
    let mut findings = Findings::new();
    let parsed = parse(file, bytes, &mut findings);
    let mut map = match &parsed {
        Some(parsed) => parsed.source_map(),
        None => unparsed(file, bytes),
    };
    let (mut application, mut values) = (None, Vec::new());
    if let Some(parsed) = &parsed {
        let resolution = resolve(parsed, options, &mut findings);
        map.overlaid(resolution.overlaid);
        application = resolution.application.filter(|_| !findings.has_errors());
        values = resolution.values;
    }
    let clouds = parsed.as_ref().map(clouds).unwrap_or_default();
    let findings = first_ones(findings);
    let mut sources = Sources::new(map);
    if let Some(file) = &options.values {
        sources.add(SourceMap::of_text(&file.name, yaml::readable(&file.bytes)));
    }
    add_quoted(&mut sources, &findings, options);
    Compilation { application, values, clouds, findings, sources }
}

/// The environments with `target: aws`.
fn clouds(parsed: &ParsedManifest) -> Vec<String> {
    let declared = parsed.root().get("environments").map(Node::to_json);
    let declared = declared.as_ref().and_then(serde_json::Value::as_object);
    let is_cloud = |said: &serde_json::Value| said.get("target").is_some_and(|target| target == "aws");
    declared.into_iter().flatten().filter(|(_, said)| is_cloud(said)).map(|(name, _)| name.clone()).collect()
}

/// Nobody reads more, and a hostile file could have a hundred thousand.
const KEPT: usize = 500;

fn first_ones(findings: Findings) -> Findings {
    if findings.len() <= KEPT {
        return findings;
    }
    let more = findings.len() - KEPT;
    // Errors first, so that dropping warnings never makes a refused manifest look valid.
    let (errors, others): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    let mut kept = Findings::new();
    kept.extend(errors.into_iter().chain(others).take(KEPT));
    let place = Place::Outside("landfall".to_owned());
    kept.push(Finding::new(&MORE_FINDINGS, place, format!("{more} more findings are not shown")));
    kept
}

/// A manifest without a usable tree still shows its lines.
fn unparsed(file: &str, bytes: &[u8]) -> SourceMap {
    match yaml::read(file, bytes, &LIMITS, &mut Findings::new()) {
        Some(document) => SourceMap::new(&document),
        None => SourceMap::of_text(file, yaml::readable(bytes)),
    }
}

/// The texts of other files that findings point into: templates and the like.
fn add_quoted(sources: &mut Sources, findings: &Findings, options: &Options<'_>) {
    let places = findings
        .iter()
        .flat_map(|finding| std::iter::once(&finding.place).chain(finding.related.iter().map(|(place, _)| place)));
    for place in places {
        if let Place::Span { file, .. } = place
            && !sources.knows(file)
            && let Ok(text) = options.files.text(file)
        {
            sources.add(SourceMap::of_text(file, text));
        }
    }
}

/// Every finding code that compiling a manifest can give, sorted.
#[must_use]
pub fn codes() -> Vec<&'static FindingCode> {
    let mut all: Vec<&'static FindingCode> = crate::codes::CODES
        .iter()
        .copied()
        .chain(yaml::CODES.iter().copied())
        .chain(registry::codes())
        .chain(crate::render_aws::CODES.iter().copied())
        .collect();
    all.sort_by_key(|code| code.code);
    all.dedup_by_key(|code| code.code);
    all
}
