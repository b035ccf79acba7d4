//! From whom to whom: puts roads together to the answer for a pair.

mod over_internet;
mod to_service;

use super::bounded::{Tri, Whys, why};
use super::ends::{Destination, Source};
use super::intervals::SetAlgebra;
use super::packets::{AddressSet, Family, TCP, describe_ports};
use super::picture::{Component, Interface, Picture, Place};
use super::road::{Atlas, Gate, Kind, Look, Passes, Road};
use super::verdict::{Cut, Hop, Status, Verdict, any, every, judge};
use std::cell::RefCell;
use std::collections::HashMap;

/// All of an interface that matters to packets, but for groups that name each other.
pub(super) type Profile = (usize, usize, Option<std::net::IpAddr>, bool, bool, bool);
/// Protocol and ports.
pub(super) type Ports = (u8, (u16, u16));

/// Answers questions about one picture.
#[derive(Debug)]
pub struct Judge<'p> {
    pub(super) picture: &'p Picture,
    pub(super) atlas: &'p Atlas<'p>,
    pub(super) statuses: RefCell<HashMap<(Profile, Profile, Ports), Status>>,
    pub(super) outside: RefCell<HashMap<(Family, bool, Profile, Ports), Status>>,
    /// From the internet to a component, from a component to the internet; by index.
    public: RefCell<HashMap<(usize, bool, Ports), Verdict>>,
}

impl<'p> Judge<'p> {
    /// A judge of a picture.
    #[must_use]
    pub fn new(atlas: &'p Atlas<'p>) -> Self {
        Self {
            picture: atlas.picture,
            atlas,
            statuses: RefCell::default(),
            outside: RefCell::default(),
            public: RefCell::default(),
        }
    }

    /// The picture.
    #[must_use]
    pub fn picture(&self) -> &'p Picture {
        self.picture
    }

    /// The answer for a pair, with its reasons.
    #[must_use]
    pub fn verdict(&self, source: &Source, destination: &Destination) -> Verdict {
        let verdict = self.known_verdict(source, destination);
        self.doubted(self.with_ends(verdict, source, destination))
    }

    /// The answer for packets from a set of addresses outside to ports of a component.
    pub(super) fn of_addresses(&self, sources: &AddressSet, family: Family, to: &Destination) -> Option<Verdict> {
        let Destination::Port { component, protocol, ports } = to else { return None };
        let verdict = self.outside_to(sources, family, &self.picture.components[*component], *protocol, *ports);
        Some(self.doubted(self.with_ends(verdict, &Source::Internet(family), to)))
    }

    /// The answer for packets from a component to the internet, over any protocol.
    pub(super) fn to_internet(&self, from: usize, family: Family, ports: Ports) -> Verdict {
        let set = self.atlas.internet(family);
        self.doubted(self.to_outside(&self.picture.components[from], set, family, ports))
    }

    /// Adds what waits at the end, and how a load balancer came to pass the connection on.
    fn with_ends(&self, mut verdict: Verdict, source: &Source, destination: &Destination) -> Verdict {
        let Destination::Port { component, protocol, ports } = destination else { return verdict };
        if verdict.hops.is_empty() || verdict.status == Status::Unreachable {
            return verdict;
        }
        let to = &self.picture.components[*component];
        let within = |port: u16| (ports.0..=ports.1).contains(&port);
        if let Source::Component(from) = source {
            let from = &self.picture.components[*from];
            let forward = from
                .forwards
                .iter()
                .find(|forward| forward.to == to.place.id && forward.protocol == *protocol && within(forward.port));
            if let Some(forward) = forward {
                let text = match forward.from_port {
                    Some(port) => format!("port {port} of {} passes on to port {}", from.place.id, forward.port),
                    None => format!("{} passes on to port {}", from.place.id, forward.port),
                };
                verdict.hops.insert(0, Hop { what: "target".to_owned(), place: forward.place.clone(), text });
            }
        }
        let port = verdict.witness.map_or(ports.0, |packet| packet.port);
        let listener = to
            .listeners
            .iter()
            .find(|listener| listener.protocol == *protocol && (listener.ports.0..=listener.ports.1).contains(&port));
        if let Some(listener) = listener {
            let text = format!("{} listens on {}", to.place.id, describe_ports(listener.ports));
            verdict.hops.push(Hop { what: "listener".to_owned(), place: listener.place.clone(), text });
        }
        verdict
    }

    /// What makes the whole picture doubtful makes every denial doubtful.
    pub(super) fn doubted(&self, verdict: Verdict) -> Verdict {
        if self.picture.unknown.is_empty() || verdict.status != Status::Unreachable {
            return verdict;
        }
        Verdict { status: Status::Unknown, whys: self.picture.unknown.clone(), ..verdict }
    }

    fn known_verdict(&self, source: &Source, destination: &Destination) -> Verdict {
        match (source, destination) {
            (Source::Internet(family), Destination::Port { component, protocol, ports }) => {
                let to = &self.picture.components[*component];
                self.outside_to(self.atlas.internet(*family), *family, to, *protocol, *ports)
            }
            (Source::Block(block), Destination::Port { component, protocol, ports }) => {
                let to = &self.picture.components[*component];
                let family = if block.addr().is_ipv4() { Family::V4 } else { Family::V6 };
                self.outside_to(&AddressSet::block(*block), family, to, *protocol, *ports)
            }
            (Source::Component(from), Destination::Port { component, protocol, ports }) => {
                let (from, to) = (&self.picture.components[*from], &self.picture.components[*component]);
                self.between(from, to, *protocol, *ports)
            }
            (Source::Component(from), Destination::Internet { family, ports }) => {
                let to = self.atlas.internet(*family);
                self.to_outside(&self.picture.components[*from], to, *family, (TCP, *ports))
            }
            (Source::Component(from), Destination::Block { block, ports }) => {
                let family = if block.addr().is_ipv4() { Family::V4 } else { Family::V6 };
                self.to_outside(&self.picture.components[*from], &AddressSet::block(*block), family, (TCP, *ports))
            }
            (Source::Component(from), Destination::Service(service)) => {
                self.to_service(&self.picture.components[*from], service)
            }
            (Source::Internet(_) | Source::Block(_), _) => {
                let text = "both ends lie outside of the template";
                Verdict::unreachable("question", Place::new("", 0), text, "ask about a component")
            }
        }
    }

    fn nowhere(component: &Component) -> Verdict {
        if !component.unknown.is_empty() {
            return Verdict::unknown(component.unknown.clone());
        }
        if !component.interfaces.is_empty() {
            let text = format!("{} listens at no interface in a network", component.place.id);
            return Verdict::unreachable("interface", component.place.clone(), text, "give it a private endpoint");
        }
        let text = format!("{} has no interface in a network", component.place.id);
        Verdict::unreachable("interface", component.place.clone(), text, "place it in a subnet")
    }

    /// A verdict about the interfaces of a component that may not listen there.
    fn inside_of(verdict: Verdict, to: &Component) -> Verdict {
        match &to.listens_inside {
            Tri::Unknown(whys) if verdict.status >= Status::Partly => {
                Verdict { status: Status::Unknown, whys: whys.clone(), witness: None, part: None, ..verdict }
            }
            _ => verdict,
        }
    }

    /// Joins what is known of a component with what is not.
    fn with_doubts(verdict: Verdict, components: &[&Component]) -> Verdict {
        let whys: Whys = components.iter().flat_map(|component| component.unknown.iter().cloned()).collect();
        if whys.is_empty() {
            return verdict;
        }
        match verdict.status {
            Status::Reachable | Status::Partly => verdict,
            Status::Unreachable | Status::Unknown => {
                let whys = verdict.whys.iter().cloned().chain(whys).collect();
                Verdict { status: Status::Unknown, whys, ..verdict }
            }
        }
    }

    fn outside_to(
        &self,
        sources: &AddressSet,
        family: Family,
        to: &'p Component,
        protocol: u8,
        ports: (u16, u16),
    ) -> Verdict {
        let mut ways = Vec::new();
        if !to.interfaces.is_empty() && to.listens_inside.is_possible() {
            let parts = to.interfaces.iter().flat_map(|interface| {
                let subnet = &self.picture.subnets[interface.subnet].place.id;
                let roads = self.atlas.outside_to(sources, interface, family);
                let is_one = roads.len() == 1;
                roads.into_iter().map(move |road| {
                    let name = if is_one {
                        format!("in {subnet}")
                    } else {
                        format!("in {subnet} from {}", road.sources.describe(2))
                    };
                    (name, judge(self.picture, &road, protocol, ports))
                })
            });
            ways.extend(every(parts.collect()).map(|verdict| Self::inside_of(verdict, to)));
        }
        if let Some(endpoint) = &to.public_endpoint
            && protocol == TCP
            && (ports.0..=ports.1).contains(&endpoint.port)
        {
            let public = sources.intersection(&AddressSet::internet(family));
            let gate = Gate {
                kind: Kind::PublicEndpoint(endpoint.place.clone()),
                look: Look::Source,
                passes: Passes::Addresses(endpoint.allowed.clone()),
                travel: 30,
            };
            let road = Road {
                gates: vec![gate],
                sources: public,
                unknown_sources: Whys::new(),
                destinations: AddressSet::internet(family),
                unknown_destinations: Whys::new(),
            };
            ways.push(judge(self.picture, &road, protocol, (endpoint.port, endpoint.port)));
        }
        let verdict = any(ways).unwrap_or_else(|| Self::nowhere(to));
        Self::named(Self::with_doubts(verdict, &[to]), to)
    }

    /// Names the component where a cut is about the component itself.
    fn named(mut verdict: Verdict, component: &Component) -> Verdict {
        let name = &component.place.id;
        if let Some(Cut { place, text, fix, further_fixes, .. }) = &mut verdict.cut {
            for fix in std::iter::once(fix).chain(further_fixes) {
                if fix == "give it a public address" {
                    *fix = format!("give {name} a public address: {}", public_property(&component.kind));
                }
            }
            if place.id.is_empty() {
                if let Some(rest) = text.strip_prefix("it ") {
                    *text = format!("{name} {rest}");
                }
                *place = component.place.clone();
            }
        }
        verdict
    }

    /// In which families packets go from one interface to another.
    pub(super) fn families(from: &Component, to: &Component, a: &Interface, b: &Interface) -> Vec<Family> {
        let forwards_v6 = || from.forwards.iter().filter(|forward| forward.to == to.place.id).map(|f| f.is_v6);
        // A load balancer opens connections to the addresses that the target group has.
        let has_v4 = !from.is_relay || !forwards_v6().all(|is_v6| is_v6) || forwards_v6().next().is_none();
        let has_v6 = !from.is_relay || forwards_v6().any(|is_v6| is_v6);
        let mut families = Vec::new();
        if has_v4 {
            families.push(Family::V4);
        }
        if has_v6 && a.v6.is_possible() && b.v6.is_possible() {
            families.push(Family::V6);
        }
        families
    }

    /// Whose packets arrive at a target: those of the load balancer, or of its clients.
    fn as_clients(&self, road: &mut Road<'p>, from: &Component, to: &Component, protocol: u8, ports: (u16, u16)) {
        let keeps = from.forwards.iter().any(|forward| {
            forward.keeps_client_address
                && forward.to == to.place.id
                && forward.protocol == protocol
                && (ports.0..=ports.1).contains(&forward.port)
        });
        let Some(interface) = from.interfaces.first().filter(|_| keeps) else { return };
        let vpc = &self.picture.vpcs[self.picture.subnets[interface.subnet].vpc];
        road.unknown_sources.clear();
        match &interface.public_v4 {
            Tri::Yes => road.sources = self.atlas.internet(Family::V4).clone(),
            Tri::No if vpc.unknown_blocks.is_empty() && !self.has_neighbours(interface) => {
                road.sources = vpc.blocks.of_family(Family::V4);
            }
            _ => {
                road.unknown_sources = why(format!("who the clients of {} are is not known", from.place.id));
                road.sources = AddressSet::every(Family::V4);
            }
        }
    }

    /// Whether clients may come from other networks.
    fn has_neighbours(&self, interface: &Interface) -> bool {
        let vpc = self.picture.subnets[interface.subnet].vpc;
        !self.picture.vpcs[vpc].vpn_gateways.is_empty()
            || self.picture.peerings.values().any(|link| link.vpcs.contains(&vpc))
            || self.picture.transit_gateways.values().any(|it| it.attachments.iter().any(|at| at.vpc == Some(vpc)))
    }

    pub(super) fn between(&self, from: &'p Component, to: &'p Component, protocol: u8, ports: (u16, u16)) -> Verdict {
        if from.interfaces.is_empty() || (to.interfaces.is_empty() && to.public_endpoint.is_none()) {
            let missing = if from.interfaces.is_empty() { from } else { to };
            return Self::with_doubts(Self::nowhere(missing), &[from, to]);
        }
        let mut parts = Vec::new();
        let doors = if to.listens_inside.is_possible() { to.interfaces.as_slice() } else { &[] };
        for a in &from.interfaces {
            for b in doors {
                let mut ways = Vec::new();
                for family in Self::families(from, to, a, b) {
                    for mut road in self.atlas.between(a, b, family) {
                        if family == Family::V4 {
                            self.as_clients(&mut road, from, to, protocol, ports);
                        }
                        if family == Family::V4 || (!road.sources.is_empty() && !road.destinations.is_empty()) {
                            ways.push(judge(self.picture, &road, protocol, ports));
                        }
                    }
                }
                let (first, second) = (&self.picture.subnets[a.subnet], &self.picture.subnets[b.subnet]);
                let verdict = any(ways).unwrap_or_else(|| {
                    let (one, other) = (&self.picture.vpcs[first.vpc].place, &self.picture.vpcs[second.vpc].place);
                    let text = format!("{} and {} are not joined", one.id, other.id);
                    Verdict::unreachable(
                        "network",
                        other.clone(),
                        text,
                        "join the VPCs by a peering connection and routes",
                    )
                });
                parts.push((format!("from {} to {}", first.place.id, second.place.id), verdict));
            }
        }
        let mut ways: Vec<Verdict> = every(parts).map(|verdict| Self::inside_of(verdict, to)).into_iter().collect();
        if ways.iter().all(|verdict| verdict.status == Status::Unreachable) {
            ways.extend(self.over_the_internet(from, to, protocol, ports));
        }
        let verdict = any(ways).unwrap_or_else(|| Self::nowhere(to));
        Self::named(Self::with_doubts(verdict, &[from, to]), to)
    }
}

/// What gives a component of a type a public address.
fn public_property(kind: &str) -> &'static str {
    match kind {
        "AWS::ECS::Service" => "AssignPublicIp: ENABLED",
        _ if kind.starts_with("AWS::ElasticLoadBalancing") => "Scheme: internet-facing",
        _ if kind.starts_with("AWS::RDS::")
            || kind.starts_with("AWS::Redshift")
            || kind.starts_with("AWS::AmazonMQ") =>
        {
            "PubliclyAccessible: true"
        }
        _ if kind.starts_with("AWS::EC2::")
            || kind.starts_with("AWS::AutoScaling::")
            || kind.starts_with("AWS::EKS::") =>
        {
            "MapPublicIpOnLaunch: true at its subnet, or an elastic address"
        }
        _ => "resources of this type never have one; put a load balancer before it",
    }
}
