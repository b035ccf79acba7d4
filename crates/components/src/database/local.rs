//! A database server on this machine: passwords, configuration, the program, and what it holds.

use super::content::{self, Role};
use super::promises;
use super::valid::ValidDatabase;
use crate::context::{LocalContext, needs_of};
use crate::database_use::{DatabaseWay, LocalDatabase};
use crate::secret::PasswordSpec;
use indexmap::IndexMap;
use model::database::Engine;
use model::process_graph::{
    DATABASE_ADMINISTRATOR, DatabaseContentSpec, DatabaseServerSpec, FileSpec, NodeSpec, ProgramSpec, Readiness,
    ReadinessCheck, RestartPolicy, SecretSpec, StopSignal,
};
use model::text::{Atom, DatabaseFile, DatabaseProgram, Part, SecretPart, TemplateValue};
use model::{ComponentName, NodeId, PortId, Text};
use std::collections::BTreeSet;

const MYSQL_CONFIG: &str = include_str!("config/mysql.cnf");
const POSTGRES_CONFIG: &str = include_str!("config/postgresql.conf");
const POSTGRES_ACCESS: &str = include_str!("config/pg_hba.conf");
/// From where clients log in on this machine.
const LOOPBACK: &str = "127.0.0.1/32";
/// Connections that stay free for the administrator, backups and health checks.
const SPARE_CONNECTIONS: u32 = 20;
/// The server's limit is a multiple of this.
const CONNECTION_STEP: u32 = 100;
/// Seconds until a server must answer: after a crash it first reads what it had written.
const START_SECONDS: u32 = 120;
/// Seconds that it gets to write everything to disk.
const STOP_SECONDS: u32 = 60;

/// Adds the server to the graph.
pub(super) fn realise(valid: &ValidDatabase, cx: &mut LocalContext<'_>) {
    let port = cx.port("sql", valid.at.key("port"), valid.port);
    let roles = roles(valid, cx);
    let administrator = secret("administrator", cx.rotation("administrator").generation, &valid.at, cx);
    let server = server(valid, administrator, cx);
    let program = program(valid, &server, &port, &roles, cx);
    let mut needs: BTreeSet<NodeId> = BTreeSet::from([server.clone(), program.clone()]);
    needs.extend(roles.iter().flat_map(|role| role.declaration.logins.values().cloned()));
    let content = content::content(valid, &roles);
    let backups_kept = valid.backups.keep.into();
    let spec = DatabaseContentSpec { server: server.clone(), port: port.clone(), content, backups_kept };
    let content = cx.node("content", valid.at.key("databases"), needs, NodeSpec::DatabaseContent(spec));
    cx.export("host", Text::hole(Atom::DatabaseHost(server.clone())));
    cx.export("port", Text::hole(Atom::Port(port.clone())));
    let here = LocalDatabase { engine: valid.engine, port, server, program, content, databases: valid.names() };
    for role in &roles {
        hand_over(role, &here, cx);
    }
    outputs(valid, &here, &roles, cx);
    promises::database(valid, &here, &roles, cx);
    cx.export_database(here);
}

/// The roles, each with the secrets of its logins made.
fn roles(valid: &ValidDatabase, cx: &mut LocalContext<'_>) -> Vec<Role> {
    let mut roles = content::roles(valid, cx.name, cx.whole);
    for role in &mut roles {
        role.declaration.sources = vec![LOOPBACK.to_owned()];
        for password in role.passwords.values() {
            secret(&password.part, password.generation, &role.at, cx);
        }
    }
    roles
}

fn secret(part: &str, generation: u32, at: &model::ManifestPath, cx: &mut LocalContext<'_>) -> NodeId {
    let recipe = PasswordSpec::usual();
    cx.node(part, at.clone(), BTreeSet::new(), NodeSpec::Secret(SecretSpec::Generated { recipe, generation }))
}

fn server(valid: &ValidDatabase, administrator: NodeId, cx: &mut LocalContext<'_>) -> NodeId {
    let needs = BTreeSet::from([administrator.clone()]);
    let spec = DatabaseServerSpec {
        engine: valid.engine,
        stand_in: (valid.engine == Engine::Mysql).then_some(Engine::Mariadb),
        version: Some(valid.version.clone()),
        minimum: super::engines::minimum_here(valid.engine).to_owned(),
        administrator,
        names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
    };
    cx.node("server", valid.at.key("engine"), needs, NodeSpec::DatabaseServer(spec))
}

fn program(valid: &ValidDatabase, server: &NodeId, port: &PortId, roles: &[Role], cx: &mut LocalContext<'_>) -> NodeId {
    let logins = roles.iter().map(|role| {
        let logins = u32::try_from(role.declaration.logins.len()).unwrap_or(u32::MAX);
        role.declaration.connections.unwrap_or_default().saturating_mul(logins)
    });
    let connections = logins.fold(SPARE_CONNECTIONS, u32::saturating_add);
    // In large steps: another number restarts the server, and one more person should not.
    let connections = connections.div_ceil(CONNECTION_STEP).saturating_mul(CONNECTION_STEP);
    let context = context(server, port, connections, cx);
    let run = |program| Text::hole(Atom::DatabaseProgram(server.clone(), program));
    let (command, files) = if valid.engine.speaks_mysql() {
        let file = config("my.cnf", MYSQL_CONFIG, context, valid, cx);
        let argument = after("--defaults-file=", Atom::File(file.clone()));
        (vec![run(DatabaseProgram::Server), argument], vec![file])
    } else {
        let mut context = context;
        let administrator = TemplateValue::Plain(DATABASE_ADMINISTRATOR.into());
        let mut of_access = context.clone();
        of_access.insert("administrator".to_owned(), administrator);
        of_access.retain(|name, _| ["administrator", "component", "deployment"].contains(&name.as_str()));
        let access = config("pg_hba.conf", POSTGRES_ACCESS, of_access, valid, cx);
        context.insert("access".to_owned(), TemplateValue::Text(Text::hole(Atom::File(access.clone()))));
        let file = config("postgresql.conf", POSTGRES_CONFIG, context, valid, cx);
        let data = Text::hole(Atom::DatabaseFile(server.clone(), DatabaseFile::Data));
        let argument = after("config_file=", Atom::File(file.clone()));
        (
            vec![run(DatabaseProgram::Server), Text::literal("-D"), data, Text::literal("-c"), argument],
            vec![file, access],
        )
    };
    let mut needs = needs_of(&command);
    needs.extend(files);
    let spec = ProgramSpec {
        command,
        environment: IndexMap::new(),
        working_directory: None,
        ports: vec![port.clone()],
        readiness: Readiness { check: ReadinessCheck::Port { port: port.clone() }, timeout_seconds: START_SECONDS },
        restart: RestartPolicy::Always,
        memory_limit: None,
        stop_grace_seconds: STOP_SECONDS,
        refuses_superuser: true,
        stop_signal: if valid.engine.speaks_mysql() { StopSignal::Terminate } else { StopSignal::Interrupt },
    };
    cx.node("program", valid.at.key("engine"), needs, NodeSpec::Program(spec))
}

fn context(server: &NodeId, port: &PortId, connections: u32, cx: &LocalContext<'_>) -> IndexMap<String, TemplateValue> {
    let made = |file| TemplateValue::Text(Text::hole(Atom::DatabaseFile(server.clone(), file)));
    let plain = |text: &str| TemplateValue::Plain(text.into());
    let variables = [
        ("component", plain(cx.name.as_str())),
        ("deployment", plain(cx.deployment().as_str())),
        ("data", made(DatabaseFile::Data)),
        ("run", made(DatabaseFile::Run)),
        ("certificate", made(DatabaseFile::Certificate)),
        ("key", made(DatabaseFile::Key)),
        ("port", TemplateValue::Text(Text::hole(Atom::Port(port.clone())))),
        ("connections", TemplateValue::Plain(connections.into())),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn config(
    name: &str,
    template: &str,
    context: IndexMap<String, TemplateValue>,
    valid: &ValidDatabase,
    cx: &mut LocalContext<'_>,
) -> NodeId {
    let needs = context.values().flat_map(TemplateValue::atoms).filter_map(|atom| atom.node().cloned()).collect();
    let spec = FileSpec {
        name: name.to_owned(),
        template_name: name.to_owned(),
        template: template.to_owned(),
        context,
        mode: 0o600,
    };
    cx.node(&format!("file/{name}"), valid.at.key("engine"), needs, NodeSpec::File(spec))
}

fn after(literal: &str, atom: Atom) -> Text {
    [Part::Literal(literal.to_owned()), Part::Hole(atom)].into_iter().collect()
}

/// The password of the login that is used.
pub(super) fn password(role: &Role, cx: &LocalContext<'_>) -> Text {
    let part = &role.passwords[&role.login].part;
    Text::hole(Atom::Secret(cx.node_id(part), SecretPart::Value))
}

/// Tells a component how it uses the database.
fn hand_over(role: &Role, here: &LocalDatabase, cx: &mut LocalContext<'_>) {
    let Some((database, grants)) = role.declaration.grants.first().filter(|_| !role.is_person) else { return };
    let way = DatabaseWay {
        engine: here.engine,
        server: here.server.clone(),
        content: here.content.clone(),
        port: here.port.clone(),
        database: database.clone(),
        grants: *grants,
        user: Text::literal(&role.login),
        password: password(role, cx),
    };
    let by = ComponentName::new(role.name.clone()).expect("a component's name");
    cx.export_database_way(by, way);
}

fn outputs(valid: &ValidDatabase, here: &LocalDatabase, roles: &[Role], cx: &mut LocalContext<'_>) {
    let name = cx.name.clone();
    let address = [
        Part::Hole(Atom::DatabaseHost(here.server.clone())),
        Part::Literal(":".to_owned()),
        Part::Hole(Atom::Port(here.port.clone())),
    ];
    let about = format!("where {} {name} listens, on this machine alone and with TLS", valid.engine);
    cx.output(format!("{name}.address"), about, address.into_iter().collect());
    let databases = here.databases.join(", ");
    cx.output(format!("{name}.databases"), "the databases in it", Text::literal(databases));
    let open = Text::literal(format!("landfall connect {name}"));
    cx.output(format!("{name}.connect"), "opens a client, as the person that you are", open);
    for role in roles.iter().filter(|role| role.is_person) {
        let about = format!("the password of {} as the login {}", role.name, role.login);
        cx.output(format!("{name}.people.{}.password", role.name), about, password(role, cx));
    }
}

#[cfg(test)]
mod tests {
    use super::{MYSQL_CONFIG, POSTGRES_ACCESS, POSTGRES_CONFIG};
    use serde_json::json;

    #[test]
    fn configurations_are_templates_that_work() {
        let context = json!({
            "component": "db", "deployment": "shop", "data": "/d", "run": "/r", "certificate": "/c", "key": "/k",
            "port": "5432", "connections": 100, "access": "/a", "administrator": "landfall_admin",
        });
        let context = context.as_object().unwrap().clone().into_iter().collect();
        for (name, text) in
            [("my.cnf", MYSQL_CONFIG), ("postgresql.conf", POSTGRES_CONFIG), ("pg_hba.conf", POSTGRES_ACCESS)]
        {
            assert!(template::check(name, text).is_empty(), "{name}");
            template::rehearse(name, text, &context).unwrap();
        }
    }
}
