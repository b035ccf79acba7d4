//! Who may use what of a deployment in an account, by the manifest and really; and how its tunnels are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use crate::rds::Rds;
use crate::support::document;
use model::database::Engine;
use serde_json::Value;

const MANIFEST: &str = r#"landfall: 1
name: records
people:
  alice: { roles: [admin], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz" }
  bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBHl8qd8GNQneLQHLsdzfRScKDScqbqbROZbq7aj1EqS" }
environments:
  production: { target: aws, account: "123456789012", region: us-west-2 }
components:
  net: { kind: network, egress: nat }
  db:
    kind: database
    engine: postgres
    databases: { records: {} }
    people: { admin: owner, analyst: read-only }
  jump:
    kind: bastion
    to: db
    people: [admin, analyst]
    allow: { sources: [203.0.113.0/24], owner: operations, review-by: "2027-06-30" }
  bi:
    kind: tunnel
    target: db
    to:
      host: tunnel.vendor.example
      user: records
      host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz"
      listen: 15240
"#;
const BOB: &str = "  bob: { roles: [analyst], ssh-key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBHl8qd8GNQneLQHLsdzfRScKDScqbqbROZbq7aj1EqS\" }\n";
const CAROL: &str = "  carol: { roles: [analyst], ssh-key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0dUYBAbsfk2GXQmeGgWLAKfL3B0xC9l4WkRSBGSZqP\" }\n";
const WHO_CAN: &[&str] = &["who-can", "-e", "production", "--json"];

fn rds(test: &str) -> Option<Rds> {
    Rds::up(test, Engine::Postgres, MANIFEST, &[], &["up", "-e", "production", "--no-verify"])
}

/// Of each that is said or so: who, what, whether it is said and whether it is so.
fn entries(document: &Value) -> Vec<(String, String, bool, bool)> {
    let all = document["entries"].as_array().unwrap();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let is = |one: &Value, key: &str| one[key].as_bool().unwrap();
    all.iter()
        .map(|one| (text(one, "who"), text(one, "component"), is(one, "in_manifest"), is(one, "in_world")))
        .collect()
}

fn differences(document: &Value) -> String {
    document["differences"].as_array().unwrap().iter().map(|one| format!("{}\n", one.as_str().unwrap())).collect()
}

#[test]
fn who_can_compares_the_manifest_with_the_account() {
    let Some(rds) = rds("who_can_compares_the_manifest_with_the_account") else { return };
    let Rds { machine, server, gateway, .. } = &rds;
    assert_eq!(rds.first.code, Some(0), "{:?}", rds.first);

    // As the manifest says.
    let calm = machine.run(WHO_CAN).expect_code(0);
    let said = document(&calm);
    let all = entries(&said);
    assert!(said["compared"] == true && all.iter().all(|(.., said, is)| *said && *is), "{said:#}");
    let has = |who: &str, what: &str| all.iter().any(|(name, component, ..)| name == who && component == what);
    assert!(has("alice", "db") && has("bob", "db") && has("bi", "db") && has("alice", "jump") && has("bob", "jump"));
    assert!(!has("landfall_probe", "jump"), "{all:?}");
    let writers = machine.run(&["who-can", "db:write", "-e", "production"]).expect_code(0);
    assert!(writers.stdout.contains("alice") && !writers.stdout.contains("bob"), "{writers:?}");
    assert!(writers.stdout.contains("landfall connect db -e production --as alice"), "{writers:?}");

    // What somebody did by hand.
    server.say("records", "CREATE ROLE mallory LOGIN PASSWORD 'x'; GRANT CONNECT ON DATABASE records TO mallory");
    server.say("records", "GRANT CREATE ON SCHEMA public TO bob");
    let by_hand = document(&machine.run(WHO_CAN).expect_code(3));
    let words = differences(&by_hand);
    assert!(words.contains("mallory") && words.contains("bob was given"), "{words}");
    // It is of the database alone.
    let bastion = machine.run(&["who-can", "jump", "-e", "production", "--json"]).expect_code(0);
    assert_eq!(entries(&document(&bastion)).len(), 2);
    server.say("records", "REVOKE CREATE ON SCHEMA public FROM bob; REVOKE CONNECT ON DATABASE records FROM mallory");
    server.say("records", "DROP ROLE mallory");

    // Somebody who left the manifest, and somebody who came: not yet so.
    machine.write("landfall.yaml", MANIFEST.replace(BOB, CAROL));
    let changed = document(&machine.run(WHO_CAN).expect_code(3));
    let words = differences(&changed);
    assert!(words.contains("jump: bob still logs in there"), "{words}");
    assert!(words.contains("carol does not have read-only in records at db yet"), "{words}");
    assert!(words.contains("carol does not have forwards to db at jump yet"), "{words}");
    assert!(words.contains("bob"), "{words}");
    // Another key for the same person.
    let key = |person: &str| person.split('"').nth(1).unwrap().to_owned();
    machine.write("landfall.yaml", MANIFEST.replace(&key(BOB), &key(CAROL)));
    let other_key = document(&machine.run(&["who-can", "jump", "-e", "production", "--json"]).expect_code(3));
    assert_eq!(differences(&other_key), "jump: the key of bob there is another one\n");
    machine.write("landfall.yaml", MANIFEST);

    // Where nobody may look, the manifest answers, and it is said that nobody looked.
    {
        let _inside = rds.runtime.enter();
        rds.account.with(|machine| machine.denied.extend(["ssm:StartSession".to_owned()]));
    }
    let denied = machine.run(WHO_CAN).expect_code(4);
    let first = denied.stdout.split_once("\n{").map_or(denied.stdout.as_str(), |(first, _)| first);
    assert!(denied.stderr.contains("ssm:StartSession") || denied.stdout.contains("ssm:StartSession"), "{denied:?}");
    assert!(first.contains("\"compared\": false") || first.contains("\"compared\":false"), "{denied:?}");
    let sessions = gateway.started();
    assert!(sessions.iter().all(|(_, is_over)| *is_over), "{sessions:?}");
    rds.assert_secret(&[&calm, &writers, &denied]);
}

#[test]
fn a_tunnel_of_an_account_is_as_its_host_says() {
    let Some(rds) = rds("a_tunnel_of_an_account_is_as_its_host_says") else { return };
    let machine = &rds.machine;
    let says = |line: &str| {
        let _inside = rds.runtime.enter();
        rds.account.with(|account| {
            let is_log = |thing: &&testkit::account::Thing| {
                matches!(&thing.maker, testkit::account::Maker::Stack { logical_id, .. } if logical_id == "BiLogs")
            };
            let group = account.things().find(is_log).unwrap().physical_id.clone();
            account.write_log(&group, "service/i-1", line);
        });
    };
    let status = || document(&machine.run(&["tunnel", "status", "-e", "production", "--json"]).expect_code(0));
    let state = |status: &Value| status["tunnels"][0]["state"].as_str().unwrap().to_owned();
    let now = || jiff::Timestamp::now().strftime("%FT%TZ").to_string();

    // What is handed over to the vendor, and what people need to come in; no private half of any key.
    let outputs = machine.run(&["outputs", "-e", "production", "--json"]).expect_code(0);
    let all = document(&outputs)["outputs"].clone();
    let value = |name: &str| {
        let found = all.as_array().unwrap().iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {all:#}"))["value"].as_str().unwrap().to_owned()
    };
    let key = value("bi.authorized-keys");
    assert!(key.starts_with("restrict,port-forwarding,permitlisten=") && key.contains(" ssh-ed25519 AAAA"), "{key}");
    assert!(rds.first.stdout.contains(&key), "{:?}", rds.first);
    let (address, known) = (value("jump.address"), value("jump.known-hosts"));
    let host = address.strip_suffix(":22").unwrap();
    assert!(known.starts_with(&format!("{host} ssh-ed25519 ")), "{known}");
    let command = format!("ssh -N -p 22 -L 127.0.0.1:15432:{}:5432 alice@{host}", rds.address);
    assert_eq!(value("jump.command.db"), command);
    assert!(!outputs.stdout.contains("PRIVATE KEY") && !outputs.stdout.contains("127.0.0.1:5432"), "{outputs:?}");

    assert_eq!(state(&status()), "down");
    says("records@tunnel.vendor.example: Permission denied (publickey).");
    assert_eq!(state(&status()), "waiting");
    let waits = machine.run(&["verify", "-e", "production", "--only", "bi/"]).expect_code(0);
    assert!(waits.stdout.contains("1 wait for somebody else"), "{waits:?}");

    says(&format!("{} TunnelWorks: 1", now()));
    let up = status();
    assert!(state(&up) == "up" && up["tunnels"][0]["seen"].as_str().unwrap().starts_with("a query came"), "{up}");
    let proof = machine.run(&["verify", "-e", "production"]).expect_code(0);
    assert!(proof.stderr.contains("bi is connected and works"), "{proof:?}");
    assert!(proof.stdout.contains("Proved: all"), "{proof:?}");

    says("Error: remote port forwarding failed for listen port 15240");
    says(&format!("{} TunnelWorks: 0", now()));
    let broken = machine.run(&["verify", "-e", "production", "--only", "bi/"]).expect_code(8);
    assert!(broken.stderr.contains("remote port forwarding failed"), "{broken:?}");
}
