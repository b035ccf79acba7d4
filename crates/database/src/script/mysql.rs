//! Splits as the `mysql` client does: strings, comments that are code, DELIMITER.

use super::{Cursor, Statement, Unsplittable};

pub(super) fn split(text: &str) -> Result<Vec<Statement<'_>>, Unsplittable> {
    let mut cursor = Cursor::new(text);
    let mut statements = Vec::new();
    let mut delimiter = ";";
    let mut start: Option<usize> = None;
    // Where a comment that is code (`/*! ... */`) began.
    let mut conditional = None;
    while let Some(byte) = cursor.peek() {
        let at = cursor.at;
        if byte.is_ascii_whitespace() {
            cursor.at += 1;
            continue;
        }
        if start.is_none() && cursor.word().eq_ignore_ascii_case("delimiter") {
            let line = text[at..].lines().next().unwrap_or_default();
            delimiter = line["delimiter".len()..].trim();
            if delimiter.is_empty() {
                return Err(Unsplittable { at, what: "DELIMITER names no delimiter".to_owned() });
            }
            cursor.skip_line();
            continue;
        }
        if cursor.sees(delimiter) && conditional.is_none() {
            cursor.at += delimiter.len();
            if let Some(begun) = start.take() {
                statements.push(Statement { text: &text[begun..at], start: begun, rows: None });
            }
            continue;
        }
        if byte == b'#' || is_dash_comment(&cursor) {
            cursor.skip_line();
            continue;
        }
        if cursor.sees("/*") && !is_code(&cursor) {
            if !cursor.skip_past("*/") {
                return Err(Unsplittable { at, what: "a comment begins here and never ends".to_owned() });
            }
            continue;
        }
        start.get_or_insert(at);
        match byte {
            b'/' if cursor.sees("/*") => {
                conditional = Some(at);
                cursor.at += 3;
            }
            b'*' if cursor.sees("*/") && conditional.is_some() => {
                conditional = None;
                cursor.at += 2;
            }
            b'\'' | b'"' => cursor.skip_quoted(byte, true)?,
            b'`' => cursor.skip_quoted(b'`', false)?,
            _ => {
                // A whole word at once, unless a delimiter such as `x$$` may end inside of it.
                let length = if delimiter == ";" { cursor.word().len().max(1) } else { 1 };
                cursor.at += length;
                while !text.is_char_boundary(cursor.at) {
                    cursor.at += 1;
                }
            }
        }
    }
    if let Some(at) = conditional {
        return Err(Unsplittable { at, what: "a comment begins here and never ends".to_owned() });
    }
    if let Some(begun) = start {
        statements.push(Statement { text: text[begun..].trim_end(), start: begun, rows: None });
    }
    Ok(statements)
}

/// `--` begins a comment only with space behind it.
fn is_dash_comment(cursor: &Cursor<'_>) -> bool {
    cursor.sees("--") && cursor.rest().get(2).is_none_or(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
}

/// `/*!40101` and MariaDB's `/*M!100100` are code; what is for version 999999 is for no server.
pub(super) fn is_code(cursor: &Cursor<'_>) -> bool {
    let is_for = |start: &str| cursor.sees(start) && !cursor.rest()[start.len()..].starts_with(b"999999");
    is_for("/*!") || is_for("/*M!")
}

#[cfg(test)]
mod tests {
    use super::split;

    fn texts(text: &str) -> Vec<&str> {
        split(text).unwrap().into_iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn semicolons_end_only_what_is_sql() {
        let text = "# ;\nSELECT 'a\\';', \"b;\"\"\", `c;`; -- ;\nSELECT 1--1; /* ; */ SELECT 'é';;";
        assert_eq!(texts(text), ["SELECT 'a\\';', \"b;\"\"\", `c;`", "SELECT 1--1", "SELECT 'é'"]);
    }

    #[test]
    fn comments_that_are_code_stay() {
        let text = "/*!40101 SET NAMES utf8mb4 */;\n/*!50003 CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @x = ';*/' */;";
        assert_eq!(texts(text).len(), 2);
    }

    #[test]
    fn another_delimiter() {
        let text = "DELIMITER $$\nCREATE PROCEDURE p() BEGIN SELECT 1; END$$\ndelimiter ;\nSELECT 2;";
        assert_eq!(texts(text), ["CREATE PROCEDURE p() BEGIN SELECT 1; END", "SELECT 2"]);
    }

    #[test]
    fn what_never_ends_is_named_where_it_begins() {
        for (text, at) in [("SELECT 'a", 7), ("SELECT 1; /* x", 10), ("/*! x", 0), ("`a", 0), ("DELIMITER \n", 0)] {
            assert_eq!(split(text).unwrap_err().at, at, "{text}");
        }
    }
}
