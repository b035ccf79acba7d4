//! Password verifiers against other programs that make or check the same. Where such a program is
//! not on the machine, the fixed vectors beside the functions still hold.
#![expect(clippy::unwrap_used, reason = "tests may panic")]
#![expect(clippy::disallowed_types, reason = "the other side is a program")]

mod tabpy;

use model::process_graph::{KeyEncoding, SecretRecipe};
use std::io::Write;
use std::process::{Command, Stdio};
use template::{Context, generate, render};

const SEED: &[u8] = b"0123456789abcdef";
const PASSWORD: &str = "correct-horse_Battery9";

fn rendered(text: &str) -> String {
    let context: Context = serde_json::from_value(serde_json::json!({ "password": PASSWORD })).unwrap();
    render("test", text, &context, SEED).unwrap().expose().to_owned()
}

/// What a program prints, given a text on its standard input; nothing when it is not there.
fn asked(program: &str, arguments: &[&str], input: &str) -> Option<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(input.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
}

#[test]
fn pbkdf2_is_pythons() {
    for (digest, rounds, length) in [("sha1", 1, 20), ("sha256", 600, 48), ("sha512", 10_000, 64)] {
        let ours = rendered(&format!(
            "{{{{ password | pbkdf2(digest='{digest}', salt='_$salt', rounds={rounds}, length={length}) }}}}"
        ));
        let script = format!(
            "import hashlib, sys; print(hashlib.pbkdf2_hmac('{digest}', sys.stdin.read().encode(), b'_$salt', {rounds}, {length}).hex())"
        );
        if let Some(theirs) = asked("python3", &["-c", &script], PASSWORD) {
            assert_eq!(ours, theirs, "{digest}");
        }
    }
}

#[test]
fn sha512_crypt_is_openssls() {
    let ours = rendered("{{ password | sha512_crypt(rounds=5000, salt='abcdefgh') }}");
    if let Some(theirs) = asked("openssl", &["passwd", "-6", "-salt", "rounds=5000$abcdefgh", "-stdin"], PASSWORD) {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn digests_are_openssls() {
    let ours = rendered("{{ password | hmac(key='k', digest='sha512') }}");
    if let Some(theirs) = asked("openssl", &["dgst", "-sha512", "-hmac", "k", "-r"], PASSWORD) {
        assert_eq!(Some(ours.as_str()), theirs.split_whitespace().next());
    }
}

#[test]
fn key_pairs_are_read_by_openssl_and_ssh() {
    let mut random = |bytes: &mut [u8]| bytes.iter_mut().enumerate().for_each(|(index, byte)| *byte = index as u8);
    let pair = generate(&SecretRecipe::Ed25519, &mut random).unwrap();
    if let Some(text) = asked("openssl", &["pkey", "-noout", "-text"], pair.value.expose()) {
        assert!(text.starts_with("ED25519 Private-Key"), "{text}");
    }
    if let Some(text) = asked("ssh-keygen", &["-l", "-f", "-"], &pair.public.unwrap()) {
        assert!(text.starts_with("256 SHA256:") && text.ends_with("(ED25519)"), "{text}");
    }
    let pair = generate(&SecretRecipe::EcdsaP256, &mut random).unwrap();
    if let Some(text) = asked("openssl", &["pkey", "-noout", "-text"], pair.value.expose()) {
        assert!(text.contains("NIST CURVE: P-256"), "{text}");
    }
    if let Some(text) = asked("ssh-keygen", &["-l", "-f", "-"], &pair.public.unwrap()) {
        assert!(text.starts_with("256 SHA256:") && text.ends_with("(ECDSA)"), "{text}");
    }
    let pair = generate(&SecretRecipe::Rsa { bits: 2048 }, &mut random).unwrap();
    if let Some(public) = asked("openssl", &["pkey", "-pubout"], pair.value.expose()) {
        assert_eq!(public, pair.public.unwrap().trim_end());
    }
}

#[test]
fn a_key_has_its_bytes() {
    let recipe = SecretRecipe::Key { bytes: 24, encoding: KeyEncoding::Hex };
    let key = generate(&recipe, &mut |bytes: &mut [u8]| bytes.fill(1)).unwrap();
    assert_eq!(key.value.expose(), "01".repeat(24));
}
