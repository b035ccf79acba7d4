//! What a service promises, as probes.

use super::local::seconds;
use super::schema::Restart;
use super::valid::{ValidFile, ValidService};
use crate::context::LocalContext;
use indexmap::IndexMap;
use model::probe::{Addresses, Endpoint, HttpExpectation, HttpRequest, Probe, Question, RequestBody};
use model::{NodeId, PortId, ProbeId};

/// Seconds that a question to a program that runs may take.
const PATIENCE_SECONDS: u32 = 10;

/// A file is readable by those whom its mode names, and ours.
pub(super) fn file(valid: &ValidService, file: &ValidFile, node: &NodeId, cx: &mut LocalContext<'_>) {
    let readers = if file.mode & 0o077 == 0 { "its owner alone can read it" } else { "its mode is as stated" };
    let probe = Probe {
        id: ProbeId::new(format!("{}/file/{}", cx.name, file.name)),
        component: cx.name.clone(),
        origin: valid.at.key("files").key(&file.name),
        claim: format!("{} has mode {:04o}: {readers}", file.name, file.mode),
        question: Question::File { file: node.clone(), mode: file.mode },
        help: "somebody changed the file; `landfall up` writes it again".to_owned(),
        contrast: None,
    };
    cx.probe(probe);
}

/// The program answers, nobody but this machine reaches it, and it comes back when it is killed.
pub(super) fn program(valid: &ValidService, port: Option<&PortId>, program: &NodeId, cx: &mut LocalContext<'_>) {
    let Some(port) = port else { return };
    let name = cx.name.clone();
    let alive = alive(valid, port);
    let claim = match &valid.health {
        Some(health) => {
            let statuses: Vec<String> = health.statuses.iter().map(ToString::to_string).collect();
            format!("{name} answers {} on {} with {}", "GET", health.path, statuses.join(" or "))
        }
        None => format!("{name} accepts connections"),
    };
    let probe = |what: &str, key: &str, claim: String, question: Question, help: String| Probe {
        id: ProbeId::new(format!("{name}/{what}")),
        component: name.clone(),
        origin: valid.at.key(key),
        claim,
        question,
        help,
        contrast: None,
    };
    let health_key = if valid.health.is_some() { "health" } else { "port" };
    let look = format!("look at its log: `landfall logs {name}`");
    let mut probes = vec![
        probe("alive", health_key, claim, alive.clone(), look.clone()),
        probe(
            "loopback-only",
            "port",
            format!("{name}'s port is closed on every other address of this machine"),
            Question::Tcp { port: port.clone(), on: Addresses::EveryOther, open: false },
            "the program listens on more than `${self.address}`; pass it that address, or wrap its start so that it binds there only"
                .to_owned(),
        ),
    ];
    if valid.restart == Restart::Always {
        let within_seconds = valid.health.as_ref().map_or(60, |health| seconds(health.timeout));
        let question = Question::Restart { program: program.clone(), within_seconds, alive: Box::new(alive) };
        let claim = format!("{name} is back within {within_seconds} s after kill -9");
        probes.push(probe("restart", "restart", claim, question, look));
    }
    for probe in probes {
        cx.probe(probe);
    }
}

fn alive(valid: &ValidService, port: &PortId) -> Question {
    match &valid.health {
        None => Question::Tcp { port: port.clone(), on: Addresses::Loopback, open: true },
        Some(health) => Question::Http {
            request: HttpRequest {
                to: Endpoint::Port { port: port.clone() },
                method: "GET".to_owned(),
                path: health.path.clone(),
                headers: IndexMap::new(),
                basic: None,
                body: RequestBody::Empty,
                timeout_seconds: PATIENCE_SECONDS,
            },
            expect: HttpExpectation { statuses: health.statuses.clone(), ..HttpExpectation::default() },
        },
    }
}
