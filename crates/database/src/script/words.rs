//! The first words of a statement, by which one sees what it does.

use super::Cursor;
use super::mysql::is_code;

/// The first words in capitals, without comments; what stands in comments that are code counts. Names in quotes are one word.
pub(crate) fn words(text: &str, most: usize) -> Vec<String> {
    let mut cursor = Cursor::new(text);
    let mut words = Vec::new();
    while let Some(byte) = cursor.peek() {
        if words.len() == most {
            break;
        }
        if cursor.sees("--") || byte == b'#' {
            cursor.skip_line();
        } else if is_code(&cursor) {
            cursor.skip_past("!");
            let digits = cursor.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
            cursor.at += digits;
        } else if cursor.sees("/*") {
            cursor.skip_past("*/");
        } else if matches!(byte, b'\'' | b'"' | b'`') {
            let start = cursor.at;
            if cursor.skip_quoted(byte, byte != b'`').is_err() {
                break;
            }
            words.push(text[start..cursor.at].to_owned());
        } else {
            let word = cursor.word();
            if word.is_empty() {
                cursor.at += 1;
                while !text.is_char_boundary(cursor.at) {
                    cursor.at += 1;
                }
            } else {
                words.push(word.to_uppercase());
                cursor.at += word.len();
            }
        }
    }
    words
}

/// Whether a statement of MySQL names something inside of a database: `mysql.user`, `` `mysql` . `user` ``.
pub(crate) fn names(text: &str, database: &str) -> bool {
    let mut cursor = Cursor::new(text);
    while let Some(byte) = cursor.peek() {
        let start = cursor.at;
        if cursor.sees("-- ") || byte == b'#' {
            cursor.skip_line();
        } else if cursor.sees("/*") && !is_code(&cursor) {
            cursor.skip_past("*/");
        } else if matches!(byte, b'\'' | b'"' | b'`') {
            if cursor.skip_quoted(byte, byte != b'`').is_err() {
                return false;
            }
        } else {
            cursor.at += cursor.word().len().max(1);
            while !text.is_char_boundary(cursor.at) {
                cursor.at += 1;
            }
        }
        let word = text[start..cursor.at].trim_matches('`');
        // What stands behind a dot is inside of something else.
        let is_inside = text[..start].trim_end().ends_with('.');
        if word.eq_ignore_ascii_case(database) && !is_inside && text[cursor.at..].trim_start().starts_with('.') {
            return true;
        }
    }
    false
}

/// A statement without `DEFINER = user@host`: what is loaded belongs to whom it is loaded by, and an administrator without SUPER
/// may not name another.
pub(crate) fn without_definer(text: &str) -> String {
    let mut cursor = Cursor::new(text);
    while let Some(byte) = cursor.peek() {
        if matches!(byte, b'\'' | b'"' | b'`') {
            if cursor.skip_quoted(byte, byte != b'`').is_err() {
                break;
            }
            continue;
        }
        let word = cursor.word();
        if word.eq_ignore_ascii_case("definer") {
            let start = cursor.at;
            cursor.at += word.len();
            if let Some(end) = end_of_account(&mut cursor) {
                return format!("{} {}", &text[..start], &text[end..]);
            }
            continue;
        }
        cursor.at += word.len().max(1);
        while !text.is_char_boundary(cursor.at) {
            cursor.at += 1;
        }
    }
    text.to_owned()
}

/// Behind `= user@host` or `= CURRENT_USER`.
fn end_of_account(cursor: &mut Cursor<'_>) -> Option<usize> {
    let skip_space = |cursor: &mut Cursor<'_>| {
        while cursor.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            cursor.at += 1;
        }
    };
    skip_space(cursor);
    if cursor.peek() != Some(b'=') {
        return None;
    }
    cursor.at += 1;
    for part in 0..2 {
        skip_space(cursor);
        match cursor.peek()? {
            mark @ (b'\'' | b'"' | b'`') => cursor.skip_quoted(mark, mark != b'`').ok()?,
            _ => cursor.at += cursor.word().len(),
        }
        if part == 0 {
            let end = cursor.at;
            skip_space(cursor);
            if cursor.peek() != Some(b'@') {
                return Some(end);
            }
            cursor.at += 1;
        }
    }
    Some(cursor.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_no_words_unless_they_are_code() {
        assert_eq!(words("/* x */ -- y\n create  table `a b` (x int)", 3), ["CREATE", "TABLE", "`a b`"]);
        assert_eq!(
            words("/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50001 VIEW `v` AS", 4),
            ["CREATE", "ALGORITHM", "UNDEFINED", "VIEW"]
        );
    }

    #[test]
    fn what_is_inside_of_a_database_is_seen() {
        for named in
            ["INSERT INTO mysql.db VALUES (1)", "DROP TABLE `MySQL` . `user`", "/*!40000 DELETE FROM mysql.user */"]
        {
            assert!(names(named, "mysql"), "{named}");
        }
        for other in
            ["INSERT INTO t VALUES ('mysql.db')", "SELECT t.mysql.x", "CREATE TABLE mysql (x int) -- mysql.", "é.mysql"]
        {
            assert!(!names(other, "mysql"), "{other}");
        }
    }

    #[test]
    fn definers_go() {
        for (with, without) in [
            ("CREATE DEFINER=`root`@`localhost` VIEW v AS SELECT 'DEFINER=x'", "CREATE   VIEW v AS SELECT 'DEFINER=x'"),
            ("/*!50017 DEFINER=root@'%'*/ /*!50003 TRIGGER", "/*!50017  */ /*!50003 TRIGGER"),
            ("CREATE DEFINER = CURRENT_USER PROCEDURE p()", "CREATE   PROCEDURE p()"),
            ("SELECT definer FROM t", "SELECT definer FROM t"),
        ] {
            assert_eq!(without_definer(with), without);
        }
    }
}
