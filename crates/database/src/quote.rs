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
