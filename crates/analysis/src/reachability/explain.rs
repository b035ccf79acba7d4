//! The words for a verdict: the hops of a packet, the part that passes, the cut and what would open it.

use super::intervals::SetAlgebra as _;
use super::packets::{AddressSet, EPHEMERAL, ProtocolName, address_of, describe_ports};
use super::picture::{Filter, GroupRule, Peer, Picture, Place};
use super::road::{Gate, Kind, Look, Road};
use super::verdict::{Cut, Hop, Packet, Part};
use std::net::IpAddr;

pub(super) fn sample(part: &Part, protocol: u8) -> Option<Packet> {
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

pub(super) fn describe(road: &Road<'_>, parts: &[Part], ports: (u16, u16)) -> String {
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

pub(super) fn hops(picture: &Picture, road: &Road<'_>, packet: &Packet) -> Vec<Hop> {
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
        Kind::TransitRoutes { place, toward, is_answer } => {
            let what = if *is_answer { "transit gateway route of the answer" } else { "transit gateway route" };
            made(what, place, format!("leads to {toward}"))
        }
        Kind::Endpoint(place) => made("gateway endpoint", place, "leads to the service".to_owned()),
        Kind::EndpointPolicy(_) | Kind::SameNetwork => None,
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
pub(super) fn cut(picture: &Picture, gate: &Gate<'_>, came: &[Part], road: &Road<'_>, protocol: u8) -> Cut {
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
                [] => class,
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
        Kind::TransitRoutes { place, toward, is_answer } => {
            let back = if *is_answer { " back" } else { "" };
            made(
                "transit gateway route",
                place.clone(),
                format!("{} leads {class} elsewhere than{back} to {toward}", place.id),
                format!("add to {} a route for {class} to {toward}, or propagate its routes", place.id),
            )
        }
        Kind::Endpoint(place) | Kind::Link(place) => {
            made("link between networks", place.clone(), format!("{} does not join both", place.id), String::new())
        }
        Kind::EndpointPolicy(place) => made(
            "endpoint policy",
            place.clone(),
            format!("the policy of {} lets nothing through from {class}", place.id),
            format!("allow {class} in the policy of {}", place.id),
        ),
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
