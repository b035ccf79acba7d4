//! The implicit guarantee: exactly the stated edges are open, for all packets, and nothing else.

use super::bounded::Tri;
use super::ends::{Destination, Source};
use super::guarantee::{GuaranteeReport, Outcome};
use super::intervals::SetAlgebra as _;
use super::judge::Judge;
use super::packets::{AddressSet, Family, ProtocolName, TCP, UDP, describe_ports};
use super::picture::{Interface, Target};
use super::question::{destinations, sources};
use super::verdict::{Status, Verdict};
use std::collections::{BTreeSet, HashMap, HashSet};

/// An edge that a manifest states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedEdge {
    /// The source's name, as in the matrix; `internet` means both families; a block means its addresses and no other.
    pub from: String,
    /// The column's name, as in the matrix; `internet-v4:443` means this port over TCP and nothing else.
    pub to: String,
    /// Whether it must be open; otherwise it may be.
    pub is_open: bool,
}

/// What is claimed when edges are stated.
pub const CLAIM: &str = "exactly the stated edges, and nothing else";

/// Stated edges, found by their ends.
struct Edges<'e> {
    pairs: HashSet<(&'e str, &'e str)>,
    /// By destination: the addresses outside that may come.
    addresses: HashMap<&'e str, AddressSet>,
    /// By source: the ports of the internet that it may reach.
    ports: HashMap<(&'e str, Family), Vec<(u16, u16)>>,
}

impl<'e> Edges<'e> {
    fn new(judge: &Judge<'_>, edges: &'e [StatedEdge]) -> Self {
        let picture = judge.picture();
        let mut found = Self { pairs: HashSet::new(), addresses: HashMap::new(), ports: HashMap::new() };
        for edge in edges {
            found.pairs.insert((&edge.from, &edge.to));
            for (_, addresses) in sources(picture, &edge.from).iter().filter_map(|(_, source)| source.addresses()) {
                let known = found.addresses.entry(&edge.to).or_insert_with(AddressSet::empty);
                *known = known.union(&addresses);
            }
            if edge.to.starts_with("internet") {
                for (_, to) in destinations(picture, &edge.to) {
                    if let Destination::Internet { family, ports } = to {
                        found.ports.entry((&edge.from, family)).or_default().push(ports);
                    }
                }
            }
        }
        found
    }

    /// Whether a pair is stated by these names.
    fn has(&self, from: &str, column: &str, component: Option<&str>) -> bool {
        [Some(column), component].into_iter().flatten().any(|to| self.pairs.contains(&(from, to)))
            || (column.starts_with("internet-v") && self.pairs.contains(&(from, "internet")))
    }

    /// The addresses outside that may reach a column.
    fn addresses(&self, column: &str, component: Option<&str>) -> AddressSet {
        let names = [Some(column), component].into_iter().flatten();
        names.filter_map(|name| self.addresses.get(name)).fold(AddressSet::empty(), |all, more| all.union(more))
    }

    /// The ports of the internet, over TCP, that a source is not stated to reach.
    fn other_ports(&self, from: &str, family: Family) -> Vec<(u16, u16)> {
        let mut stated = self.ports.get(&(from, family)).cloned().unwrap_or_default();
        stated.sort_unstable();
        let mut others = Vec::new();
        let mut next = 0_u32;
        for (first, last) in stated {
            if let Some(end) = u32::from(first).checked_sub(1).filter(|end| next <= *end) {
                others.push((next, end));
            }
            next = next.max(u32::from(last) + 1);
        }
        if next <= u32::from(u16::MAX) {
            others.push((next, u32::from(u16::MAX)));
        }
        let fit = |port: u32| u16::try_from(port).unwrap_or(u16::MAX);
        others.into_iter().map(|(first, last)| (fit(first), fit(last))).collect()
    }
}

/// A pair through which packets pass or may.
pub(super) struct OpenPair<'a> {
    /// The row's name.
    pub(super) from_name: &'a str,
    /// The row.
    pub(super) from: &'a Source,
    /// The column's name.
    pub(super) to_name: &'a str,
    /// The column.
    pub(super) to: &'a Destination,
}

const UNSTATED: &str = ", and nothing states it";

/// Judges one picture. `open` are the pairs of its matrix that are not unreachable.
pub(super) fn judge<'a>(
    judge: &Judge<'_>,
    edges: &[StatedEdge],
    open: impl Iterator<Item = OpenPair<'a>>,
) -> GuaranteeReport {
    let mut judged = GuaranteeReport::new(CLAIM);
    let stated = Edges::new(judge, edges);
    for pair in open {
        closed(judge, &stated, &pair, &mut judged);
    }
    other_protocols(judge, &stated, &mut judged);
    for edge in edges.iter().filter(|edge| edge.is_open) {
        opened(judge, edge, &mut judged);
    }
    public_places(judge, edges, &mut judged);
    judged
}

/// What of an open pair is not stated must be closed.
fn closed(judge: &Judge<'_>, stated: &Edges<'_>, pair: &OpenPair<'_>, judged: &mut GuaranteeReport) {
    let picture = judge.picture();
    let component = match pair.to {
        Destination::Port { component, .. } => Some(picture.components[*component].place.id.as_str()),
        _ => None,
    };
    if stated.has(pair.from_name, pair.to_name, component) {
        return;
    }
    if let (Some((family, addresses)), Destination::Port { .. }) = (pair.from.addresses(), pair.to) {
        let rest = addresses.difference(&stated.addresses(pair.to_name, component));
        let name =
            if rest == addresses { pair.from_name.to_owned() } else { format!("the rest of {}", pair.from_name) };
        let verdict = (!rest.is_empty()).then(|| judge.of_addresses(&rest, family, pair.to)).flatten();
        if let Some(verdict) = verdict {
            judged.must_be_closed((&name, pair.to_name), UNSTATED, verdict);
        }
        return;
    }
    if let (Source::Component(from), Destination::Internet { family, .. }) = (pair.from, pair.to) {
        for ports in stated.other_ports(pair.from_name, *family) {
            let verdict = judge.to_internet(*from, *family, (TCP, ports));
            let is_all = ports == (0, u16::MAX);
            let name =
                if is_all { pair.to_name.to_owned() } else { format!("{}:{}", pair.to_name, describe_ports(ports)) };
            judged.must_be_closed((pair.from_name, &name), UNSTATED, verdict);
        }
        return;
    }
    judged.must_be_closed((pair.from_name, pair.to_name), UNSTATED, judge.verdict(pair.from, pair.to));
}

/// The matrix asks for TCP; what goes out over other protocols is asked here.
fn other_protocols(judge: &Judge<'_>, stated: &Edges<'_>, judged: &mut GuaranteeReport) {
    for (index, component) in judge.picture().components.iter().enumerate().filter(|(_, it)| !it.is_relay) {
        let from = component.place.id.as_str();
        for (family, name, icmp) in [(Family::V4, "internet-v4", 1), (Family::V6, "internet-v6", 58)] {
            if stated.has(from, name, None) {
                continue;
            }
            for protocol in [UDP, icmp] {
                let verdict = judge.to_internet(index, family, (protocol, (0, u16::MAX)));
                let to = format!("{name}:{}/any", ProtocolName(protocol));
                judged.must_be_closed((from, &to), UNSTATED, verdict);
            }
        }
    }
}

/// A stated edge that must be open is, for every packet that can be.
fn opened(judge: &Judge<'_>, edge: &StatedEdge, judged: &mut GuaranteeReport) {
    const CLOSED: &str = ", although it is stated";
    let picture = judge.picture();
    let (froms, tos) = (sources(picture, &edge.from), destinations(picture, &edge.to));
    let is_whole_internet = edge.from.starts_with("internet")
        || edge.to == "internet"
        || edge.to.starts_with("internet-v") && !edge.to.contains(':');
    let mut best: Option<Verdict> = None;
    for (_, from) in &froms {
        for (_, to) in &tos {
            let verdict = match (from, to) {
                (Source::Block(_), Destination::Port { component, .. }) => {
                    let Some((family, addresses)) = from.addresses() else { continue };
                    // Addresses that nothing has, or that no route leads to, cannot come.
                    let possible = picture.components[*component]
                        .interfaces
                        .iter()
                        .map(|interface| &picture.vpcs[picture.subnets[interface.subnet].vpc].blocks)
                        .fold(AddressSet::internet(family), |all, blocks| all.union(blocks));
                    let possible = addresses.intersection(&possible);
                    let asked = if possible.is_empty() { addresses } else { possible };
                    judge.of_addresses(&asked, family, to)
                }
                _ => Some(judge.verdict(from, to)),
            };
            let Some(verdict) = verdict else { continue };
            if best.as_ref().is_none_or(|best| verdict.status > best.status) {
                best = Some(verdict);
            }
        }
    }
    let pair = (edge.from.as_str(), edge.to.as_str());
    let is_heard = |to: &Destination| match to {
        Destination::Port { component, protocol, ports } => {
            let mut listeners = picture.components[*component].listeners.iter();
            listeners.any(|known| known.protocol == *protocol && known.ports.0 <= ports.0 && ports.1 <= known.ports.1)
        }
        _ => true,
    };
    if !tos.is_empty() && !tos.iter().any(|(_, to)| is_heard(to)) {
        judged.worsen(
            Outcome::Violated,
            pair,
            format!("{} to {}: stated, but nothing listens there", pair.0, pair.1),
            None,
        );
        return;
    }
    match best {
        // Which part of the internet gets through is not said by this edge.
        Some(verdict) if is_whole_internet && verdict.status == Status::Partly => {}
        Some(verdict) => judged.must_be_open(pair, CLOSED, verdict),
        None => {
            let text = format!("{} to {}: stated, but there is no such pair", edge.from, edge.to);
            judged.worsen(Outcome::Violated, pair, text, None);
        }
    }
}

/// What nobody outside is stated to reach stands in no subnet that the internet's routes lead to: there a single
/// rule or address more would open it.
fn public_places(judge: &Judge<'_>, edges: &[StatedEdge], judged: &mut GuaranteeReport) {
    let picture = judge.picture();
    let is_outside = |name: &str| {
        let mut addresses = sources(picture, name).into_iter().filter_map(|(_, source)| source.addresses());
        addresses.any(|(family, all)| !all.intersection(&AddressSet::internet(family)).is_empty())
    };
    let meant: BTreeSet<&str> = edges
        .iter()
        .filter(|edge| is_outside(&edge.from))
        .map(|edge| edge.to.split(':').next().unwrap_or_default())
        .collect();
    for component in &picture.components {
        let id = component.place.id.as_str();
        if meant.contains(id) {
            continue;
        }
        for interface in &component.interfaces {
            let Some((way, leads)) = leads_to_internet(judge, interface) else { continue };
            let subnet = &picture.subnets[interface.subnet].place.id;
            let (outcome, text) = match leads {
                Tri::No => continue,
                Tri::Yes => {
                    let text = format!(
                        "{id} stands in {subnet}, to which {way} leads from the internet, and nothing states that it is reached from there"
                    );
                    (Outcome::Violated, text)
                }
                Tri::Unknown(whys) => {
                    let whys: Vec<String> = whys.iter().map(ToString::to_string).collect();
                    let text = format!(
                        "whether the internet's routes lead to {id} in {subnet} is not known: {}",
                        whys.join("; ")
                    );
                    (Outcome::Unknown, text)
                }
            };
            judged.worsen(outcome, ("internet", id), text, None);
        }
    }
}

/// The first route of an interface's subnet that leads to an internet gateway, or may.
fn leads_to_internet(judge: &Judge<'_>, interface: &Interface) -> Option<(String, Tri)> {
    let picture = judge.picture();
    let subnet = &picture.subnets[interface.subnet];
    let table = &picture.tables[subnet.table];
    let mut perhaps = None;
    for (_, route) in &table.parts {
        let route = &table.routes[*route];
        let leads = match &route.target {
            Target::InternetGateway(gateway) => judge.atlas.is_attached(subnet.vpc, gateway),
            Target::Unknown(whys) => Tri::Unknown(whys.clone()),
            _ => Tri::No,
        };
        match leads {
            Tri::Yes => return Some((route.place.id.clone(), Tri::Yes)),
            Tri::Unknown(_) => perhaps = Some((route.place.id.clone(), leads)),
            Tri::No => {}
        }
    }
    if perhaps.is_none() && !table.unknown.is_empty() {
        perhaps = Some((table.place.id.clone(), Tri::Unknown(table.unknown.clone())));
    }
    perhaps
}
