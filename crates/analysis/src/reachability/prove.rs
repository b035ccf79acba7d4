//! The whole proof: a template in, a report out.

mod sum;

use super::bounded::why;
use super::classes::Classes;
use super::ends::{Destination, Source};
use super::guarantee::{self, Guarantee, GuaranteeReport};
use super::hints;
use super::judge::Judge;
use super::picture::{Picture, draw};
use super::question::{
    Question, destinations, every_destination, every_source, is_one_host, is_senseless, not_there, sources,
};
use super::report::{Column, Origin, ProofReport, REPORT_VERSION, ScenarioReport};
use super::road::Atlas;
use super::stated::{self, OpenPair, StatedEdge};
use super::verdict::{Status, Verdict};
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

/// Of a long list so many are named.
const SHOWN: usize = 8;

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
    // One picture at a time: there may be many combinations, and each picture may be large.
    let drawn = |scenario| draw(graph, &Evaluator::new(graph, &options.parameters, scenario));
    let mut proof = Proof::new(file, scenarios.is_complete);
    proof.origins(graph);
    for scenario in &scenarios.examined {
        let picture = &drawn(scenario);
        let when = shortened(&scenario.when);
        proof
            .report
            .scenarios
            .push(ScenarioReport { when: scenario.when.clone(), conditions: scenario.conditions.clone() });
        let atlas = Atlas::new(picture);
        let judge = Judge::new(&atlas);
        proof.ask(&judge, &options.question, &when);
        if !options.only_answers {
            proof.matrix(&judge, &options.blocks);
            proof.judge_guarantees(&judge, options, &when);
            proof.report.hints.extend(hints::hints(picture));
        }
        proof.notes(picture);
    }
    if !proof.has_asked(&options.question) {
        let pictures: Vec<Picture> = scenarios.examined.iter().take(SHOWN).map(drawn).collect();
        return Err(Problem::Question(not_there(&options.question, &pictures)));
    }
    proof.report.conditions_by_default = scenarios.by_default;
    Ok(proof.finish(options))
}

/// The answer for a pair in one scenario; there may be millions.
struct Found {
    row: u32,
    column: u32,
    scenario: u32,
    status: Status,
    verdict: Option<Box<Verdict>>,
}

/// What the scenarios have in common, and what they add up to.
struct Proof {
    report: ProofReport,
    rows: BTreeMap<String, usize>,
    columns: BTreeMap<String, usize>,
    /// The answers, those of one scenario after those of another.
    cells: Vec<Found>,
    /// Where those of the scenario begin that was looked at last.
    newest: usize,
    /// For each row and column in how many scenarios it is there.
    present: BTreeMap<(bool, usize), BTreeSet<usize>>,
    answers: BTreeMap<(String, String), Vec<(String, Verdict)>>,
    /// By load balancer: its port, if it has one for it, the target and the target's port.
    relays: BTreeMap<String, BTreeSet<(Option<u16>, String, u16)>>,
    /// The guarantees, explicit ones first, as far as scenarios were looked at.
    judged: Vec<GuaranteeReport>,
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
            cells: Vec::new(),
            newest: 0,
            present: BTreeMap::new(),
            answers: BTreeMap::new(),
            relays: BTreeMap::new(),
            judged: Vec::new(),
            scenario: 0,
        }
    }

    fn origins(&mut self, graph: &ResourceGraph) {
        for (name, resource) in &graph.resources {
            if let Some(origin) = &resource.origin {
                self.report.origins.insert(name.clone(), Origin { path: origin.to_string(), line: 0 });
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
                if is_senseless(from, to) || (froms.len() * tos.len() > 1 && is_one_host(picture, from, to)) {
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
        self.newest = self.cells.len();
        let mut found = |row: usize, column: usize, status, verdict| {
            let number = |index| u32::try_from(index).unwrap_or(u32::MAX);
            let (row, column, scenario) = (number(row), number(column), number(self.scenario));
            self.cells.push(Found { row, column, scenario, status, verdict });
        };
        if is_small {
            for ((_, to), column) in destinations.iter().zip(&columns) {
                for ((_, from), row) in sources.iter().zip(&rows) {
                    if !is_senseless(from, to) && !is_one_host(picture, from, to) {
                        let verdict = Box::new(judge.verdict(from, to));
                        found(*row, *column, verdict.status, Some(verdict));
                    }
                }
            }
        } else {
            // The components are the last rows.
            let outside = sources.iter().take_while(|(_, source)| !matches!(source, Source::Component(_))).count();
            let classes = Classes::new(judge.atlas);
            for ((_, to), column) in destinations.iter().zip(&columns) {
                let special = classes.special(picture, to);
                let asked = (0..outside).chain(special.iter().map(|index| outside + index));
                for position in asked {
                    let from = &sources[position].1;
                    if is_senseless(from, to) || is_one_host(picture, from, to) {
                        continue;
                    }
                    let status = judge.status(from, to);
                    if status != Status::Unreachable {
                        found(rows[position], *column, status, None);
                    }
                }
                for members in &classes.members {
                    let mut ordinary = members.iter().filter(|index| !special.contains(index)).peekable();
                    let Some(first) = ordinary.peek() else { continue };
                    let status = judge.status(&sources[outside + **first].1, to);
                    if status != Status::Unreachable {
                        ordinary.for_each(|index| found(rows[outside + index], *column, status, None));
                    }
                }
            }
        }
        for component in picture.components.iter().filter(|component| component.is_relay) {
            let forwards =
                component.forwards.iter().map(|forward| (forward.from_port, forward.to.clone(), forward.port));
            self.relays.entry(component.place.id.clone()).or_default().extend(forwards);
        }
        self.scenario += 1;
    }

    /// Judges what must hold in one scenario.
    fn judge_guarantees(&mut self, judge: &Judge<'_>, options: &Options, when: &str) {
        let mut found: Vec<GuaranteeReport> =
            options.guarantees.iter().map(|guarantee| guarantee::judge(judge, &options.blocks, guarantee)).collect();
        if let Some(edges) = &options.edges {
            let picture = judge.picture();
            let sources: BTreeMap<String, Source> = every_source(picture, &options.blocks).into_iter().collect();
            let destinations: BTreeMap<String, Destination> =
                every_destination(picture).into_iter().map(|(column, to)| (column.name, to)).collect();
            // The matrix of this scenario was made just before.
            let open = self.cells[self.newest..].iter().filter(|found| found.status != Status::Unreachable);
            let open = open.filter_map(|found| {
                let from_name = self.report.sources[found.row as usize].as_str();
                let to_name = self.report.destinations[found.column as usize].name.as_str();
                let (from, to) = (sources.get(from_name)?, destinations.get(to_name)?);
                Some(OpenPair { from_name, from, to_name, to })
            });
            found.push(stated::judge(judge, edges, open));
        }
        for judged in &mut found {
            for evidence in judged.evidence.iter_mut().filter(|_| !when.is_empty()) {
                evidence.text = format!("{} ({})", evidence.text, when_text(when));
            }
        }
        if self.judged.is_empty() {
            self.judged = found;
        } else {
            self.judged.iter_mut().zip(found).for_each(|(judged, found)| judged.join(found));
        }
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
}

/// What leads to a combination of conditions, in few words.
fn shortened(when: &[String]) -> String {
    match when.len().checked_sub(SHOWN) {
        None | Some(0) => when.join(", "),
        Some(more) => format!("{} and {more} more", when[..SHOWN].join(", ")),
    }
}

fn when_text(when: &str) -> String {
    if when.is_empty() { String::new() } else { format!("when {when}") }
}
