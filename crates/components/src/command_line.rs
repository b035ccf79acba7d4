//! A command given as one text, split into words as a shell would, though no shell runs.

/// Why a text cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsplittable {
    #[error("a quote is not closed")]
    Quote,
    #[error("it ends with a backslash")]
    Backslash,
}

/// Splits at blanks; quotes and backslashes keep blanks in a word. A reference `${...}` stays whole.
pub(crate) fn split(text: &str) -> Result<Vec<String>, Unsplittable> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (Some(_), '\\') => {
                let next = characters.next().ok_or(Unsplittable::Backslash)?;
                if !"\"\\$`".contains(next) {
                    word.get_or_insert_default().push('\\');
                }
                word.get_or_insert_default().push(next);
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().push(characters.next().ok_or(Unsplittable::Backslash)?),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(Unsplittable::Quote);
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_a_shell_would() {
        assert_eq!(
            split(r#" a  'b c' "d \"e\"" f\ g ${self.port} '' "#).unwrap(),
            ["a", "b c", "d \"e\"", "f g", "${self.port}", ""]
        );
        assert_eq!(split(""), Ok(vec![]));
        assert_eq!(split("'a"), Err(Unsplittable::Quote));
        assert_eq!(split("a\\"), Err(Unsplittable::Backslash));
    }
}
