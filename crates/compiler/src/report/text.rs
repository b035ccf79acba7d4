//! Findings as text: code, place, snippet, help.

use super::sources::{Located, Sources};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use model::{Finding, Findings, Place, Severity};
use std::collections::HashMap;
use std::ops::Range;

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

/// Longer lines are not quoted: nobody reads them, and cutting them to size takes time.
const LONGEST_LINE: usize = 4000;

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
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        related.into_iter().partition(|(located, _)| at.is_some_and(|at| located.file == at.file));
    if let Some(at) = at {
        group = quote(group, at, Some(AnnotationKind::Primary), &here, texts);
    }
    for other in &elsewhere {
        group = quote(group, &other.0, None, std::slice::from_ref(other), texts);
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    renderer.render(&[group])
}

/// The lines of a file that a finding is about, or their place alone when nobody could read them.
fn quote<'a>(
    group: Group<'a>,
    at: &'a Located,
    own: Option<AnnotationKind>,
    others: &'a [(Located, &str)],
    texts: &'a Texts<'_>,
) -> Group<'a> {
    let place = || Origin::path(at.file.as_str()).line(at.start.line).char_column(at.start.column);
    let Some(text) = texts.get(&at.file) else { return group.element(place()) };
    let places = || std::iter::once(at).chain(others.iter().map(|(located, _)| located));
    let first = places().map(|place| place.range.start).min().unwrap_or_default();
    let last = places().map(|place| first_line(text, place).end).max().unwrap_or_default();
    let start = text[..first].rfind('\n').map_or(0, |end| end + 1);
    let end = text[last..].find('\n').map_or(text.len(), |length| last + length);
    let window = &text[start..end];
    if window.lines().any(|line| line.len() > LONGEST_LINE) {
        return group.element(place());
    }
    let line = places().map(|place| place.start.line).min().unwrap_or(1);
    let span = |place: &Located| {
        let range = first_line(text, place);
        range.start - start..range.end - start
    };
    let own = own.map(|kind| kind.span(span(at)));
    let others =
        others.iter().map(|(located, label)| AnnotationKind::Context.span(span(located)).label(printable(label)));
    // Lines may end as they do on Windows.
    let snippet = Snippet::source(window.replace('\r', " ")).line_start(line).path(at.file.as_str());
    group.element(snippet.annotations(own).annotations(others))
}

/// A value of many lines is shown by its first one.
fn first_line(text: &str, at: &Located) -> Range<usize> {
    let shown = text.get(at.range.clone()).unwrap_or_default();
    let line = shown.lines().next().unwrap_or_default();
    at.range.start..at.range.start + line.len()
}

/// Summaries quote what was said; control characters in it must not reach a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
