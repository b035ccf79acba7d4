//! The whole proof: a template in, a report out.

use super::bounded::why;
use super::chains::Network;
use super::guarantee::{self, Guarantee, StatedEdge};
use super::hints;
use super::intervals::SetAlgebra;
use super::judge::{Destination, Judge, Source};
use super::packets::{AddressSet, Family, ProtocolName, TCP, UDP, describe_ports};
use super::picture::{Filter, Peer, Picture, draw};
use super::report::{Answer, Cell, Column, ExpectationReport, ProofReport, REPORT_VERSION, ScenarioReport};
use super::road::Atlas;
use super::verdict::{Status, Verdict, every, every_status};
use model::Findings;
use model::cfn::{self, Evaluator, Given, ResourceGraph};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a question should be answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// Some packets get through for sure, and all of the class.
    Reachable,
    /// No packet gets through.
    Unreachable,
}

/// From whom to whom; what is not given means everyone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// `internet`, `internet-v4`, `internet-v6`, a block or address, a logical id.
    pub from: Option<String>,
    /// A logical id, `id:port`, `id:udp/port`, `internet`, `internet:port`, a block, `service:s3`.
    pub to: Option<String>,
}

/// How to prove.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What is asked; without anything the matrix alone is made.
    pub question: Question,
    /// Given values of parameters and pseudo parameters.
    pub parameters: BTreeMap<String, Given>,
    /// What the answers should be.
    pub expect: Option<Expectation>,
    /// Further sources of the matrix.
    pub blocks: Vec<ipnet::IpNet>,
    /// What must hold.
    pub guarantees: Vec<Guarantee>,
    /// The edges that a manifest states, when exactly these shall be open.
    pub edges: Option<Vec<StatedEdge>>,
    /// How many combinations of conditions are examined; 0 means [`SCENARIO_BOUND`].
    pub scenario_bound: usize,
    /// Leaves the matrix, chains and hints out: only what was asked is answered.
    pub only_answers: bool,
}

/// The usual number of combinations of conditions.
pub const SCENARIO_BOUND: usize = 64;

/// Matrices up to this size have a verdict with reasons in every cell.
const SMALL: usize = 4000;

/// Why there is no proof.
#[derive(Debug)]
pub enum Problem {
    /// The file could not be read.
    Unreadable(Findings),
    /// The question names what is not there.
    Question(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(findings) => match findings.iter().next() {
                Some(finding) => f.write_str(&finding.summary),
                None => f.write_str("the file could not be read"),
            },
            Self::Question(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Problem {}

/// Proves a template's network.
///
/// # Errors
/// When the text is no template, or the question names something that the template does not have.
pub fn prove(text: &str, file: &str, options: &Options) -> Result<ProofReport, Problem> {
    let mut findings = Findings::new();
    match cfn::read(file, text, &mut findings) {
        Some(template) => prove_graph(&template.graph, file, options),
        None => Err(Problem::Unreadable(findings)),
    }
}

/// Proves the network of resources, ours or read.
///
/// # Errors
/// When the question names something that the resources do not have.
pub fn prove_graph(graph: &ResourceGraph, file: &str, options: &Options) -> Result<ProofReport, Problem> {
    for name in options.parameters.keys() {
        if !graph.parameters.contains_key(name) && !name.starts_with("AWS::") {
            let known: Vec<&str> = graph.parameters.keys().map(String::as_str).collect();
            return Err(Problem::Question(format!("there is no parameter {name}; there are: {}", known.join(", "))));
        }
    }
    let bound = if options.scenario_bound == 0 { SCENARIO_BOUND } else { options.scenario_bound };
    let scenarios = cfn::scenarios(graph, &options.parameters, bound);
    let pictures: Vec<Picture> = scenarios
        .examined
        .iter()
        .map(|scenario| draw(graph, &Evaluator::new(graph, &options.parameters, scenario)))
        .collect();
    let mut proof = Proof::new(file, scenarios.is_complete);
    proof.origins(graph);
    for (scenario, picture) in scenarios.examined.iter().zip(&pictures) {
        let when = scenario.when.join(", ");
        proof
            .report
            .scenarios
            .push(ScenarioReport { when: scenario.when.clone(), conditions: scenario.conditions.clone() });
        let atlas = Atlas::new(picture);
        let judge = Judge::new(&atlas);
        proof.ask(&judge, &options.question, &when);
        if !options.only_answers {
            proof.matrix(&judge, &options.blocks);
            proof.report.hints.extend(hints::hints(picture));
        }
        proof.notes(picture);
    }
    if !proof.has_asked(&options.question) {
        return Err(Problem::Question(not_there(&options.question, &pictures)));
    }
    proof.report.conditions_by_default = scenarios.by_default;
    Ok(proof.finish(options))
}

/// The column name of ports of a component.
fn port_name(component: &str, protocol: u8, ports: (u16, u16)) -> String {
    let protocol = match protocol {
        TCP => String::new(),
        other => format!("{}/", ProtocolName(other)),
    };
    format!("{component}:{protocol}{}", describe_ports(ports))
}

/// The answer for a pair in one scenario.
struct Found {
    scenario: usize,
    status: Status,
    verdict: Option<Box<Verdict>>,
}

/// What the scenarios have in common, and what they add up to.
struct Proof {
    report: ProofReport,
    rows: BTreeMap<String, usize>,
    columns: BTreeMap<String, usize>,
    /// By row and column: the answers by scenario.
    cells: BTreeMap<(usize, usize), Vec<Found>>,
    /// For each row and column in how many scenarios it is there.
    present: BTreeMap<(bool, usize), BTreeSet<usize>>,
    answers: BTreeMap<(String, String), Vec<(String, Verdict)>>,
    relays: BTreeMap<String, BTreeSet<(String, u16)>>,
    scenario: usize,
}

impl Proof {
    fn new(file: &str, all_scenarios_examined: bool) -> Self {
        Self {
            report: ProofReport {
                version: REPORT_VERSION,
                file: file.to_owned(),
                scenarios: Vec::new(),
                all_scenarios_examined,
                conditions_by_default: Vec::new(),
                sources: Vec::new(),
                destinations: Vec::new(),
                cells: Vec::new(),
                is_sparse: false,
                answers: Vec::new(),
                expectation: None,
                guarantees: Vec::new(),
                chains: Vec::new(),
                hints: Vec::new(),
                notes: Vec::new(),
                origins: BTreeMap::new(),
            },
            rows: BTreeMap::new(),
            columns: BTreeMap::new(),
            cells: BTreeMap::new(),
            present: BTreeMap::new(),
            answers: BTreeMap::new(),
            relays: BTreeMap::new(),
            scenario: 0,
        }
    }

    fn origins(&mut self, graph: &ResourceGraph) {
        for (name, resource) in &graph.resources {
            if let Some(origin) = &resource.origin {
                self.report.origins.insert(name.clone(), origin.to_string());
            }
        }
    }

    fn row(&mut self, name: String) -> usize {
        let next = self.rows.len();
        let sources = &mut self.report.sources;
        let row = *self.rows.entry(name.clone()).or_insert_with(|| {
            sources.push(name);
            next
        });
        self.present.entry((true, row)).or_default().insert(self.scenario);
        row
    }

    fn column(&mut self, column: Column) -> usize {
        let next = self.columns.len();
        let destinations = &mut self.report.destinations;
        let index = *self.columns.entry(column.name.clone()).or_insert_with(|| {
            destinations.push(column);
            next
        });
        self.present.entry((false, index)).or_default().insert(self.scenario);
        index
    }

    fn ask(&mut self, judge: &Judge<'_>, question: &Question, when: &str) {
        let picture = judge.picture();
        let froms = question.from.as_deref().map(|from| sources(picture, from)).unwrap_or_default();
        let tos = question.to.as_deref().map(|to| destinations(picture, to)).unwrap_or_default();
        let all_sources: Vec<(String, Source)>;
        let all_destinations: Vec<(String, Destination)>;
        let (froms, tos) = match (&question.from, &question.to) {
            (None, None) => return,
            (Some(_), Some(_)) => (froms, tos),
            (Some(_), None) => {
                all_destinations =
                    every_destination(picture).into_iter().map(|(column, to)| (column.name, to)).collect();
                (froms, all_destinations)
            }
            (None, Some(_)) => {
                all_sources = every_source(picture, &[]);
                (all_sources, tos)
            }
        };
        for (from_name, from) in &froms {
            for (to_name, to) in &tos {
                if is_senseless(from, to) || (froms.len() * tos.len() > 1 && is_same(from, to)) {
                    continue;
                }
                let key = (from_name.clone(), to_name.clone());
                self.answers.entry(key).or_default().push((when_text(when), judge.verdict(from, to)));
            }
        }
    }

    fn has_asked(&self, question: &Question) -> bool {
        (question.from.is_none() && question.to.is_none()) || !self.answers.is_empty()
    }

    fn matrix(&mut self, judge: &Judge<'_>, blocks: &[ipnet::IpNet]) {
        let picture = judge.picture();
        let sources = every_source(picture, blocks);
        let destinations = every_destination(picture);
        let is_small = sources.len() * destinations.len() <= SMALL;
        self.report.is_sparse |= !is_small;
        let rows: Vec<usize> = sources.iter().map(|(name, _)| self.row(name.clone())).collect();
        let columns: Vec<usize> = destinations.iter().map(|(column, _)| self.column(column.clone())).collect();
        let candidates = Candidates::new(picture);
        let outside = sources.iter().take_while(|(_, source)| !matches!(source, Source::Component(_))).count();
        for ((_, to), column) in destinations.iter().zip(&columns) {
            let known = match to {
                Destination::Port { component, .. } if !is_small => candidates.of(picture, *component),
                _ => None,
            };
            // Everyone else is stopped by the groups; the components are the last rows.
            let asked: Vec<usize> = match known {
                Some(components) => (0..outside).chain(components.into_iter().map(|index| outside + index)).collect(),
                None => (0..sources.len()).collect(),
            };
            for position in asked {
                let (from, row) = (&sources[position].1, rows[position]);
                if is_senseless(from, to) || is_same(from, to) {
                    continue;
                }
                let verdict = is_small.then(|| Box::new(judge.verdict(from, to)));
                let status = verdict.as_ref().map_or_else(|| judge.status(from, to), |verdict| verdict.status);
                if is_small || status != Status::Unreachable {
                    let found = Found { scenario: self.scenario, status, verdict };
                    self.cells.entry((row, *column)).or_default().push(found);
                }
            }
        }
        for component in picture.components.iter().filter(|component| component.is_relay) {
            let forwards = component.forwards.iter().map(|forward| (forward.to.clone(), forward.port));
            self.relays.entry(component.place.id.clone()).or_default().extend(forwards);
        }
        self.scenario += 1;
    }

    fn notes(&mut self, picture: &Picture) {
        let unknown = picture.unknown.iter().map(|why| format!("nothing is proved unreachable: {why}"));
        for note in picture.notes.iter().cloned().chain(unknown) {
            if !self.report.notes.contains(&note) {
                self.report.notes.push(note);
            }
        }
    }

    /// A verdict that holds for some combinations of conditions holds only for those.
    fn limited(&self, mut verdict: Verdict) -> Verdict {
        if !self.report.all_scenarios_examined && verdict.status == Status::Unreachable {
            verdict.status = Status::Unknown;
            verdict.whys = why("not every combination of conditions was examined");
        }
        verdict
    }

    fn finish(mut self, options: &Options) -> ProofReport {
        for ((from, to), verdicts) in std::mem::take(&mut self.answers) {
            if let Some(verdict) = every(verdicts) {
                let verdict = self.limited(verdict);
                self.report.answers.push(Answer { from, to, verdict });
            }
        }
        for ((source, destination), parts) in std::mem::take(&mut self.cells) {
            let (rows, columns) = (&self.present[&(true, source)], &self.present[&(false, destination)]);
            let in_all = rows.intersection(columns).count();
            // Large matrices have no cells for scenarios in which the pair is unreachable.
            let mut statuses: Vec<Status> = parts.iter().map(|found| found.status).collect();
            statuses.resize(in_all.max(statuses.len()), Status::Unreachable);
            let whens = &self.report.scenarios;
            let verdicts: Option<Vec<(String, Verdict)>> = parts
                .into_iter()
                .map(|found| {
                    let when = whens.get(found.scenario).map(|scenario| scenario.when.join(", ")).unwrap_or_default();
                    Some((when_text(&when), *found.verdict?))
                })
                .collect();
            let verdict = verdicts
                .filter(|verdicts| verdicts.len() == statuses.len())
                .and_then(every)
                .map(|verdict| Box::new(self.limited(verdict)));
            let Some(mut status) = verdict.as_ref().map(|verdict| verdict.status).or_else(|| every_status(&statuses))
            else {
                continue;
            };
            if status == Status::Unreachable && !self.report.all_scenarios_examined {
                status = Status::Unknown;
            }
            self.report.cells.push(Cell { source, destination, status, verdict });
        }
        if !self.report.all_scenarios_examined {
            self.report.notes.push(format!(
                "{} combinations of conditions were examined, there are more; see `scenarios`",
                self.report.scenarios.len()
            ));
            self.report.is_sparse = false;
        }
        for condition in &self.report.conditions_by_default {
            self.report.notes.push(format!("the condition {condition} is taken by the parameter's default"));
        }
        self.report.hints.sort();
        self.report.hints.dedup();
        let network = self.network();
        self.chains(&network);
        for guarantee in &options.guarantees {
            let judged = guarantee::judge(&self.report, &network, guarantee);
            self.report.guarantees.push(judged);
        }
        if let Some(edges) = &options.edges {
            let judged = guarantee::judge_edges(&self.report, edges);
            self.report.guarantees.push(judged);
        }
        self.report.expectation = options.expect.map(|expected| met(&self.report.answers, expected));
        self.report
    }

    fn network(&self) -> Network {
        let mut network = Network::default();
        for cell in &self.report.cells {
            if cell.status == Status::Unreachable {
                continue;
            }
            let (from, column) = (&self.report.sources[cell.source], &self.report.destinations[cell.destination]);
            let Some(to) = &column.component else { continue };
            // A load balancer passes on what it is told to, and nothing else.
            if let Some(forwards) = self.relays.get(from) {
                let is_forward = forwards
                    .iter()
                    .any(|(target, port)| target == to && column.name == port_name(to, TCP, (*port, *port)));
                if !is_forward {
                    continue;
                }
            }
            network.add(from, to, &column.name, matches!(cell.status, Status::Reachable | Status::Partly));
        }
        network
    }

    /// What the outside reaches only over others.
    fn chains(&mut self, network: &Network) {
        let outside: Vec<String> = self
            .report
            .sources
            .iter()
            .filter(|name| name.starts_with("internet") || name.contains('/'))
            .cloned()
            .collect();
        for name in outside {
            let chains = network.chains(&name, None);
            self.report.chains.extend(chains.into_values().filter(|chain| chain.steps.len() > 1));
        }
    }
}

fn when_text(when: &str) -> String {
    if when.is_empty() { String::new() } else { format!("when {when}") }
}

fn is_same(from: &Source, to: &Destination) -> bool {
    matches!((from, to), (Source::Component(a), Destination::Port { component, .. }) if a == component)
}

fn is_senseless(from: &Source, to: &Destination) -> bool {
    !matches!(from, Source::Component(_)) && !matches!(to, Destination::Port { .. })
}

fn met(answers: &[Answer], expected: Expectation) -> ExpectationReport {
    let (word, is_met) = match expected {
        Expectation::Unreachable => {
            let is_met =
                !answers.is_empty() && answers.iter().all(|answer| answer.verdict.status == Status::Unreachable);
            ("unreachable", is_met)
        }
        Expectation::Reachable => {
            ("reachable", answers.iter().any(|answer| answer.verdict.status == Status::Reachable))
        }
    };
    let found: BTreeSet<&str> = answers.iter().map(|answer| answer.verdict.status.word()).collect();
    let found: Vec<&str> = found.into_iter().collect();
    let text =
        format!("expected {word}, found {}", if found.is_empty() { "nothing".to_owned() } else { found.join(" and ") });
    ExpectationReport { expected: word.to_owned(), is_met, text }
}

/// Every row of a matrix.
fn every_source(picture: &Picture, blocks: &[ipnet::IpNet]) -> Vec<(String, Source)> {
    let mut all = vec![
        ("internet-v4".to_owned(), Source::Internet(Family::V4)),
        ("internet-v6".to_owned(), Source::Internet(Family::V6)),
    ];
    all.extend(blocks.iter().map(|block| (block.to_string(), Source::Block(*block))));
    let components = picture.components.iter().enumerate();
    all.extend(components.map(|(index, component)| (component.place.id.clone(), Source::Component(index))));
    all
}

/// Every column of a matrix.
fn every_destination(picture: &Picture) -> Vec<(Column, Destination)> {
    let mut all = Vec::new();
    for (index, component) in picture.components.iter().enumerate() {
        all.extend(ports_of(picture, index).into_iter().map(|(place_line, name, destination)| {
            (Column { name, component: Some(component.place.id.clone()), line: place_line }, destination)
        }));
    }
    for (name, family) in [("internet-v4", Family::V4), ("internet-v6", Family::V6)] {
        let column = Column { name: name.to_owned(), component: None, line: 0 };
        all.push((column, Destination::Internet { family, ports: (0, u16::MAX) }));
    }
    let services: BTreeSet<&String> = picture
        .gateway_endpoints
        .iter()
        .map(|endpoint| &endpoint.service)
        .chain(picture.interface_endpoints.values())
        .collect();
    for service in services {
        let column = Column { name: format!("service:{service}"), component: None, line: 0 };
        all.push((column, Destination::Service(service.clone())));
    }
    all
}

fn ports_of(picture: &Picture, index: usize) -> Vec<(u32, String, Destination)> {
    let component = &picture.components[index];
    let make = |line, protocol, ports| {
        let name = port_name(&component.place.id, protocol, ports);
        (line, name, Destination::Port { component: index, protocol, ports })
    };
    if component.listeners.is_empty() && !component.unknown.is_empty() {
        return vec![make(component.place.line, TCP, (0, u16::MAX))];
    }
    component.listeners.iter().map(|listener| make(listener.place.line, listener.protocol, listener.ports)).collect()
}

fn block(text: &str) -> Option<ipnet::IpNet> {
    text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from))
}

fn sources(picture: &Picture, name: &str) -> Vec<(String, Source)> {
    match name {
        "internet" => vec![
            ("internet-v4".to_owned(), Source::Internet(Family::V4)),
            ("internet-v6".to_owned(), Source::Internet(Family::V6)),
        ],
        "internet-v4" => vec![(name.to_owned(), Source::Internet(Family::V4))],
        "internet-v6" => vec![(name.to_owned(), Source::Internet(Family::V6))],
        _ => match (picture.component(name), block(name)) {
            (Some(_), _) => named_components(picture, name)
                .into_iter()
                .map(|index| (picture.components[index].place.id.clone(), Source::Component(index)))
                .collect(),
            (None, Some(block)) => vec![(block.to_string(), Source::Block(block))],
            (None, None) => Vec::new(),
        },
    }
}

/// All components that a name means: a file system has several mount targets.
fn named_components(picture: &Picture, name: &str) -> Vec<usize> {
    let is_named = |index: &usize| {
        let component = &picture.components[*index];
        component.place.id == name || component.aliases.iter().any(|alias| alias == name)
    };
    (0..picture.components.len()).filter(is_named).collect()
}

fn destinations(picture: &Picture, text: &str) -> Vec<(String, Destination)> {
    if let Some(service) = text.strip_prefix("service:") {
        return vec![(text.to_owned(), Destination::Service(service.to_owned()))];
    }
    let (name, port) = match text.rsplit_once(':') {
        // An IPv6 block has colons of its own.
        Some((name, port)) if block(text).is_none() => (name, parse_port(port)),
        _ => (text, None),
    };
    let is_port_bad = port.is_none() && name != text;
    if is_port_bad {
        return Vec::new();
    }
    let (protocol, ports) = port.unwrap_or((TCP, (0, u16::MAX)));
    if let Some(family) = match name {
        "internet" | "internet-v4" => Some(Family::V4),
        "internet-v6" => Some(Family::V6),
        _ => None,
    } {
        let mut all = vec![(text.to_owned(), Destination::Internet { family, ports })];
        if name == "internet" {
            all[0].0 = text.replacen("internet", "internet-v4", 1);
            let name = text.replacen("internet", "internet-v6", 1);
            all.push((name, Destination::Internet { family: Family::V6, ports }));
        }
        return all;
    }
    if picture.component(name).is_none() {
        return match block(name) {
            Some(block) => vec![(text.to_owned(), Destination::Block { block, ports })],
            None => Vec::new(),
        };
    }
    let mut all = Vec::new();
    for index in named_components(picture, name) {
        if port.is_some() {
            let name = port_name(&picture.components[index].place.id, protocol, ports);
            all.push((name, Destination::Port { component: index, protocol, ports }));
        } else {
            all.extend(ports_of(picture, index).into_iter().map(|(_, name, destination)| (name, destination)));
        }
    }
    if all.is_empty() && port.is_none() {
        // Nothing is known to listen: every port.
        for index in named_components(picture, name) {
            let name = port_name(&picture.components[index].place.id, TCP, (0, u16::MAX));
            all.push((name, Destination::Port { component: index, protocol: TCP, ports: (0, u16::MAX) }));
        }
    }
    all
}

/// `443`, `8000-8100`, `udp/53`, `any`.
fn parse_port(text: &str) -> Option<(u8, (u16, u16))> {
    let (protocol, range) = match text.split_once('/') {
        Some(("tcp", range)) => (TCP, range),
        Some(("udp", range)) => (UDP, range),
        Some(_) => return None,
        None => (TCP, text),
    };
    let ports = match range.split_once('-') {
        _ if range == "any" => (0, u16::MAX),
        Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
        None => {
            let port = range.parse().ok()?;
            (port, port)
        }
    };
    (ports.0 <= ports.1).then_some((protocol, ports))
}

fn not_there(question: &Question, pictures: &[Picture]) -> String {
    let names: BTreeSet<&str> =
        pictures.iter().flat_map(|picture| &picture.components).map(|component| component.place.id.as_str()).collect();
    let names: Vec<&str> = names.into_iter().take(30).collect();
    let is_known = |name: &Option<String>, is_from: bool| {
        name.as_deref().is_none_or(|name| {
            pictures.iter().any(|picture| {
                if is_from { !sources(picture, name).is_empty() } else { !destinations(picture, name).is_empty() }
            })
        })
    };
    let wrong = if !is_known(&question.from, true) {
        question.from.as_deref()
    } else if !is_known(&question.to, false) {
        question.to.as_deref()
    } else {
        return "both ends lie outside of the template; one of them must be a component".to_owned();
    };
    format!(
        "nothing in the template is called {}; components are: {}; besides there are internet, internet-v4, \
         internet-v6, blocks such as 203.0.113.0/24, and service:NAME; a port is written NAME:443 or NAME:udp/53",
        wrong.unwrap_or_default(),
        names.join(", ")
    )
}

/// Which components may come through the groups of which others: everyone else stops there.
struct Candidates {
    by_group: BTreeMap<usize, BTreeSet<usize>>,
    by_subnet: BTreeMap<usize, BTreeSet<usize>>,
    external: BTreeSet<usize>,
    always: BTreeSet<usize>,
}

impl Candidates {
    fn new(picture: &Picture) -> Self {
        let mut all = Self {
            by_group: BTreeMap::new(),
            by_subnet: BTreeMap::new(),
            external: BTreeSet::new(),
            always: BTreeSet::new(),
        };
        for (index, component) in picture.components.iter().enumerate() {
            if !component.unknown.is_empty() || component.forwards.iter().any(|forward| forward.keeps_client_address) {
                all.always.insert(index);
            }
            for interface in &component.interfaces {
                all.by_subnet.entry(interface.subnet).or_default().insert(index);
                let Filter::Groups(groups) = &interface.filter else { continue };
                for group in groups {
                    all.by_group.entry(*group).or_default().insert(index);
                    if picture.groups[*group].is_external {
                        all.external.insert(index);
                    }
                }
            }
        }
        all
    }

    /// The sources that an ingress rule of a component may let in; `None` means everyone.
    fn of(&self, picture: &Picture, component: usize) -> Option<BTreeSet<usize>> {
        let component = &picture.components[component];
        if !component.unknown.is_empty() || component.public_endpoint.is_some() || !picture.unknown.is_empty() {
            return None;
        }
        let mut known = self.always.clone();
        for interface in &component.interfaces {
            let Filter::Groups(groups) = &interface.filter else { return None };
            for group in groups {
                let group = &picture.groups[*group];
                if !group.unknown.is_empty() {
                    return None;
                }
                for rule in &group.ingress {
                    match &rule.peer {
                        Peer::Unknown => return None,
                        Peer::Group(peer) => {
                            known.extend(self.by_group.get(peer).into_iter().flatten());
                            if picture.groups[*peer].is_external {
                                known.extend(&self.external);
                            }
                        }
                        Peer::Addresses(addresses) => self.add_by_address(picture, addresses, interface, &mut known)?,
                    }
                }
            }
        }
        Some(known)
    }

    fn add_by_address(
        &self,
        picture: &Picture,
        addresses: &AddressSet,
        to: &super::picture::Interface,
        known: &mut BTreeSet<usize>,
    ) -> Option<()> {
        let is_wide = addresses.count() >= 1 << 24;
        if is_wide && to.public_v4.is_possible() {
            return None;
        }
        for (subnet, members) in &self.by_subnet {
            let subnet = &picture.subnets[*subnet];
            if !addresses.intersection(&subnet.v4).is_empty() || !addresses.intersection(&subnet.v6).is_empty() {
                known.extend(members);
            }
        }
        Some(())
    }
}
