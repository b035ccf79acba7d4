//! What must hold whatever the manifest is.

use crate::support::{MemoryFiles, TODAY, text_of};
use compiler::report::to_json;
use compiler::{Compilation, Options, compile, realise_locally};
use proptest::prelude::*;

const MANIFEST: &str = r#"landfall: 1
name: shop
parameters:
  domain: { type: domain, default: shop.localhost }
  users: { type: list<string>, default: [alice], pattern: "^[a-z]+$", min: 1 }
  other: { type: string, default: "${domain}", forbidden-when: { domain: x } }
environments:
  staging: { target: local, parameters: { users: [bob] }, components: { web: { also: [b.localhost] } } }
components:
  web: { kind: edge, domain: "${domain}", routes: { /: { to: [app], sticky: true } }, allow: { sources: [10.0.0.0/8], owner: a, review-by: "2027-01-01" } }
  app: { kind: service, command: [app, "${self.port}", "${key.public}"], users: { names: "${users}" }, port: any, needs: [key] }
  key: { kind: secret, generate: { rsa: { bits: 2048 } } }
people: { alice: { roles: [admin] } }
guarantees: [{ every: internet, reaches: app, through: web }]
probes:
  works: { about: works, http: { to: web }, expect: { status: [200], json: { "": [1] } }, contrast: { passing: web/redirect, means: x } }
"#;

fn run(bytes: &[u8], environment: &str) -> Compilation {
    let files = MemoryFiles::default();
    let mut options = Options::new(&files, TODAY);
    options.environment = environment.to_owned();
    compile("landfall.yaml", bytes, &options)
}

/// Everything that a command does with a compilation; returns what people would see.
fn look_at(compilation: &Compilation) -> String {
    if let Some(application) = &compilation.application {
        let _ = application.to_json();
        let _ = realise_locally(application, &model::Rotations::default());
    }
    assert_eq!(compilation.application.is_none(), compilation.findings.has_errors());
    let text_length = compilation.sources.manifest().text().len();
    for (_, at) in compilation.sources.sorted(&compilation.findings) {
        if let Some(at) = at.filter(|at| at.file == "landfall.yaml") {
            assert!(at.range.start <= at.range.end && at.range.end <= text_length, "{at:?}");
        }
    }
    let _ = to_json(&compilation.findings, &compilation.sources);
    text_of(compilation)
}

#[test]
fn the_manifest_of_these_tests_is_valid() {
    assert_eq!(look_at(&run(MANIFEST.as_bytes(), "local")), "");
    assert_eq!(look_at(&run(MANIFEST.as_bytes(), "staging")), "");
}

/// Pieces that mean something, so that mutations go deep.
fn piece() -> impl Strategy<Value = String> {
    let known: Vec<&str> = vec![
        "${",
        "}",
        "${domain}",
        "${users}",
        "${app.port}",
        "${self.x}",
        "$${",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "\n  ",
        "\n",
        "\t",
        "\"",
        "'",
        "|",
        "&a ",
        "*a",
        "!Ref ",
        "null",
        "true",
        "012",
        "1e9",
        "é",
        "\u{feff}",
        "\u{0}",
        "#",
        "kind: edge",
        "kind: service",
        "x-a: 1",
        "default: ",
        "list<int>",
        "---\n",
        "<<: *a",
        "99999999999999999999",
    ];
    prop_oneof![proptest::sample::select(known).prop_map(str::to_owned), "[ -~]{0,3}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn never_panics_on_mutations(
        changes in proptest::collection::vec((0..MANIFEST.len(), 0..12usize, piece()), 1..6),
        environment in prop_oneof![Just("local"), Just("staging"), Just("nowhere")],
    ) {
        let mut text = MANIFEST.to_owned();
        for (at, length, new) in changes {
            let mut start = at.min(text.len());
            while !text.is_char_boundary(start) { start -= 1; }
            let mut end = (start + length).min(text.len());
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(start..end, &new);
        }
        let first = look_at(&run(text.as_bytes(), environment));
        let again = look_at(&run(text.as_bytes(), environment));
        prop_assert_eq!(first, again);
    }

    #[test]
    fn never_panics_on_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        look_at(&run(&bytes, "local"));
    }

    #[test]
    fn never_panics_on_lines_left_out(dropped in proptest::collection::btree_set(0..18usize, 1..5)) {
        let lines = MANIFEST.lines().enumerate().filter(|(index, _)| !dropped.contains(index));
        let text: String = lines.flat_map(|(_, line)| [line, "\n"]).collect();
        look_at(&run(text.as_bytes(), "staging"));
    }
}
