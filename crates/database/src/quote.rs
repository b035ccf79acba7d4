//! Names and texts inside statements, so that none can end where it should not.

use model::database::Engine;

/// A name: `"a""b"` or `` `a``b` ``.
#[must_use]
pub fn name(engine: Engine, name: &str) -> String {
    let mark = if engine.speaks_mysql() { '`' } else { '"' };
    enclosed(name, mark)
}

/// A text: `'it''s'`. For MySQL backslashes are doubled too; this crate's connections have them as escapes.
#[must_use]
pub fn text(engine: Engine, text: &str) -> String {
    if engine.speaks_mysql() {
        return enclosed(&text.replace('\\', "\\\\"), '\'');
    }
    // With the E form, backslashes mean the same whatever standard_conforming_strings is.
    if text.contains('\\') { format!("E{}", enclosed(&text.replace('\\', "\\\\"), '\'')) } else { enclosed(text, '\'') }
}

/// A database's name in MySQL's GRANT, where `_` and `%` are patterns.
#[must_use]
pub fn grant_pattern(database: &str) -> String {
    database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%")
}

/// MySQL's `'user'@'host'`.
#[must_use]
pub fn account(user: &str, host: &str) -> String {
    format!("{}@{}", text(Engine::Mysql, user), text(Engine::Mysql, host))
}

/// Several texts with commas, for `IN (...)`; of none, one that nothing is equal to.
#[must_use]
pub fn list<'a>(engine: Engine, texts: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = texts.into_iter().map(|one| text(engine, one)).collect();
    if quoted.is_empty() { "NULL".to_owned() } else { quoted.join(", ") }
}

fn enclosed(text: &str, mark: char) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(mark);
    for character in text.chars() {
        if character == mark {
            out.push(mark);
        }
        out.push(character);
    }
    out.push(mark);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::split;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn nothing_ends_where_it_should_not(hostile in any::<String>()) {
            for engine in [Engine::Postgres, Engine::Mysql] {
                for quoted in [name(engine, &hostile), text(engine, &hostile)] {
                    let sql = format!("SELECT {quoted}; SELECT 1");
                    let statements = split(engine, &sql).unwrap();
                    prop_assert_eq!(statements.len(), 2);
                    prop_assert_eq!(statements[0].text, format!("SELECT {quoted}"));
                }
            }
        }

        #[test]
        fn a_pattern_is_the_name_again(name in "[a-z_%\\\\]{0,12}") {
            let mut characters = grant_pattern(&name).chars().collect::<Vec<_>>().into_iter();
            let mut plain = String::new();
            while let Some(character) = characters.next() {
                plain.push(if character == '\\' { characters.next().unwrap() } else { character });
            }
            prop_assert_eq!(plain, name);
        }
    }

    #[test]
    fn marks_are_doubled() {
        assert_eq!(name(Engine::Postgres, "a\"b"), "\"a\"\"b\"");
        assert_eq!(name(Engine::Mysql, "a`b"), "`a``b`");
        assert_eq!(text(Engine::Postgres, "it's \\"), "E'it''s \\\\'");
        assert_eq!(account("a'b", "%"), "'a''b'@'%'");
        assert_eq!(list(Engine::Mysql, []), "NULL");
    }
}
