//! The people of a manifest.

use crate::codes;
use crate::manifest::Person;
use components::ssh_key;
use indexmap::IndexMap;
use model::{ComponentName, Finding, Findings, ManifestPath, Place};

/// Checks what a shape cannot say.
pub(crate) fn check(people: &IndexMap<String, Person>, findings: &mut Findings) {
    for (name, person) in people {
        let at = ManifestPath::root().key("people").key(name);
        if ComponentName::new(name.clone()).is_err() {
            let summary = format!("`{name}` is no user name");
            let finding = Finding::new(&codes::INVALID_PERSON_NAME, Place::Key(at.clone()), summary);
            findings.push(finding.help("start with a lower-case letter and use at most 40 of a-z, 0-9 and '-'"));
        }
        if let Some(problem) = person.ssh_key.as_deref().and_then(ssh_key::problem) {
            let place = Place::Value(at.key("ssh-key"));
            let finding = Finding::new(&codes::INVALID_SSH_KEY, place, problem);
            findings.push(finding.help("paste the one line of the `.pub` file, as `ssh-ed25519 AAAA... name`"));
        }
    }
}
