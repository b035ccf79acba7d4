//! An application from a source folder that uses a database, as its host runs it.

use super::database::Database;
use super::kept::Kept;
use super::ways_in::user_data_of;
use super::world::{Door, World, output};
use crate::aws::{host_files, webapp};

#[test]
fn an_application_shows_rows_of_its_database() {
    let (deployment, folder) = webapp(&[("default: mysql", "default: postgres")]);
    let text = user_data_of(&deployment, "AppTemplate");
    let door = Door::Web { port: 8000, path: "/healthz", status: 200 };
    let Some(mut world) = World::new("rows", &host_files(&text), door) else { return };
    let Some(database) = Database::postgres(&mut world) else { return };
    let kept = Kept::of(&deployment);
    world.keep(&kept.places(&deployment));
    let password = kept.value("db/roles/app");
    for statement in
        ["CREATE DATABASE harbours", &format!("CREATE ROLE app LOGIN PASSWORD '{password}' CONNECTION LIMIT 20")]
    {
        database.run(statement);
    }
    let rows = ["harbours", "ships", "weather", "calls"].map(|table| (table, folder.join(format!("data/{table}.csv"))));
    database.load("harbours", &folder.join("data/schema-postgres.sql"), &rows);
    database.run_in("harbours", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app");
    database.run_in("harbours", "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app");

    let release = &deployment.releases[0];
    let stored = format!("the-{}/{}", release.bucket, release.key);
    let digest = world.store(&stored, &folder.join("app"));
    let (before, _) = stored.rsplit_once('/').unwrap();
    world.rename(&stored, &format!("{before}/{digest}.tar.gz"));
    let machine = world.boot(&text.replace(release.content.as_str(), &digest));
    let journal = world.wait_for_signal();
    assert!(journal.contains("Status=SUCCESS"), "{journal}\n{}", machine.log());
    assert!(!journal.contains("NOT SIGNED"), "{journal}");

    world.wait_until_balanced("/healthz", 200);
    let page = world.page("/calls?sort=arrived&order=asc");
    assert!(page.contains("Hollin Bay") && page.contains("1 to 40 of 6,957 calls"), "{page}");
    let connection: serde_json::Value = serde_json::from_str(&world.page("/api/connection")).unwrap();
    assert_eq!((&connection["encrypted"], &connection["reads_verifiers"]), (&true.into(), &false.into()));
    // Its settings are in memory, readable by nobody but the one who starts it.
    assert_eq!(machine.run("stat -c '%U %a' /run/landfall/environment"), "landfall 600");
    assert!(machine.on_disk(password).is_empty(), "the password is on the disk");
    assert!(!machine.run("journalctl --no-pager --all").contains(password), "the journal tells the password");
    assert!(!world.arguments_seen().iter().any(|line| line.contains(password)), "an argument is the password");
    // Another server with the database's name is not believed.
    let other = world.folder().join("other.pem");
    let make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other -keyout /dev/null -out \"$1\"";
    output(std::process::Command::new("sh").args(["-euc", make, "sh"]).arg(&other));
    let other = std::fs::read_to_string(other).unwrap();
    machine.run(&format!("cat >/etc/landfall/rds-ca.pem <<'PEM'\n{other}PEM\nsystemctl restart landfall-app.service"));
    world.wait_until_balanced("/healthz", 503);
    let said = std::fs::read_to_string(world.folder().join("postgres.log")).unwrap();
    assert!(said.contains("unknown ca"), "{said}");
}
