//! A database server: who is let in, what a rotation makes, what a change leaves alone.

use crate::support::{AnyFile, Outcome, json_map, node, validated_for};
use components::people::{People, Person};
use model::probe::{Question, SqlExpectation};
use model::process_graph::{NodeSpec, ProcessGraph};
use model::{Digest, NodeId, Rotation};

const SHOP: &str = r#"
db:
  kind: database
  engine: postgres
  databases: { shop: { data: [ { sql: schema.sql } ] }, archive: {} }
  people: { admin: owner, analyst: { shop: read-only }, editor: { shop: read-write } }
app:
  kind: service
  command: [app]
  uses: { db: { database: shop, grants: read-write, driver: psycopg } }
  environment: { DATABASE_URL: "${self.uses.db.url}" }
"#;

fn person(roles: &[&str]) -> Person {
    Person { roles: roles.iter().map(|role| (*role).to_owned()).collect(), ssh_key: None, email: None }
}

fn shop(people: &[(&str, &[&str])]) -> Outcome {
    let people: People = people.iter().map(|(name, roles)| ((*name).to_owned(), person(roles))).collect();
    validated_for(SHOP, people, &json_map("{}"), &AnyFile("CREATE TABLE goods (id int);"))
}

fn logins(graph: &ProcessGraph, role: &str) -> Vec<(String, String)> {
    let NodeSpec::DatabaseContent(content) = node(graph, "db/content") else { panic!("no content") };
    let logins = content.content.roles[role].logins.iter();
    logins.map(|(login, node)| (login.clone(), node.to_string())).collect()
}

fn url(graph: &ProcessGraph) -> String {
    let NodeSpec::Program(program) = node(graph, "app/program") else { panic!("no program") };
    program.environment["DATABASE_URL"].to_string()
}

#[test]
fn roles_of_people_add_up() {
    let graph = shop(&[("ann", &["analyst", "editor"]), ("bea", &["admin"]), ("cem", &["guest"])]).graph();
    let NodeSpec::DatabaseContent(content) = node(&graph, "db/content") else { panic!("no content") };
    let roles = content.content.roles.iter().map(|(name, role)| {
        let grants: Vec<String> =
            role.grants.iter().map(|(database, level)| format!("{level} in {database}")).collect();
        format!("{name}: {}", grants.join(", "))
    });
    assert_eq!(
        roles.collect::<Vec<_>>(),
        ["app: read-write in shop", "bea: owner in shop, owner in archive", "ann: read-write in shop"]
    );
}

#[test]
fn while_a_password_is_replaced_two_logins_are_valid() {
    let mut shop = shop(&[]);
    let own = |login: &str, node: &str| (login.to_owned(), node.to_owned());
    let before = shop.graph();
    assert_eq!(logins(&before, "app"), [own("app", "db/roles/app")]);
    let key = NodeId::new("db/roles/app");
    shop.rotations.set(key.clone(), Rotation { generation: 2, previous: Some(1), ends: false });
    let between = shop.graph();
    assert_eq!(logins(&between, "app"), [own("app_b", "db/roles/app.b"), own("app", "db/roles/app")]);
    shop.rotations.set(key.clone(), Rotation { generation: 2, previous: None, ends: false });
    assert_eq!(logins(&shop.graph(), "app"), [own("app_b", "db/roles/app.b")]);
    shop.rotations.set(key, Rotation { generation: 3, previous: Some(2), ends: false });
    assert_eq!(logins(&shop.graph(), "app"), [own("app", "db/roles/app"), own("app_b", "db/roles/app.b")]);
    insta::assert_snapshot!(url(&between), @"postgresql+psycopg://app_b:<secret db/roles/app.b>@<host of db/server>:<port db/sql>/shop?sslmode=verify-full&sslrootcert=<authority of db/server>");
}

#[test]
fn a_person_more_leaves_the_server_and_its_users_alone() {
    let digests = |people: &[(&str, &[&str])]| {
        let graph = shop(people).graph();
        let ports = graph.ports.keys().cloned().zip(5000..).collect();
        graph.digests(&ports)
    };
    let (before, after) = (digests(&[("zoe", &["admin"])]), digests(&[("zoe", &["admin"]), ("ann", &["analyst"])]));
    let changed: Vec<(&NodeId, &Digest)> =
        after.iter().filter(|(node, digest)| before.get(*node) != Some(digest)).collect();
    let changed: Vec<&str> = changed.iter().map(|(node, _)| node.as_str()).collect();
    assert_eq!(changed, ["db/roles/ann", "db/content"]);
}

#[test]
fn each_role_is_tried_at_what_it_may_not() {
    let graph = shop(&[("zoe", &["admin"]), ("ann", &["analyst"])]).graph();
    let asked = graph.probes.iter().filter_map(|probe| match &probe.question {
        Question::Sql { login, tls, statement, expect, .. } => {
            let expect = match expect {
                SqlExpectation::Rows { at_least } => format!("{at_least} rows"),
                SqlExpectation::Denied => "denied".to_owned(),
                SqlExpectation::LoginRefused => "refused".to_owned(),
            };
            // Owners are tried as the others are.
            if login.user.as_literal().as_deref() == Some("zoe") {
                return None;
            }
            let tls = if *tls { "" } else { " without TLS" };
            Some(format!("{} in {}{tls}: {statement}: {expect}", login.user, login.database))
        }
        _ => None,
    });
    insta::assert_snapshot!(asked.collect::<Vec<_>>().join("\n"), @"
    app in shop: SELECT 1 FROM goods LIMIT 1: 0 rows
    app in shop: CREATE TABLE landfall_must_not_exist (never integer): denied
    app in shop: SELECT 1 FROM pg_catalog.pg_authid LIMIT 1: denied
    app in archive: SELECT 1: denied
    ann in shop: SELECT 1 FROM goods LIMIT 1: 0 rows
    ann in shop: INSERT INTO goods SELECT * FROM goods WHERE 1 = 0: denied
    ann in shop: CREATE TABLE landfall_must_not_exist (never integer): denied
    ann in shop: SELECT 1 FROM pg_catalog.pg_authid LIMIT 1: denied
    ann in archive: SELECT 1: denied
    app in shop without TLS: SELECT 1: refused
    app in shop: SELECT 1: refused
    ");
}

#[test]
fn each_driver_gets_the_words_that_it_knows() {
    for (engine, driver, tls) in [
        ("mariadb", "asyncmy", "?ssl_ca=<authority of db/server>&ssl_check_hostname=true"),
        ("mysql", "mysqlconnector", "?ssl_ca=<authority of db/server>&ssl_verify_cert=true&ssl_verify_identity=true"),
        ("mariadb", "aiomysql", ""),
        ("postgres", "asyncpg", "?ssl=verify-full"),
        ("postgres", "pg8000", ""),
        ("postgres", "psycopg2", "?sslmode=verify-full&sslrootcert=<authority of db/server>"),
    ] {
        let text = SHOP.replace("engine: postgres", &format!("engine: {engine}")).replace("psycopg", driver);
        let shop = validated_for(&text, People::default(), &json_map("{}"), &AnyFile("CREATE TABLE goods (id int);"));
        let url = url(&shop.graph());
        let (scheme, _) = url.split_once("://").unwrap();
        assert!(scheme.ends_with(&format!("+{driver}")), "{url}");
        assert_eq!(url.rsplit_once("/shop").unwrap().1, tls, "{url}");
    }
}
