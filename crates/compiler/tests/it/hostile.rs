//! Manifests that are made to keep the command busy are refused, or understood, at once.

use crate::support::{compile_text, text_of};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Generous, since tests run without optimization beside others.
const AT_ONCE: Duration = Duration::from_secs(60);

/// Compiles and reports; returns the text.
fn at_once(manifest: &str) -> String {
    let begun = Instant::now();
    let compilation = compile_text(manifest);
    let text = text_of(&compilation);
    assert!(begun.elapsed() < AT_ONCE, "took {:?}", begun.elapsed());
    assert!(text.len() < 1 << 20, "{} bytes of text", text.len());
    text
}

fn parameters(count: usize, line: impl Fn(usize) -> String) -> String {
    let mut manifest = "landfall: 1\nname: shop\ncomponents: { net: { kind: network } }\nparameters:\n".to_owned();
    for index in 0..count {
        writeln!(manifest, "  p{index}: {}", line(index)).unwrap();
    }
    manifest
}

#[test]
fn parameters_that_double() {
    let text = at_once(&parameters(60, |index| match index {
        0 => "{ type: string, default: aaaaaaaaaaaaaaaa }".to_owned(),
        _ => format!("{{ type: string, default: \"${{p{0}}}${{p{0}}}\" }}", index - 1),
    }));
    assert!(text.contains("PAR020") && text.matches("error[").count() == 1, "{text}");
}

#[test]
fn parameters_that_refer_in_a_long_chain() {
    let text = at_once(&parameters(2000, |index| format!("{{ type: string, default: \"${{p{}}}\" }}", index + 1)));
    assert!(text.contains("there is no parameter `p2000`"), "{text}");
    let text =
        at_once(&parameters(2000, |index| format!("{{ type: string, default: \"${{p{}}}\" }}", (index + 1) % 2000)));
    assert!(text.contains("PAR014"), "{text}");
}

#[test]
fn names_that_nobody_knows() {
    let text = at_once(&parameters(1000, |index| format!("{{ type: string, default: \"${{q{index}}}\" }}")));
    assert!(text.contains("MAN005"), "{text}");
    let mut manifest = "landfall: 1\nname: shop\ncomponents: { net: { kind: network".to_owned();
    for index in 0..2000 {
        write!(manifest, ", key{index}: 1").unwrap();
    }
    assert!(at_once(&(manifest + " } }\n")).contains("MAN005"));
}

#[test]
fn one_text_with_very_many_references() {
    let references = "${x}".repeat(100_000);
    let manifest =
        format!("landfall: 1\nname: shop\ncomponents: {{ net: {{ kind: network, zones: \"{references}\" }} }}\n");
    assert!(at_once(&manifest).contains("REF002"));
}

#[test]
fn patterns_that_explode() {
    let large =
        at_once(&parameters(1, |_| "{ type: string, default: a, pattern: \"((((a{99}){99}){99}){99}){99}\" }".into()));
    assert!(large.contains("PAR003"), "{large}");
    let slow = format!("{{ type: string, default: {}, pattern: \"(a*)*(a*)*b\" }}", "a".repeat(50_000));
    assert!(at_once(&parameters(1, |_| slow.clone())).contains("PAR007"));
}

#[test]
fn thousands_of_components() {
    let mut manifest = "landfall: 1\nname: shop\ncomponents:\n".to_owned();
    for index in 0..1500 {
        writeln!(manifest, "  c{index}: {{ kind: service, command: [a], needs: [c{}] }}", (index + 1) % 1500).unwrap();
    }
    assert!(at_once(&manifest).contains("COM006"));
}
