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

/// Functions that write large objects. Everybody may call them in a new database, readers too.
pub(super) const WRITERS_OF_LARGE_OBJECTS: [&str; 8] = [
    "lo_creat(integer)",
    "lo_create(oid)",
    "lo_from_bytea(oid,bytea)",
    "lo_put(oid,bigint,bytea)",
    "lo_truncate(integer,integer)",
    "lo_truncate64(integer,bigint)",
    "lo_unlink(oid)",
    "lowrite(integer,bytea)",
];

/// Leaves them to those who may write.
pub(super) fn close_large_objects(database: &str) -> Step {
    let functions = WRITERS_OF_LARGE_OBJECTS.map(|function| format!("pg_catalog.{function}")).join(", ");
    let writers = [GrantLevel::ReadWrite, GrantLevel::Owner].map(|level| name(&group(database, level))).join(", ");
    Step::inside(
        database,
        format!(
            "REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC; GRANT EXECUTE ON FUNCTION {functions} TO {writers};"
        ),
    )
}

pub(super) const READERS: [GrantLevel; 2] = [GrantLevel::ReadOnly, GrantLevel::ReadWrite];

/// Asks for schemas, tables and sequences on which a group lacks something, and the administrator can give it. Groups that are
/// not there yet lack everything.
pub(super) fn lacking_question(database: &str, has_groups: bool) -> String {
    let owner = text(&group(database, GrantLevel::Owner));
    let mut parts = Vec::new();
    for level in READERS {
        let (who, role) = (text(&group(database, level)), text(&name(&group(database, level))));
        for kind in &KINDS {
            // What is everybody's is not the group's: it will be taken away.
            let has = |acl: &str| {
                if !has_groups {
                    return "false".to_owned();
                }
                let all: Vec<String> = kind.privileges(level).iter().map(|privilege| text(privilege)).collect();
                let wanted = all.len();
                format!(
                    "(SELECT count(DISTINCT privilege_type) = {wanted} FROM aclexplode({acl}) \
                     WHERE grantee = {role}::regrole AND privilege_type IN ({}))",
                    all.join(", ")
                )
            };
            parts.push(if kind.relkinds.is_empty() {
                format!(
                    "SELECT 'SCHEMA', quote_ident(nspname), {who} FROM pg_namespace n WHERE (nspname = 'public' OR \
                     pg_get_userbyid(nspowner) = {owner}) AND pg_has_role(nspowner, 'USAGE') AND NOT ({})",
                    has("n.nspacl")
                )
            } else {
                format!(
                    "SELECT '{}', format('%I.%I', nspname, relname), {who} FROM (SELECT relacl, nspname, relname FROM pg_class c \
                     JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ({}) AND (nspname = 'public' OR \
                     pg_get_userbyid(nspowner) = {owner}) AND pg_has_role(relowner, 'USAGE') AND NOT EXISTS (SELECT FROM pg_depend d \
                     WHERE d.objid = c.oid AND d.deptype = 'e')) c WHERE NOT ({})",
                    kind.word,
                    kind.relkinds,
                    has("c.relacl")
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
