//! The private roads between two interfaces: inside of a VPC, over a peering connection, over transit gateways.

use super::bounded::{Bounded, Tri, Whys, why};
use super::intervals::SetAlgebra as _;
use super::packets::{AddressSet, Family};
use super::picture::{Filter, Interface, Link, Route, Target};
use super::road::{Atlas, Gate, Kind, Look, Membership, Passes, Road};

impl<'p> Atlas<'p> {
    pub(super) fn road(&self, from: (&Interface, Family), to: (&Interface, Family), gates: Vec<Gate<'p>>) -> Road<'p> {
        let (sources, unknown_sources) = self.picture.addresses(from.0, from.1);
        let (destinations, unknown_destinations) = self.picture.addresses(to.0, to.1);
        Road {
            gates,
            sources,
            unknown_sources: unknown_sources.clone(),
            destinations,
            unknown_destinations: unknown_destinations.clone(),
        }
    }

    /// Routes inside of the VPC that lead through something instead.
    pub(super) fn diversion(&self, table: usize, addresses: &AddressSet, look: Look, travel: u8) -> Option<Gate<'p>> {
        let table_is = &self.picture.tables[table];
        let local = table_is.routes.first()?.to.as_ref()?;
        let mut diverted = AddressSet::empty();
        let mut whys = Whys::new();
        let mut dropped = AddressSet::empty();
        for (part, route) in &table_is.parts {
            let route = &table_is.routes[*route];
            if route.target != Target::Local && local.covers(part) {
                let part = part.intersection(addresses);
                if part.is_empty() {
                    continue;
                }
                diverted = diverted.union(&part);
                match &route.target {
                    Target::Appliance(name) if self.forwards(name) == Tri::No => dropped = dropped.union(&part),
                    _ => whys.extend(why(format!("{} leads the packets through something else", route.place.id))),
                }
            }
        }
        if !table_is.unknown.is_empty() && self.picture.vpcs.iter().any(|vpc| vpc.ingress_tables.contains(&table)) {
            diverted = addresses.clone();
            whys.extend(table_is.unknown.iter().cloned());
        }
        if diverted.is_empty() {
            return None;
        }
        let passes =
            Bounded { certain: addresses.difference(&diverted), possible: addresses.difference(&dropped), whys };
        Some(Gate {
            kind: Kind::Routes { table, toward: "the subnet".to_owned(), is_answer: look == Look::Source },
            look,
            passes: Passes::Addresses(passes),
            travel,
        })
    }

    /// Adds the ACLs between two subnets.
    fn acls_between(&'p self, from: usize, to: usize, gates: &mut Vec<Gate<'p>>) {
        let (from_is, to_is) = (&self.picture.subnets[from], &self.picture.subnets[to]);
        // One subnet has no border inside of it; a name for several subnets has.
        if from == to && !from_is.is_external {
            return;
        }
        gates.push(self.acl(from_is.acl, false, Look::Destination, 15));
        gates.push(self.acl(to_is.acl, true, Look::Source, 40));
        gates.push(self.acl(to_is.acl, false, Look::AnswerToSource, 60));
        gates.push(self.acl(from_is.acl, true, Look::AnswerFromDestination, 70));
    }

    /// The private roads between two interfaces.
    #[must_use]
    pub fn between(&'p self, from: &'p Interface, to: &'p Interface, family: Family) -> Vec<Road<'p>> {
        let (from_vpc, to_vpc) = (self.picture.subnets[from.subnet].vpc, self.picture.subnets[to.subnet].vpc);
        if from_vpc == to_vpc {
            return vec![self.inside(from, to, family, None)];
        }
        let (first, second) = (&self.picture.vpcs[from_vpc], &self.picture.vpcs[to_vpc]);
        if first.is_external && second.is_external {
            let text = format!("whether {} and {} are one is not known", first.place.id, second.place.id);
            return vec![self.inside(from, to, family, Some(why(text)))];
        }
        let mut roads = Vec::new();
        for (name, link) in &self.picture.peerings {
            if link.vpcs.contains(&from_vpc) && link.vpcs.contains(&to_vpc) {
                roads.push(self.over_peering(link, name, (from, to), family));
            }
        }
        roads.extend(self.over_transit_gateways((from, to), family));
        roads.extend(self.elsewhere((from, to), family));
        roads
    }

    fn inside(&'p self, from: &'p Interface, to: &'p Interface, family: Family, doubt: Option<Whys>) -> Road<'p> {
        let mut gates = vec![
            self.ingress(&to.filter, Membership::Of(&from.filter)),
            self.egress(&from.filter, Membership::Of(&to.filter)),
        ];
        if let Some(whys) = doubt {
            let passes = Passes::All(Tri::Unknown(whys));
            gates.push(Gate { kind: Kind::SameNetwork, look: Look::Source, passes, travel: 20 });
        }
        self.acls_between(from.subnet, to.subnet, &mut gates);
        let mut road = self.road((from, family), (to, family), gates);
        if from.subnet != to.subnet {
            let (from_table, to_table) =
                (self.picture.subnets[from.subnet].table, self.picture.subnets[to.subnet].table);
            let out = self.diversion(from_table, &road.destinations, Look::Destination, 20);
            let back = self.diversion(to_table, &road.sources, Look::Source, 65);
            road.gates.extend(out);
            road.gates.extend(back);
        }
        road
    }

    fn over_peering(
        &'p self,
        link: &'p Link,
        name: &str,
        (from, to): (&'p Interface, &'p Interface),
        family: Family,
    ) -> Road<'p> {
        let leads = |route: &Route| match &route.target {
            Target::Peering(other) => (other == name).into(),
            _ => Tri::No,
        };
        let membership = |filter: &'p Filter| match link.unknown_groups.first() {
            None => Membership::Of(filter),
            Some(why) => Membership::Perhaps(filter, &why.0),
        };
        let (from_table, to_table) = (self.picture.subnets[from.subnet].table, self.picture.subnets[to.subnet].table);
        let is_joined = if link.unknown.is_empty() { Tri::Yes } else { Tri::Unknown(link.unknown.clone()) };
        let mut gates = vec![
            Gate {
                kind: Kind::Link(link.place.clone()),
                look: Look::Source,
                passes: Passes::All(is_joined),
                travel: 25,
            },
            self.routes_gate(from_table, &link.place.id, Look::Destination, 20, &leads),
            self.ingress(&to.filter, membership(&from.filter)),
            self.egress(&from.filter, membership(&to.filter)),
            self.routes_gate(to_table, &link.place.id, Look::Source, 65, &leads),
        ];
        self.acls_between(from.subnet, to.subnet, &mut gates);
        self.road((from, family), (to, family), gates)
    }

    /// A way over what is not known: a route to something outside of the template, or into an appliance.
    fn elsewhere(&'p self, (from, to): (&'p Interface, &'p Interface), family: Family) -> Option<Road<'p>> {
        let (from_is, to_is) = (&self.picture.subnets[from.subnet], &self.picture.subnets[to.subnet]);
        let (sources, destinations) = (self.picture.addresses(from, family).0, self.picture.addresses(to, family).0);
        let may_lead = |vpc: usize, other: usize, addresses: AddressSet| {
            move |route: &Route| match &route.target {
                Target::Unknown(whys) => Tri::Unknown(whys.clone()),
                Target::Peering(name) if self.picture.peerings.contains_key(name) => Tri::No,
                Target::TransitGateway(name) => self.transit_may_lead(name, vpc, other, &addresses),
                Target::Peering(name) | Target::VpnGateway(name) => Tri::Unknown(self.behind(name)),
                Target::Appliance(name) => self.forwards(name),
                Target::Local | Target::InternetGateway(_) | Target::EgressOnly(_) | Target::Nat(_) => Tri::No,
            }
        };
        let there = may_lead(from_is.vpc, to_is.vpc, destinations);
        let back = may_lead(to_is.vpc, from_is.vpc, sources);
        let table = &self.picture.tables[from_is.table];
        let is_possible = !table.unknown.is_empty()
            || !table.propagated_from.is_empty()
            || table.routes.iter().any(|route| there(route).is_possible());
        if !is_possible {
            return None;
        }
        const TEXT: &str = "whether groups are known on the other side of a way that is not in this template";
        let mut gates = vec![
            self.routes_gate(from_is.table, &to_is.place.id, Look::Destination, 20, &there),
            self.routes_gate(to_is.table, &from_is.place.id, Look::Source, 65, &back),
        ];
        self.widen_by_propagation(from_is.table, &mut gates[..1]);
        self.widen_by_propagation(to_is.table, &mut gates[1..]);
        gates.push(self.ingress(&to.filter, Membership::Perhaps(&from.filter, TEXT)));
        gates.push(self.egress(&from.filter, Membership::Perhaps(&to.filter, TEXT)));
        self.acls_between(from.subnet, to.subnet, &mut gates);
        Some(self.road((from, family), (to, family), gates))
    }
}
