//! Rules between components: what each of them says of itself is right, but not together.

mod databases;
mod roles;

use crate::component::ValidComponent;
use crate::database_use::{DatabaseFacts, DatabaseUse};
use crate::people::People;
use crate::reference::{Reference, ReferenceText};
use crate::said::report;
use indexmap::IndexMap;
use model::scalar::{Duration, Size};
use model::{ComponentName, Finding, FindingCode, Findings, ManifestPath, Place, Severity};

/// What a component tells about itself for these rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Texts in which no secret may stand.
    pub public_texts: Vec<PublicText>,
    /// Whether requests can be routed to it.
    pub listens: bool,
    /// The longest that a request to it may take.
    pub longest_request: Option<(Duration, ManifestPath)>,
    /// The memory that it may use.
    pub memory: Option<(Size, ManifestPath)>,
    /// Where it sends requests.
    pub routes: Vec<RouteFact>,
    /// To what it leads people and programs of others: something that listens, or holds databases.
    pub leads_to: Vec<(ComponentName, ManifestPath)>,
    /// The roles of people that it gives something to.
    pub roles: Vec<RoleNamed>,
    /// The databases that it uses.
    pub uses: Vec<DatabaseUse>,
    /// What it says that means something of a database alone, each with the component of which it says it.
    pub of_databases: Vec<(ComponentName, ManifestPath)>,
    /// The databases that it holds.
    pub holds: Option<DatabaseFacts>,
}

/// A text in which no secret may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicText {
    /// The text.
    pub text: ReferenceText,
    /// Where it was said.
    pub at: ManifestPath,
    /// Who would see the secret, as `everybody who lists processes sees it`.
    pub seen_by: &'static str,
    /// Where it may stand instead.
    pub instead: &'static str,
}

/// A route to another component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteFact {
    /// The other component.
    pub to: ComponentName,
    /// Where it was named.
    pub at: ManifestPath,
    /// How long an answer may take.
    pub idle_timeout: (Duration, ManifestPath),
    /// The largest body that comes through.
    pub request_body: (Size, ManifestPath),
}

/// A role of people that a component gives something to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleNamed {
    /// The role.
    pub role: String,
    /// Where it was named.
    pub at: ManifestPath,
}

/// The codes of these rules, sorted.
pub const CODES: &[&FindingCode] = &[&TOG001, &TOG002, &TOG003, &TOG004, &TOG005, &TOG006, &TOG007, &TOG008, &TOG009];

const TOG001: FindingCode = FindingCode {
    code: "TOG001",
    title: "a secret stands where it can be seen",
    explanation: "Files that others may read are read by others. A secret may stand in files that only the service's \
                  user reads (`mode: \"0600\"`), and in environment variables.",
    severity: Severity::Error,
};
const TOG002: FindingCode = FindingCode {
    code: "TOG002",
    title: "requests are cut off before they may end",
    explanation: "A service says how long its longest request takes (`longest-request`), and an edge closes a connection \
                  on which nothing moved for its `idle-timeout`. When the edge's time is not longer, it answers 504 \
                  while the service still works. Keep the times in one line: client's patience, then edge, then service.",
    severity: Severity::Error,
};
const TOG003: FindingCode = FindingCode {
    code: "TOG003",
    title: "a way leads to a component that does not listen",
    explanation: "Edges, bastions and tunnels can only lead to a service that has a `port`, or to a database.",
    severity: Severity::Error,
};
const TOG004: FindingCode = FindingCode {
    code: "TOG004",
    title: "one large request can use up a service's memory",
    explanation: "A JSON body takes about ten times its size in memory while a program reads it. When the edge lets a \
                  body through that needs more memory than the service may use, one such request restarts the service. \
                  Lower the edge's `request-body`, or give the service more `memory`.",
    severity: Severity::Warning,
};

const TOG005: FindingCode = FindingCode {
    code: "TOG005",
    title: "it is not clear which database is used",
    explanation: "Who uses a database server gets a role in one of its databases. Name the database when the server has \
                  several, and one that it has.",
    severity: Severity::Error,
};
const TOG006: FindingCode = FindingCode {
    code: "TOG006",
    title: "a name that a role of the database cannot have",
    explanation: "Each component and each person that uses a database has a role of its own name there. While its password is \
                  replaced there is a second one with `_b` behind the name. MySQL takes 32 characters for both, PostgreSQL \
                  63; some names are the server's own; and a component and a person cannot share one.",
    severity: Severity::Error,
};
const TOG007: FindingCode = FindingCode {
    code: "TOG007",
    title: "a role of people that nobody has",
    explanation: "A component gives something to a role (`people: ...`), and nobody under `people` has it: usually one of the \
                  two is misspelt.",
    severity: Severity::Warning,
};
const TOG008: FindingCode = FindingCode {
    code: "TOG008",
    title: "nobody is an administrator",
    explanation: "Components give the role `admin` what nobody else may do, and of the people nobody has it: with the last \
                  administrator goes the last login that can mend anything. Give somebody the role before it is taken from \
                  the last one.",
    severity: Severity::Error,
};
const TOG009: FindingCode = FindingCode {
    code: "TOG009",
    title: "rights in a database where there is none",
    explanation: "`database`, `grants` and `connections` of a tunnel make a role in the database that it leads to. A service has \
                  no roles: whoever comes through the tunnel may do what the service lets anybody do. What looks like a limit \
                  would be none.",
    severity: Severity::Error,
};

/// How many times its own size a JSON body takes while it is read, measured with Python.
const MEMORY_PER_BODY: u64 = 10;

/// Applies the rules.
pub fn check(components: &IndexMap<&ComponentName, &ValidComponent>, people: &People, findings: &mut Findings) {
    let facts: IndexMap<&ComponentName, Facts> =
        components.iter().map(|(&name, valid)| (name, valid.facts())).collect();
    for (name, own) in &facts {
        for public in &own.public_texts {
            for reference in public.text.references().filter(|reference| is_secret(components, name, reference)) {
                let summary = format!("{reference} is a secret; {}", public.seen_by);
                report(findings, &TOG001, &public.at, summary, public.instead);
            }
        }
        for route in &own.routes {
            let Some(target) = facts.get(&route.to) else { continue };
            check_route(route, target, findings);
        }
        for (to, at) in &own.leads_to {
            let Some(target) = facts.get(to) else { continue };
            check_listens(to, at, target, findings);
        }
    }
    databases::check(&facts, findings);
    roles::check(&facts, people, findings);
}

fn is_secret(
    components: &IndexMap<&ComponentName, &ValidComponent>,
    this: &ComponentName,
    reference: &Reference,
) -> bool {
    let name = if reference.component == "self" { this.as_str() } else { &reference.component };
    let component = components.iter().find(|(known, _)| known.as_str() == name);
    component
        .is_some_and(|(_, valid)| valid.exports().iter().any(|export| export.secret && export.name == reference.export))
}

fn check_listens(to: &ComponentName, at: &ManifestPath, target: &Facts, findings: &mut Findings) {
    if !target.listens && target.holds.is_none() {
        let summary = format!("{to} does not listen on a port");
        report(findings, &TOG003, at, summary, format!("give `{to}` a `port`, for example `port: any`"));
    }
}

fn check_route(route: &RouteFact, target: &Facts, findings: &mut Findings) {
    let RouteFact { to, at, idle_timeout: (idle, idle_at), request_body: (body, body_at) } = route;
    check_listens(to, at, target, findings);
    if let Some((longest, longest_at)) = &target.longest_request
        && longest >= idle
    {
        let summary = format!("a request to {to} may take {longest}, but is cut off after {idle} without a byte");
        let help = format!("raise `limits.idle-timeout` above {longest}, or lower `longest-request` of {to}");
        let finding = Finding::new(&TOG002, Place::Value(idle_at.clone()), summary).help(help);
        findings.push(finding.related(Place::Value(longest_at.clone()), "the longest request"));
    }
    if let Some((memory, memory_at)) = &target.memory
        && memory.bytes() / MEMORY_PER_BODY < body.bytes()
    {
        let summary = format!("a body of {body} may need more than the {memory} of memory that {to} has");
        let help = format!("give {to} more memory, or lower `limits.request-body`");
        let finding = Finding::new(&TOG004, Place::Value(body_at.clone()), summary).help(help);
        findings.push(finding.related(Place::Value(memory_at.clone()), "its memory"));
    }
}
