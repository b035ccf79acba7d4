//! The guarantees of a manifest: their form and their names. The proof is made of the generated resources, in
//! [`prove`](crate::prove).

use crate::codes;
use crate::manifest::{Guarantee, Parties};
use crate::nearest::suggest;
use crate::party::Party;
use model::{Finding, Findings, ManifestPath, Place};

const FORMS: &str = "write one of { nothing: A, reaches: B }, { only: A, reaches: B }, { every: A, reaches: B }, \
                     { every: A, reaches: B, through: C }";

/// Checks what a shape cannot say. `parties` are the names of components and people.
pub(crate) fn check(guarantees: &[Guarantee], parties: &[&str], findings: &mut Findings) {
    let all = ManifestPath::root().key("guarantees");
    for (index, guarantee) in guarantees.iter().enumerate() {
        let at = all.index(index);
        if let Some(problem) = problem(guarantee) {
            findings.push(Finding::new(&codes::UNCLEAR_GUARANTEE, Place::Value(at.clone()), problem).help(FORMS));
        }
        let named = [("nothing", &guarantee.nothing), ("only", &guarantee.only), ("every", &guarantee.every)];
        let named = named.into_iter().filter_map(|(key, parties)| Some((key, parties.as_ref()?, Role::Who)));
        let through = guarantee.through.iter().map(|parties| ("through", parties, Role::Through));
        for (key, said, role) in named.chain(through).chain([("reaches", &guarantee.reaches, Role::Reaches)]) {
            for (index, name) in said.names().iter().enumerate() {
                let at = at.key(key);
                let is_list = matches!(said, Parties::Several(_));
                let place = Place::Value(if is_list { at.index(index) } else { at });
                findings.extend(wrong_party(name, role, parties, place));
            }
        }
    }
}

/// What a party is in its sentence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Who,
    Reaches,
    Through,
}

fn problem(guarantee: &Guarantee) -> Option<&'static str> {
    let subjects: Vec<&Parties> =
        [&guarantee.nothing, &guarantee.only, &guarantee.every].into_iter().flatten().collect();
    let is_outside = |parties: &Parties| parties.names().iter().all(|name| Party::read(name).is_outside());
    match subjects.as_slice() {
        [] => Some("the guarantee does not say whose paths it is about"),
        [who] if who.names().is_empty() || guarantee.reaches.names().is_empty() => {
            Some("the guarantee names nobody, so it would hold without proving anything")
        }
        [_] if guarantee.every.is_none() && guarantee.through.is_some() => Some("`through` belongs to `every`"),
        [who] if is_outside(who) && is_outside(&guarantee.reaches) => {
            Some("both ends of the guarantee lie outside of the deployment")
        }
        [_] => None,
        _ => Some("the guarantee says several things at once"),
    }
}

fn wrong_party(name: &str, role: Role, parties: &[&str], place: Place) -> Option<Finding> {
    let unclear =
        |problem: String, help: &str| Some(Finding::new(&codes::UNCLEAR_GUARANTEE, place.clone(), problem).help(help));
    match (Party::read(name), role) {
        (Party::Internet | Party::Block(_), Role::Through) => {
            unclear(format!("no path goes through `{name}`"), "`through` names components of this manifest")
        }
        (Party::Service(_), Role::Who | Role::Through) => unclear(
            format!("`{name}` is reached by others; it reaches nothing itself"),
            "services of the cloud stand after `reaches`",
        ),
        (Party::Named { port: Some(_), .. }, Role::Who | Role::Through) => {
            unclear(format!("`{name}` names a port"), "a port stands after `reaches` alone; leave it out")
        }
        (Party::Named { name, .. }, _) if !parties.contains(&name) => {
            let mut known = parties.to_vec();
            known.push("internet");
            let summary = format!("there is neither a component nor a person `{name}`");
            let mut finding = Finding::new(&codes::UNKNOWN_PARTY, place, summary);
            finding.help = suggest(name, &known, "name");
            Some(finding)
        }
        (Party::Malformed(why), _) => {
            Some(Finding::new(&codes::UNKNOWN_PARTY, place, format!("`{name}` is no party of a guarantee")).help(why))
        }
        _ => None,
    }
}
