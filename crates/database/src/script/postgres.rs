//! Splits as psql does: strings, dollar quotes, nested comments, SQL bodies of functions, rows behind COPY.

use super::{Cursor, Statement, Unsplittable, words};

/// What psql's own commands may stand in a dump: they mean nothing here.
const HARMLESS: [&str; 2] = ["\\restrict", "\\unrestrict"];

pub(super) fn split(text: &str) -> Result<Vec<Statement<'_>>, Unsplittable> {
    let mut cursor = Cursor::new(text);
    let mut statements = Vec::new();
    // Where the statement began, once something of it was seen.
    let mut start = None;
    let (mut parentheses, mut bodies) = (0_usize, 0_usize);
    while let Some(byte) = cursor.peek() {
        let at = cursor.at;
        if byte.is_ascii_whitespace() {
            cursor.at += 1;
            continue;
        }
        if cursor.sees("--") {
            cursor.skip_line();
            continue;
        }
        if cursor.sees("/*") {
            skip_comment(&mut cursor)?;
            continue;
        }
        if byte == b'\\' && start.is_none() {
            let line = text[at..].lines().next().unwrap_or_default();
            if !HARMLESS.iter().any(|harmless| line.starts_with(harmless)) {
                let what = format!("`{line}` is a command of psql, no SQL");
                return Err(Unsplittable { at, what });
            }
            cursor.skip_line();
            continue;
        }
        if byte == b';' && parentheses == 0 && bodies == 0 {
            cursor.at += 1;
            if let Some(begun) = start.take() {
                let statement = &text[begun..at];
                let rows = if is_copy_from_stdin(statement) { Some(copy_rows(&mut cursor, at)?) } else { None };
                statements.push(Statement { text: statement, start: begun, rows });
            }
            continue;
        }
        let begun = *start.get_or_insert(at);
        match byte {
            b'\'' => cursor.skip_quoted(b'\'', false)?,
            b'"' => cursor.skip_quoted(b'"', false)?,
            b'(' => (parentheses, cursor.at) = (parentheses + 1, at + 1),
            b')' => (parentheses, cursor.at) = (parentheses.saturating_sub(1), at + 1),
            b'$' => skip_dollar_quote(&mut cursor)?,
            _ => {
                let word = cursor.word();
                cursor.at += word.len().max(1);
                if word.eq_ignore_ascii_case("e") && cursor.peek() == Some(b'\'') {
                    cursor.skip_quoted(b'\'', true)?;
                } else if !word.is_empty() {
                    bodies = body_depth(bodies, word, &text[begun..at]);
                } else {
                    // What is neither word nor mark may be the first byte of a longer character.
                    while !text.is_char_boundary(cursor.at) {
                        cursor.at += 1;
                    }
                }
            }
        }
    }
    if let Some(begun) = start {
        let statement = text[begun..].trim_end();
        if is_copy_from_stdin(statement) {
            return Err(Unsplittable { at: begun, what: "no rows stand behind this COPY".to_owned() });
        }
        statements.push(Statement { text: statement, start: begun, rows: None });
    }
    Ok(statements)
}

/// `BEGIN ATOMIC ...; ...; END` in a function or procedure: its semicolons end nothing.
fn body_depth(depth: usize, word: &str, before: &str) -> usize {
    let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
    if depth == 0 {
        let first = if is("atomic") { words(before, 4) } else { Vec::new() };
        let is_routine = first.iter().any(|word| word == "FUNCTION" || word == "PROCEDURE");
        return usize::from(is_routine && before.trim_end().to_ascii_lowercase().ends_with("begin"));
    }
    if is("case") || is("begin") {
        depth + 1
    } else if is("end") {
        depth - 1
    } else {
        depth
    }
}

fn skip_comment(cursor: &mut Cursor<'_>) -> Result<(), Unsplittable> {
    let start = cursor.at;
    let mut depth = 0_usize;
    while cursor.peek().is_some() {
        if cursor.sees("/*") {
            depth += 1;
            cursor.at += 2;
        } else if cursor.sees("*/") {
            depth -= 1;
            cursor.at += 2;
            if depth == 0 {
                return Ok(());
            }
        } else {
            cursor.at += 1;
        }
    }
    Err(Unsplittable { at: start, what: "a comment begins here and never ends".to_owned() })
}

fn skip_dollar_quote(cursor: &mut Cursor<'_>) -> Result<(), Unsplittable> {
    let start = cursor.at;
    let rest = &cursor.rest()[1..];
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_' || !byte.is_ascii();
    let length = rest.iter().take_while(is_part).count();
    let is_tag = rest.get(length) == Some(&b'$') && !rest.first().is_some_and(u8::is_ascii_digit);
    if !is_tag {
        cursor.at += 1;
        return Ok(());
    }
    let tag = &cursor.text[start..start + length + 2];
    cursor.at += tag.len();
    if cursor.skip_past(tag) {
        return Ok(());
    }
    Err(Unsplittable { at: start, what: format!("a text in {tag} begins here and never ends") })
}

fn is_copy_from_stdin(statement: &str) -> bool {
    if words(statement, 1).first().is_none_or(|word| word != "COPY") {
        return false;
    }
    let lower = statement.to_ascii_lowercase();
    lower
        .split_whitespace()
        .collect::<Vec<_>>()
        .windows(2)
        .any(|pair| pair[0] == "from" && pair[1].starts_with("stdin"))
}

/// The lines up to `\.`.
fn copy_rows<'a>(cursor: &mut Cursor<'a>, statement: usize) -> Result<&'a str, Unsplittable> {
    cursor.skip_line();
    let start = cursor.at;
    while cursor.at < cursor.text.len() {
        let line_start = cursor.at;
        cursor.skip_line();
        let line = &cursor.text[line_start..cursor.at];
        if line.trim_end_matches(['\r', '\n']) == "\\." {
            return Ok(&cursor.text[start..line_start]);
        }
    }
    Err(Unsplittable { at: statement, what: "the rows behind COPY have no end: a line with \\. is lacking".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::split;

    fn texts(text: &str) -> Vec<&str> {
        split(text).unwrap().into_iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn semicolons_end_only_what_is_sql() {
        let text = "SELECT 'a;''b' /* ; /* ; */ ; */ ; -- ;\nSELECT E'\\';' ; SELECT $x$ ; $y$ ; $x$, $1;;\nSELECT \"a;\"; SELECT 'é;' || ü";
        assert_eq!(
            texts(text),
            [
                "SELECT 'a;''b' /* ; /* ; */ ; */ ",
                "SELECT E'\\';' ",
                "SELECT $x$ ; $y$ ; $x$, $1",
                "SELECT \"a;\"",
                "SELECT 'é;' || ü"
            ]
        );
    }

    #[test]
    fn rules_and_bodies_hold_statements() {
        let rule = "CREATE RULE r AS ON INSERT TO t DO (INSERT INTO a VALUES (1); INSERT INTO b VALUES (2))";
        let body = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END";
        assert_eq!(
            texts(&format!("{rule};\n{body};\nBEGIN; SELECT 1; END;")),
            [rule, body, "BEGIN", "SELECT 1", "END"]
        );
    }

    #[test]
    fn rows_of_a_dump_belong_to_its_copy() {
        let text =
            "\\restrict abc\nCOPY public.t (a, b) FROM stdin;\n1\tx;y\n2\t'\n\\.\n\nSELECT 1;\n\\unrestrict abc\n";
        let statements = split(text).unwrap();
        assert_eq!(statements[0].rows, Some("1\tx;y\n2\t'\n"));
        assert_eq!((statements.len(), statements[1].text), (2, "SELECT 1"));
    }

    #[test]
    fn what_never_ends_is_named_where_it_begins() {
        for (text, at) in
            [("SELECT 'a", 7), ("SELECT 1; /* x", 10), ("$a$ x", 0), ("COPY t FROM stdin;\n1\n", 17), ("\\i x\n", 0)]
        {
            assert_eq!(split(text).unwrap_err().at, at, "{text}");
        }
    }
}
