//! The people of a manifest.

mod edit;

pub use edit::{NotEdited, PeopleEdit, edit_people};

use crate::codes;
use crate::manifest::Person;
use components::ssh_key;
use indexmap::IndexMap;
use model::{ComponentName, Finding, Findings, ManifestPath, Place};
use std::collections::HashMap;

/// Checks what a shape cannot say.
pub(crate) fn check(people: &IndexMap<String, Person>, findings: &mut Findings) {
    let mut keys: HashMap<Vec<&str>, ManifestPath> = HashMap::new();
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
        } else if let Some(key) = &person.ssh_key {
            // What stands behind the data is a comment.
            let key: Vec<&str> = key.split_whitespace().take(2).collect();
            let at = at.key("ssh-key");
            if let Some(first) = keys.get(&key) {
                let summary = format!("{name} has the key of somebody else");
                let finding = Finding::new(&codes::SHARED_SSH_KEY, Place::Value(at), summary);
                let finding = finding.related(Place::Value(first.clone()), "it stands here first");
                findings.push(
                    finding.help(format!("let {name} make one: `ssh-keygen -t ed25519`, and paste the `.pub` file")),
                );
            } else {
                keys.insert(key, at);
            }
        }
        for (index, role) in person.roles.iter().enumerate() {
            if person.roles[..index].contains(role) {
                let place = Place::Value(at.key("roles").index(index));
                let finding = Finding::new(&codes::REPEATED_ROLE, place, format!("{name} has the role `{role}` twice"));
                findings.push(finding.help("remove one of them"));
            }
        }
    }
}
