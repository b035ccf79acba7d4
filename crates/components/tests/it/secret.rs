use crate::support::{node, validated};
use model::process_graph::{NodeSpec, SecretRecipe, SecretSpec};

#[test]
fn a_given_secret_is_never_repeated() {
    let outcome = validated("password: { kind: secret, given: hunter2 }");
    let shown = format!("{:?}", outcome.findings);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(outcome.lines(), "SEC006 a given secret is a reference to where it is kept");
}

#[test]
fn a_word_and_a_mapping_mean_the_same() {
    for (word, mapping) in [("password", "{ password: {} }"), ("key", "{ key: {} }"), ("rsa", "{ rsa: {} }")] {
        let one = validated(&format!("a: {{ kind: secret, generate: {word} }}")).graph();
        let other = validated(&format!("a: {{ kind: secret, generate: {mapping} }}")).graph();
        assert_eq!(one, other, "{word}");
    }
    let graph = validated("a: { kind: secret, generate: password }").graph();
    let NodeSpec::Secret(SecretSpec::Generated { recipe, generation: 1 }) = node(&graph, "a/value") else { panic!() };
    let SecretRecipe::Password { length: 32, alphabet } = recipe else { panic!("{recipe:?}") };
    assert_eq!(alphabet.len(), 64);
}

#[test]
fn only_key_pairs_have_a_public_half() {
    let outcome = validated("pair: { kind: secret, generate: ed25519 }\nkey: { kind: secret, generate: key }");
    let names = |index: usize| -> Vec<(String, bool)> {
        outcome.components[index].exports().into_iter().map(|export| (export.name, export.secret)).collect()
    };
    assert_eq!(names(0), [("public".to_owned(), false), ("value".to_owned(), true)]);
    assert_eq!(names(1), [("value".to_owned(), true)]);
    let outputs = outcome.graph().outputs;
    assert_eq!(outputs.iter().map(|output| output.name.as_str()).collect::<Vec<_>>(), ["pair.public"]);
    assert!(!outputs[0].value.has_secret());
}
