//! Where a template names filters, tests and functions: what the engine itself tells only while it renders.

use std::ops::Range;

/// What kind of name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Filter,
    Test,
    Function,
    Other,
}

/// A name inside a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name<'t> {
    pub(crate) text: &'t str,
    pub(crate) role: Role,
    /// The name with all that leads to it, as `parameters.domain`.
    pub(crate) path: &'t str,
    pub(crate) range: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str, usize),
    Sign(char),
    Literal,
}

/// All names in all tags of a template that is correct.
pub(crate) fn names(template: &str) -> Vec<Name<'_>> {
    let mut names = Vec::new();
    let mut rest = 0;
    while let Some(offset) = template[rest..].find('{') {
        let start = rest + offset;
        let opening = &template[start..];
        rest = start + 1;
        if opening.starts_with("{#") {
            rest = template[start..].find("#}").map_or(template.len(), |end| start + end + 2);
        } else if opening.starts_with("{{") || opening.starts_with("{%") {
            let closing = if opening.starts_with("{{") { "}}" } else { "%}" };
            let (tokens, end) = tokens(template, start + 2, closing);
            rest = end;
            if tokens.iter().any(|token| matches!(token, Token::Word("raw", _))) && closing == "%}" {
                rest = template[end..].find("endraw").map_or(template.len(), |offset| end + offset);
            }
            collect(template, &tokens, &mut names);
        }
    }
    names
}

/// The words and signs up to the closing mark, and where it ends.
fn tokens<'t>(template: &'t str, start: usize, closing: &str) -> (Vec<Token<'t>>, usize) {
    let mut tokens = Vec::new();
    let mut at = start;
    while let Some(c) = template[at..].chars().next() {
        if template[at..].starts_with(closing) {
            return (tokens, at + closing.len());
        }
        let rest = &template[at..];
        if c == '"' || c == '\'' {
            at += string_length(rest, c);
            tokens.push(Token::Literal);
        } else if c.is_ascii_digit() {
            at += rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Literal);
        } else if c.is_alphabetic() || c == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Word(&rest[..length], at));
            at += length;
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Sign(c));
            }
            at += c.len_utf8();
        }
    }
    (tokens, template.len())
}

/// The length of a string literal with its quotes.
fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (position, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return position + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

fn collect<'t>(template: &'t str, tokens: &[Token<'t>], names: &mut Vec<Name<'t>>) {
    let mut path_start = 0;
    for (position, token) in tokens.iter().enumerate() {
        let Token::Word(text, start) = *token else { continue };
        let before = position.checked_sub(1).map(|index| tokens[index]);
        let two_before = position.checked_sub(2).map(|index| tokens[index]);
        let word =
            |token: Option<Token<'_>>, wanted: &str| matches!(token, Some(Token::Word(text, _)) if text == wanted);
        let role = if before == Some(Token::Sign('|')) || (position == 1 && word(before, "filter")) {
            Role::Filter
        } else if (word(before, "is") && text != "not") || (word(before, "not") && word(two_before, "is")) {
            Role::Test
        } else if tokens.get(position + 1) == Some(&Token::Sign('(')) && before != Some(Token::Sign('.')) {
            Role::Function
        } else {
            Role::Other
        };
        if before != Some(Token::Sign('.')) {
            path_start = start;
        }
        let range = start..start + text.len();
        names.push(Name { text, role, path: &template[path_start..range.end], range });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_names_and_skips_texts() {
        let template = "{{ a.b | lower }} | no {# x | y #} {% if c is not defined %}{{ f('| z', \"}}\") }}{% endif %}\
                        {% raw %}{{ q | w }}{% endraw %}{% filter upper %}";
        let found: Vec<_> = names(template).into_iter().map(|name| (name.path.to_owned(), name.role)).collect();
        let roles = |wanted| {
            found.iter().filter(|(_, role)| *role == wanted).map(|(path, _)| path.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(roles(Role::Filter), ["lower", "upper"]);
        assert_eq!(roles(Role::Test), ["defined"]);
        assert_eq!(roles(Role::Function), ["f"]);
        assert!(roles(Role::Other).contains(&"a.b"));
        assert!(!roles(Role::Other).contains(&"q"));
    }
}
