//! From what was said of a bastion to what makes sense.

use super::codes::{BAS001, BAS002, BAS003, BAS004, BAS005, BAS006, BAS007, BAS008, BAS009, BAS010};
use super::schema::BastionSpec;
use crate::allow_list::{self, AllowCodes};
use crate::context::ValidationContext;
use crate::said::{OneOrMany, PortSaid, report};
use crate::ssh_key;
use crate::together::RoleNamed;
use model::process_graph::PortWish;
use model::scalar::Cidr;
use model::{ComponentName, Finding, Findings, ManifestPath, Place};

const ALLOW: AllowCodes = AllowCodes { everybody: &BAS004, overdue: &BAS005, no_day: &BAS006, vague: &BAS007 };

/// What a bastion listens on when nobody says: not 22, on which this machine's own server listens.
pub(crate) const USUAL_PORT: u16 = 2222;

/// A bastion that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValidBastion {
    /// What it leads to, each with where it was named.
    pub(crate) to: Vec<(ComponentName, ManifestPath)>,
    /// For whom: name and public key, without its comment.
    pub(crate) people: Vec<(String, String)>,
    /// The roles that it is for.
    pub(crate) roles: Vec<RoleNamed>,
    /// Who may connect; empty when nobody said.
    pub(crate) sources: Vec<Cidr>,
    /// The number of its port that was said.
    pub(crate) wish: Option<PortWish>,
    /// Its path in the manifest.
    pub(crate) at: ManifestPath,
}

/// Checks a bastion. Reports everything that is wrong.
pub(super) fn validate(spec: BastionSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidBastion> {
    let before = findings.error_count();
    let to = targets(spec.to, &cx.at.key("to"), findings);
    let (people, roles) = people(spec.people, cx, findings);
    if !cx.is_local && spec.allow.as_ref().is_none_or(|allow| allow.sources.is_empty()) {
        let help = "write `allow: { sources: [203.0.113.0/24] }` with the blocks of those who connect; without a bastion, \
                    `landfall tunnel open` leads through a session of the account";
        report(findings, &BAS009, cx.at, "nothing says who may connect to it", help);
    }
    let owned = spec.allow.as_ref().is_some_and(|allow| allow.owner.is_some());
    let sources = spec.allow.map(|allow| allow_list::check(allow, &ALLOW, cx, findings)).unwrap_or_default();
    for (index, source) in sources.iter().enumerate().filter(|(_, source)| owned && source.is_everywhere()) {
        let at = cx.at.key("allow").key("sources").index(index);
        let help =
            "list the blocks of those who connect; for people whose addresses change, a session of the account will do";
        report(findings, &BAS008, &at, format!("{source} lets the whole internet try its keys here"), help);
    }
    (findings.error_count() == before).then_some(ValidBastion {
        to,
        people,
        roles,
        sources,
        wish: spec.port.map(PortSaid::wish),
        at: cx.at.clone(),
    })
}

fn targets(said: OneOrMany<String>, at: &ManifestPath, findings: &mut Findings) -> Vec<(ComponentName, ManifestPath)> {
    let said = said.at(at);
    if said.is_empty() {
        report(findings, &BAS001, at, "it leads nowhere", "name a database or a service, as `to: db`");
    }
    let mut targets: Vec<(ComponentName, ManifestPath)> = Vec::new();
    for (name, place) in said {
        match ComponentName::new(name.clone()) {
            Err(error) => {
                let help = "name a database or a service of this manifest; a bastion leads nowhere else";
                report(findings, &BAS001, &place, format!("`{name}` is no component's name: {error}"), help);
            }
            Ok(known) if targets.iter().any(|(other, _)| *other == known) => {
                report(findings, &BAS001, &place, format!("`{name}` is named twice"), "remove one of them");
            }
            Ok(target) => targets.push((target, place)),
        }
    }
    targets
}

/// The people who have one of the roles, each once.
fn people(
    said: OneOrMany<String>,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> (Vec<(String, String)>, Vec<RoleNamed>) {
    let at = cx.at.key("people");
    let roles = said.at(&at);
    if roles.is_empty() {
        report(findings, &BAS002, &at, "it is for nobody", "name the roles that may use it, as `people: [admin]`");
    }
    let mut meant = Vec::new();
    for (name, person) in cx.people {
        let Some((_, place)) = roles.iter().find(|(role, _)| person.roles.contains(role)) else { continue };
        match &person.ssh_key {
            Some(key) => {
                if cx.is_local && key.trim_start().starts_with("sk-") {
                    let at = ManifestPath::root().key("people").key(name).key("ssh-key");
                    let summary = format!("`{}` does not take {name}'s key on this machine", cx.name);
                    let help =
                        "for this machine, a key in a file: `ssh-keygen -t ed25519`; in an account the token's will do";
                    let finding = Finding::new(&BAS010, Place::Value(at), summary).help(help);
                    findings.push(finding.related(Place::Value(place.clone()), "it is for this role"));
                }
                meant.push((name.to_string(), ssh_key::without_comment(key)));
            }
            None => {
                let who = ManifestPath::root().key("people").key(name);
                let summary = format!("{name} is to use `{}`, but has no key", cx.name);
                let help = "paste the one line of their `.pub` file, as `ssh-key: \"ssh-ed25519 AAAA...\"`; \
                            `ssh-keygen -t ed25519` makes a pair";
                let finding = Finding::new(&BAS003, Place::Key(who), summary).help(help);
                findings.push(finding.related(Place::Value(place.clone()), "it is for this role"));
            }
        }
    }
    // That nobody has a role is seen by the rules between components: the last one who had it may have gone.
    let roles = roles.into_iter().map(|(role, at)| RoleNamed { role, at }).collect();
    (meant, roles)
}
