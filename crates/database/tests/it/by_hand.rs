//! What people and logins do to a server themselves: told, and undone, and of no use against the administrator.

use crate::servers::{Kind, SPEAK_MYSQL, turn};
use crate::world::{ask, content, converge, data, denied, look, password_of, role};
use database::{Connection, Error, Server, query};
use model::database::GrantLevel::{Owner, ReadOnly, ReadWrite};

const SCHEMA: &str = "CREATE TABLE teams (id int PRIMARY KEY); INSERT INTO teams VALUES (1);";

fn told(observed: &database::Observed, wanted: &model::database::DatabaseContent) -> String {
    let lines: Vec<String> = observed.strange(wanted).iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[tokio::test]
async fn what_a_login_sets_for_itself_is_told_and_undone() {
    let Some(server) = turn(Kind::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = content(&server, &["teams"]);
    role(&mut wanted, "app", &[("teams", ReadWrite)]);
    role(&mut wanted, "ann", &[("teams", Owner)]);
    data(&mut wanted, folder.path(), "teams", "schema.sql", SCHEMA, None);
    let mut administrator = Server::new(server.administrator());
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    ask(&server, "app", "teams", "ALTER ROLE app SET search_path = 'elsewhere'").await.unwrap();
    ask(&server, "app", "teams", "ALTER ROLE app IN DATABASE teams SET work_mem = '64kB'").await.unwrap();
    ask(&server, "ann", "teams", "ALTER DATABASE teams CONNECTION LIMIT 0").await.unwrap();
    let lost = ask(&server, "app", "teams", "SELECT * FROM teams").await;
    assert!(lost.is_err(), "{lost:?}");
    let (observed, changes) = look(&mut administrator, &wanted).await;
    insta::assert_snapshot!(told(&observed, &wanted), @r"
    login app was changed by hand: search_path=elsewhere
    login app was changed by hand: work_mem=64kB in teams
    database teams was changed by hand: it takes 0 connections
    ");
    insta::assert_snapshot!(crate::world::lines(&changes).join("\n"), @r"
    change login app: no search_path of its own
    change login app: no work_mem of its own in teams
    mend database teams: any number of connections
    ");
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    assert_eq!(ask(&server, "app", "teams", "SELECT * FROM teams").await.unwrap(), 1);
    // Owners still act as their group.
    ask(&server, "ann", "teams", "CREATE TABLE later (id int)").await.unwrap();
    ask(&server, "app", "teams", "INSERT INTO later VALUES (1)").await.unwrap();
}

#[tokio::test]
async fn rights_to_give_rights_on_are_told_and_taken_away_with_what_came_of_them() {
    let Some(server) = turn(Kind::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = content(&server, &["teams"]);
    role(&mut wanted, "bi", &[("teams", ReadOnly)]);
    role(&mut wanted, "ann", &[("teams", ReadWrite)]);
    data(&mut wanted, folder.path(), "teams", "schema.sql", SCHEMA, None);
    let mut administrator = Server::new(server.administrator());
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    for statement in [
        "GRANT teams_read TO bi WITH ADMIN OPTION",
        "GRANT SELECT ON teams TO teams_read WITH GRANT OPTION",
        "GRANT TRUNCATE ON teams TO ann WITH GRANT OPTION",
        "SET ROLE ann; GRANT TRUNCATE ON teams TO bi; RESET ROLE",
        "GRANT USAGE ON LANGUAGE plpgsql TO bi WITH GRANT OPTION",
        "CREATE FOREIGN DATA WRAPPER files; GRANT USAGE ON FOREIGN DATA WRAPPER files TO bi",
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER files; GRANT USAGE ON FOREIGN SERVER elsewhere TO bi",
    ] {
        server.sql(Some("teams"), statement).await;
    }
    let has_parameters = server.sql(None, "SHOW server_version_num").await[0][0].as_deref() >= Some("150000");
    if has_parameters {
        server.sql(None, "GRANT SET ON PARAMETER log_statement TO bi").await;
    }
    let (observed, _) = look(&mut administrator, &wanted).await;
    let told_all = told(&observed, &wanted);
    let without: Vec<&str> = told_all.lines().filter(|line| !line.contains("parameter")).collect();
    insta::assert_snapshot!(without.join("\n"), @r"
    ann was given TRUNCATE on table public.teams in teams by hand
    bi was given TRUNCATE on table public.teams in teams by hand
    bi was given USAGE on foreign data wrapper files in teams by hand
    bi was given USAGE on foreign server elsewhere in teams by hand
    bi was given USAGE on language plpgsql in teams by hand
    bi was given the right to make others members of teams_read by hand
    teams_read was given the right to give on SELECT on table public.teams in teams by hand
    ");
    assert_eq!(told_all.contains("bi was given SET on parameter log_statement by hand"), has_parameters, "{told_all}");
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    let (observed, _) = look(&mut administrator, &wanted).await;
    assert_eq!(told(&observed, &wanted), "");
    assert_eq!(ask(&server, "bi", "teams", "SELECT * FROM teams").await.unwrap(), 1);
    denied(&server, "bi", "teams", "GRANT teams_read TO ann").await;
    denied(&server, "bi", "teams", "TRUNCATE teams").await;
}

#[tokio::test]
async fn one_turn_mends_a_table_that_only_everybody_might_read() {
    let Some(server) = turn(Kind::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = content(&server, &["teams"]);
    role(&mut wanted, "bi", &[("teams", ReadOnly)]);
    let mut administrator = Server::new(server.administrator());
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    server.sql(Some("teams"), "CREATE TABLE by_hand (id int); GRANT SELECT ON by_hand TO PUBLIC").await;
    // `converge` asserts that nothing is left to do.
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    assert_eq!(ask(&server, "bi", "teams", "SELECT * FROM by_hand").await.unwrap(), 0);
}

#[tokio::test]
async fn large_objects_are_read_by_readers_and_made_by_writers() {
    let Some(server) = turn(Kind::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = content(&server, &["teams"]);
    role(&mut wanted, "bi", &[("teams", ReadOnly)]);
    role(&mut wanted, "app", &[("teams", ReadWrite)]);
    role(&mut wanted, "ann", &[("teams", Owner)]);
    let mut administrator = Server::new(server.administrator());
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    for statement in [
        "SELECT lo_create(0)",
        "SELECT lo_creat(-1)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT lo_put(1, 0, 'x')",
        "SELECT lo_unlink(1)",
    ] {
        denied(&server, "bi", "teams", statement).await;
    }
    ask(&server, "app", "teams", "SELECT lo_from_bytea(4711, 'kept')").await.unwrap();
    ask(&server, "ann", "teams", "SELECT lo_from_bytea(4712, 'kept')").await.unwrap();
    assert_eq!(ask(&server, "bi", "teams", "SELECT lo_get(4711), lo_get(4712)").await.unwrap(), 1);
    // Opened by hand again: closed again.
    server.sql(Some("teams"), "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC").await;
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    denied(&server, "bi", "teams", "SELECT lo_create(0)").await;
    // Whose it is stays: its maker goes on using it.
    ask(&server, "app", "teams", "SELECT lo_put(4711, 0, 'K')").await.unwrap();
}

#[tokio::test]
async fn a_temporary_table_stays_with_who_uses_it() {
    let Some(server) = turn(Kind::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = content(&server, &["teams"]);
    role(&mut wanted, "app", &[("teams", ReadWrite)]);
    let mut administrator = Server::new(server.administrator());
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    let mut open = Connection::open(&server.login("app", &password_of("app"), "teams")).await.unwrap();
    query(&mut open, "CREATE TEMPORARY TABLE mine (id serial PRIMARY KEY, at text)").await.unwrap();
    let many =
        "DO $$ BEGIN FOR i IN 1..200 LOOP EXECUTE format('CREATE TEMPORARY TABLE t%s (i int)', i); END LOOP; END $$";
    query(&mut open, many).await.unwrap();
    let (_, changes) = look(&mut administrator, &wanted).await;
    assert_eq!(crate::world::lines(&changes), Vec::<String>::new());
    // A login that goes takes it along, and what it left otherwise stays.
    wanted.roles.shift_remove("app");
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    assert!(matches!(query(&mut open, "SELECT 1").await, Err(Error::Lost { .. })));
}

async fn superusers(server: &crate::servers::Running) -> Vec<String> {
    let question = "SELECT rolname FROM pg_roles WHERE (rolsuper OR rolname ~ 'intruder') AND oid <> 10";
    server.sql(None, question).await.into_iter().flatten().flatten().collect()
}

#[tokio::test]
async fn an_owners_functions_are_not_taken_for_the_servers() {
    let Some(server) = turn(Kind::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = content(&server, &["teams"]);
    role(&mut wanted, "ann", &[("teams", Owner)]);
    data(&mut wanted, folder.path(), "teams", "schema.sql", SCHEMA, None);
    let mut administrator = Server::new(server.administrator());
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    // It fits the administrator's questions better than the server's own.
    let trap = "CREATE FUNCTION public.format(text, name, name) RETURNS text LANGUAGE plpgsql AS $$ BEGIN \
                IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ALTER ROLE ann SUPERUSER; END IF; \
                RETURN pg_catalog.format($1, $2, $3); END $$";
    ask(&server, "ann", "teams", trap).await.unwrap();
    ask(&server, "ann", "teams", "ALTER DATABASE teams SET default_transaction_read_only = on").await.unwrap();
    administrator.close().await;
    let mut administrator = Server::new(server.administrator());
    role(&mut wanted, "bea", &[("teams", ReadOnly)]);
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    assert_eq!(superusers(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_file_comes_to_no_rights_of_the_administrator() {
    let Some(server) = turn(Kind::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let grab = "IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN RESET ROLE; CREATE ROLE intruder; END IF;";
    let tries = [
        "RESET ROLE; CREATE ROLE intruder SUPERUSER;".to_owned(),
        "SET SESSION AUTHORIZATION DEFAULT; SET ROLE landfall_admin; CREATE ROLE intruder;".to_owned(),
        "DO $$ BEGIN RESET ROLE; CREATE ROLE intruder; END $$;".to_owned(),
        "ROLLBACK; CREATE ROLE intruder;".to_owned(),
        format!(
            "CREATE TABLE t (i int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {grab} RETURN NEW; END $$;\n\
             CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();\nCOPY t FROM STDIN;\n1\n\\.\n"
        ),
    ];
    for (number, sql) in tries.iter().enumerate() {
        let mut wanted = content(&server, &["teams"]);
        data(&mut wanted, folder.path(), "teams", &format!("{number}.sql"), sql, None);
        let mut administrator = Server::new(server.administrator());
        let result = converge(&mut administrator, &wanted, folder.path()).await;
        assert_eq!(superusers(&server).await, Vec::<String>::new(), "{sql}");
        assert_eq!(result.is_ok(), sql.contains("TRIGGER"), "{sql}: {result:?}");
        let question = "SELECT rolname FROM pg_roles WHERE rolname = 'landfall_loader'";
        assert_eq!(server.sql(None, question).await.len(), 0, "who loads is gone again: {sql}");
        administrator.close().await;
    }
}

#[tokio::test]
async fn what_an_owner_planted_comes_to_no_rights_when_it_is_restored() {
    let Some(server) = turn(Kind::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = content(&server, &["teams"]);
    role(&mut wanted, "ann", &[("teams", Owner)]);
    let mut administrator = Server::new(server.administrator());
    converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    let function = "CREATE FUNCTION f(i int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN \
                    IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN RESET ROLE; CREATE ROLE intruder SUPERUSER; \
                    END IF; RETURN true; END $$";
    for sql in [function, "CREATE TABLE t (i int CHECK (public.f(i)))", "INSERT INTO t VALUES (1)"] {
        ask(&server, "ann", "teams", sql).await.unwrap();
    }
    let (programs, access, copy) =
        (crate::servers::postgres_programs(), server.administrator(), folder.path().join("copy"));
    database::backup(programs.as_deref(), &access, &wanted, &copy).await.unwrap();
    let restored = database::restore(programs.as_deref(), &access, &copy, "teams", "again").await.unwrap();
    assert_eq!(restored.differences, []);
    assert_eq!(superusers(&server).await, Vec::<String>::new());
}

/// A line of `mysql.db` counts for everybody of its name who comes from its host, whether there is such an account or not.
#[tokio::test]
async fn grants_of_an_account_that_is_not_there_are_told_and_taken_away() {
    for kind in SPEAK_MYSQL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams", "other"]);
        role(&mut wanted, "bi", &[("teams", ReadOnly)]);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        let plant = "INSERT INTO mysql.db (Host, Db, User, Select_priv, Delete_priv) VALUES ('10.9.8.7', 'other', 'bi', 'Y', 'Y'); FLUSH PRIVILEGES";
        for statement in plant.split("; ") {
            server.sql(None, statement).await;
        }
        let observed = database::observe(&mut administrator, &wanted).await.unwrap();
        let told = told(&observed, &wanted);
        assert!(told.contains("bi@10.9.8.7 was given DELETE, SELECT on other"), "{told}");
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert_eq!(server.sql(None, "SELECT 1 FROM mysql.db WHERE Host = '10.9.8.7'").await.len(), 0);
        let (observed, changes) = look(&mut administrator, &wanted).await;
        assert!(!self::told(&observed, &wanted).contains("by hand") && changes.is_empty(), "{changes:?}");
        assert!(ask(&server, "bi", "teams", "SELECT 1").await.is_ok(), "the login is let in as before");
        administrator.close().await;
    }
}
