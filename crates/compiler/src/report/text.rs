//! Findings as text: code, place, snippet, help.

use super::sources::{Located, Sources};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use model::{Finding, Findings, Place, Severity};
use std::collections::HashMap;

/// How the text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Characters only.
    Plain,
    /// With colours, as escape sequences.
    Coloured,
}

/// All findings, sorted by place, with a blank line between; empty when there is none.
#[must_use]
pub fn to_text(findings: &Findings, sources: &Sources, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let sorted = sources.sorted(findings);
    let texts = Texts::new(&sorted, sources);
    let texts: Vec<String> =
        sorted.iter().map(|(finding, at)| render(finding, at.as_ref(), sources, &texts, &renderer)).collect();
    let mut text = texts.join("\n\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Findings about secrets that were written down: their snippets must not spread them further.
const ABOUT_OPEN_SECRETS: &[&str] = &["PAR015", "SEC007"];

/// The texts that snippets are cut from.
struct Texts<'a> {
    sources: &'a Sources,
    starred: HashMap<String, String>,
}

impl<'a> Texts<'a> {
    fn new(findings: &[(&Finding, Option<Located>)], sources: &'a Sources) -> Self {
        let mut starred: HashMap<String, String> = HashMap::new();
        for (finding, at) in findings {
            let Some(at) = at.as_ref().filter(|_| ABOUT_OPEN_SECRETS.contains(&finding.code.code)) else { continue };
            let Some(text) = sources.text(&at.file) else { continue };
            let text = starred.entry(at.file.clone()).or_insert_with(|| text.to_owned());
            let stars: String = text[at.range.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { '*' }).collect();
            text.replace_range(at.range.clone(), &stars);
        }
        Self { sources, starred }
    }

    fn get(&self, file: &str) -> Option<&str> {
        self.starred.get(file).map(String::as_str).or_else(|| self.sources.text(file))
    }
}

fn render(
    finding: &Finding,
    at: Option<&Located>,
    sources: &Sources,
    texts: &Texts<'_>,
    renderer: &Renderer,
) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let summary = match (&finding.place, at) {
        (Place::Outside(what), None) => format!("{}: {}", printable(what), printable(&finding.summary)),
        _ => printable(&finding.summary),
    };
    let mut group = Group::with_title(level.primary_title(summary).id(finding.code.code));
    let mut related: Vec<(Located, &str)> = Vec::new();
    for (place, label) in &finding.related {
        related.extend(sources.locate(place).map(|located| (located, label.as_str())));
    }
    if let Some(at) = at {
        let (here, elsewhere): (Vec<_>, Vec<_>) = related.into_iter().partition(|(located, _)| located.file == at.file);
        if let Some(text) = texts.get(&at.file) {
            let primary = AnnotationKind::Primary.span(first_line(text, at));
            let context = here.iter().map(|(located, label)| {
                AnnotationKind::Context.span(first_line(text, located)).label(printable(label))
            });
            let snippet = Snippet::source(text).path(at.file.as_str()).annotation(primary).annotations(context);
            group = group.element(snippet);
        } else {
            group = group.element(annotate_snippets::Origin::path(at.file.as_str()));
        }
        related = elsewhere;
    }
    for (located, label) in &related {
        if let Some(text) = texts.get(&located.file) {
            let context = AnnotationKind::Context.span(first_line(text, located)).label(printable(label));
            group = group.element(Snippet::source(text).path(located.file.as_str()).annotation(context));
        }
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    renderer.render(&[group])
}

/// A value of many lines is shown by its first one.
fn first_line(text: &str, at: &Located) -> std::ops::Range<usize> {
    let shown = text.get(at.range.clone()).unwrap_or_default();
    let line = shown.lines().next().unwrap_or_default();
    at.range.start..at.range.start + line.len()
}

/// Summaries quote what was said; control characters in it must not reach a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
