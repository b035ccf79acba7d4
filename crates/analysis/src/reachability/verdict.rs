//! Whether the packets of a class get through, with a witness or the cut.

use super::bounded::{Tri, Whys};
use super::intervals::{IntervalMap, SetAlgebra};
use super::packets::{AddressSet, EPHEMERAL, PacketSet, PortAddresses, ProtocolName, address_of, describe_ports};
use super::picture::{Filter, GroupRule, Peer, Picture, Place};
use super::road::{Gate, Kind, Look, Passes, Road};
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
struct Part {
    sources: AddressSet,
    client_ports: (u16, u16),
    destinations: AddressSet,
    ports: (u16, u16),
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
    if matches!(status, Status::Unknown | Status::Partly) {
        verdict.whys = whys(road, &certain, protocol, ports);
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

/// Because of what the certain part is smaller than the possible one.
fn whys(road: &Road<'_>, certain: &Flow, protocol: u8, ports: (u16, u16)) -> Whys {
    let mut whys = Whys::new();
    let start = [start(road, ports)];
    for gate in &road.gates {
        let known: Whys = match &gate.passes {
            Passes::Packets(set) => set.whys.clone(),
            Passes::Addresses(set) => set.whys.clone(),
            Passes::All(Tri::Unknown(whys)) => whys.clone(),
            Passes::All(_) => Whys::new(),
        };
        // Only gates that would lose something by what is not known.
        if !known.is_empty() && pass(gate, &start, protocol, Bound::Certain).1 {
            whys.extend(known);
        }
    }
    if whys.is_empty() || loses_addresses(road, certain) {
        whys.extend(road.unknown_sources.iter().cloned());
        whys.extend(road.unknown_destinations.iter().cloned());
    }
    whys
}

fn sample(part: &Part, protocol: u8) -> Option<Packet> {
    let host = |set: &AddressSet| {
        let (first, last, _) = set.entries().first()?;
        // The first addresses of a subnet are no hosts; take a later one where there is one.
        Some(address_of(if last - first > 16 { first + 10 } else { *first }))
    };
    Some(Packet {
        source: host(&part.sources)?,
        source_port: part.client_ports.0.max(40000.min(part.client_ports.1)),
        destination: host(&part.destinations)?,
        port: part.ports.0,
        protocol,
    })
}

fn describe(road: &Road<'_>, parts: &[Part], ports: (u16, u16)) -> String {
    let mut texts = Vec::new();
    for part in parts.iter().take(4) {
        let mut words = Vec::new();
        if part.ports != ports {
            words.push(format!("port {}", describe_ports(part.ports)));
        }
        if part.sources != road.sources {
            words.push(format!("from {}", part.sources.describe(3)));
        }
        if part.destinations != road.destinations {
            words.push(format!("to {}", part.destinations.describe(3)));
        }
        if part.client_ports != EPHEMERAL {
            words.push(format!("with client ports {}", describe_ports(part.client_ports)));
        }
        texts.push(words.join(" "));
    }
    if parts.len() > 4 {
        texts.push(format!("{} more parts", parts.len() - 4));
    }
    texts.retain(|text| !text.is_empty());
    texts.dedup();
    texts.join("; ")
}

/// Address and port of a packet that a gate looks at.
fn looked_at(look: Look, packet: &Packet) -> (IpAddr, u16) {
    match look {
        Look::Source => (packet.source, packet.port),
        Look::Destination => (packet.destination, packet.port),
        Look::AnswerToSource => (packet.source, packet.source_port),
        Look::AnswerFromDestination => (packet.destination, packet.source_port),
    }
}

fn hops(picture: &Picture, road: &Road<'_>, packet: &Packet) -> Vec<Hop> {
    let mut gates: Vec<&Gate<'_>> = road.gates.iter().collect();
    gates.sort_by_key(|gate| gate.travel);
    gates.into_iter().filter_map(|gate| hop(picture, gate, road, packet)).collect()
}

fn hop(picture: &Picture, gate: &Gate<'_>, road: &Road<'_>, packet: &Packet) -> Option<Hop> {
    let (address, port) = looked_at(gate.look, packet);
    let made =
        |what: &str, place: &Place, text: String| Some(Hop { what: what.to_owned(), place: place.clone(), text });
    match &gate.kind {
        Kind::Ingress(filter) | Kind::Egress(filter) => {
            let Filter::Groups(groups) = filter else { return None };
            let is_ingress = matches!(gate.kind, Kind::Ingress(_));
            let partner = partner_groups(road, is_ingress);
            let rule = groups
                .iter()
                .flat_map(|group| {
                    let group = &picture.groups[*group];
                    if is_ingress { &group.ingress } else { &group.egress }
                })
                .find(|rule| rule_matches(rule, packet.protocol, port, address, partner));
            match rule {
                Some(rule) => made("security group rule", &rule.place, rule.text.clone()),
                None => {
                    let group = &picture.groups[*groups.first()?];
                    made("security group", &group.place, "its rules are not all known".to_owned())
                }
            }
        }
        Kind::Acl { acl, is_inbound, is_answer } => {
            let acl = &picture.acls[*acl];
            let rules = if *is_inbound { &acl.inbound } else { &acl.outbound };
            let rule = rules.iter().find(|rule| rule.matches.possible.contains(packet.protocol, port, address));
            let what = if *is_answer { "network ACL rule for the answer" } else { "network ACL rule" };
            match rule {
                Some(rule) => made(what, &rule.place, rule.text.clone()),
                // The default one, which allows everything: not worth a line.
                None => None,
            }
        }
        Kind::Routes { table, is_answer, .. } => {
            let table = &picture.tables[*table];
            let set = AddressSet::single(address);
            let route = table.parts.iter().find(|(part, _)| !part.intersection(&set).is_empty());
            let what = if *is_answer { "route of the answer" } else { "route" };
            match route.map(|(_, route)| &table.routes[*route]) {
                Some(route) => made(what, &route.place, format!("{} in {}", route.text, table.place.id)),
                None => made(what, &table.place, "its routes are not all known".to_owned()),
            }
        }
        Kind::PublicAddress => None,
        Kind::InternetGateway(vpc) => {
            let place = picture.vpcs[*vpc].internet_gateways.first()?;
            made("internet gateway", place, format!("attached to {}", picture.vpcs[*vpc].place.id))
        }
        Kind::Nat(place) => made("NAT gateway", place, "replaces the source address".to_owned()),
        Kind::Link(place) => made("link between networks", place, "joins both VPCs".to_owned()),
        Kind::SameNetwork => None,
        Kind::PublicEndpoint(place) => made("public endpoint", place, "lets the address in".to_owned()),
    }
}

/// The groups of the interface at the other end.
fn partner_groups<'r>(road: &'r Road<'_>, is_ingress: bool) -> &'r [usize] {
    road.gates
        .iter()
        .find_map(|gate| match &gate.kind {
            Kind::Egress(Filter::Groups(groups)) if is_ingress => Some(groups.as_slice()),
            Kind::Ingress(Filter::Groups(groups)) if !is_ingress => Some(groups.as_slice()),
            _ => None,
        })
        .unwrap_or_default()
}

fn rule_matches(rule: &GroupRule, protocol: u8, port: u16, address: IpAddr, partner: &[usize]) -> bool {
    (rule.protocols.0..=rule.protocols.1).contains(&protocol)
        && (rule.ports.0..=rule.ports.1).contains(&port)
        && match &rule.peer {
            Peer::Addresses(set) => !set.intersection(&AddressSet::single(address)).is_empty(),
            Peer::Group(group) => partner.contains(group),
            Peer::Unknown => true,
        }
}

/// What stopped the packets that came to a gate.
fn cut(picture: &Picture, gate: &Gate<'_>, came: &[Part], road: &Road<'_>, protocol: u8) -> Cut {
    let packet = came.first().and_then(|part| sample(part, protocol));
    let (address, port) =
        packet.as_ref().map_or((IpAddr::from([0, 0, 0, 0]), 0), |packet| looked_at(gate.look, packet));
    let ports = came.first().map_or((port, port), |part| match gate.look {
        Look::Source | Look::Destination => part.ports,
        Look::AnswerToSource | Look::AnswerFromDestination => part.client_ports,
    });
    // All that came there, in words; large templates would have pages of it.
    let class = came.first().map_or_else(
        || address.to_string(),
        |part| match gate.look {
            Look::Source | Look::AnswerToSource => part.sources.describe(2),
            Look::Destination | Look::AnswerFromDestination => part.destinations.describe(2),
        },
    );
    let what_packets = format!("{} {}", ProtocolName(protocol), describe_ports(ports));
    let made = |what: &str, place: Place, text: String, fix: String| Cut::new(what, place, text, fix);
    match &gate.kind {
        Kind::Ingress(filter) | Kind::Egress(filter) => {
            let Filter::Groups(groups) = filter else {
                return made("security group", Place::new("", 0), "nothing passes".to_owned(), String::new());
            };
            let is_ingress = matches!(gate.kind, Kind::Ingress(_));
            let place = groups.first().map_or(Place::new("", 0), |group| picture.groups[*group].place.clone());
            let names: Vec<&str> = groups.iter().map(|group| picture.groups[*group].place.id.as_str()).collect();
            let other = match partner_groups(road, is_ingress) {
                [] => class.clone(),
                [group, ..] => picture.groups[*group].place.id.clone(),
            };
            let (word, rule_kind) = if is_ingress { ("from", "ingress") } else { ("to", "egress") };
            made(
                "security group",
                place.clone(),
                format!("no {rule_kind} rule of {} allows {what_packets} {word} {other}", names.join(", ")),
                format!("add to {} an {rule_kind} rule: {what_packets} {word} {other}", place.id),
            )
        }
        Kind::Acl { acl, is_inbound, is_answer } => {
            let acl = &picture.acls[*acl];
            let rules = if *is_inbound { &acl.inbound } else { &acl.outbound };
            let decisive = rules.iter().find(|rule| rule.matches.certain.contains(protocol, port, address));
            let direction = if *is_inbound { "inbound" } else { "outbound" };
            let for_what = if *is_answer { "the answers to the connection" } else { "the connection" };
            let (place, text) = match decisive {
                Some(rule) => {
                    (rule.place.clone(), format!("{} blocks {for_what} ({direction} in {})", rule.text, acl.place.id))
                }
                None => (
                    acl.place.clone(),
                    format!("no {direction} rule of {} allows {for_what} ({what_packets}, {class})", acl.place.id),
                ),
            };
            let before =
                decisive.and_then(|rule| rule.number).map_or(String::new(), |number| format!(" before rule {number}"));
            made(
                "network ACL",
                place,
                text,
                format!("add to {} an {direction} rule{before}: allow {what_packets} {class}", acl.place.id),
            )
        }
        Kind::Routes { table, toward, is_answer } => {
            let table = &picture.tables[*table];
            let set = AddressSet::single(address);
            let route = table
                .parts
                .iter()
                .find(|(part, _)| !part.intersection(&set).is_empty())
                .map(|(_, route)| &table.routes[*route]);
            let back = if *is_answer { " back" } else { "" };
            let (place, text) = match route {
                Some(route) => (
                    route.place.clone(),
                    format!("{} leads {} elsewhere than{back} to {toward}", table.place.id, route.text),
                ),
                None => (table.place.clone(), format!("{} has no route{back} to {class}", table.place.id)),
            };
            made("route", place, text, format!("add to {} a route for {class} to {toward}", table.place.id))
        }
        Kind::PublicAddress => made(
            "public address",
            Place::new("", 0),
            "it has no public address".to_owned(),
            "give it a public address".to_owned(),
        ),
        Kind::InternetGateway(vpc) => {
            let place = picture.vpcs[*vpc].place.clone();
            let fix = format!("attach an internet gateway to {}", place.id);
            made("internet gateway", place.clone(), format!("{} has no internet gateway", place.id), fix)
        }
        Kind::Nat(place) => made(
            "NAT gateway",
            place.clone(),
            format!("{} leads to private networks only", place.id),
            "use a public NAT gateway".to_owned(),
        ),
        Kind::Link(place) => {
            made("link between networks", place.clone(), format!("{} does not join both", place.id), String::new())
        }
        Kind::SameNetwork => made(
            "network",
            Place::new("", 0),
            "the networks are not joined".to_owned(),
            "join them by a peering".to_owned(),
        ),
        Kind::PublicEndpoint(place) => made(
            "public endpoint",
            place.clone(),
            format!("the public endpoint of {} does not let {class} in", place.id),
            format!("allow {class} at the endpoint of {}", place.id),
        ),
    }
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
