//! From whom to whom: puts roads together to the answer for a pair.

use super::bounded::{Tri, Whys, why};
use super::intervals::SetAlgebra;
use super::packets::{AddressSet, Family, TCP, describe_ports};
use super::picture::{Component, Filter, Interface, Picture, Place, Policy, Target};
use super::road::{Atlas, Gate, Kind, Look, Passes, Road};
use super::verdict::{Cut, Hop, Status, Verdict, any, every, judge};
use std::cell::RefCell;
use std::collections::HashMap;

/// Where packets come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Every address of the internet of a family.
    Internet(Family),
    /// A block of addresses.
    Block(ipnet::IpNet),
    /// A component, by index.
    Component(usize),
}

impl Source {
    /// The addresses outside that it stands for; none for a component.
    pub(super) fn addresses(&self) -> Option<(Family, AddressSet)> {
        match self {
            Self::Internet(family) => Some((*family, AddressSet::internet(*family))),
            Self::Block(block) => {
                let family = if block.addr().is_ipv4() { Family::V4 } else { Family::V6 };
                Some((family, AddressSet::block(*block)))
            }
            Self::Component(_) => None,
        }
    }
}

/// Where packets go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// Ports of a component, by index.
    Port {
        /// Index of the component.
        component: usize,
        /// Protocol number.
        protocol: u8,
        /// Ports, both ends included.
        ports: (u16, u16),
    },
    /// The internet of a family, TCP.
    Internet {
        /// Which family.
        family: Family,
        /// Ports, both ends included.
        ports: (u16, u16),
    },
    /// A block of addresses, TCP.
    Block {
        /// Which block.
        block: ipnet::IpNet,
        /// Ports, both ends included.
        ports: (u16, u16),
    },
    /// A service of the provider, over TCP 443.
    Service(String),
}

/// A public address that the provider assigns is taken to lie in a range that a rule allows only when the
/// rule allows at least this many addresses (a /8).
const WIDE: u128 = 1 << 24;

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

    /// From one component's way out to another's public address. The address that the packets then come from
    /// is the provider's choice.
    pub(super) fn over_the_internet(
        &self,
        from: &'p Component,
        to: &'p Component,
        protocol: u8,
        ports: (u16, u16),
    ) -> Option<Verdict> {
        let v4 = self.over_the_internet_v4(from, to, protocol, ports);
        any(v4.into_iter().chain(self.over_the_internet_v6(from, to, (protocol, ports))).collect())
    }

    /// IPv6 addresses are public ones and their own: what leaves one VPC comes with them to another.
    fn over_the_internet_v6(
        &self,
        from: &'p Component,
        to: &'p Component,
        (protocol, ports): Ports,
    ) -> Option<Verdict> {
        let has_v6 = |component: &Component| component.interfaces.iter().any(|interface| interface.v6.is_possible());
        if from.is_relay || !has_v6(from) || !(has_v6(to) || to.public_endpoint.is_some()) {
            return None;
        }
        let vpc = |interface: &Interface| self.picture.subnets[interface.subnet].vpc;
        let is_apart = to.public_endpoint.is_some()
            || from.interfaces.iter().any(|a| to.interfaces.iter().any(|b| vpc(a) != vpc(b)));
        if !is_apart {
            return None;
        }
        let mut whys = Whys::new();
        let mut addresses = |component: &Component| {
            let mut all = AddressSet::empty();
            for interface in &component.interfaces {
                let (set, unknown) = self.picture.addresses(interface, Family::V6);
                all = all.union(&set);
                whys.extend(unknown.iter().cloned());
                if let Tri::Unknown(unknown) = &interface.v6 {
                    whys.extend(unknown.iter().cloned());
                }
            }
            all
        };
        let sources = addresses(from);
        let mut destinations = addresses(to);
        if to.public_endpoint.is_some() {
            destinations = AddressSet::internet(Family::V6);
        }
        let into = self.outside_to(&sources, Family::V6, to, protocol, ports);
        let out = self.to_outside(from, &destinations, Family::V6, (protocol, ports));
        if into.status == Status::Unreachable || out.status == Status::Unreachable {
            return None;
        }
        let is_certain = whys.is_empty() && into.status == Status::Reachable && out.status == Status::Reachable;
        let status = if is_certain { Status::Reachable } else { Status::Unknown };
        whys.extend(out.whys.iter().chain(&into.whys).cloned());
        if whys.is_empty() {
            whys = why(format!("only some addresses of {} and {} reach each other", from.place.id, to.place.id));
        }
        let whys = if is_certain { Whys::new() } else { whys };
        Some(Verdict { hops: out.hops.into_iter().chain(into.hops).collect(), whys, ..Verdict::bare(status) })
    }

    fn over_the_internet_v4(
        &self,
        from: &'p Component,
        to: &'p Component,
        protocol: u8,
        ports: (u16, u16),
    ) -> Option<Verdict> {
        let is_public =
            to.public_endpoint.is_some() || to.interfaces.iter().any(|interface| interface.public_v4.is_possible());
        if !is_public || from.is_relay {
            return None;
        }
        let into = self.public_verdict(to, true, protocol, ports)?;
        if into.status == Status::Unreachable || (into.status == Status::Partly && !self.is_wide(to, protocol, ports)) {
            return None;
        }
        let out = self.public_verdict(from, false, TCP, ports)?;
        if out.status == Status::Unreachable {
            return None;
        }
        let status = match (out.status, into.status) {
            (Status::Reachable, Status::Reachable) => Status::Reachable,
            _ => Status::Unknown,
        };
        let mut whys: Whys = out.whys.iter().chain(&into.whys).cloned().collect();
        if status == Status::Unknown && whys.is_empty() {
            whys = why(format!("the public addresses of {} and {} are chosen later", from.place.id, to.place.id));
        }
        let middle = Hop {
            what: "the internet".to_owned(),
            place: to.place.clone(),
            text: format!("to the public address of {}", to.place.id),
        };
        let hops = out.hops.into_iter().chain([middle]).chain(into.hops).collect();
        Some(Verdict { hops, whys, ..Verdict::bare(status) })
    }

    fn public_verdict(
        &self,
        component: &'p Component,
        is_inward: bool,
        protocol: u8,
        ports: (u16, u16),
    ) -> Option<Verdict> {
        let index = self.picture.components.iter().position(|other| std::ptr::eq(other, component))?;
        let key = (index, is_inward, (protocol, ports));
        if let Some(known) = self.public.borrow().get(&key) {
            return Some(known.clone());
        }
        let internet = self.atlas.internet(Family::V4);
        let verdict = if is_inward {
            self.outside_to(internet, Family::V4, component, protocol, ports)
        } else {
            self.to_outside(component, internet, Family::V4, (TCP, ports))
        };
        self.public.borrow_mut().insert(key, verdict.clone());
        Some(verdict)
    }

    /// Whether so many addresses may come in that a public address chosen later may be one of them.
    fn is_wide(&self, to: &'p Component, protocol: u8, ports: (u16, u16)) -> bool {
        to.interfaces.iter().any(|interface| self.allowed_from_outside(interface, protocol, ports.0) >= WIDE)
            || to.public_endpoint.as_ref().is_some_and(|endpoint| endpoint.allowed.possible.count() >= WIDE)
    }

    fn allowed_from_outside(&self, interface: &Interface, protocol: u8, port: u16) -> u128 {
        let Filter::Groups(groups) = &interface.filter else { return u128::MAX };
        let mut allowed = AddressSet::empty();
        for rule in groups.iter().flat_map(|group| &self.picture.groups[*group].ingress) {
            if let super::picture::Peer::Addresses(addresses) = &rule.peer
                && (rule.protocols.0..=rule.protocols.1).contains(&protocol)
                && (rule.ports.0..=rule.ports.1).contains(&port)
            {
                allowed = allowed.union(&addresses.intersection(&AddressSet::internet(Family::V4)));
            }
        }
        allowed.count()
    }

    pub(super) fn to_outside(
        &self,
        from: &'p Component,
        set: &AddressSet,
        family: Family,
        (protocol, ports): Ports,
    ) -> Verdict {
        if from.interfaces.is_empty() {
            return Self::nowhere(from);
        }
        let mut parts = Vec::new();
        for interface in &from.interfaces {
            let subnet = &self.picture.subnets[interface.subnet].place.id;
            let (sources, _) = self.picture.addresses(interface, family);
            if sources.is_empty() {
                let text = "it has no address of this family";
                let fix = "give it an address of this family";
                parts.push((format!("from {subnet}"), Verdict::unreachable("address", Place::new("", 0), text, fix)));
                continue;
            }
            for road in self.atlas.to_outside(interface, set, family) {
                let name = if road.destinations == *set {
                    format!("from {subnet}")
                } else {
                    format!("from {subnet} to {}", road.destinations.describe(2))
                };
                parts.push((name, judge(self.picture, &road, protocol, ports)));
            }
        }
        let mut verdict = every(parts).unwrap_or_else(|| Self::nowhere(from));
        let translator = from.interfaces.iter().find_map(|interface| self.translated(interface));
        if let Some(route) = translator.filter(|_| family == Family::V4 && verdict.status == Status::Unreachable) {
            let text =
                format!("{} leads IPv6 packets for IPv4 addresses to a translator, which is not modelled", route.id);
            verdict = Verdict::unknown(why(text));
        }
        Self::named(Self::with_doubts(verdict, &[from]), from)
    }

    /// The route by which a host with IPv6 addresses reaches IPv4 ones (NAT64).
    pub(super) fn translated(&self, interface: &Interface) -> Option<&'p Place> {
        let table = &self.picture.tables[self.picture.subnets[interface.subnet].table];
        let prefix = AddressSet::parse("64:ff9b::/96").filter(|_| interface.v6.is_possible())?;
        table.parts.iter().find_map(|(part, route)| {
            let route = &table.routes[*route];
            let leads = matches!(route.target, Target::Nat(_)) && !part.intersection(&prefix).is_empty();
            leads.then_some(&route.place)
        })
    }

    /// Over an endpoint, or over the internet.
    fn to_service(&self, from: &'p Component, service: &str) -> Verdict {
        if from.interfaces.is_empty() {
            return Self::nowhere(from);
        }
        let mut ways = Vec::new();
        for (name, (known, policy)) in &self.picture.interface_endpoints {
            if known == service
                && let Some(index) = self.picture.component(name)
            {
                let endpoint = &self.picture.components[index];
                let way = self.between(from, endpoint, TCP, (443, 443));
                let policy = self.by_policy(from, &endpoint.place, policy);
                ways.push(if policy.as_ref().is_some_and(|policy| policy.status < way.status) {
                    policy.unwrap_or(way)
                } else {
                    way
                });
            }
        }
        let parts: Vec<(String, Verdict)> = from
            .interfaces
            .iter()
            .map(|interface| {
                (
                    self.picture.subnets[interface.subnet].place.id.clone(),
                    self.over_gateway_endpoint(interface, service),
                )
            })
            .collect();
        ways.extend(every(parts));
        ways.push(self.to_outside(from, self.atlas.internet(Family::V4), Family::V4, (TCP, (443, 443))));
        let verdict = any(ways).unwrap_or_else(|| Self::nowhere(from));
        if verdict.status == Status::Unreachable {
            let text = format!("{} has neither an endpoint for {service} nor a way to the internet", from.place.id);
            let fix = format!("add an endpoint for {service} to its VPC");
            let deeper = verdict.cut.map(|cut| format!("{text} ({})", cut.text));
            return Verdict::unreachable("endpoint", from.place.clone(), deeper.unwrap_or(text), fix);
        }
        verdict
    }

    /// What the policy of an interface endpoint says of a component's addresses.
    fn by_policy(&self, from: &'p Component, place: &Place, policy: &Policy) -> Option<Verdict> {
        let parts = from.interfaces.iter().map(|interface| {
            let subnet = &self.picture.subnets[interface.subnet];
            let (sources, unknown_sources) = self.picture.addresses(interface, Family::V4);
            let mut gates = vec![policy_gate(place, Passes::Addresses(policy.sources.clone()))];
            if policy.vpcs.as_ref().is_some_and(|vpcs| !vpcs.contains(&subnet.vpc)) {
                gates.push(policy_gate(place, Passes::All(Tri::No)));
            }
            let road = Road {
                gates,
                sources,
                unknown_sources: unknown_sources.clone(),
                destinations: AddressSet::everything(),
                unknown_destinations: Whys::new(),
            };
            (subnet.place.id.clone(), judge(self.picture, &road, TCP, (443, 443)))
        });
        every(parts.collect())
    }

    fn over_gateway_endpoint(&self, interface: &'p Interface, service: &str) -> Verdict {
        let subnet = &self.picture.subnets[interface.subnet];
        let none = || {
            let text = format!("the routes of {} have no endpoint for {service}", subnet.place.id);
            Verdict::unreachable(
                "endpoint",
                subnet.place.clone(),
                text,
                format!("add a gateway endpoint for {service}"),
            )
        };
        let Some(endpoint) = self.picture.gateway_endpoints.iter().find(|endpoint| {
            endpoint.service == service && (endpoint.tables.contains(&subnet.table) || !endpoint.unknown.is_empty())
        }) else {
            return none();
        };
        let addresses = AddressSet::internet(Family::V4);
        let is_on_table =
            if endpoint.tables.contains(&subnet.table) { Tri::Yes } else { Tri::Unknown(endpoint.unknown.clone()) };
        let Some(mut road) = self.atlas.to_outside(interface, &addresses, Family::V4).into_iter().next() else {
            return none();
        };
        road.gates.retain(|gate| matches!(gate.kind, Kind::Egress(_)) || self.is_own_acl(gate, subnet.acl));
        road.gates.push(Gate {
            kind: Kind::Endpoint(endpoint.place.clone()),
            look: Look::Destination,
            passes: Passes::All(is_on_table),
            travel: 20,
        });
        let policy = &endpoint.policy;
        road.gates.push(policy_gate(&endpoint.place, Passes::Addresses(policy.sources.clone())));
        if policy.vpcs.as_ref().is_some_and(|vpcs| !vpcs.contains(&subnet.vpc)) {
            road.gates.push(policy_gate(&endpoint.place, Passes::All(Tri::No)));
        }
        road.destinations = addresses;
        road.unknown_destinations = why(format!("the addresses of {service} are not in the template"));
        judge(self.picture, &road, TCP, (443, 443))
    }

    fn is_own_acl(&self, gate: &Gate<'_>, own: usize) -> bool {
        matches!(&gate.kind, Kind::Acl { acl, .. } if *acl == own)
            && matches!(gate.look, Look::Destination | Look::AnswerFromDestination)
    }
}

fn policy_gate<'p>(place: &Place, passes: Passes<'p>) -> Gate<'p> {
    Gate { kind: Kind::EndpointPolicy(place.clone()), look: Look::Source, passes, travel: 45 }
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
