//! Manifests and command lines that are wrong: each is refused with a place and with help, quickly,
//! and nothing is written.

use crate::small::{MANIFEST, Small};
use crate::support::{assert_civil, bare_machine, document, files};
use serde_json::Value;
use std::os::unix::process::CommandExt as _;
use std::time::Duration;
use testkit::{Output, TestEnvironment};

/// Address space that a command may have here.
const MEMORY: u64 = 512 << 20;

struct Case {
    name: &'static str,
    from: &'static str,
    to: &'static str,
    code: &'static str,
    /// What is marked in the manifest.
    at: &'static str,
    help: &'static str,
}

const fn case(
    name: &'static str,
    [from, to]: [&'static str; 2],
    code: &'static str,
    at: &'static str,
    help: &'static str,
) -> Case {
    Case { name, from, to, code, at, help }
}

const CASES: &[Case] = &[
    case("unknown key", ["stop-grace", "stop-grase"], "SHP001", "stop-grase", "`stop-grace`"),
    case("unknown key at the top", ["probes:", "probs:"], "SHP001", "probs", "`probes`"),
    case("wrong type", ["port: any", "port: many"], "SHP004", "many", "whole number"),
    case(
        "missing parameter",
        ["\"${greeting}\", SLOW", "\"${greetin}\", SLOW"],
        "REF002",
        "\"${greetin}\"",
        "`greeting`",
    ),
    case("no value", ["string, default: hello", "string"], "PAR004", "greeting", "--set greeting="),
    case("bad domain", ["default: localhost", "default: not_a domain"], "PAR005", "not_a domain", "label"),
    case("bad cidr", ["127.0.0.0/8", "127.0.0.0/99"], "SHP007", "127.0.0.0/99", "prefix"),
    case("bad duration", ["2s", "2 lightyears"], "SHP007", "2 lightyears", "30s"),
    case("bad name", ["name: small", "name: Small Thing"], "MAN003", "Small Thing", "lower-case"),
    case("two of one name", ["  net: {", "  app: {"], "YML002", "app:\n", ""),
    case("duplicate key", ["about: A small", "name: again\nabout: A small"], "YML002", "name: again", ""),
    case("reference to nothing", ["/: app", "/: ap"], "COM004", "ap }", "`app`"),
    case("export of nothing", ["${token.value}\" }", "${tokn.value}\" }"], "REF003", "\"${tokn.value}\" }", "`token`"),
    case("tab", ["    kind: service", "\tkind: service"], "YML011", "\tkind: service", "spaces"),
    case("unknown kind", ["kind: network", "kind: nettwork"], "COM002", "nettwork", "`network`"),
    case("unknown type", ["greeting: { type: string", "greeting: { type: strin"], "PAR002", "strin,", "`string`"),
    case("open bracket", ["routes: { /: app }", "routes: { /: app"], "YML001", "", "}"),
    case(
        "secret in a command",
        ["\"${self.file.token.txt}\"]", "\"${token.value}\"]"],
        "REF005",
        "\"${token.value}\"]",
        "environment",
    ),
    case("template that is no template", ["{{ token }}", "{{ token "], "SVC010", "\"{{ token ", ""),
    case("no such folder", ["source: ./app", "source: ./missing"], "SVC005", "./missing", "folder"),
    case("a path outside", ["source: ./app", "source: ../../etc"], "SVC005", "../../etc", "relative"),
    case("version", ["landfall: 1", "landfall: 2"], "MAN002", "2", "landfall: 1"),
    case("port out of range", ["port: any", "port: 70000"], "SHP006", "70000", "65535"),
];

fn check(machine: &TestEnvironment) -> Output {
    let output = machine.run(&["check", "--json"]);
    assert_civil(&output);
    output
}

#[test]
fn each_mistake_has_its_place_and_help() {
    for case in CASES {
        let small = Small::on(bare_machine());
        small.edit(case.from, case.to);
        let text = std::fs::read_to_string(small.work().join("landfall.yaml")).expect("the manifest");
        let output = check(&small).expect_code(2);
        let all = document(&output);
        let all = all["findings"].as_array().expect("findings").clone();
        let finding = all.iter().find(|finding| finding["code"] == case.code);
        let finding = finding.unwrap_or_else(|| panic!("{}: no {} in {all:#?}", case.name, case.code));
        assert!(finding["place"]["file"].as_str().is_some_and(|file| file.ends_with("landfall.yaml")), "{finding}");
        let [line, column] = ["line", "column"].map(|key| finding["place"][key].as_u64().expect("a place") as usize);
        let marked = text.lines().nth(line - 1).unwrap_or_default().get(column - 1..).unwrap_or_default();
        let rest = format!("{marked}\n");
        assert!(rest.trim_start().starts_with(case.at.trim_start()), "{}: {line}:{column} is at {rest}", case.name);
        let help = finding["help"].as_str().unwrap_or_default();
        assert!(help.contains(case.help) && !help.is_empty(), "{}: {help}", case.name);

        let said = small.run(&["up"]).expect_code(2).stderr;
        assert!(said.contains(&format!("landfall.yaml:{line}:{column}")), "{}: {said}", case.name);
        assert!(said.contains(case.code) && said.contains("= help:"), "{}: {said}", case.name);
        assert_eq!(files(&small.path("state")), Vec::<std::path::PathBuf>::new(), "{}", case.name);
    }
}

#[test]
fn mistakes_are_found_together() {
    let small = Small::on(bare_machine());
    for (from, to) in [
        ("stop-grace", "stop-grase"),
        ("127.0.0.0/8", "300.0.0.0/8"),
        ("greeting: { type: string", "greeting: { type: strin"),
        ("/: app", "/: ap"),
        ("kind: network", "kind: nettwork"),
        ("status: 401", "status: many"),
        ("2027-01-31", "2027-02-31"),
    ] {
        small.edit(from, to);
    }
    let findings = document(&check(&small).expect_code(2));
    let findings = findings["findings"].as_array().expect("findings");
    let marked = |finding: &Value| finding["place"]["line"].as_u64().expect("a line");
    let lines: Vec<u64> = findings.iter().map(marked).collect();
    assert!(lines.is_sorted(), "{findings:#?}");
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding["code"].as_str().expect("a code")).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["COM002", "COM004", "EDG006", "PAR002", "SHP001", "SHP002", "SHP007"], "{findings:#?}");
}

#[test]
fn circles_are_shown_with_their_path() {
    let machine = bare_machine();
    machine.write(
        "landfall.yaml",
        "landfall: 1\nname: circle\nparameters:\n  a: { type: string, default: \"${b}\" }\n  \
         b: { type: string, default: \"x ${c}\" }\n  c: { type: string, default: \"${a}\" }\n\
         components: { net: { kind: network } }\n",
    );
    let said = machine.run(&["check"]).expect_code(2).stderr;
    assert!(said.contains("`a` -> `b` -> `c` -> `a`") && said.contains("landfall.yaml:4:"), "{said}");

    let small = Small::on(bare_machine());
    let other = "  other:\n    kind: service\n    on: instance\n    command: [sleep, \"9\"]\n    needs: [app]\n  web:";
    small.edit("  web:", other);
    small.edit("stop-grace: 2s", "needs: [other]");
    let said = small.run(&["check"]).expect_code(2).stderr;
    assert!(said.contains("`app` -> `other` -> `app`"), "{said}");
}

#[test]
fn two_components_cannot_want_one_port() {
    let small = Small::on(bare_machine());
    let other = "  other:\n    kind: service\n    on: instance\n    command: [sleep, \"9\"]\n    port: 9123\n  web:";
    small.edit("  web:", other);
    small.edit("port: any", "port: 9123");
    let said = small.run(&["check"]).expect_code(2).stderr;
    assert!(said.contains("9123") && said.contains("COM007") && said.contains("first"), "{said}");
}

/// Runs `check` with little memory.
fn check_with_little_memory(machine: &TestEnvironment) -> (Option<i32>, String) {
    let mut command = machine.command(&["check"]);
    let limit = || {
        use nix::sys::resource::{Resource, setrlimit};
        setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY).map_err(std::io::Error::from)
    };
    limited(&mut command, limit);
    let output = command.output().expect("the command");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[expect(unsafe_code, reason = "limits of a child can be set between fork and exec only")]
fn limited(command: &mut std::process::Command, limit: fn() -> std::io::Result<()>) {
    // SAFETY: `setrlimit` is safe to call between fork and exec.
    unsafe { command.pre_exec(limit) };
}

fn bomb() -> Vec<u8> {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ('b'..='p').zip('a'..) {
        text.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(", ")));
    }
    text.into_bytes()
}

#[test]
fn files_that_are_no_manifests_are_refused_quickly() {
    let random: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("empty", Vec::new(), "YML003", "1:1"),
        ("comments only", b"# nothing\n\n# here\n".to_vec(), "YML003", "1:1"),
        ("random bytes", random, "YML00", ""),
        ("a program", std::fs::read("/bin/sh").expect("a program"), "YML00", ""),
        ("10 MB", format!("{MANIFEST}# {}\n", "x".repeat(10_000_000)).into_bytes(), "YML006", ""),
        ("10 MB of lists", [&b"a: ["[..], &b"1,".repeat(5_000_000), b"1]\n"].concat(), "YML006", ""),
        ("Latin-1", MANIFEST.replace("hello", "h\u{e9}llo").chars().map(|c| c as u8).collect(), "YML004", "7:39"),
        ("a zero byte", MANIFEST.replace("hello", "he\0llo").into_bytes(), "YML005", "7:40"),
        ("UTF-16", MANIFEST.encode_utf16().flat_map(u16::to_le_bytes).collect(), "YML00", "1:"),
        ("a YAML bomb", bomb(), "YML008", ""),
        ("lists in lists", b"[".repeat(500_000), "YML007", "1:65"),
        ("mappings in mappings", b"{a: ".repeat(100_000), "YML007", ""),
        ("an alias to itself", b"landfall: 1\nname: a\ncomponents: &c { x: *c }\n".to_vec(), "YML012", "3:"),
        ("two documents", format!("{MANIFEST}---\n{MANIFEST}").into_bytes(), "YML009", ""),
        ("a text", b"just words\n".to_vec(), "MAN001", "1:1"),
        ("a list", b"- 1\n- 2\n".to_vec(), "MAN001", "1:1"),
        ("a number", b"42\n".to_vec(), "MAN001", "1:1"),
    ];
    for (name, bytes, code, place) in cases {
        let machine = bare_machine().with_limit(Duration::from_secs(10));
        machine.write("landfall.yaml", bytes);
        let (status, said) = check_with_little_memory(&machine);
        assert_eq!(status, Some(2), "{name}: {said}");
        assert!(said.contains(&format!("error[{code}")), "{name}: {said}");
        assert!(said.contains(&format!("landfall.yaml:{place}")), "{name}: {said}");
        assert!(said.contains(" help:") && said.len() < 20_000, "{name}: {said}");
        let again = machine.run(&["up"]).expect_code(2);
        assert!(again.took < Duration::from_secs(60), "{name}: {:?}", again.took);
        assert_eq!(files(&machine.path("state")), Vec::<std::path::PathBuf>::new(), "{name}");
    }
}

#[test]
fn a_manifest_may_come_from_any_editor() {
    let small = Small::on(bare_machine());
    for text in [format!("\u{feff}{MANIFEST}"), MANIFEST.replace('\n', "\r\n"), MANIFEST.trim_end().to_owned()] {
        small.write("landfall.yaml", text);
        let _ = small.run(&["check"]).expect_code(0);
    }
}

#[test]
fn paths_that_are_no_manifests() {
    let machine = bare_machine();
    machine.write("folder/notes.txt", "");
    for path in ["nowhere", "folder", "folder/notes.txt/deeper", "/dev/null", "."] {
        let output = machine.run(&["check", path]);
        assert_civil(&output);
        let said = output.expect_code(2).stderr;
        assert!(said.contains("do:") || said.contains("help:"), "{path}: {said}");
    }
    // Reading something that never ends would hang.
    let output = machine.run(&["check", "/dev/zero"]).expect_code(2);
    assert!(output.took < Duration::from_secs(60), "{:?}", output.took);
}

#[test]
fn values_are_checked_where_they_come_from() {
    let small = Small::on(bare_machine());
    let cases: &[(&[&str], &str)] = &[
        (&["--set", "greting=x"], "`greeting`"),
        (&["--set", "greeting"], "--set greeting=VALUE"),
        (&["--set", "=x"], ""),
        (&["--set", "domain=two words"], "--set domain"),
        (&["--values", "nowhere.yaml"], "nowhere.yaml"),
        (&["--values", "list.yaml"], "list.yaml:1:1"),
        (&["--values", "bad.yaml"], "bad.yaml:2:"),
        (&["-e", "production"], "production"),
    ];
    small.write("list.yaml", "- 1\n");
    small.write("bad.yaml", "greeting: hi\ndomain: two words\n");
    for (arguments, said) in cases {
        let output = small.run(&[&["check"], *arguments].concat());
        assert_civil(&output);
        let output = output.expect_code(2);
        assert!(output.stderr.contains(said), "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains("help:") || output.stderr.contains("do:"), "{arguments:?}: {}", output.stderr);
    }
    let variable = bare_machine().with_variable("LANDFALL_PARAM_DOMAIN", "two words");
    let said = Small::on(variable).run(&["check"]).expect_code(2).stderr;
    assert!(said.contains("LANDFALL_PARAM_DOMAIN"), "{said}");
}

#[test]
fn wrong_words_on_the_command_line() {
    let machine = bare_machine();
    let cases: &[&[&str]] = &[
        &["upp"],
        &["up", "--sett", "a=b"],
        &["up", "--wait", "soon"],
        &["down", "nothing-of-that-name", "--yes"],
        &["status", "nothing-of-that-name"],
        &["verify", "nothing-of-that-name"],
        &["logs", "-n", "many"],
        &["check", "--format", "prose"],
        &["check", "a", "-f", "b"],
    ];
    for arguments in cases {
        let output = machine.run(arguments);
        assert_civil(&output);
        let output = output.expect_code(2);
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
        assert!(output.stderr.lines().count() >= 2, "{arguments:?} gives no help: {}", output.stderr);
    }
    let said = machine.run(&["upp"]).expect_code(2).stderr;
    assert!(said.contains("'up'"), "{said}");
    assert_eq!(files(&machine.path("state")), Vec::<std::path::PathBuf>::new());
}
