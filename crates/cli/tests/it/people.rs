//! `user` and `who-can`: people enter a manifest and leave it, and what they have follows.

use crate::small::{MANIFEST, Small};
use crate::support::{assert_civil, document, machine};
use serde_json::Value;
use testkit::TestEnvironment;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz bob@desk\n";

const SHOP: &str = r#"landfall: 1
name: shop   # of ours
components:
  db:
    kind: database
    engine: postgres
    databases: [shop, archive]
    people: { admin: owner, analyst: { shop: read-only } }   # nobody writes
  app: { kind: service, command: [app], port: any, uses: { db: { database: shop, grants: read-write } }, users: { people: [admin] } }
people:   # all of us
  # the founder
  ann: { roles: [admin], email: ann@example.org }   # since ever

# the end
"#;

fn shop() -> TestEnvironment {
    let machine = machine();
    machine.write("landfall.yaml", SHOP);
    machine.write("bob.pub", KEY);
    machine
}

fn manifest(machine: &TestEnvironment) -> String {
    std::fs::read_to_string(machine.work().join("landfall.yaml")).expect("the manifest")
}

#[test]
fn a_person_is_entered_and_leaves_no_trace() {
    let machine = shop();
    let said = machine.run(&["user", "add", "bob", "--role", "analyst", "--ssh-key", "bob.pub", "--no-up"]);
    let said = said.expect_code(0);
    // An empty line of context is a space, which no editor leaves in a file.
    let shown = said.stderr.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(shown, @r#"
    --- landfall.yaml
    +++ landfall.yaml
    @@ -10,5 +10,6 @@
     people:   # all of us
       # the founder
       ann: { roles: [admin], email: ann@example.org }   # since ever
    +  bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz bob@desk" }

     # the end

      bob gets db: read-only in shop (landfall connect db --as bob)
    The manifest is changed; `landfall up` brings the deployment to it.
    "#);
    let who = machine.run(&["who-can", "db"]).expect_code(0);
    insta::assert_snapshot!(who.stdout, @"
    WHO    WHAT  HOW MUCH            WAY                                 REALLY
    (app)  db    read-write in shop  the program app, on its host alone
    ann    db    owner in shop       landfall connect db --as ann
    ann    db    owner in archive    landfall connect db --as ann
    bob    db    read-only in shop   landfall connect db --as bob
    ");
    let people = document(&machine.run(&["user", "ls", "--json"]).expect_code(0));
    assert_eq!(people["people"][1]["has"][0]["level"], "read-only");
    assert_eq!(people["people"][1]["has_key"], true);
    let _ = machine.run(&["user", "remove", "bob", "--no-up"]).expect_code(0);
    assert_eq!(manifest(&machine), SHOP);
}

#[test]
fn who_can_answers_for_a_level_and_a_database() {
    let machine = shop();
    let who = |access: &str| -> Vec<String> {
        let found = document(&machine.run(&["who-can", access, "--json"]).expect_code(0));
        assert_eq!(found["compared"], false);
        let entries = found["entries"].as_array().unwrap().iter();
        let line = |entry: &Value| format!("{} {}", entry["who"].as_str().unwrap(), entry["what"].as_str().unwrap());
        entries.map(line).collect()
    };
    assert_eq!(who("db:read"), ["app read-write in shop", "ann owner in shop", "ann owner in archive"]);
    assert_eq!(who("db.shop:write"), ["app read-write in shop", "ann owner in shop"]);
    assert_eq!(who("db:own"), ["ann owner in shop", "ann owner in archive"]);
    assert_eq!(who("app"), ["ann login as admin"]);
    for (access, hint) in [("dbb", "`db`"), ("db.shp", "shop"), ("db:all", "db:write"), ("app:read", "who-can app")] {
        let refused = machine.run(&["who-can", access]).expect_code(2);
        assert!(refused.stderr.contains(hint), "{access}: {}", refused.stderr);
    }
}

#[test]
fn nothing_is_written_when_it_would_not_be_right() {
    let machine = shop();
    machine.write("private", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n");
    machine.write("two.pub", KEY.repeat(2));
    machine.write("broken.pub", "ssh-ed25519 AAAA\n");
    let refusals: [(&[&str], i32, &str); 9] = [
        (&["add", "ann", "--role", "analyst"], 2, "ann is among the people already"),
        (&["add", "Bob", "--role", "analyst"], 2, "`Bob` is no user name"),
        (&["add", "app", "--role", "analyst"], 2, "both a component's role and a person's"),
        (&["add", "bob", "--role", "analyst", "--ssh-key", "private"], 2, "private key"),
        (&["add", "bob", "--role", "analyst", "--ssh-key", "two.pub"], 2, "several keys"),
        (&["add", "bob", "--role", "analyst", "--ssh-key", "broken.pub"], 2, "PEO002"),
        (&["add", "bob", "--role", "analyst", "--ssh-key", "missing.pub"], 2, "cannot read the key"),
        (&["remove", "anna"], 2, "did you mean `ann`?"),
        (&["remove", "ann"], 5, "the last person with the role `admin`"),
    ];
    for (words, code, why) in refusals {
        let words: Vec<&str> = ["user"].iter().chain(words).copied().collect();
        let refused = machine.run(&words).expect_code(code);
        assert_civil(&refused);
        assert!(refused.stderr.contains(why), "{words:?}: {}", refused.stderr);
        assert_eq!(manifest(&machine), SHOP, "{words:?}");
    }
    // A key that is piped in, and a role that nothing asks for.
    let said = machine.run_with_input(&["user", "add", "bob", "--role", "analist", "--ssh-key", "-", "--no-up"], KEY);
    let said = said.expect_code(0);
    assert!(said.stderr.contains("did you mean `analyst`?"), "{}", said.stderr);
    assert!(manifest(&machine).contains("bob@desk"));
}

#[test]
fn a_deployment_follows_its_people() {
    let small = Small::new();
    let people = "people:\n  ann: { roles: [admin, reader] }   # first\n";
    let text = MANIFEST.replace("    port: any\n", "    users: { people: [reader] }\n    port: any\n") + people;
    small.write("landfall.yaml", &text);
    small.up();
    let entries = |output: testkit::Output| document(&output)["entries"].clone();
    let who = entries(small.run(&["who-can", "app", "--json"]).expect_code(0));
    assert_eq!(who[0]["who"], "ann");
    assert_eq!(who[0]["in_world"], true);

    let _ = small.run(&["user", "add", "bob", "--role", "reader"]).expect_code(0);
    let who = entries(small.run(&["who-can", "app", "--json"]).expect_code(0));
    assert_eq!((&who[1]["who"], &who[1]["in_world"]), (&Value::from("bob"), &Value::from(true)));
    let password = || {
        let words = ["outputs", "--only", "app.users.bob.password", "--reveal"];
        small.run(&words).expect_code(0).stdout.trim().to_owned()
    };
    let first = password();
    let _ = small.run(&["user", "rotate", "bob"]).expect_code(0);
    assert_ne!(password(), first);

    // The manifest says less than what runs: that is told, and `up` ends it.
    let _ = small.run(&["user", "remove", "bob", "--no-up"]).expect_code(0);
    let differs = small.run(&["who-can", "app"]).expect_code(3);
    assert!(differs.stdout.contains("bob still has login at app"), "{}", differs.stdout);
    let _ = small.run(&["up"]).expect_code(0);
    let _ = small.run(&["who-can", "app"]).expect_code(0);
    let _ = small.run(&["outputs", "--only", "app.users.bob.password", "--reveal"]).expect_code(2);
    assert!(manifest(&small).contains("# first"));
}
