//! Names in questions, rows and columns, and what they stand for.

use super::ends::{Destination, Source};
use super::packets::{Family, ProtocolName, TCP, UDP, describe_ports};
use super::picture::Picture;
use super::report::Column;
use std::collections::BTreeSet;

/// From whom to whom; what is not given means everyone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// `internet`, `internet-v4`, `internet-v6`, a block or address, a logical id.
    pub from: Option<String>,
    /// A logical id, `id:port`, `id:udp/port`, `internet`, `internet:port`, a block, `service:s3`.
    pub to: Option<String>,
}

/// The column name of ports of a component.
pub(super) fn port_name(component: &str, protocol: u8, ports: (u16, u16)) -> String {
    let protocol = match protocol {
        TCP => String::new(),
        other => format!("{}/", ProtocolName(other)),
    };
    format!("{component}:{protocol}{}", describe_ports(ports))
}

/// Whether both ends are one component.
pub(super) fn is_same(from: &Source, to: &Destination) -> bool {
    matches!((from, to), (Source::Component(a), Destination::Port { component, .. }) if a == component)
}

/// Whether both ends are one host, which needs no network to reach itself; members of a group do.
pub(super) fn is_one_host(picture: &Picture, from: &Source, to: &Destination) -> bool {
    is_same(from, to) && !matches!(from, Source::Component(index) if picture.components[*index].is_several)
}

pub(super) fn is_senseless(from: &Source, to: &Destination) -> bool {
    !matches!(from, Source::Component(_)) && !matches!(to, Destination::Port { .. })
}

/// Every row of a matrix.
pub(super) fn every_source(picture: &Picture, blocks: &[ipnet::IpNet]) -> Vec<(String, Source)> {
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
pub(super) fn every_destination(picture: &Picture) -> Vec<(Column, Destination)> {
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
        .chain(picture.interface_endpoints.values().map(|(service, _)| service))
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

pub(super) fn sources(picture: &Picture, name: &str) -> Vec<(String, Source)> {
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

pub(super) fn destinations(picture: &Picture, text: &str) -> Vec<(String, Destination)> {
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

pub(super) fn not_there(question: &Question, pictures: &[Picture]) -> String {
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
