//! What a bastion promises, as probes: most of it is what must be refused.

use super::local::{PROBE_ACCOUNT, Way};
use super::validate::ValidBastion;
use crate::context::LocalContext;
use model::probe::{Addresses, Probe, Question, SshRequest};
use model::text::Atom;
use model::{NodeId, PortId, ProbeId, Text};

/// A bastion as clients see it.
pub(super) struct Door<'a> {
    pub(super) port: PortId,
    pub(super) host_key: NodeId,
    /// The key of the account through which it is tried.
    pub(super) probe_key: NodeId,
    pub(super) ways: &'a [Way],
}

impl Door<'_> {
    fn ask(&self, user: &str, key: Option<&NodeId>, request: SshRequest, granted: bool) -> Question {
        Question::Ssh {
            port: self.port.clone(),
            host_key: self.host_key.clone(),
            user: user.to_owned(),
            key: key.cloned(),
            request,
            granted,
        }
    }

    fn ask_as_probe(&self, request: SshRequest, granted: bool) -> Question {
        self.ask(PROBE_ACCOUNT, Some(&self.probe_key), request, granted)
    }
}

/// What it lets through, and that it lets nothing else through.
pub(super) fn bastion(valid: &ValidBastion, door: &Door<'_>, cx: &mut LocalContext<'_>) {
    let name = cx.name.clone();
    let own_port = Text::hole(Atom::Port(door.port.clone()));
    let probe = |what: &str, key: &str, claim: String, question: Question, help: String| Probe {
        id: ProbeId::new(format!("{name}/{what}")),
        component: name.clone(),
        origin: valid.at.key(key),
        claim,
        question,
        help,
        contrast: None,
    };
    let stale = || format!("`landfall up` gives {name} what the manifest says; its log: `landfall logs {name}`");
    let mut probes: Vec<Probe> = Vec::new();
    for way in door.ways {
        let request = SshRequest::Forward { host: way.name.to_string(), port: way.said.clone() };
        let claim = format!("{name} leads to {} for a key that it knows", way.name);
        let help = format!("look whether {} runs, with `landfall status`; its log: `landfall logs {name}`", way.name);
        probes.push(probe(&format!("leads-to/{}", way.name), "to", claim, door.ask_as_probe(request, true), help));
    }
    let elsewhere = SshRequest::Forward { host: "127.0.0.1".to_owned(), port: own_port };
    let refusals = [
        ("no-other-way", "to", "leads nowhere else", elsewhere),
        ("no-shell", "people", "gives nobody a shell", SshRequest::Shell),
        ("no-command", "people", "runs no command", SshRequest::Command),
        ("no-listening", "to", "listens for nobody", SshRequest::Listen { port: Text::literal("0") }),
    ];
    for (what, key, claim, request) in refusals {
        probes.push(probe(what, key, format!("{name} {claim}"), door.ask_as_probe(request, false), stale()));
    }
    // The account that certainly is there, and that of a person: a key that nobody knows opens neither.
    let person = valid.people.first().map(|(person, _)| person.as_str());
    for user in [PROBE_ACCOUNT].into_iter().chain(person) {
        let what = if user == PROBE_ACCOUNT { "unknown-key".to_owned() } else { format!("unknown-key/{user}") };
        let claim = match user {
            PROBE_ACCOUNT => format!("{name} refuses a key that it does not know"),
            person => format!("{name} refuses a key that is not {person}'s for {person}"),
        };
        probes.push(probe(&what, "people", claim, door.ask(user, None, SshRequest::Login, false), stale()));
    }
    probes.push(probe(
        "loopback-only",
        "port",
        format!("{name}'s port is closed on every other address of this machine"),
        Question::Tcp { port: door.port.clone(), on: Addresses::EveryOther, open: false },
        "something else listens there; `landfall status` names the port's owner".to_owned(),
    ));
    for probe in probes {
        cx.probe(probe);
    }
}
