//! Whether the packets of a class get through, with a witness or the cut.

use super::bounded::{Tri, Whys};
use super::explain::{cut, describe, hops, sample};
use super::intervals::{IntervalMap, SetAlgebra};
use super::packets::{AddressSet, EPHEMERAL, PacketSet, PortAddresses};
use super::picture::{Picture, Place};
use super::road::{Gate, Look, Passes, Road};
use std::net::IpAddr;

/// The answer of three values; partly is reachable for a part of the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// No packet of the class gets through.
    Unreachable,
    /// Not to be known, because of named things.
    Unknown,
    /// Packets of a part of the class get through.
    Partly,
    /// Every packet of the class gets through.
    Reachable,
}

impl Status {
    /// As reports and JSON write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
            Self::Partly => "partly",
            Self::Reachable => "reachable",
        }
    }
}

/// A step on the way.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Hop {
    /// What stands there: `security group rule`, `route`.
    pub what: String,
    /// Where it is declared.
    pub place: Place,
    /// What it says.
    pub text: String,
}

/// What keeps the packets away.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cut {
    /// What stands there.
    pub what: String,
    /// Where it is declared, or would be.
    pub place: Place,
    /// What is missing or blocks.
    pub text: String,
    /// The smallest change that opens it.
    pub fix: String,
    /// What else is in the way, each as the change that opens it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further_fixes: Vec<String>,
}

impl Cut {
    pub(super) fn new(what: &str, place: Place, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.to_owned(), place, text: text.into(), fix: fix.into(), further_fixes: Vec::new() }
    }
}

/// One packet of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Packet {
    /// From.
    pub source: IpAddr,
    /// The client's port.
    pub source_port: u16,
    /// To.
    pub destination: IpAddr,
    /// The listener's port.
    pub port: u16,
    /// Protocol number.
    pub protocol: u8,
}

/// The answer for one class of packets.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// In one word.
    pub status: Status,
    /// The steps, when packets get through or may.
    pub hops: Vec<Hop>,
    /// One packet that gets through.
    pub witness: Option<Packet>,
    /// What keeps the others away.
    pub cut: Option<Cut>,
    /// Which part gets through, when not all does.
    pub part: Option<String>,
    /// Because of what it is unknown.
    pub whys: Whys,
}

impl Verdict {
    pub(super) fn unreachable(what: &str, place: Place, text: impl Into<String>, fix: impl Into<String>) -> Self {
        let cut = Cut::new(what, place, text, fix);
        Self { cut: Some(cut), ..Self::bare(Status::Unreachable) }
    }

    pub(super) fn unknown(whys: Whys) -> Self {
        Self { whys, ..Self::bare(Status::Unknown) }
    }

    pub(super) fn bare(status: Status) -> Self {
        Self { status, hops: Vec::new(), witness: None, cut: None, part: None, whys: Whys::new() }
    }
}

/// A product of ranges: source, client port, destination, port.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) sources: AddressSet,
    pub(super) client_ports: (u16, u16),
    pub(super) destinations: AddressSet,
    pub(super) ports: (u16, u16),
}

/// What is left of a class behind the gates.
struct Flow {
    parts: Vec<Part>,
    /// The first gate behind which nothing was left, with what came there.
    stopped: Option<(usize, Vec<Part>)>,
    /// Whether any packet was lost.
    has_lost: bool,
    /// The first gate that lost packets.
    first_loss: Option<usize>,
}

/// Which bound of what is known is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Certain,
    Possible,
}

/// The whole class.
fn start(road: &Road<'_>, ports: (u16, u16)) -> Part {
    Part { sources: road.sources.clone(), client_ports: EPHEMERAL, destinations: road.destinations.clone(), ports }
}

fn flow(road: &Road<'_>, protocol: u8, ports: (u16, u16), bound: Bound) -> Flow {
    let mut flow = Flow { parts: vec![start(road, ports)], stopped: None, has_lost: false, first_loss: None };
    for (index, gate) in road.gates.iter().enumerate() {
        let (next, has_lost) = pass(gate, &flow.parts, protocol, bound);
        if has_lost && !flow.has_lost {
            flow.has_lost = true;
            flow.first_loss = Some(index);
        }
        if next.is_empty() {
            flow.stopped = Some((index, std::mem::take(&mut flow.parts)));
            return flow;
        }
        flow.parts = next;
    }
    flow
}

fn is_everything(set: &AddressSet) -> bool {
    matches!(set.entries(), [(0, u128::MAX, true)])
}

/// What of the parts passes a gate, and whether something did not.
fn pass(gate: &Gate<'_>, parts: &[Part], protocol: u8, bound: Bound) -> (Vec<Part>, bool) {
    match &gate.passes {
        Passes::All(Tri::Yes) => (parts.to_vec(), false),
        Passes::All(Tri::No) => (Vec::new(), true),
        Passes::All(Tri::Unknown(_)) => {
            if bound == Bound::Possible {
                (parts.to_vec(), false)
            } else {
                (Vec::new(), true)
            }
        }
        Passes::Addresses(set) => {
            let set = if bound == Bound::Certain { &set.certain } else { &set.possible };
            let ports: PortAddresses = IntervalMap::of(0, u16::MAX, set.clone());
            narrow(gate.look, parts, &ports)
        }
        Passes::Packets(set) => {
            let set: &PacketSet = if bound == Bound::Certain { &set.certain } else { &set.possible };
            match set.protocol(protocol) {
                Some(ports) => narrow(gate.look, parts, ports),
                None => (Vec::new(), true),
            }
        }
    }
}

fn narrow(look: Look, parts: &[Part], passes: &PortAddresses) -> (Vec<Part>, bool) {
    let mut next = Vec::with_capacity(parts.len());
    let mut has_lost = false;
    for part in parts {
        let range = match look {
            Look::Source | Look::Destination => part.ports,
            Look::AnswerToSource | Look::AnswerFromDestination => part.client_ports,
        };
        let is_source = matches!(look, Look::Source | Look::AnswerToSource);
        let addresses = if is_source { &part.sources } else { &part.destinations };
        let mut covered = 0_u32;
        for (first, last, allowed) in passes.entries() {
            let (first, last) = ((*first).max(range.0), (*last).min(range.1));
            if first > last {
                continue;
            }
            covered += u32::from(last) - u32::from(first) + 1;
            let kept = if is_everything(allowed) { addresses.clone() } else { addresses.intersection(allowed) };
            has_lost |= kept != *addresses;
            if kept.is_empty() {
                continue;
            }
            let mut part = part.clone();
            if is_source {
                part.sources = kept;
            } else {
                part.destinations = kept;
            }
            match look {
                Look::Source | Look::Destination => part.ports = (first, last),
                Look::AnswerToSource | Look::AnswerFromDestination => part.client_ports = (first, last),
            }
            next.push(part);
        }
        has_lost |= covered < u32::from(range.1) - u32::from(range.0) + 1;
    }
    (next, has_lost)
}

/// The answer without reasons: fast.
#[must_use]
pub fn status(road: &Road<'_>, protocol: u8, ports: (u16, u16)) -> Status {
    let possible = flow(road, protocol, ports, Bound::Possible);
    if possible.stopped.is_some() || road.sources.is_empty() || road.destinations.is_empty() {
        return Status::Unreachable;
    }
    let certain = flow(road, protocol, ports, Bound::Certain);
    decide(road, &certain)
}

fn decide(road: &Road<'_>, certain: &Flow) -> Status {
    let addresses_known = road.unknown_sources.is_empty() && road.unknown_destinations.is_empty();
    if !certain.has_lost {
        Status::Reachable
    } else if certain.stopped.is_some() || (!addresses_known && loses_addresses(road, certain)) {
        // With unknown addresses a loss of some says nothing about the real ones.
        Status::Unknown
    } else {
        Status::Partly
    }
}

fn loses_addresses(road: &Road<'_>, certain: &Flow) -> bool {
    certain.parts.iter().any(|part| {
        (!road.unknown_sources.is_empty() && part.sources != road.sources)
            || (!road.unknown_destinations.is_empty() && part.destinations != road.destinations)
    })
}

/// The answer with its reasons.
#[must_use]
pub fn judge(picture: &Picture, road: &Road<'_>, protocol: u8, ports: (u16, u16)) -> Verdict {
    let possible = flow(road, protocol, ports, Bound::Possible);
    if road.sources.is_empty() || road.destinations.is_empty() {
        let place = Place::new("", 0);
        let text = "there is no address of this family";
        return Verdict::unreachable("address", place, text, "give both ends addresses of this family");
    }
    if let Some((index, came)) = &possible.stopped {
        let mut first = cut(picture, &road.gates[*index], came, road, protocol);
        for gate in &road.gates[index + 1..] {
            if pass(gate, &[start(road, ports)], protocol, Bound::Possible).0.is_empty() {
                let fix = cut(picture, gate, came, road, protocol).fix;
                if fix != first.fix && !first.further_fixes.contains(&fix) {
                    first.further_fixes.push(fix);
                }
            }
        }
        return Verdict { cut: Some(first), ..Verdict::bare(Status::Unreachable) };
    }
    let certain = flow(road, protocol, ports, Bound::Certain);
    let status = decide(road, &certain);
    let parts = if status == Status::Unknown { &possible.parts } else { &certain.parts };
    let mut verdict = Verdict::bare(status);
    match status {
        Status::Unknown => verdict.whys = whys(road, &certain, protocol, ports),
        Status::Partly => verdict.whys = gate_whys(road, protocol, ports),
        Status::Unreachable | Status::Reachable => {}
    }
    if let Some(packet) = parts.first().and_then(|part| sample(part, protocol)) {
        verdict.hops = hops(picture, road, &packet);
        verdict.witness = (status != Status::Unknown).then_some(packet);
    }
    if status == Status::Partly {
        verdict.part = Some(describe(road, parts, ports));
        if let Some(index) = certain.first_loss {
            let came = [start(road, ports)];
            verdict.cut = Some(cut(picture, &road.gates[index], &came, road, protocol));
        }
    }
    verdict
}

/// Because of what the answer is unknown: gates that are not known, or the addresses of the ends.
fn whys(road: &Road<'_>, certain: &Flow, protocol: u8, ports: (u16, u16)) -> Whys {
    let mut whys = gate_whys(road, protocol, ports);
    if whys.is_empty() || loses_addresses(road, certain) {
        whys.extend(road.unknown_sources.iter().cloned());
        whys.extend(road.unknown_destinations.iter().cloned());
    }
    whys
}

/// Because of what gates may let more pass than is certain.
fn gate_whys(road: &Road<'_>, protocol: u8, ports: (u16, u16)) -> Whys {
    let mut whys = Whys::new();
    let start = [start(road, ports)];
    for gate in &road.gates {
        let known = match &gate.passes {
            Passes::Packets(set) => &set.whys,
            Passes::Addresses(set) => &set.whys,
            Passes::All(Tri::Unknown(whys)) => whys,
            Passes::All(_) => continue,
        };
        // Only gates that would lose something by what is not known.
        if !known.is_empty() && pass(gate, &start, protocol, Bound::Certain).1 {
            whys.extend(known.iter().cloned());
        }
    }
    whys
}

/// Several ways of which one is enough.
#[must_use]
pub fn any(verdicts: Vec<Verdict>) -> Option<Verdict> {
    verdicts.into_iter().reduce(|best, next| if next.status > best.status { next } else { best })
}

/// Several parts of one class: all count.
#[must_use]
pub fn every(verdicts: Vec<(String, Verdict)>) -> Option<Verdict> {
    let statuses: Vec<Status> = verdicts.iter().map(|(_, verdict)| verdict.status).collect();
    let status = every_status(&statuses)?;
    let whys: Whys = verdicts.iter().flat_map(|(_, verdict)| verdict.whys.iter().cloned()).collect();
    let mut parts: Vec<String> = verdicts
        .iter()
        .filter(|(_, verdict)| verdict.status >= Status::Partly)
        .map(|(name, verdict)| match (&verdict.part, name.is_empty()) {
            (Some(part), false) => format!("{name}: {part}"),
            (Some(part), true) => part.clone(),
            (None, _) => name.clone(),
        })
        .filter(|text| !text.is_empty())
        .collect();
    parts.dedup();
    let cut = verdicts.iter().find_map(|(_, verdict)| verdict.cut.clone());
    let mut best = verdicts.into_iter().map(|(_, verdict)| verdict).max_by_key(|verdict| match status {
        // A mixture of unreachable and unknown shows what is unknown.
        Status::Unreachable => 0,
        _ => verdict.status as usize,
    })?;
    best.status = status;
    if status == Status::Partly {
        best.part = (!parts.is_empty()).then(|| parts.join("; "));
        best.cut = cut;
    }
    if status == Status::Unknown || status == Status::Partly {
        best.whys = whys;
    }
    Some(best)
}

/// The status of several parts that all count.
#[must_use]
pub fn every_status(statuses: &[Status]) -> Option<Status> {
    let (lowest, highest) = (statuses.iter().min()?, statuses.iter().max()?);
    Some(match (lowest, highest) {
        (low, high) if low == high => *low,
        (_, Status::Unknown) => Status::Unknown,
        _ => Status::Partly,
    })
}
