//! From one component to another over the internet, and from a component to addresses outside.

use super::{Judge, Ports};
use crate::reachability::bounded::{Tri, Whys, why};
use crate::reachability::intervals::SetAlgebra as _;
use crate::reachability::packets::{AddressSet, Family, TCP};
use crate::reachability::picture::{Component, Filter, Interface, Peer, Place, Target};
use crate::reachability::verdict::{Hop, Status, Verdict, any, every, judge};

/// A public address that the provider assigns is taken to lie in a range that a rule allows only when the
/// rule allows at least this many addresses (a /8).
const WIDE: u128 = 1 << 24;

impl<'p> Judge<'p> {
    /// From one component's way out to another's public address. The address that the packets then come from
    /// is the provider's choice.
    pub(in crate::reachability) fn over_the_internet(
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
            if let Peer::Addresses(addresses) = &rule.peer
                && (rule.protocols.0..=rule.protocols.1).contains(&protocol)
                && (rule.ports.0..=rule.ports.1).contains(&port)
            {
                allowed = allowed.union(&addresses.intersection(&AddressSet::internet(Family::V4)));
            }
        }
        allowed.count()
    }

    pub(in crate::reachability) fn to_outside(
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
    pub(in crate::reachability) fn translated(&self, interface: &Interface) -> Option<&'p Place> {
        let table = &self.picture.tables[self.picture.subnets[interface.subnet].table];
        let prefix = AddressSet::parse("64:ff9b::/96").filter(|_| interface.v6.is_possible())?;
        table.parts.iter().find_map(|(part, route)| {
            let route = &table.routes[*route];
            let leads = matches!(route.target, Target::Nat(_)) && !part.intersection(&prefix).is_empty();
            leads.then_some(&route.place)
        })
    }
}
