//! Looks into one database of a PostgreSQL server.

use super::observe::{field, is_true};
use super::rights::{WRITERS_OF_LARGE_OBJECTS, lacking_question};
use super::state::{Inside, ObjectGrant};
use crate::connection::Connection;
use crate::error::Result;
use crate::observed::AppliedData;
use crate::quote;
use model::database::Engine;

/// Grants to those whose names are listed and, outside of the server's own schemas, to everybody.
/// What belongs to an extension is its own affair.
fn grants_question(managed: &[String]) -> String {
    let list = quote::list(Engine::Postgres, managed.iter().map(String::as_str));
    format!(
        "SELECT coalesce(r.rolname, ''), o.kind, o.object, owner.rolname, a.privilege_type, o.is_of_system, a.is_grantable FROM (
           SELECT 'SCHEMA' AS kind, quote_ident(nspname) AS object, nspowner AS owner, nspacl AS acl,
                  nspname ~ '^pg_|^information_schema$' AS is_of_system FROM pg_namespace WHERE nspacl IS NOT NULL
           UNION ALL SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%I.%I', nspname, relname), relowner,
                  relacl, nspname ~ '^pg_|^information_schema$' OR EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
             FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relacl IS NOT NULL
           UNION ALL SELECT 'COLUMN', format('(%I) ON %I.%I', attname, nspname, relname), relowner, attacl,
                  nspname ~ '^pg_|^information_schema$'
             FROM pg_attribute t JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace WHERE attacl IS NOT NULL
           UNION ALL SELECT 'ROUTINE', p.oid::regprocedure::text, proowner, proacl, true
             FROM pg_proc p WHERE proacl IS NOT NULL
           UNION ALL SELECT 'LANGUAGE', quote_ident(lanname), lanowner, lanacl, true FROM pg_language WHERE lanacl IS NOT NULL
           UNION ALL SELECT 'FOREIGN DATA WRAPPER', quote_ident(fdwname), fdwowner, fdwacl, true
             FROM pg_foreign_data_wrapper WHERE fdwacl IS NOT NULL
           UNION ALL SELECT 'FOREIGN SERVER', quote_ident(srvname), srvowner, srvacl, true
             FROM pg_foreign_server WHERE srvacl IS NOT NULL
         ) o CROSS JOIN LATERAL aclexplode(o.acl) a LEFT JOIN pg_roles r ON r.oid = a.grantee JOIN pg_roles owner ON owner.oid = o.owner
         WHERE a.grantee <> o.owner AND (r.rolname IN ({list}) OR (a.grantee = 0 AND NOT o.is_of_system));"
    )
}

const REST: &str = "
SELECT extname FROM pg_extension;
SELECT owner.rolname FROM pg_namespace JOIN pg_roles owner ON owner.oid = nspowner WHERE nspname = 'public';
SELECT whose.rolname, coalesce(nspname, ''), defaclobjtype, coalesce(r.rolname, ''), a.privilege_type
  FROM pg_default_acl d JOIN pg_roles whose ON whose.oid = defaclrole LEFT JOIN pg_namespace n ON n.oid = defaclnamespace,
       aclexplode(defaclacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
 WHERE a.grantee <> defaclrole;
SELECT to_regclass('landfall.applied_data') IS NOT NULL;
SELECT oid::regprocedure::text FROM pg_proc
 WHERE pronamespace = 'pg_catalog'::regnamespace AND oid::regprocedure::text IN (";

const APPLIED: &str = "SELECT path, digest, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM landfall.applied_data ORDER BY number;";

/// Logins that own what should be the owner group's. Temporary tables are of one session, and large objects of who made them.
fn owners_question(managed: &[String]) -> String {
    let list = quote::list(Engine::Postgres, managed.iter().map(String::as_str));
    format!(
        "SELECT DISTINCT rolname FROM (
           SELECT role.rolname, s.classid, s.objid, s.objsubid FROM pg_shdepend s JOIN pg_roles role ON role.oid = s.refobjid
            WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.refclassid = 'pg_authid'::regclass
              AND s.deptype = 'o' AND role.rolcanlogin AND role.rolname IN ({list})
              AND s.classid NOT IN ('pg_default_acl'::regclass, 'pg_largeobject'::regclass) OFFSET 0) owned
          WHERE coalesce((pg_identify_object(classid, objid, objsubid)).schema, '') !~ '^pg_(toast_)?temp';"
    )
}

pub(super) async fn observe(
    connection: &mut Connection,
    database: &str,
    has_groups: bool,
    managed: Vec<String>,
) -> Result<Inside> {
    let lacking = lacking_question(database, has_groups);
    let writers = quote::list(Engine::Postgres, WRITERS_OF_LARGE_OBJECTS);
    let open = format!("{writers}) AND has_function_privilege('public', oid, 'EXECUTE');");
    let sql = format!("{}{}{REST}{open}{lacking}", grants_question(&managed), owners_question(&managed));
    let mut answers = connection.ask(sql).await?.into_iter().map(|answer| answer.rows);
    let mut next = || answers.next().unwrap_or_default();
    let mut inside = Inside::default();
    for row in next() {
        inside.grants.push(ObjectGrant {
            to: field(&row, 0),
            kind: field(&row, 1),
            object: field(&row, 2),
            owner: field(&row, 3),
            privilege: field(&row, 4),
            is_of_system: is_true(&row, 5),
            may_give: is_true(&row, 6),
        });
    }
    inside.owners = next().iter().map(|row| field(row, 0)).collect();
    inside.extensions = next().iter().map(|row| field(row, 0)).collect();
    inside.public_owner = next().first().map(|row| field(row, 0));
    inside.defaults =
        next().iter().map(|row| (field(row, 0), field(row, 1), field(row, 2), field(row, 3), field(row, 4))).collect();
    inside.has_ledger = next().first().is_some_and(|row| is_true(row, 0));
    inside.open_writers = next().iter().map(|row| field(row, 0)).collect();
    inside.lacking = next().iter().map(|row| (field(row, 0), field(row, 1), field(row, 2))).collect();
    if inside.has_ledger {
        let applied = |row: &crate::Row| AppliedData {
            database: database.to_owned(),
            path: field(row, 0),
            digest: field(row, 1),
            at: field(row, 2),
        };
        inside.applied = connection.rows(APPLIED).await?.iter().map(applied).collect();
    }
    Ok(inside)
}
