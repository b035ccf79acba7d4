//! Text to tree. The only file that knows the parser's crate.

use super::codes;
use super::node::{Entry, Kind, Node, Style};
use crate::{Finding, FindingCode, Findings, Place};
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};
use std::collections::HashMap;
use std::ops::Range;

/// What a file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Its size.
    pub bytes: usize,
    /// How many values it may hold after aliases are expanded.
    pub nodes: usize,
    /// How deep they may be nested after aliases are expanded.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, nodes: 100_000, depth: 64 }
    }
}

/// Reports the problems of a text and returns its tree unless it cannot be read to its end.
pub(super) fn parse(file: &str, text: &str, limits: &Limits, findings: &mut Findings) -> Option<Node> {
    let mut options = granit_parser::options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    options.set_emit_comments(false);
    let mut builder =
        Builder { file, text, limits, findings, stack: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None };
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => Err(builder.syntax_error(&error)),
        };
        match step {
            Ok(()) => {}
            Err(Stop(finding)) => {
                builder.findings.push(*finding);
                return None;
            }
        }
    }
    let root = builder.root.take();
    if root.as_ref().is_none_or(|root| root.range.is_empty() && root.is_null()) {
        findings.push(
            Finding::new(&codes::EMPTY, Place::Span { file: file.to_owned(), range: 0..0 }, "the file is empty")
                .help("`landfall init` writes a manifest to begin with"),
        );
        return None;
    }
    root
}

/// A problem after which reading on makes no sense.
struct Stop(Box<Finding>);

/// A list or mapping that is not closed yet.
struct Frame {
    content: Content,
    range: Range<usize>,
    is_flow: bool,
    anchor: usize,
    tag: Option<String>,
    size: Measure,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, known: HashMap<String, usize>, key: Key },
}

/// What a mapping waits for.
enum Key {
    /// A key comes next.
    Missing,
    /// The value of this key comes next.
    Known(String, Range<usize>),
    /// The value of a key that was reported comes next; it is dropped.
    Refused,
}

/// What a value costs.
#[derive(Clone, Copy)]
struct Measure {
    nodes: usize,
    depth: usize,
}

struct Builder<'a> {
    file: &'a str,
    text: &'a str,
    limits: &'a Limits,
    findings: &'a mut Findings,
    stack: Vec<Frame>,
    anchors: HashMap<usize, (Node, Measure)>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Stop> {
        let range = self.range(span);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let finding = self
                    .finding(&codes::SEVERAL_DOCUMENTS, range, "a second document begins here")
                    .help("split the file, or remove this line");
                Err(Stop(Box::new(finding)))
            }
            Event::Alias(id) => self.alias(id, range),
            Event::UnresolvedAlias(name) => {
                let summary = format!("no anchor `&{name}` stands before this alias");
                let help = "if a text that begins with `*` was meant, put it in quotes";
                self.findings.push(self.finding(&codes::UNKNOWN_ANCHOR, range.clone(), summary).help(help));
                self.attach(null(range), Measure { nodes: 1, depth: 0 })
            }
            Event::Scalar(value, style, anchor, tag) => {
                let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
                let kind = Kind::Scalar { text: value.into_owned(), style };
                let node = Node { kind, range, tag: tag.map(|tag| tag_text(&tag)) };
                self.complete(node, anchor, Measure { nodes: 1, depth: 0 })
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.open(Content::Sequence(Vec::new()), style, anchor, tag.as_deref(), range)
            }
            Event::MappingStart(style, anchor, tag) => {
                let content = Content::Mapping { entries: Vec::new(), known: HashMap::new(), key: Key::Missing };
                self.open(content, style, anchor, tag.as_deref(), range)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range),
            _ => Ok(()),
        }
    }

    fn open(
        &mut self,
        content: Content,
        style: StructureStyle,
        anchor: usize,
        tag: Option<&Tag>,
        range: Range<usize>,
    ) -> Result<(), Stop> {
        if self.stack.len() >= self.limits.depth {
            return Err(self.too_deep(range));
        }
        let is_flow = style == StructureStyle::Flow;
        let size = Measure { nodes: 1, depth: 1 };
        self.stack.push(Frame { content, range, is_flow, anchor, tag: tag.map(tag_text), size });
        Ok(())
    }

    fn close(&mut self, end: Range<usize>) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let (kind, last) = match frame.content {
            Content::Sequence(items) => {
                let last = items.last().map(|item| item.range.end);
                (Kind::Sequence(items), last)
            }
            Content::Mapping { entries, .. } => {
                let last = entries.last().map(|entry| entry.value.range.end.max(entry.key_range.end));
                (Kind::Mapping(entries), last)
            }
        };
        let start = frame.range.start;
        // The end of a block collection is only seen at the next token, lines below.
        let end = if frame.is_flow { end.end } else { last.unwrap_or(frame.range.end) };
        let node = Node { kind, range: start..end.max(start), tag: frame.tag };
        self.complete(node, frame.anchor, frame.size)
    }

    fn complete(&mut self, node: Node, anchor: usize, size: Measure) -> Result<(), Stop> {
        if anchor != 0 {
            self.spend(size.nodes, &node.range)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        self.attach(node, size)
    }

    fn alias(&mut self, id: usize, range: Range<usize>) -> Result<(), Stop> {
        let Some((_, size)) = self.anchors.get(&id) else {
            let summary = "this alias stands inside of the value that it refers to";
            self.findings.push(self.finding(&codes::UNKNOWN_ANCHOR, range.clone(), summary));
            return self.attach(null(range), Measure { nodes: 1, depth: 0 });
        };
        let size = *size;
        if self.stack.len() + size.depth > self.limits.depth {
            return Err(self.too_deep(range));
        }
        self.spend(size.nodes, &range)?;
        let Some((node, _)) = self.anchors.get(&id) else { return Ok(()) };
        let node = Node { range, ..node.clone() };
        self.attach(node, size)
    }

    /// Puts a finished value where its collection waits for it.
    fn attach(&mut self, node: Node, size: Measure) -> Result<(), Stop> {
        self.spend(1, &node.range)?;
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.size.nodes += size.nodes;
        frame.size.depth = frame.size.depth.max(size.depth + 1);
        match &mut frame.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { entries, known, key } => match std::mem::replace(key, Key::Missing) {
                Key::Known(text, key_range) => {
                    if let Some(first) = known.get(&text).and_then(|index| entries.get(*index)) {
                        let first = first.key_range.clone();
                        let place = |range| Place::Span { file: self.file.to_owned(), range };
                        let finding =
                            Finding::new(&codes::DUPLICATE_KEY, place(key_range), format!("`{text}` is given twice"))
                                .related(place(first), "first given here")
                                .help("remove or rename one of them");
                        self.findings.push(finding);
                    } else {
                        known.insert(text.clone(), entries.len());
                        entries.push(Entry { key: text, key_range, value: node });
                    }
                }
                Key::Refused => {}
                Key::Missing => {
                    let new = self.key(node);
                    if let Some(Frame { content: Content::Mapping { key, .. }, .. }) = self.stack.last_mut() {
                        *key = new;
                    }
                }
            },
        }
        Ok(())
    }

    fn key(&mut self, node: Node) -> Key {
        let is_plain = matches!(&node.kind, Kind::Scalar { style: Style::Plain, .. });
        match node.kind {
            Kind::Scalar { text, .. } if is_plain && text == "<<" => {
                let finding = self
                    .finding(&codes::MERGE_KEY, node.range, "`<<` does not merge")
                    .help("write the keys out that shall be merged");
                self.findings.push(finding);
                Key::Refused
            }
            Kind::Scalar { text, .. } if !(is_plain && text.is_empty()) => Key::Known(text, node.range),
            kind => {
                let what = match kind {
                    Kind::Sequence(_) => "a list stands where a key is expected",
                    Kind::Mapping(_) => "a mapping stands where a key is expected",
                    Kind::Scalar { .. } => "the key is missing before this colon",
                };
                let finding = self
                    .finding(&codes::KEY_IS_NO_TEXT, node.range, what)
                    .help("put the text in quotes if it was meant as it stands");
                self.findings.push(finding);
                Key::Refused
            }
        }
    }

    fn spend(&mut self, nodes: usize, at: &Range<usize>) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes <= self.limits.nodes {
            return Ok(());
        }
        let summary = format!("the file has more than {} values here", self.limits.nodes);
        let finding = self
            .finding(&codes::TOO_MANY, at.clone(), summary)
            .help("write out what is needed instead of repeating anchors that repeat others");
        Err(Stop(Box::new(finding)))
    }

    fn too_deep(&self, range: Range<usize>) -> Stop {
        let summary = format!("more than {} lists and mappings lie in each other", self.limits.depth);
        Stop(Box::new(self.finding(&codes::TOO_DEEP, range, summary).help("flatten the value")))
    }

    fn syntax_error(&self, error: &ScanError) -> Stop {
        let offset = error.marker().byte_offset().unwrap_or(self.text.len());
        let range = self.clamp(offset..offset);
        let finding = match error.kind() {
            ErrorKind::RecursionLimitExceeded => return self.too_deep(range),
            _ => match self.tabs() {
                Some((first, count)) => {
                    let summary = match count {
                        1 => "a tab stands in this line's indentation".to_owned(),
                        _ => format!("a tab stands in this line's indentation, and in {} more", count - 1),
                    };
                    self.finding(&codes::TAB, first, summary).help(format!(
                        "indent with spaces; for the whole file: expand -t 2 {0} > {0}.new && mv {0}.new {0}",
                        self.file
                    ))
                }
                None => self.broken(range, error),
            },
        };
        Stop(Box::new(finding))
    }

    fn broken(&self, range: Range<usize>, error: &ScanError) -> Finding {
        let finding = self.finding(&codes::SYNTAX, range.clone(), error.info());
        if self.text[..range.start].ends_with('$') && self.text[range.start..].starts_with('{') {
            return finding.help("put the reference in quotes: \"${name}\"");
        }
        if let Some(open) = self.stack.iter().rev().find(|frame| frame.is_flow) {
            let start = open.range.start;
            let bracket = self.clamp(start..start + 1);
            let close = if matches!(open.content, Content::Sequence(_)) { ']' } else { '}' };
            let place = Place::Span { file: self.file.to_owned(), range: bracket };
            return finding.related(place, "this is still open").help(format!("close it with `{close}`"));
        }
        if let Some((place, line)) = self.colon_without_space(range.start) {
            let help = "write a space after the colon, as `key: value`";
            let place = Place::Span { file: self.file.to_owned(), range: place };
            return finding.related(place, format!("line {line} has no space after its colon")).help(help);
        }
        finding.help(
            "compare the indentation with the lines before, write a space after each `:` and `-`, and put texts with \
             `: `, ` #` or brackets in quotes",
        )
    }

    /// The usual cause of a colon at the wrong place: the line before it, or its own, lost a space.
    fn colon_without_space(&self, offset: usize) -> Option<(Range<usize>, usize)> {
        let before = &self.text[..offset];
        let own_start = before.rfind('\n').map_or(0, |end| end + 1);
        let above_start = before[..own_start.saturating_sub(1)].rfind('\n').map_or(0, |end| end + 1);
        let own_end = self.text[offset..].find('\n').map_or(self.text.len(), |length| offset + length);
        let suspects = [(own_start, own_end), (above_start, own_start.saturating_sub(1))];
        suspects.into_iter().find_map(|(start, end)| {
            let line = self.text.get(start..end)?;
            let indentation = line.len() - line.trim_start_matches([' ', '-']).len();
            let colon = line[indentation..].find(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))?;
            let rest = &line[indentation + colon..];
            let is_key =
                colon > 0 && rest.starts_with(':') && !rest[1..].starts_with([' ', '\r', '/']) && rest.len() > 1;
            let place = start + indentation..start + indentation + colon + 1;
            is_key.then(|| (place, self.text[..start].matches('\n').count() + 1))
        })
    }

    /// The first indentation with a tab, and in how many lines there is one. Only asked when the
    /// parser has refused the text: a tab that does no harm (in a block of text) is no finding.
    fn tabs(&self) -> Option<(Range<usize>, usize)> {
        let mut first = None;
        let mut count = 0;
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
            let is_blank = line.trim().is_empty();
            if let Some(tab) = line[..indentation].find('\t').filter(|_| !is_blank) {
                first.get_or_insert(start + tab..start + tab + 1);
                count += 1;
            }
            start += line.len();
        }
        Some((first?, count))
    }

    fn finding(&self, code: &'static FindingCode, range: Range<usize>, summary: impl Into<String>) -> Finding {
        Finding::new(code, Place::Span { file: self.file.to_owned(), range }, summary)
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let end = self.text.len();
        self.clamp(span.byte_range().unwrap_or(end..end))
    }

    /// Inside the text and on boundaries of characters, whatever the parser says.
    fn clamp(&self, range: Range<usize>) -> Range<usize> {
        let fit = |mut offset: usize| {
            offset = offset.min(self.text.len());
            while !self.text.is_char_boundary(offset) {
                offset -= 1;
            }
            offset
        };
        let start = fit(range.start);
        start..fit(range.end).max(start)
    }
}

fn null(range: Range<usize>) -> Node {
    Node { kind: Kind::Scalar { text: String::new(), style: Style::Plain }, range, tag: None }
}

fn tag_text(tag: &Tag) -> String {
    match tag.core_suffix() {
        Some(suffix) => format!("!!{suffix}"),
        None => format!("{}{}", tag.handle(), tag.suffix()),
    }
}
