//! From what was said of a database server to what makes sense.

use super::codes::{DBS001, DBS002, DBS003, DBS004, DBS007, DBS008, DBS009, DBS010, DBS011};
use super::data::{self, Data};
use super::engines::{self, Lifecycle};
use super::names;
use super::schema::{DatabaseSaid, DatabaseSpec, DatabasesSaid, GrantsSaid};
use super::valid::{Backups, PersonGrants, ValidDatabase};
use crate::context::ValidationContext;
use crate::people::with_roles;
use crate::said::{PortSaid, nearest, report, report_key};
use crate::together::RoleNamed;
use indexmap::IndexMap;
use model::database::{DatabaseDeclaration, Engine, GrantLevel};
use model::process_graph::PortWish;
use model::scalar::Size;
use model::{Findings, ManifestPath};

const SMALLEST_DISK: Size = Size::from_bytes(20 << 30);
/// Where the certificates are found.
const AUTHORITIES_HELP: &str = "fetch what RDS publishes for the region: \
     curl -o rds-ca.pem https://truststore.pki.rds.amazonaws.com/REGION/REGION-bundle.pem";
const LARGEST_DISK: Size = Size::from_bytes(64 << 40);

/// Checks a database server. Reports everything that is wrong.
pub(super) fn validate(
    spec: DatabaseSpec,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> Option<ValidDatabase> {
    let before = findings.error_count();
    let engine = spec.engine.engine();
    let version = match spec.version {
        Some(said) => version(said, engine, cx, findings),
        None => engines::usual(engine).to_owned(),
    };
    check_storage(spec.aurora, spec.storage, cx, findings);
    let authorities = spec.authorities.and_then(|path| authorities(&path, cx, findings));
    let (databases, tables) = databases(spec.databases, engine, cx, findings);
    let roles: Vec<RoleNamed> =
        spec.people.keys().map(|role| RoleNamed { role: role.clone(), at: cx.at.key("people").key(role) }).collect();
    let people = people(spec.people, &databases, cx, findings);
    (findings.error_count() == before).then(|| ValidDatabase {
        engine,
        version,
        size: spec.size,
        port: spec.port.map_or(PortWish::Preferably(engine.usual_port()), PortSaid::wish),
        databases,
        tables,
        people,
        roles,
        backups: Backups { keep: spec.backups.keep, at: spec.backups.at },
        aurora: spec.aurora,
        zones: spec.zones,
        deletion_protection: spec.deletion_protection,
        storage: spec.storage,
        authorities,
        at: cx.at.clone(),
    })
}

/// The release, and how long it is supported.
fn version(said: String, engine: Engine, cx: &ValidationContext<'_>, findings: &mut Findings) -> String {
    let at = cx.at.key("version");
    let newest = engines::usual(engine);
    match engines::lifecycle(engine, &said, cx.today) {
        Lifecycle::Unknown => {
            let known = engines::supported(engine, cx.today);
            let summary = format!("there is no release `{said}` of {engine} that is known here");
            report(findings, &DBS002, &at, summary, format!("write one of {}, in quotes", known.join(", ")));
        }
        Lifecycle::Ended { release, cost } => {
            let ended = &release.rds_ends;
            let summary = format!("standard support of {engine} {} ended on {ended}: {cost}", release.version);
            let help = format!("write `version: \"{newest}\"` (dates as of {})", engines::as_of());
            report(findings, &DBS001, &at, summary, help);
        }
        Lifecycle::Ending { release, cost } => {
            let ends = &release.rds_ends;
            let summary =
                format!("standard support of {engine} {} ends on {ends}; from then on, {cost}", release.version);
            let help = format!("plan the move to {newest} (dates as of {})", engines::as_of());
            report(findings, &DBS003, &at, summary, help);
        }
        Lifecycle::Supported => {}
    }
    said
}

fn check_storage(aurora: bool, storage: Option<Size>, cx: &ValidationContext<'_>, findings: &mut Findings) {
    let Some(storage) = storage else { return };
    let at = cx.at.key("storage");
    if aurora {
        report(findings, &DBS010, &at, "the disk of an Aurora cluster grows by itself", "leave `storage` out");
    } else if storage < SMALLEST_DISK || storage > LARGEST_DISK {
        let summary = format!("RDS does not give a disk of {storage}");
        report(findings, &DBS010, &at, summary, "write `storage: 20GiB` or more, up to 64TiB");
    }
}

/// The certificates of a file.
fn authorities(path: &str, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<String> {
    let problem = match cx.files.text(path) {
        Err(why) => format!("{path} cannot be read: {why}"),
        Ok(text) if text.contains("PRIVATE KEY") => format!("{path} holds a private key"),
        Ok(text) if !text.contains("-----BEGIN CERTIFICATE-----") => format!("{path} holds no certificate"),
        Ok(text) => return Some(text),
    };
    report(findings, &DBS011, &cx.at.key("authorities"), problem, AUTHORITIES_HELP);
    None
}

type Databases = (IndexMap<String, DatabaseDeclaration>, IndexMap<String, Vec<data::Table>>);

fn databases(said: DatabasesSaid, engine: Engine, cx: &ValidationContext<'_>, findings: &mut Findings) -> Databases {
    let all = cx.at.key("databases");
    let said: Vec<(String, ManifestPath, DatabaseSaid)> = match said {
        DatabasesSaid::Names(names) => {
            let places = names.into_iter().enumerate();
            places.map(|(index, name)| (name, all.index(index), DatabaseSaid::default())).collect()
        }
        DatabasesSaid::Mapping(said) => {
            said.into_iter().map(|(name, said)| (name.clone(), all.key(&name), said)).collect()
        }
    };
    if said.is_empty() {
        report(findings, &DBS004, &all, "there is no database in it", format!("name one, as `databases: [{}]`", "app"));
    }
    let (mut declared, mut tables) = (IndexMap::new(), IndexMap::new());
    for (name, at, said) in said {
        if let Some(problem) = names::problem(&name, engine) {
            let help = format!("{problem}; for example `{}`", suggestion(&name));
            report_key(findings, &DBS004, &at, format!("`{name}` cannot be the name of a database"), help);
        }
        check_extensions(&said.extensions, engine, &at.key("extensions"), findings);
        let Data { files, tables: made } = data::validate(&said.data, &at.key("data"), cx, findings);
        let declaration = DatabaseDeclaration { extensions: said.extensions, data: files };
        if declared.insert(name.clone(), declaration).is_some() {
            report(findings, &DBS004, &at, format!("the database `{name}` is named twice"), "remove one of them");
        }
        tables.insert(name, made);
    }
    (declared, tables)
}

/// A name of the right form that is close.
fn suggestion(name: &str) -> String {
    let plain: String =
        name.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(30).collect();
    let plain = plain.trim_matches('_');
    if plain == name || !plain.starts_with(|c: char| c.is_ascii_lowercase()) {
        format!("app_{plain}").trim_end_matches('_').to_owned()
    } else {
        plain.to_owned()
    }
}

fn check_extensions(said: &[String], engine: Engine, at: &ManifestPath, findings: &mut Findings) {
    if engine.speaks_mysql() {
        if !said.is_empty() {
            report(findings, &DBS007, at, format!("{engine} has no extensions"), "remove `extensions`");
        }
        return;
    }
    let known = engines::extensions();
    for (index, name) in said.iter().enumerate().filter(|(_, name)| !known.contains(*name)) {
        let help = match nearest(name, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "RDS will refuse it; on this machine its package must be installed".to_owned(),
        };
        report(findings, &DBS008, &at.index(index), format!("the extension `{name}` is not known"), help);
    }
}

/// What each person may do: the widest of what the roles give.
fn people(
    said: IndexMap<String, GrantsSaid>,
    databases: &IndexMap<String, DatabaseDeclaration>,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> IndexMap<String, PersonGrants> {
    let mut people: IndexMap<String, PersonGrants> = IndexMap::new();
    for (role, said) in said {
        let at = cx.at.key("people").key(&role);
        let grants: IndexMap<String, GrantLevel> = match said {
            GrantsSaid::Everywhere(word) => databases.keys().map(|name| (name.clone(), word.level())).collect(),
            GrantsSaid::ByDatabase(said) => {
                for name in said.keys().filter(|name| !databases.contains_key(*name)) {
                    let names: Vec<&str> = databases.keys().map(String::as_str).collect();
                    let help = match nearest(name, names.iter().copied()) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("the databases are {}", names.join(", ")),
                    };
                    report_key(findings, &DBS009, &at.key(name), format!("there is no database `{name}` here"), help);
                }
                said.into_iter().map(|(name, word)| (name, word.level())).collect()
            }
        };
        for person in with_roles(cx.people, std::slice::from_ref(&role)) {
            let entry = people
                .entry(person.to_owned())
                .or_insert_with(|| PersonGrants { grants: IndexMap::new(), at: at.clone() });
            for (database, level) in &grants {
                let known = entry.grants.entry(database.clone()).or_insert(*level);
                *known = (*known).max(*level);
            }
        }
    }
    people
}
