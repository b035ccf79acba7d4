//! The people of a manifest.

use crate::codes;
use crate::manifest::Person;
use indexmap::IndexMap;
use model::{ComponentName, Finding, Findings, ManifestPath, Place};

/// Key types that OpenSSH still accepts by default.
const KEY_TYPES: &[&str] = &[
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// Checks what a shape cannot say.
pub(crate) fn check(people: &IndexMap<String, Person>, findings: &mut Findings) {
    for (name, person) in people {
        let at = ManifestPath::root().key("people").key(name);
        if ComponentName::new(name.clone()).is_err() {
            let summary = format!("`{name}` is no user name");
            let finding = Finding::new(&codes::INVALID_PERSON_NAME, Place::Key(at.clone()), summary);
            findings.push(finding.help("start with a lower-case letter and use at most 40 of a-z, 0-9 and '-'"));
        }
        if let Some(problem) = person.ssh_key.as_deref().and_then(problem_of_key) {
            let place = Place::Value(at.key("ssh-key"));
            let finding = Finding::new(&codes::INVALID_SSH_KEY, place, problem);
            findings.push(finding.help("paste the one line of the `.pub` file, as `ssh-ed25519 AAAA... name`"));
        }
    }
}

fn problem_of_key(key: &str) -> Option<&'static str> {
    if key.contains("PRIVATE KEY") {
        return Some("this is a private key; make a new pair, since this one is known now");
    }
    if key.trim().contains('\n') {
        return Some("a public key is one line");
    }
    let mut words = key.split_whitespace();
    let (kind, data) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !KEY_TYPES.contains(&kind) {
        return Some("the line does not begin with a key type");
    }
    // The data begins with the length and name of its own type, so that a mixed-up or cut key shows.
    let is_base64 = data.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    if !is_base64 || data.len() < 60 || !data.starts_with("AAAA") || data.len() % 4 != 0 {
        return Some("the key's data is not complete");
    }
    None
}
