//! Least privilege: rules that no packet uses, and rules wider than what listens.

use super::intervals::SetAlgebra;
use super::packets::{AddressSet, Family, PacketSet, describe_ports};
use super::picture::{Filter, GroupRule, Interface, Peer, Picture, Place};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Something that could be narrower.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Hint {
    /// The rule.
    pub place: Place,
    /// `unused` or `wide`.
    pub kind: String,
    /// What is the matter.
    pub text: String,
}

impl Hint {
    fn new(place: &Place, kind: &str, text: String) -> Self {
        Self { place: place.clone(), kind: kind.to_owned(), text }
    }
}

/// The hints of a picture.
#[must_use]
pub fn hints(picture: &Picture) -> Vec<Hint> {
    let mut members: BTreeMap<usize, Vec<(usize, &Interface)>> = BTreeMap::new();
    for (index, component) in picture.components.iter().enumerate() {
        for interface in &component.interfaces {
            if let Filter::Groups(groups) = &interface.filter {
                for group in groups {
                    members.entry(*group).or_default().push((index, interface));
                }
            }
        }
    }
    let referenced: BTreeSet<usize> = picture
        .groups
        .iter()
        .flat_map(|group| group.ingress.iter().chain(&group.egress))
        .filter_map(|rule| if let Peer::Group(group) = rule.peer { Some(group) } else { None })
        .collect();
    let mut hints = BTreeSet::new();
    for (index, group) in picture.groups.iter().enumerate() {
        if group.is_external || group.place.id.contains('.') || !group.unknown.is_empty() {
            continue;
        }
        let own = members.get(&index).map(Vec::as_slice).unwrap_or_default();
        if own.is_empty() {
            if !group.ingress.is_empty() && !referenced.contains(&index) {
                hints.insert(Hint::new(
                    &group.place,
                    "unused",
                    format!("no interface has the group {}", group.place.id),
                ));
            }
            continue;
        }
        for (position, rule) in group.ingress.iter().enumerate().filter(|(_, rule)| rule.unknown.is_empty()) {
            if let Some(text) = why_unused(picture, rule, &members, own) {
                hints.insert(Hint::new(&rule.place, "unused", format!("{}: {text}", rule.text)));
            } else if let Some(other) = covering(&group.ingress, position) {
                let text = format!("{}: {} allows the same already", rule.text, other.place.id);
                hints.insert(Hint::new(&rule.place, "unused", text));
            } else if let Some(text) = why_wide(picture, rule, own) {
                hints.insert(Hint::new(&rule.place, "wide", format!("{}: {text}", rule.text)));
            }
        }
    }
    hints.into_iter().collect()
}

/// Components whose ports the template itself fixes.
fn fixed_ports(picture: &Picture, own: &[(usize, &Interface)]) -> Option<Vec<(u8, (u16, u16))>> {
    let mut ports = Vec::new();
    for (index, _) in own {
        let component = &picture.components[*index];
        let is_fixed = component.is_relay
            || ["AWS::RDS::", "AWS::ElastiCache::", "AWS::EFS::", "AWS::Redshift::", "AWS::DocDB::", "AWS::Neptune::"]
                .iter()
                .any(|prefix| component.kind.starts_with(prefix));
        if !is_fixed || component.listeners.iter().any(|listener| listener.ports == (0, u16::MAX)) {
            return None;
        }
        ports.extend(component.listeners.iter().map(|listener| (listener.protocol, listener.ports)));
    }
    Some(ports)
}

fn why_unused(
    picture: &Picture,
    rule: &GroupRule,
    members: &BTreeMap<usize, Vec<(usize, &Interface)>>,
    own: &[(usize, &Interface)],
) -> Option<String> {
    if let Peer::Group(peer) = &rule.peer
        && !picture.groups[*peer].is_external
        && !members.contains_key(peer)
    {
        return Some(format!("no interface has the group {}", picture.groups[*peer].place.id));
    }
    if let Peer::Addresses(addresses) = &rule.peer {
        if addresses.is_empty() {
            return Some("it names no other side".to_owned());
        }
        let internet = AddressSet::internet(Family::V4).union(&AddressSet::internet(Family::V6));
        let is_private = own.iter().all(|(index, interface)| {
            let vpc = &picture.vpcs[picture.subnets[interface.subnet].vpc];
            !interface.public_v4.is_possible()
                && !interface.v6.is_possible()
                && picture.components[*index].public_endpoint.is_none()
                && vpc.unknown_blocks.is_empty()
                && !vpc.is_external
                && addresses.intersection(&vpc.blocks).is_empty()
        });
        if is_private && internet.covers(addresses) {
            return Some("it allows addresses of the internet, and no member has a public address".to_owned());
        }
    }
    let ports = fixed_ports(picture, own)?;
    let is_met = ports.iter().any(|(protocol, (first, last))| {
        (rule.protocols.0..=rule.protocols.1).contains(protocol) && rule.ports.0 <= *last && *first <= rule.ports.1
    });
    (!is_met).then(|| "nothing listens there".to_owned())
}

/// Another rule that allows all that this one does; of two equal ones the first stays.
fn covering(rules: &[GroupRule], position: usize) -> Option<&GroupRule> {
    let rule = rules.get(position)?;
    rules.iter().enumerate().find_map(|(other_position, other)| {
        let is_candidate = other_position != position && other.unknown.is_empty();
        let same_peer = match (&rule.peer, &other.peer) {
            (Peer::Addresses(a), Peer::Addresses(b)) => b.covers(a),
            (Peer::Group(a), Peer::Group(b)) => a == b,
            _ => false,
        };
        if !is_candidate || !same_peer {
            return None;
        }
        let set = |rule: &GroupRule| PacketSet::of(rule.protocols, rule.ports, AddressSet::everything());
        let is_inside = set(rule).difference(&set(other)).is_empty();
        let is_equal = is_inside && set(other).difference(&set(rule)).is_empty() && rule.peer == other.peer;
        (is_inside && (!is_equal || other_position < position)).then_some(other)
    })
}

fn why_wide(picture: &Picture, rule: &GroupRule, own: &[(usize, &Interface)]) -> Option<String> {
    let ports = fixed_ports(picture, own)?;
    let is_exact =
        ports.iter().any(|(protocol, ports)| rule.protocols == (*protocol, *protocol) && rule.ports == *ports);
    if is_exact || ports.is_empty() {
        return None;
    }
    let texts: BTreeSet<String> = ports.iter().map(|(_, ports)| describe_ports(*ports)).collect();
    let texts: Vec<String> = texts.into_iter().collect();
    Some(format!("only {} listens", texts.join(", ")))
}
