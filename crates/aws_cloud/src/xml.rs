//! Answers in XML as a tree.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// How deep an answer may be nested; those of AWS are at most a dozen deep.
const DEEPEST: usize = 64;

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// Reads a document; `None` when it is none.
    pub(crate) fn parse(document: &str) -> Option<Self> {
        let mut reader = Reader::from_str(document);
        let mut open: Vec<Self> = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    if open.len() > DEEPEST {
                        return None;
                    }
                    open.push(Self::named(&start));
                }
                Event::Empty(start) => open.last_mut()?.children.push(Self::named(&start)),
                Event::End(_) => {
                    let done = open.pop()?;
                    open.last_mut()?.children.push(done);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let element = open.last_mut()?;
                    match reference.resolve_char_ref().ok()? {
                        Some(character) => element.text.push(character),
                        None => element.text.push_str(resolve_predefined_entity(&reference.xml10_content())?),
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let document = open.pop()?;
        if open.is_empty() { document.children.into_iter().next() } else { None }
    }

    fn named(start: &BytesStart<'_>) -> Self {
        Self { name: start.local_name().as_ref().to_owned(), ..Self::default() }
    }

    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of that name; `None` also for an empty one.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str()).filter(|text| !text.is_empty())
    }

    /// The same, owned.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        self.text_of(name).map(str::to_owned)
    }

    /// The same, with nothing for what is not there.
    pub(crate) fn word(&self, name: &str) -> String {
        self.value(name).unwrap_or_default()
    }

    /// The entries of a list: the children of the first child of that name.
    pub(crate) fn list(&self, name: &str) -> &[Self] {
        self.child(name).map_or(&[], |list| list.children.as_slice())
    }

    /// All children of that name: a list without an element around it.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element of that name, this one included, at any depth.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_blanks_lines_and_escaped_characters() {
        let root = Element::parse(
            "<?xml version=\"1.0\"?>\n<R xmlns=\"http://x\"><T>  a: &lt;b&gt; &amp;\n  c&#x41;&#10;<![CDATA[<d>]]></T><E/></R>",
        )
        .unwrap();
        assert_eq!(root.text_of("T"), Some("  a: <b> &\n  cA\n<d>"));
        assert_eq!(root.text_of("E"), None);
        assert_eq!(root.name, "R");
    }

    #[test]
    fn what_is_no_document_is_none() {
        for text in ["", "no", "<a>", "<a></b>", "<a>&nope;</a>", "{}", &"<a>".repeat(100_000)] {
            assert_eq!(Element::parse(text), None, "{text:.20}");
        }
    }
}
