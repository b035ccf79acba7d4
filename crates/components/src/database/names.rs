//! Names that databases can have.

use model::database::Engine;

/// Databases that servers have for themselves.
const TAKEN: &[&str] = &[
    "information_schema",
    "innodb",
    "mysql",
    "performance_schema",
    "postgres",
    "rdsadmin",
    "sys",
    "template0",
    "template1",
];

/// Words of SQL that would have to be quoted wherever the name stands.
const WORDS: &[&str] = &[
    "all",
    "and",
    "as",
    "between",
    "by",
    "case",
    "check",
    "column",
    "create",
    "cross",
    "current_user",
    "database",
    "default",
    "delete",
    "desc",
    "distinct",
    "drop",
    "else",
    "end",
    "exists",
    "false",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "index",
    "insert",
    "into",
    "is",
    "join",
    "key",
    "like",
    "limit",
    "not",
    "null",
    "on",
    "or",
    "order",
    "primary",
    "references",
    "select",
    "set",
    "table",
    "then",
    "to",
    "true",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "values",
    "when",
    "where",
    "with",
];

/// Why a database cannot have this name, in words.
#[must_use]
pub fn problem(name: &str, engine: Engine) -> Option<String> {
    // PostgreSQL has a group for each level of grants, whose name is longer by `_owner`.
    let longest = if engine.speaks_mysql() { 64 } else { 57 };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
        return Some("it starts with a lower-case letter and has lower-case letters, digits and `_`".to_owned());
    }
    if name.len() > longest {
        return Some(format!("{engine} takes at most {longest} characters here, this has {}", name.len()));
    }
    if name.starts_with("landfall") {
        return Some("names that begin with `landfall` are kept for what is written down about a server".to_owned());
    }
    if TAKEN.contains(&name) {
        return Some("servers have a database of that name for themselves".to_owned());
    }
    WORDS.contains(&name).then(|| "it is a word of SQL and would have to be quoted everywhere".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{TAKEN, WORDS, problem};
    use model::database::Engine;

    #[test]
    fn only_names_that_need_no_quotes() {
        for good in ["teams", "app_2", "a"] {
            assert_eq!(problem(good, Engine::Postgres), None, "{good}");
        }
        for bad in
            ["", "Teams", "2nd", "a-b", "a b", "a\"b", "a;drop", "mysql", "user", "landfall", "landfall_x", "t\u{e9}"]
        {
            assert!(problem(bad, Engine::Mysql).is_some(), "{bad}");
        }
        assert!(problem(&"a".repeat(58), Engine::Postgres).is_some());
        assert!(problem(&"a".repeat(64), Engine::Mysql).is_none());
        assert!(problem(&"a".repeat(65), Engine::Mariadb).is_some());
    }

    #[test]
    fn lists_are_sorted() {
        assert!(TAKEN.is_sorted() && WORDS.is_sorted());
    }
}
