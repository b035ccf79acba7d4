//! What the groups of a database may do in it.

use super::{group, name, text};
use crate::change::Step;
use model::database::GrantLevel;

/// Kinds of objects with what the reading and the writing group have on them, and how default privileges name them.
pub(super) struct Kind {
    /// As in GRANT.
    pub(super) word: &'static str,
    /// As in ALTER DEFAULT PRIVILEGES.
    plural: &'static str,
    /// As in `pg_default_acl`.
    pub(super) letter: &'static str,
    /// As in `pg_class.relkind`.
    relkinds: &'static str,
    read: &'static [&'static str],
    write: &'static [&'static str],
}

pub(super) const KINDS: [Kind; 3] = [
    Kind { word: "SCHEMA", plural: "SCHEMAS", letter: "n", relkinds: "", read: &["USAGE"], write: &["USAGE"] },
    Kind {
        word: "TABLE",
        plural: "TABLES",
        letter: "r",
        relkinds: "'r','p','v','m','f'",
        read: &["SELECT"],
        write: &["SELECT", "INSERT", "UPDATE", "DELETE"],
    },
    Kind {
        word: "SEQUENCE",
        plural: "SEQUENCES",
        letter: "S",
        relkinds: "'S'",
        read: &["SELECT"],
        write: &["USAGE", "SELECT"],
    },
];

impl Kind {
    /// What the group of a level has; the owner group owns.
    pub(super) fn privileges(&self, level: GrantLevel) -> &'static [&'static str] {
        match level {
            GrantLevel::ReadOnly => self.read,
            GrantLevel::ReadWrite => self.write,
            GrantLevel::Owner => &[],
        }
    }
}

pub(super) const READERS: [GrantLevel; 2] = [GrantLevel::ReadOnly, GrantLevel::ReadWrite];

/// Asks for schemas, tables and sequences on which a group lacks something, and the administrator can give it. Groups that are
/// not there yet lack everything.
pub(super) fn lacking_question(database: &str, has_groups: bool) -> String {
    let owner = text(&group(database, GrantLevel::Owner));
    let mut parts = Vec::new();
    for level in READERS {
        let who = text(&group(database, level));
        for kind in &KINDS {
            let function = format!("has_{}_privilege", kind.word.to_lowercase());
            let has = |oid: &str| {
                if !has_groups {
                    return "false".to_owned();
                }
                let all =
                    kind.privileges(level).iter().map(|privilege| format!("{function}({who}, {oid}, '{privilege}')"));
                all.collect::<Vec<_>>().join(" AND ")
            };
            parts.push(if kind.relkinds.is_empty() {
                format!(
                    "SELECT 'SCHEMA', quote_ident(nspname), {who} FROM pg_namespace n WHERE (nspname = 'public' OR \
                     pg_get_userbyid(nspowner) = {owner}) AND pg_has_role(nspowner, 'USAGE') AND NOT ({})",
                    has("n.oid")
                )
            } else {
                // In a subquery that the planner may not merge: has_sequence_privilege fails on what is no sequence.
                format!(
                    "SELECT '{}', format('%I.%I', nspname, relname), {who} FROM (SELECT c.oid, nspname, relname FROM pg_class c \
                     JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ({}) AND (nspname = 'public' OR \
                     pg_get_userbyid(nspowner) = {owner}) AND pg_has_role(relowner, 'USAGE') AND NOT EXISTS (SELECT FROM pg_depend d \
                     WHERE d.objid = c.oid AND d.deptype = 'e') OFFSET 0) c WHERE NOT ({})",
                    kind.word,
                    kind.relkinds,
                    has("c.oid")
                )
            });
        }
    }
    parts.join(" UNION ALL ") + ";"
}

/// What is to be given on one object.
pub(super) fn give(database: &str, kind: &str, object: &str, who: &str) -> Step {
    let level =
        if *who == group(database, GrantLevel::ReadOnly) { GrantLevel::ReadOnly } else { GrantLevel::ReadWrite };
    let privileges = KINDS.iter().find(|one| one.word == kind).map(|one| one.privileges(level).join(", "));
    let privileges = privileges.unwrap_or_default();
    Step::inside(database, format!("GRANT {privileges} ON {kind} {object} TO {};", name(who)))
}

/// Default privileges that the owner group must have set: (kind's letter, to whom, which), and the statement that sets them.
pub(super) fn wanted_defaults(database: &str) -> Vec<(&'static Kind, String, &'static [&'static str])> {
    let of_level = |level| KINDS.iter().map(move |kind| (kind, group(database, level), kind.privileges(level)));
    READERS.into_iter().flat_map(of_level).collect()
}

/// The statement that sets default privileges of one kind for one group.
pub(super) fn set_default(database: &str, kind: &Kind, who: &str, privileges: &[&str]) -> Step {
    let owner = name(&group(database, GrantLevel::Owner));
    let sql = format!(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT {} ON {} TO {};",
        privileges.join(", "),
        kind.plural,
        name(who)
    );
    Step::inside(database, sql)
}

/// How ALTER DEFAULT PRIVILEGES names a kind of `pg_default_acl`.
pub(super) fn plural(letter: &str) -> &'static str {
    match letter {
        "f" => "ROUTINES",
        "T" => "TYPES",
        other => KINDS.iter().find(|kind| kind.letter == other).map_or("TABLES", |kind| kind.plural),
    }
}
