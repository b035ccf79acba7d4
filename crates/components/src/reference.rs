//! `${component.export}` and `${self.export}` inside texts of the manifest: what is known only
//! where the deployment runs. (`${parameter}` is replaced before a component sees its text.)

use std::fmt;

/// A text of the manifest, split at its references.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferenceText(pub Vec<Piece>);

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Characters as they are.
    Literal(String),
    /// A reference.
    Reference(Reference),
}

/// A reference to something that a component exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The component's name, or `self`.
    pub component: String,
    /// The export's name; may have dots.
    pub export: String,
}

/// Why a text cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// `${` without `}`.
    #[error("`${{` is not closed; write `}}` after the name, or `$${{` for the two characters themselves")]
    NotClosed,
    /// Something else than names and dots between the braces.
    #[error("`${{{0}}}` is no reference; write `${{parameter}}`, `${{component.export}}` or `${{self.export}}`")]
    NotAName(String),
}

impl ReferenceText {
    /// Splits a text. `$${` stands for the characters `${`.
    ///
    /// # Errors
    /// When braces are not closed or hold no name.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            literal.push_str(&rest[..dollar]);
            rest = &rest[dollar..];
            if let Some(after) = rest.strip_prefix("$${") {
                literal.push_str("${");
                rest = after;
            } else if let Some(after) = rest.strip_prefix("${") {
                let end = after.find('}').ok_or(InvalidReference::NotClosed)?;
                let inside = &after[..end];
                let is_name = |name: &str| {
                    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
                };
                let (component, export) = inside.split_once('.').unwrap_or((inside, ""));
                if !is_name(component) || (inside.contains('.') && !is_name(export)) {
                    return Err(InvalidReference::NotAName(inside.to_owned()));
                }
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Reference(Reference { component: component.into(), export: export.into() }));
                rest = &after[end + 1..];
            } else {
                literal.push('$');
                rest = &rest[1..];
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(pieces))
    }

    /// The text with something in the place of each reference.
    pub fn with(&self, mut fill: impl FnMut(&Reference) -> String) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Literal(literal) => literal.clone(),
            Piece::Reference(reference) => fill(reference),
        });
        pieces.collect()
    }

    /// The text as it was meant: references as they are written, `$${` as `${`.
    #[must_use]
    pub fn literal(&self) -> String {
        self.with(ToString::to_string)
    }

    /// The references in order.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Reference(reference) => Some(reference),
            Piece::Literal(_) => None,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.export.is_empty() {
            write!(f, "${{{}}}", self.component)
        } else {
            write!(f, "${{{}.{}}}", self.component, self.export)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_references() {
        let text = ReferenceText::parse("a ${self.port} $5 $${x} ${domain}").unwrap();
        assert_eq!(
            text.0,
            [
                Piece::Literal("a ".into()),
                Piece::Reference(Reference { component: "self".into(), export: "port".into() }),
                Piece::Literal(" $5 ${x} ".into()),
                Piece::Reference(Reference { component: "domain".into(), export: String::new() }),
            ]
        );
        assert_eq!(ReferenceText::parse("${a"), Err(InvalidReference::NotClosed));
        assert!(matches!(ReferenceText::parse("${a b}"), Err(InvalidReference::NotAName(_))));
        assert!(matches!(ReferenceText::parse("${}"), Err(InvalidReference::NotAName(_))));
    }
}
