//! A database's own client, and everything private around a database: the servers are real.

use crate::private_access::program;
use crate::support::{document, machine, skip};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use testkit::TestEnvironment;

const MANIFEST: &str = r#"landfall: 1
name: shop
components:
  db:
    kind: database
    engine: ENGINE
    port: any
    databases: { shop: { data: [ { sql: shop.sql } ] } }
    people: { admin: owner, analyst: read-only }
  jump: { kind: bastion, to: db, people: [admin, analyst], port: any }
  bi: { kind: tunnel, target: db, interval: 2s }
people:
  alice: { roles: [admin], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz" }
  bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBHl8qd8GNQneLQHLsdzfRScKDScqbqbROZbq7aj1EqS" }
"#;

/// A family of servers: what has to be installed, and how its client is talked to.
struct Family {
    engine: &'static str,
    server: &'static [&'static str],
    client: &'static str,
    /// So that the client prints values alone.
    plain: &'static str,
    user: &'static str,
    is_encrypted: &'static str,
}

const POSTGRES: Family = Family {
    engine: "postgres",
    server: &[
        "/usr/lib/postgresql/15/bin/postgres",
        "/usr/lib/postgresql/16/bin/postgres",
        "/usr/lib/postgresql/17/bin/postgres",
    ],
    client: "psql",
    plain: "-At",
    // People who own a database work as its owner, so that all of them own what each makes.
    user: "select session_user;\n",
    is_encrypted: "select version from pg_stat_ssl where pid = pg_backend_pid();\n",
};
const MARIADB: Family = Family {
    engine: "mariadb",
    server: &["/usr/sbin/mariadbd", "/usr/sbin/mysqld"],
    client: "mariadb",
    plain: "-NB",
    user: "select substring_index(current_user(), '@', 1);\n",
    is_encrypted: "select variable_value from information_schema.session_status where variable_name = 'Ssl_version';\n",
};

fn shop(family: &Family, test: &str) -> Option<TestEnvironment> {
    if !family.server.iter().any(|path| PathBuf::from(path).exists()) || program(family.client).is_none() {
        skip(test, &format!("there is no server and client of {}", family.engine));
        return None;
    }
    let machine = machine().with_limit(Duration::from_secs(300));
    machine.write(
        "shop.sql",
        "create table orders (id integer primary key, name varchar(20));\ninsert into orders values (1, 'tea');\n",
    );
    machine.write("landfall.yaml", MANIFEST.replace("ENGINE", family.engine));
    let _ = machine.run(&["up"]).expect_code(0);
    Some(machine)
}

fn everything(family: &Family, test: &str) {
    let Some(shop) = shop(family, test) else { return };
    let say = |arguments: &[&str], input: &str| {
        let mut all = vec!["connect"];
        all.extend(arguments);
        shop.run_with_input(&all, input)
    };
    let plain = family.plain;

    // Nobody is named: the only person who owns the database is meant.
    let owner = say(&["db", "--", plain], family.user).expect_code(0);
    assert_eq!(owner.stdout.trim(), "alice");
    let encrypted = say(&["db", "--as", "bob", "--", plain], family.is_encrypted).expect_code(0);
    assert!(encrypted.stdout.starts_with("TLSv1."), "{}", encrypted.stdout);
    let rows = say(&["--as", "bob", "--", plain], "select count(*) from orders;\n").expect_code(0);
    assert_eq!(rows.stdout.trim(), "1");
    let component = say(&["db", "--as", "bi", "--", plain], "select name from orders;\n").expect_code(0);
    assert_eq!(component.stdout.trim(), "tea");
    // The client's own end is ours.
    let stop = if family.client == "psql" { vec!["-v", "ON_ERROR_STOP=1"] } else { Vec::new() };
    let mut arguments = vec!["db", "--as", "bob", "--"];
    arguments.extend(stop);
    let denied = say(&arguments, "insert into orders values (2, 'milk');\n");
    assert!(denied.code.is_some_and(|code| code != 0) && denied.stderr.to_lowercase().contains("denied"), "{denied:?}");

    // What cannot be.
    let nobody = say(&["db", "--as", "carol"], "").expect_code(2);
    assert!(nobody.stderr.contains("those who have one: ") && nobody.stderr.contains("alice"), "{}", nobody.stderr);
    let elsewhere = say(&["db", "--as", "bob", "--database", "other"], "").expect_code(2);
    assert!(elsewhere.stderr.contains("it may enter: shop"), "{}", elsewhere.stderr);
    let unknown = say(&["web"], "").expect_code(2);
    assert!(unknown.stderr.contains("it has: db"), "{}", unknown.stderr);
    let without = shop.command(&["connect", "db"]).env("PATH", "/nonexistent").stdin(Stdio::null()).output();
    let without = without.expect("landfall");
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(without.status.code() == Some(5) && said.contains("install it: the package is"), "{said}");

    // For other programs; never with the password.
    let password = shop.run(&["outputs", "--only", "db.people.bob.password", "--reveal"]).expect_code(0);
    let password = password.stdout.trim();
    let printed = say(&["db", "--as", "bob", "--print"], "").expect_code(0);
    assert!(printed.stdout.contains("127.0.0.1") && printed.stdout.contains("--only db.people.bob.password --reveal"));
    let document = document(&say(&["db", "--as", "bob", "--print", "--json"], "").expect_code(0));
    assert_eq!((&document["user"], &document["database"]), (&"bob".into(), &"shop".into()));
    assert!(!printed.stdout.contains(password) && !document.to_string().contains(password));
    nowhere_to_be_seen(&shop, password, plain);
    let _ = shop.run(&["down", "--yes"]).expect_code(0);
}

/// While a client runs, its password is in no arguments, no variables and no file beside the deployment's own.
fn nowhere_to_be_seen(shop: &TestEnvironment, password: &str, plain: &str) {
    let mut command = shop.command(&["connect", "db", "--as", "bob", "--", plain]);
    let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("landfall");
    let mut input = client.stdin.take().expect("an input");
    input.write_all(b"select 41 + 1;\n").expect("said");
    input.flush().expect("said");
    // MariaDB's client says nothing before it has read everything; a process that waits can be looked at all the same.
    std::thread::sleep(Duration::from_millis(500));
    let holds = |path: PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(password.len()).any(|part| part == password.as_bytes()))
    };
    for pid in shop.processes() {
        for what in ["cmdline", "environ"] {
            assert!(!holds(PathBuf::from(format!("/proc/{pid}/{what}"))), "the password is in {what} of {pid}");
        }
    }
    let files = ["work", "home", "runtime"]
        .into_iter()
        .flat_map(|folder| crate::support::files(&shop.path(folder)).into_iter().map(move |file| (folder, file)));
    for (folder, file) in files {
        assert!(!holds(shop.path(folder).join(&file)), "the password is in {}", file.display());
    }
    drop(input);
    let output = client.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "42");
}

#[test]
fn postgres_is_opened_by_its_own_client() {
    everything(&POSTGRES, "postgres_is_opened_by_its_own_client");
}

#[test]
fn mariadb_is_opened_by_its_own_client() {
    everything(&MARIADB, "mariadb_is_opened_by_its_own_client");
}
