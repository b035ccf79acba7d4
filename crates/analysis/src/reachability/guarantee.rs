//! Explicit guarantees: who reaches what, asked of the picture itself, for all packets.

use super::chains::{Chain, Network};
use super::ends::{Destination, Source};
use super::intervals::SetAlgebra as _;
use super::judge::Judge;
use super::packets::AddressSet;
use super::question::{destinations, every_source, is_same, is_senseless, sources};
use super::report::ProofReport;
use super::verdict::{Status, Verdict};
use serde::Serialize;

/// Who, in a guarantee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaches {
    /// None of these.
    Nothing(Vec<String>),
    /// These and no other.
    Only(Vec<String>),
    /// Each of these, wholly.
    Every(Vec<String>),
}

impl Reaches {
    /// The names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::Nothing(names) | Self::Only(names) | Self::Every(names) => names,
        }
    }
}

/// `nothing`/`only`/`every` of some reach something, perhaps through some only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarantee {
    /// Sources by name; `internet` means both families.
    pub who: Reaches,
    /// A component, with or without `:port`; `internet`; a block; `service:s3`.
    pub reaches: String,
    /// Every chain goes through one of these components; empty when nothing is said of chains.
    pub through: Vec<String>,
}

/// Whether a guarantee holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Proved.
    Holds,
    /// Neither.
    Unknown,
    /// Refuted.
    Violated,
}

/// A pair that breaks a guarantee or leaves it open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// From whom; empty when it is about no pair.
    pub from: String,
    /// To whom.
    pub to: String,
    /// In a sentence.
    pub text: String,
    /// Whether the pair breaks the guarantee, or only leaves it open.
    pub outcome: Outcome,
    /// The way that is open or may be, or what closes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<Verdict>>,
}

/// A guarantee with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuaranteeReport {
    /// What was claimed.
    pub claim: String,
    /// Whether it holds.
    pub outcome: Outcome,
    /// The pairs that break it or leave it open.
    pub evidence: Vec<Evidence>,
}

impl GuaranteeReport {
    /// A claim against which nothing has been found yet.
    #[must_use]
    pub fn new(claim: impl Into<String>) -> Self {
        Self { claim: claim.into(), outcome: Outcome::Holds, evidence: Vec::new() }
    }

    pub(super) fn worsen(
        &mut self,
        outcome: Outcome,
        (from, to): (&str, &str),
        text: String,
        verdict: Option<Verdict>,
    ) {
        self.outcome = self.outcome.max(outcome);
        let (from, to) = (from.to_owned(), to.to_owned());
        if self.evidence.iter().all(|known| known.text != text) {
            self.evidence.push(Evidence { from, to, text, outcome, verdict: verdict.map(Box::new) });
        }
    }

    /// No packet may get through.
    pub(super) fn must_be_closed(&mut self, pair: (&str, &str), more: &str, verdict: Verdict) {
        let outcome = match verdict.status {
            Status::Unreachable => return,
            Status::Unknown => Outcome::Unknown,
            Status::Partly | Status::Reachable => Outcome::Violated,
        };
        let text = format!("{} to {}: {}{more}", pair.0, pair.1, verdict.status.word());
        self.worsen(outcome, pair, text, Some(verdict));
    }

    /// Every packet must get through.
    pub(super) fn must_be_open(&mut self, pair: (&str, &str), more: &str, verdict: Verdict) {
        let outcome = match verdict.status {
            Status::Reachable => return,
            Status::Unknown => Outcome::Unknown,
            Status::Partly | Status::Unreachable => Outcome::Violated,
        };
        let text = format!("{} to {}: {}{more}", pair.0, pair.1, verdict.status.word());
        self.worsen(outcome, pair, text, Some(verdict));
    }

    /// Something that is about no pair keeps it from being proved.
    pub fn leave_open(&mut self, text: String) {
        self.worsen(Outcome::Unknown, ("", ""), text, None);
    }

    /// Adds what was found of another part of the same claim, or under other conditions.
    pub fn join(&mut self, other: Self) {
        self.outcome = self.outcome.max(other.outcome);
        for evidence in other.evidence {
            if self.evidence.iter().all(|known| known.text != evidence.text) {
                self.evidence.push(evidence);
            }
        }
    }
}

/// The claim in words.
#[must_use]
pub fn claim(guarantee: &Guarantee) -> String {
    let word = match &guarantee.who {
        Reaches::Nothing(_) => "nothing of",
        Reaches::Only(_) => "only",
        Reaches::Every(_) => "every of",
    };
    let through = match guarantee.through.as_slice() {
        [] => String::new(),
        all => format!(" through {} only", all.join(", ")),
    };
    format!("{word} {} reaches {}{through}", guarantee.who.names().join(", "), guarantee.reaches)
}

/// Judges a guarantee in one picture; `blocks` are sources besides the internet and the components.
#[must_use]
pub fn judge(judge: &Judge<'_>, blocks: &[ipnet::IpNet], guarantee: &Guarantee) -> GuaranteeReport {
    let picture = judge.picture();
    let mut judged = GuaranteeReport::new(claim(guarantee));
    let names = guarantee.who.names();
    let named: Vec<(String, Source)> = names.iter().flat_map(|name| sources(picture, name)).collect();
    let targets = destinations(picture, &guarantee.reaches);
    for name in names.iter().filter(|name| sources(picture, name).is_empty()) {
        judged.worsen(Outcome::Unknown, (name, ""), format!("there is no source {name}"), None);
    }
    if targets.is_empty() {
        let text = format!("there is no destination {}", guarantee.reaches);
        judged.worsen(Outcome::Unknown, ("", &guarantee.reaches), text, None);
    }
    if !guarantee.through.is_empty() {
        // Chains are judged when all pairs are known.
        return judged;
    }
    match &guarantee.who {
        Reaches::Nothing(_) => {
            for (from_name, from) in &named {
                for (to_name, to) in targets.iter().filter(|(_, to)| !is_same(from, to) && !is_senseless(from, to)) {
                    judged.must_be_closed((from_name, to_name), "", judge.verdict(from, to));
                }
            }
        }
        Reaches::Only(_) => only(judge, blocks, &named, &targets, &mut judged),
        Reaches::Every(names) => {
            for name in names {
                every(judge, name, &targets, &mut judged);
            }
        }
    }
    judged
}

/// Everyone else is kept away; of addresses outside, those that are not named.
fn only(
    judge: &Judge<'_>,
    blocks: &[ipnet::IpNet],
    named: &[(String, Source)],
    targets: &[(String, Destination)],
    judged: &mut GuaranteeReport,
) {
    let allowed = named.iter().filter_map(|(_, source)| source.addresses());
    let allowed = allowed.fold(AddressSet::empty(), |all, (_, addresses)| all.union(&addresses));
    for (name, source) in every_source(judge.picture(), blocks) {
        for (to_name, to) in targets.iter().filter(|(_, to)| !is_same(&source, to) && !is_senseless(&source, to)) {
            match source.addresses() {
                Some((family, addresses)) => {
                    let rest = addresses.difference(&allowed);
                    let verdict = (!rest.is_empty()).then(|| judge.of_addresses(&rest, family, to)).flatten();
                    let name = if rest == addresses { name.clone() } else { format!("the rest of {name}") };
                    if let Some(verdict) = verdict {
                        judged.must_be_closed((&name, to_name), "", verdict);
                    }
                }
                None if named.iter().all(|(_, known)| *known != source) => {
                    judged.must_be_closed((&name, to_name), "", judge.verdict(&source, to));
                }
                None => {}
            }
        }
    }
}

/// A name reaches each target, of several ports or families one.
fn every(judge: &Judge<'_>, name: &str, targets: &[(String, Destination)], judged: &mut GuaranteeReport) {
    let froms = sources(judge.picture(), name);
    let pairs = froms.iter().flat_map(|from| targets.iter().map(move |to| (from, to)));
    let pairs = pairs.filter(|(from, to)| !is_same(&from.1, &to.1) && !is_senseless(&from.1, &to.1));
    let verdicts = pairs.map(|(from, to)| (&from.0, &to.0, judge.verdict(&from.1, &to.1)));
    let best = verdicts.reduce(|best, next| if next.2.status > best.2.status { next } else { best });
    if let Some((from, to, verdict)) = best {
        judged.must_be_open((from, to), "", verdict);
    }
}

/// Judges the chains of a guarantee with `through`.
pub(super) fn judge_through(
    report: &ProofReport,
    network: &Network,
    guarantee: &Guarantee,
    judged: &mut GuaranteeReport,
) {
    let through = guarantee.through.join(", ");
    let component = guarantee.reaches.split(':').next().unwrap_or_default();
    for name in guarantee.who.names() {
        let rows: Vec<String> = if name == "internet" {
            vec!["internet-v4".to_owned(), "internet-v6".to_owned()]
        } else {
            vec![name.clone()]
        };
        let mut is_reached = false;
        for row in rows {
            if let Some(chain) = network.chains(&row, &guarantee.through).get(component) {
                let text = format!("{row} -> {} goes past {through}", chain.steps.join(" -> "));
                let outcome = if chain.is_certain { Outcome::Violated } else { Outcome::Unknown };
                let last = chain.steps.last().map_or("", String::as_str);
                judged.worsen(outcome, (&row, last), text, path(report, chain));
            }
            is_reached |= network.chains(&row, &[]).get(component).is_some_and(|chain| chain.is_certain);
        }
        if !is_reached {
            let text = format!("{name} is not proved to reach {component} at all");
            judged.worsen(Outcome::Unknown, (name, component), text, None);
        }
    }
}

/// The hops of a chain, step after step; none in large matrices, whose cells have no reasons.
fn path(report: &ProofReport, chain: &Chain) -> Option<Verdict> {
    let mut verdict = Verdict::bare(if chain.is_certain { Status::Reachable } else { Status::Unknown });
    let mut from = chain.from.as_str();
    for step in &chain.steps {
        let cell = report
            .cells
            .iter()
            .find(|cell| report.sources[cell.source] == from && report.destinations[cell.destination].name == *step)?;
        let part = cell.verdict.as_ref()?;
        verdict.hops.extend(part.hops.iter().cloned());
        verdict.whys.extend(part.whys.iter().cloned());
        from = report.destinations[cell.destination].component.as_deref()?;
    }
    Some(verdict)
}
