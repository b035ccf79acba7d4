//! A database of an account, which is reached by sessions alone: it is filled, watched, proved, asked and opened through them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use crate::rds::Rds;
use crate::support::{document, kill};
use model::database::Engine;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use testkit::Output;

const MANIFEST: &str = r#"landfall: 1
name: records
people:
  alice: { roles: [admin] }
  bob: { roles: [analyst] }
environments:
  production: { target: aws, account: "123456789012", region: us-west-2 }
components:
  net: { kind: network }
  db:
    kind: database
    engine: ENGINE
    databases: { records: { data: [ { sql: records.sql } ] }, archive: {} }
    people: { admin: owner, analyst: { records: read-only } }
  app:
    kind: service
    command: [/usr/bin/app]
    uses: { db: { database: records, grants: read-write } }
    environment: { DATABASE_URL: "${self.uses.db.url}" }
    port: 8000
"#;
const DATA: &str =
    "CREATE TABLE records (text varchar(80));\nINSERT INTO records VALUES ('one'), ('two'), ('three');\n";
const UP: &[&str] = &["up", "-e", "production"];

fn rds(test: &str, engine: Engine, arguments: &[&str]) -> Option<Rds> {
    let name = if engine.speaks_mysql() { "mariadb" } else { "postgres" };
    Rds::up(test, engine, &MANIFEST.replace("ENGINE", name), &[("records.sql", DATA)], arguments)
}

/// The end of the lines that a verification prints as JSON.
#[track_caller]
fn finished(output: &Output) -> Value {
    let last = output.stdout.lines().last().unwrap_or_else(|| panic!("{output:?}"));
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
}

/// Of each claim of a verification whether it holds.
fn verdicts(finished: &Value) -> Vec<(String, bool)> {
    let results = finished["report"]["results"].as_array().unwrap();
    let of = |one: &Value| (one["probe"].as_str().unwrap().to_owned(), one["verdict"]["verdict"] == "passed");
    results.iter().map(of).collect()
}

#[test]
fn a_database_of_an_account_is_filled_watched_and_reached_by_sessions() {
    let test = "a_database_of_an_account_is_filled";
    let Some(rds) = rds(test, Engine::Postgres, &["up", "-e", "production", "--no-verify"]) else { return };
    let Rds { machine, server, gateway, address, .. } = &rds;

    // From nothing: roles with their rights, and data.
    assert_eq!(rds.first.code, Some(0), "{:?}", rds.first);
    let can = |role: &str, right: &str| {
        server.say("records", &format!("SELECT has_table_privilege('{role}', 'records', '{right}')")) == "t"
    };
    assert_eq!(server.say("records", "SELECT count(*) FROM records"), "3");
    let rights = ["SELECT", "INSERT", "DELETE", "TRUNCATE"];
    assert_eq!(rights.map(|right| can("app", right)), [true, true, true, false]);
    assert_eq!(rights.map(|right| can("bob", right)), [true, false, false, false]);
    let sessions = gateway.started();
    assert!(!sessions.is_empty() && sessions.iter().all(|(_, is_over)| *is_over), "{sessions:?}");
    assert_eq!(gateway.complaints(), Vec::<String>::new());

    // Again: somebody looks inside, and nothing is different.
    let again = machine.run(UP).expect_code(0);
    assert!(again.stdout.contains("Nothing to do"), "{again:?}");
    let _ = machine.run(&["drift", "-e", "production"]).expect_code(0);

    // What somebody grants by hand is seen, and taken back by the next `up`.
    server.say("records", "GRANT DELETE ON records TO bob");
    let drift = machine.run(&["drift", "-e", "production"]);
    assert!(drift.code == Some(3) && format!("{}{}", drift.stdout, drift.stderr).contains("bob"), "{drift:?}");
    let _ = machine.run(UP).expect_code(0);
    assert!(!can("bob", "DELETE") && can("bob", "SELECT"));
    let calm = machine.run(&["drift", "-e", "production", "--json"]).expect_code(0);

    // A port of this machine, on which a stock client finds the server by its own name.
    let mut tunnel = machine.command(&["tunnel", "open", "db", "-e", "production", "--json"]);
    let mut tunnel = tunnel.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tunnel.stdout.take().unwrap()).lines();
    let open: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let settings = format!(
        "host={address} hostaddr=127.0.0.1 port={} sslmode=verify-full sslrootcert={} user=bob dbname=records",
        open["port"],
        server.path("authorities.pem").display()
    );
    let password = machine.run(&["outputs", "-e", "production", "--only", "db.people.bob.password", "--reveal"]);
    let mut client = Command::new("psql");
    client.args(["-X", "-A", "-t", "-w", "-c", "SELECT count(*) FROM records", &settings]);
    let asked = client.env("PGPASSWORD", password.stdout.trim()).output().unwrap();
    kill(tunnel.id());
    let _ = tunnel.wait();
    assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), "3", "{}", String::from_utf8_lossy(&asked.stderr));
    let _ = document(&calm);
    rds.assert_secret(&[&rds.first, &calm, &drift]);
}

/// A login is replaced: two are valid until the new one is proved through the session; MySQL's come from the network alone.
fn replaced(test: &str, engine: Engine) {
    let Some(rds) = rds(test, engine, UP) else { return };
    let Rds { machine, server, .. } = &rds;
    assert_eq!(rds.first.code, Some(0), "{:?}", rds.first);
    let (database, question, from) = match engine.speaks_mysql() {
        true => ("mysql", "SELECT concat(user, '@', host) FROM user WHERE user LIKE 'app%'", "@10.64.0.0/255.255.0.0"),
        false => ("records", "SELECT rolname FROM pg_roles WHERE rolname LIKE 'app%'", ""),
    };
    let logins = || server.say(database, question).trim().to_owned();
    assert_eq!(logins(), format!("app{from}"));
    let said = machine.run(&["secret", "rotate", "db.app", "-e", "production"]).expect_code(0);
    assert!(said.stderr.contains("generation 2 is proved"), "{said:?}");
    assert_eq!(logins(), format!("app_b{from}"));
    let listed = document(&machine.run(&["secret", "ls", "-e", "production", "--json"]).expect_code(0));
    let all = listed["secrets"].as_array().unwrap();
    let app = all.iter().find(|one| one["name"] == "db.app").unwrap();
    assert_eq!((&app["generation"], &app["previous"]), (&2.into(), &Value::Null));
    assert!(all.iter().all(|one| one["name"] != "db.administrator"), "{listed}");
    let again = machine.run(UP).expect_code(0);
    assert!(again.stdout.contains("Nothing to do"), "{again:?}");
    let nobody = machine.run(&["secret", "rotate", "db.nobody", "-e", "production"]).expect_code(2);
    rds.assert_secret(&[&rds.first, &said, &again, &nobody]);
}

#[test]
fn a_login_of_a_postgres_of_an_account_is_replaced() {
    replaced("a_login_of_a_postgres_of_an_account_is_replaced", Engine::Postgres);
}

#[test]
fn a_login_of_a_mariadb_of_an_account_is_replaced() {
    replaced("a_login_of_a_mariadb_of_an_account_is_replaced", Engine::Mariadb);
}

/// What is proved through a session, whichever the engine.
fn proved(test: &str, engine: Engine) {
    let Some(mut rds) = rds(test, engine, UP) else { return };
    // Nothing but the database can be asked from outside, and that is: `up` ends proved.
    assert_eq!(rds.first.code, Some(0), "{:?}", rds.first);
    assert!(rds.first.stdout.contains("Proved: all"), "{:?}", rds.first);
    let verify: &[&str] = &["verify", "-e", "production", "--json"];
    let before = rds.gateway.started().len();
    let proof = rds.machine.run(verify).expect_code(0);
    let said = finished(&proof);
    let held = verdicts(&said);
    assert!(held.iter().all(|(_, holds)| *holds), "{held:?}");
    for probe in [
        "db/session",
        "db/app/reads",
        "db/app/makes-no-tables",
        "db/app/sees-no-passwords",
        "db/app/not-in/archive",
        "db/bob/reads",
        "db/bob/writes-nothing",
        "db/bob/makes-no-tables",
        "db/bob/sees-no-passwords",
        "db/bob/not-in/archive",
        "db/alice/reads/records",
        "db/plain-text",
        "db/wrong-password",
    ] {
        assert!(held.iter().any(|(asked, _)| asked == probe), "{probe} was not asked: {held:?}");
    }
    let not_asked = said["not_checkable"].as_array().unwrap();
    let why = |probe: &str| not_asked.iter().find(|one| one["probe"] == probe).map(|one| one["why"].to_string());
    assert!(why("db/restart").unwrap().contains("RDS"), "{not_asked:?}");
    assert!(why("db/loopback-only").unwrap().contains("proved from the templates"), "{not_asked:?}");
    // One way for all questions, and it was closed.
    let sessions = rds.gateway.started();
    assert!(sessions.len() == before + 1 && sessions.iter().all(|(_, is_over)| *is_over), "{sessions:?}");
    assert_eq!(rds.gateway.complaints(), Vec::<String>::new());

    // What somebody granted by hand is a claim that does not hold.
    let (give, take) = match engine.speaks_mysql() {
        true => {
            let bob = rds.server.say("mysql", "SELECT CONCAT(User, '@', QUOTE(Host)) FROM user WHERE User = 'bob'");
            (format!("GRANT INSERT ON records.* TO {bob}"), format!("REVOKE INSERT ON records.* FROM {bob}"))
        }
        false => ("GRANT INSERT ON records TO bob".to_owned(), "REVOKE INSERT ON records FROM bob".to_owned()),
    };
    rds.server.say("records", &give);
    let given = rds.machine.run(verify).expect_code(8);
    let failed: Vec<String> =
        verdicts(&finished(&given)).into_iter().filter(|(_, holds)| !holds).map(|(probe, _)| probe).collect();
    assert_eq!(failed, ["db/bob/writes-nothing"]);
    rds.server.say("records", &take);

    // Roles of MySQL come from the network alone: the right password is of no use elsewhere.
    if engine.speaks_mysql() {
        let host = std::mem::replace(&mut *rds.server.from.lock().unwrap(), "192.0.2.9");
        let elsewhere = rds.machine.run(&["verify", "-e", "production", "--only", "bob/reads"]).expect_code(8);
        assert!(elsewhere.stderr.contains("192.0.2.9"), "{elsewhere:?}");
        *rds.server.from.lock().unwrap() = host;
    }

    // Another authority than the server's: nothing but what needs no certificate holds.
    let authorities = rds.server.path("authorities.pem");
    let own = std::fs::read_to_string(&authorities).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["somebody".to_owned()]).unwrap().cert.pem();
    std::fs::write(&authorities, other).unwrap();
    let stranger = rds.machine.run(&["verify", "-e", "production", "--only", "reads"]).expect_code(8);
    assert!(stranger.stderr.contains("certificate"), "{stranger:?}");
    std::fs::write(&authorities, own).unwrap();

    // A secret that somebody made anew by hand is named, and hides nothing else.
    let _inside = rds.runtime.enter();
    rds.account.with(|machine| machine.empty_secrets("DbRolesBob"));
    drop(_inside);
    let lacking = rds.machine.run(verify).expect_code(8);
    let failed: Vec<String> =
        verdicts(&finished(&lacking)).into_iter().filter(|(_, holds)| !holds).map(|(probe, _)| probe).collect();
    assert!(!failed.is_empty() && failed.iter().all(|probe| probe.starts_with("db/bob/")), "{failed:?}");
    assert!(lacking.stdout.contains("reading the secret db/roles/bob: it has no value yet"), "{lacking:?}");
    let connect = rds.machine.run_with_input(&["connect", "db", "-e", "production", "--as", "bob"], "").expect_code(5);
    assert!(connect.stderr.contains("reading the secret db/roles/bob: it has no value yet"), "{connect:?}");

    // A server that is gone is told, and nobody waits for it.
    rds.server.stop();
    let gone = rds.machine.run(&["verify", "-e", "production", "--only", "alice"]).expect_code(8);
    assert!(gone.stderr.contains("alice reads records"), "{gone:?}");
    rds.server.run();
    rds.assert_secret(&[&proof, &given, &stranger, &lacking, &gone]);
}

#[test]
fn a_postgres_of_an_account_is_proved_through_a_session() {
    proved("a_postgres_of_an_account_is_proved_through_a_session", Engine::Postgres);
}

#[test]
fn a_mariadb_of_an_account_is_proved_through_a_session() {
    proved("a_mariadb_of_an_account_is_proved_through_a_session", Engine::Mariadb);
}

#[test]
fn a_session_that_is_refused_is_named() {
    let Some(rds) = rds("a_session_that_is_refused_is_named", Engine::Postgres, UP) else { return };
    let with = |change: &dyn Fn(&mut testkit::account::Machine)| {
        let _inside = rds.runtime.enter();
        rds.account.with(change);
    };
    // Who may not open sessions is told so; the deployment is not to blame.
    with(&|machine| machine.denied.extend(["ssm:StartSession".to_owned()]));
    let denied = rds.machine.run(&["verify", "-e", "production"]).expect_code(8);
    assert!(denied.stderr.contains("let the caller do `ssm:StartSession`"), "{denied:?}");
    assert!(denied.stdout.contains("Nothing was proved"), "{denied:?}");
    let connect = rds.machine.run_with_input(&["connect", "db", "-e", "production", "--as", "bob"], "").expect_code(4);
    assert!(connect.stderr.contains("let the caller do `ssm:StartSession`"), "{connect:?}");
    with(&|machine| machine.denied.clear());

    // The host of the way is gone: that is the deployment's failure, told once.
    let hosts: Vec<String> = {
        let _inside = rds.runtime.enter();
        let is_host = |thing: &&testkit::account::Thing| thing.kind == "AWS::EC2::Instance";
        rds.account.with(|machine| machine.things().filter(is_host).map(|it| it.physical_id.clone()).collect())
    };
    with(&|machine| machine.offline.extend(hosts.iter().cloned()));
    let waiting = rds
        .machine
        .command(&["connect", "db", "-e", "production", "--as", "bob", "--", "-At"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut waiting = waiting;
    waiting.stdin.take().unwrap().write_all(b"select count(*) from records;\n").unwrap();
    let mut told = BufReader::new(waiting.stderr.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().contains("Systems Manager hears of none")));
    // It is heard of again: who waited is let in.
    with(&|machine| machine.offline.clear());
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "3");
    rds.assert_secret(&[&denied, &connect]);
}

/// A database's own client, opened through a session.
fn connected(test: &str, engine: Engine, client: &Client) {
    let Some(mut rds) = rds(test, engine, UP) else { return };
    let Client { plain, user, stop, .. } = *client;
    let say = |rds: &Rds, more: &[&str], input: &str| {
        let mut arguments = vec!["connect", "-e", "production"];
        arguments.extend(more);
        rds.machine.run_with_input(&arguments, input)
    };
    // Nobody is named: the only person who owns something is meant.
    let owner = say(&rds, &["db", "--database", "records", "--", plain], user).expect_code(0);
    assert_eq!(owner.stdout.trim(), "alice");
    let rows = say(&rds, &["db", "--as", "bob", "--", plain], "select count(*) from records;\n").expect_code(0);
    assert_eq!(rows.stdout.trim(), "3");
    assert_eq!(rows.stderr.contains("its name too"), engine.speaks_mysql(), "{}", rows.stderr);
    let encrypted = say(&rds, &["db", "--as", "app", "--", plain], client.is_encrypted).expect_code(0);
    assert!(encrypted.stdout.starts_with("TLSv1."), "{}", encrypted.stdout);
    // The client's own end is ours.
    let mut arguments = vec!["db", "--as", "bob", "--"];
    arguments.extend(stop);
    let denied = say(&rds, &arguments, "insert into records values ('four');\n");
    assert!(denied.code.is_some_and(|code| code != 0) && denied.stderr.to_lowercase().contains("denied"), "{denied:?}");
    // What cannot be.
    let nobody = say(&rds, &["db", "--as", "carol"], "").expect_code(2);
    assert!(nobody.stderr.contains("those who have one: ") && nobody.stderr.contains("bob"), "{}", nobody.stderr);
    let printed = say(&rds, &["db", "--as", "bob", "--print"], "").expect_code(2);
    assert!(printed.stderr.contains("landfall tunnel open db -e production"), "{}", printed.stderr);

    // Another authority: neither this command nor the client says the password.
    let authorities = rds.server.path("authorities.pem");
    let own = std::fs::read_to_string(&authorities).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["somebody".to_owned()]).unwrap().cert.pem();
    std::fs::write(&authorities, other).unwrap();
    let stranger = say(&rds, &["db", "--as", "bob", "--", plain], "select 1;\n");
    assert!(stranger.code.is_some_and(|code| code != 0) && stranger.stdout.is_empty(), "{stranger:?}");
    assert!(stranger.stderr.contains("certificate"), "{stranger:?}");
    std::fs::write(&authorities, own).unwrap();

    // While it runs, the password is nowhere; when the server goes, so does the client, and the session.
    let password = rds.machine.run(&["outputs", "-e", "production", "--only", "db.people.bob.password", "--reveal"]);
    let password = password.expect_code(0).stdout.trim().to_owned();
    let mut command = rds.machine.command(&["connect", "db", "-e", "production", "--as", "bob", "--", plain]);
    let running = command.args(client.flush).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = running.spawn().unwrap();
    let mut input = running.stdin.take().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    input.write_all(b"select 41 + 1;\n").unwrap();
    input.flush().unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "42");
    let holds = |path: String| {
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(password.len()).any(|part| part == password.as_bytes()))
    };
    for pid in rds.machine.processes() {
        for what in ["cmdline", "environ"] {
            assert!(!holds(format!("/proc/{pid}/{what}")), "the password is in {what} of {pid}");
        }
    }
    rds.server.stop();
    let _ = input.write_all(b"select 43;\nselect 44;\n");
    drop(input);
    let ended = running.wait_with_output().unwrap();
    assert!(!ended.status.success(), "{ended:?}");
    let sessions = rds.gateway.started();
    assert!(sessions.iter().all(|(_, is_over)| *is_over), "{sessions:?}");
    assert_eq!(rds.gateway.complaints(), Vec::<String>::new());
    rds.assert_secret(&[&owner, &rows, &encrypted, &denied, &stranger]);
}

/// How a client is talked to.
struct Client {
    plain: &'static str,
    user: &'static str,
    is_encrypted: &'static str,
    stop: &'static [&'static str],
    /// So that it answers each line at once.
    flush: &'static [&'static str],
}

#[test]
fn a_postgres_of_an_account_is_opened_by_its_own_client() {
    let client = Client {
        plain: "-At",
        user: "select session_user;\n",
        is_encrypted: "select version from pg_stat_ssl where pid = pg_backend_pid();\n",
        stop: &["-v", "ON_ERROR_STOP=1"],
        flush: &["-v", "ON_ERROR_STOP=1"],
    };
    connected("a_postgres_of_an_account_is_opened_by_its_own_client", Engine::Postgres, &client);
}

#[test]
fn a_mariadb_of_an_account_is_opened_by_its_own_client() {
    let client = Client {
        plain: "-NB",
        user: "select substring_index(current_user(), '@', 1);\n",
        is_encrypted: "select variable_value from information_schema.session_status where variable_name = 'Ssl_version';\n",
        stop: &[],
        flush: &["--unbuffered", "--skip-reconnect"],
    };
    connected("a_mariadb_of_an_account_is_opened_by_its_own_client", Engine::Mariadb, &client);
}
