//! What a person sees of the proof: of a manifest's environment in AWS, and of anybody's template.

use crate::aws_verbs::tabpy;
use crate::support::{bare_machine, document, files, repository};
use testkit::TestEnvironment;

/// Two services behind an edge that some may reach.
const SHOP: &str = r#"landfall: 1
name: shop
environments:
  production: { target: aws, account: "123456789012", region: eu-central-1 }
components:
  app: { kind: service, command: [/usr/bin/app], port: 8000 }
  web:
    kind: edge
    domain: shop.example.org
    exposure: internet
    redirect: false
    routes: { /: app }
    allow: { sources: [203.0.113.0/24], owner: ops, review-by: "2027-01-31" }
guarantees:
  - { only: web, reaches: "app:8000" }
  - { every: internet, reaches: app, through: web }
"#;

fn shop(change: (&str, &str)) -> TestEnvironment {
    let machine = bare_machine();
    let manifest = SHOP.replace(change.0, change.1);
    assert!(change.0.is_empty() || manifest != SHOP, "nothing was changed");
    machine.write("landfall.yaml", manifest);
    machine
}

#[test]
fn check_shows_what_is_proved() {
    let said = shop(("", "")).run(&["check", "-e", "production"]).expect_code(0);
    insta::assert_snapshot!(said.stdout, @r#"
    landfall.yaml: 2 components, environment production: nothing to mend

    holds: only web reaches app:8000
    holds: every internet reaches app through web
    holds: exactly the stated edges, and nothing else

    15 pairs: 3 reachable, 2 partly, 10 unreachable

    # reachable   + partly   ? unknown   . unreachable

                    AppHosts:8000
                    | WebBalancer:443
                    | | internet-v4
                    | | | internet-v6
                    | | | | service:s3
    internet-v4     . +
    internet-v6     . .
    203.0.113.0/24  . #
    AppHosts        . . + . #
    WebBalancer     #   . . .

    Over others (what one stolen host opens)
      internet-v4, 203.0.113.0/24 -> WebBalancer:443 -> AppHosts:8000

    Notes
      the policy of NetStorageEndpoint also limits who may ask for what; that is not judged here

    Proved: exactly the stated ways and 2 guarantees, over all 15 pairs.
    "#);
    let said = tabpy(bare_machine()).run(&["check", "-e", "production", "--strict", "--verbose"]).expect_code(0);
    assert!(said.stdout.contains("holds: only web reaches tabpy"), "{}", said.stdout);
    // Each hop has its line in the manifest.
    assert!(said.stdout.contains("WebIntoTabpy (landfall.yaml:"), "{}", said.stdout);
}

#[test]
fn a_guarantee_that_does_not_hold_stops_every_verb() {
    let machine = shop(("{ only: web, reaches: \"app:8000\" }", "{ nothing: web, reaches: app }"));
    let said = machine.run(&["check", "-e", "production"]).expect_code(3);
    insta::assert_snapshot!(said.stdout, @r#"
    error[GUA004]: `nothing of web reaches app` does not hold: WebBalancer to AppHosts:8000: reachable
      --> landfall.yaml:15:5
       |
     6 |   app: { kind: service, command: [/usr/bin/app], port: 8000 }
       |   --- hop 1
    ...
    12 |     routes: { /: app }
       |               - hop 2, 3, 4
    ...
    15 |   - { nothing: web, reaches: app }
       |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: the path:
               1. target: port 443 of WebBalancer passes on to port 8000 (AppTargets), from components.app.health
               2. security group rule: tcp 8000 to AppGroup (WebToApp), from components.web.routes./
               3. security group rule: tcp 8000 from WebGroup (WebIntoApp), from components.web.routes./
               4. listener: AppHosts listens on 8000 (WebIntoApp), from components.web.routes./


    VIOLATED: nothing of web reaches app
    holds: every internet reaches app through web
    holds: exactly the stated edges, and nothing else

    15 pairs: 3 reachable, 2 partly, 10 unreachable

    # reachable   + partly   ? unknown   . unreachable

                    AppHosts:8000
                    | WebBalancer:443
                    | | internet-v4
                    | | | internet-v6
                    | | | | service:s3
    internet-v4     . +
    internet-v6     . .
    203.0.113.0/24  . #
    AppHosts        . . + . #
    WebBalancer     #   . . .

    Over others (what one stolen host opens)
      internet-v4, 203.0.113.0/24 -> WebBalancer:443 -> AppHosts:8000

    Notes
      the policy of NetStorageEndpoint also limits who may ask for what; that is not judged here

    Refuted: see the errors above. Nothing of this is deployed.
    "#);
    for arguments in
        [&["plan", "-e", "production"][..], &["up", "-e", "production"], &["export", "out", "-e", "production"]]
    {
        let said = machine.run(arguments).expect_code(3);
        assert!(said.stderr.contains("error[GUA004]: `nothing of web reaches app` does not hold"), "{}", said.stderr);
    }
    assert!(!machine.work().join("out").exists());
    // On this machine the same manifest runs; what it guarantees is not proved there, and check says so.
    let said = machine.run(&["check"]).expect_code(0);
    assert!(
        said.stdout.contains("Its 2 guarantees are not proved here: `landfall check -e production` does."),
        "{}",
        said.stdout
    );
}

#[test]
fn programs_get_the_proof_too() {
    let machine = shop(("every: internet, reaches: app, through: web", "nothing: app, reaches: internet"));
    let said = document(&machine.run(&["check", "-e", "production", "--json"]).expect_code(3));
    assert_eq!(said["guarantees"]["state"], "refuted");
    assert_eq!(said["proof"]["version"], 1);
    assert_eq!(said["proof"]["guarantees"][1]["outcome"], "violated");
    assert_eq!(said["proof"]["origins"]["WebHttpsFrom1"]["line"], 13);
    assert_eq!(said["findings"][0]["code"], "GUA004");
    assert_eq!(said["findings"][0]["place"]["line"], 16);
    let sarif = machine.run(&["check", "-e", "production", "--format", "sarif"]).expect_code(3);
    let sarif: serde_json::Value = serde_json::from_str(&sarif.stdout).expect("JSON");
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "GUA004");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 16);
    assert!(
        result["message"]["text"]
            .as_str()
            .is_some_and(|text| text.contains("1. security group rule: tcp 443 to 0.0.0.0/0"))
    );
    assert!(result["relatedLocations"].as_array().is_some_and(|all| !all.is_empty()));
    let plan = document(&shop(("", "")).run(&["plan", "-e", "production", "--offline", "--json"]).expect_code(0));
    assert_eq!(plan["proof"]["guarantees"][2]["outcome"], "holds");
    let local = document(&machine.run(&["check", "--json"]).expect_code(0));
    assert_eq!(local["guarantees"]["state"], "not-asked");
    assert_eq!(local["guarantees"]["prove_with"], "landfall check -e production");
    assert!(local["proof"].is_null());
}

#[test]
fn evidence_is_a_record_and_a_page_that_needs_nothing_else() {
    let machine = shop(("", ""));
    let said = machine.run(&["check", "-e", "production", "--evidence", "evidence"]).expect_code(0);
    assert!(said.stderr.contains("shop-production-proof.html"), "{}", said.stderr);
    let folder = machine.work().join("evidence");
    let page = std::fs::read_to_string(folder.join("shop-production-proof.html")).expect("a page");
    assert!(page.contains("Proved: all 3 claims hold.") && page.contains("<svg "), "{page}");
    assert!(!page.contains("src=") && !page.contains("href="), "the page needs nothing else");
    let record = std::fs::read_to_string(folder.join("shop-production-proof.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(record["guarantees"]["state"], "proved");
    // The same manifest gives the same files, and no others.
    let before = files(&folder);
    let _ = machine.run(&["check", "-e", "production", "--evidence", "evidence"]).expect_code(0);
    assert_eq!(files(&folder), before);
    let _ = machine.run(&["check", "--evidence", "evidence"]).expect_code(2);
}

#[test]
fn what_is_not_known_is_not_called_proved() {
    let machine = shop((
        "components:\n",
        "components:\n  net: { kind: network, existing: { vpc: vpc-0123456789abcdef0, block: 10.0.0.0/16, public: [subnet-0123456789abcdef0, subnet-0123456789abcdef1], private: [subnet-0123456789abcdef2] } }\n",
    ));
    machine.write(
        "landfall.yaml",
        std::fs::read_to_string(machine.work().join("landfall.yaml"))
            .expect("a manifest")
            .replace("  - { every: internet, reaches: app, through: web }\n", ""),
    );
    let said = machine.run(&["check", "-e", "production"]).expect_code(0);
    assert!(said.stdout.contains("warning[GUA007]") && said.stdout.contains("Not proved: "), "{}", said.stdout);
    assert!(!said.stdout.contains("Proved"), "{}", said.stdout);
    let _ = machine.run(&["check", "-e", "production", "--strict"]).expect_code(3);
}

#[test]
fn templates_of_others_are_questioned() {
    let machine = bare_machine();
    let template = repository().join("crates/analysis/tests/fixtures/no-way-out.yaml");
    let template = machine.write("stack.yaml", std::fs::read_to_string(template).expect("a template"));
    let template = template.to_str().expect("a readable path");
    let ask = |more: &[&str], code: i32| {
        let arguments: Vec<&str> = ["prove", template].iter().chain(more).copied().collect();
        machine.run(&arguments).expect_code(code)
    };
    let _ = ask(&["--from", "Worker", "--to", "internet", "--expect", "unreachable"], 0);
    let _ = ask(&["--from", "Worker", "--to", "service:ssm", "--expect", "reachable"], 0);
    let said = ask(&["--from", "Worker", "--to", "service:ssm", "--expect", "unreachable"], 3);
    assert!(said.stdout.contains("NOT proved: expected unreachable, found reachable"), "{}", said.stdout);
    assert!(said.stdout.contains("stack.yaml:"), "lines of the template: {}", said.stdout);
    let sarif = ask(&["--from", "Worker", "--to", "service:ssm", "--expect", "unreachable", "--format", "sarif"], 3);
    let sarif: serde_json::Value = serde_json::from_str(&sarif.stdout).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["level"], "error");
    let _ = ask(&["--from", "Nobody", "--to", "internet"], 2);
    machine.write("landfall.yaml", SHOP);
    let said = machine.run(&["prove", "landfall.yaml"]).expect_code(2);
    assert!(said.stderr.contains("landfall check landfall.yaml -e NAME"), "{}", said.stderr);
}
