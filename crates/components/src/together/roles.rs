//! What is given to roles of people reaches somebody.

use super::{Facts, RoleNamed, TOG007, TOG008};
use crate::people::{ADMINISTRATOR, People};
use crate::said::{nearest, report};
use indexmap::IndexMap;
use model::{ComponentName, Findings};
use std::collections::BTreeSet;

pub(super) fn check(facts: &IndexMap<&ComponentName, Facts>, people: &People, findings: &mut Findings) {
    // A manifest without people is one in which nobody was entered yet.
    if people.is_empty() {
        return;
    }
    let held: BTreeSet<&str> = people.values().flat_map(|person| &person.roles).map(String::as_str).collect();
    let named: Vec<&RoleNamed> = facts.values().flat_map(|own| &own.roles).collect();
    for RoleNamed { role, at } in named.iter().filter(|named| !held.contains(named.role.as_str())) {
        if role == ADMINISTRATOR {
            let help = format!("give one of {} the role, as `roles: [{ADMINISTRATOR}]`", names(people));
            report(findings, &TOG008, at, format!("of the people, nobody has the role `{ADMINISTRATOR}`"), help);
            continue;
        }
        let help = match nearest(role, held.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`? Otherwise give the role to somebody under `people`"),
            None => "give the role to somebody under `people`, or remove it here".to_owned(),
        };
        report(findings, &TOG007, at, format!("nobody has the role `{role}`"), help);
    }
}

fn names(people: &People) -> String {
    people.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}
