//! The roads between interfaces and addresses outside of their VPC.

use super::bounded::{Bounded, Tri, Whys, why};
use super::intervals::SetAlgebra as _;
use super::packets::{AddressSet, Family};
use super::picture::{Interface, Route, Target};
use super::road::{Atlas, Gate, Kind, Look, Membership, Passes, Road};

impl<'p> Atlas<'p> {
    /// The roads of packets from addresses outside to an interface: over the internet gateway, from
    /// inside of the VPC, or over a link. Each takes the part of the addresses that it is for.
    #[must_use]
    pub fn outside_to(&'p self, sources: &AddressSet, to: &'p Interface, family: Family) -> Vec<Road<'p>> {
        let subnet = &self.picture.subnets[to.subnet];
        let vpc = &self.picture.vpcs[subnet.vpc];
        let sources = sources.of_family(family);
        let inside = sources.intersection(&vpc.blocks);
        let rest = sources.difference(&vpc.blocks);
        let public = rest.intersection(&AddressSet::internet(family));
        let private = rest.difference(&public);
        let (destinations, unknown_destinations) = self.picture.addresses(to, family);
        let road = |sources: AddressSet, gates: Vec<Gate<'p>>| Road {
            gates,
            sources,
            unknown_sources: Whys::new(),
            destinations: destinations.clone(),
            unknown_destinations: unknown_destinations.clone(),
        };
        let mut roads = Vec::new();
        let ingress = || self.ingress(&to.filter, Membership::None);
        let acls = |gates: &mut Vec<Gate<'p>>| {
            gates.push(self.acl(subnet.acl, true, Look::Source, 40));
            gates.push(self.acl(subnet.acl, false, Look::AnswerToSource, 60));
        };
        if !public.is_empty() {
            let has_address = match family {
                Family::V4 => to.public_v4.clone(),
                Family::V6 if to.is_internal => Tri::No,
                Family::V6 => to.v6.clone(),
            };
            let mut gates = vec![
                Gate { kind: Kind::PublicAddress, look: Look::Source, passes: Passes::All(has_address), travel: 30 },
                self.has_gateway(subnet.vpc),
                self.routes_gate(
                    subnet.table,
                    "an attached internet gateway",
                    Look::Source,
                    65,
                    &self.to_internet_gateway(subnet.vpc),
                ),
                ingress(),
            ];
            acls(&mut gates);
            for table in &vpc.ingress_tables {
                gates.extend(self.diversion(*table, &destinations, Look::Destination, 25));
            }
            roads.push(road(public, gates));
        }
        if !inside.is_empty() {
            let mut gates = vec![ingress()];
            acls(&mut gates);
            roads.push(road(inside, gates));
        }
        if !private.is_empty() {
            let mut gates =
                vec![self.routes_gate(subnet.table, "another network", Look::Source, 65, &|route: &Route| {
                    self.to_other_network(route)
                })];
            self.widen_by_propagation(subnet.table, &mut gates);
            gates.push(ingress());
            acls(&mut gates);
            roads.push(road(private, gates));
        }
        roads
    }

    /// Why it is not known whether something that is no gateway passes packets on.
    pub(super) fn behind(&self, name: &str) -> Whys {
        why(match self.picture.component(name) {
            Some(_) => format!("whether {name} passes packets on is decided inside of it"),
            None => format!("what lies behind {name} is not in this template"),
        })
    }

    /// Whether something that a route leads into passes on what is not for itself.
    pub(super) fn forwards(&self, name: &str) -> Tri {
        self.picture.appliances.get(name).map_or_else(|| Tri::Unknown(self.behind(name)), |it| it.forwards.clone())
    }

    /// Whether a route leads to networks that are not on the internet.
    fn to_other_network(&self, route: &Route) -> Tri {
        match &route.target {
            Target::Peering(name) | Target::TransitGateway(name) | Target::VpnGateway(name) => {
                Tri::Unknown(self.behind(name))
            }
            Target::Appliance(name) => self.forwards(name),
            Target::Unknown(whys) => Tri::Unknown(whys.clone()),
            Target::Local | Target::InternetGateway(_) | Target::EgressOnly(_) | Target::Nat(_) => Tri::No,
        }
    }

    pub(super) fn widen_by_propagation(&self, table: usize, gates: &mut [Gate<'p>]) {
        for place in &self.picture.tables[table].propagated_from {
            for gate in &mut *gates {
                if let Passes::Addresses(set) = &mut gate.passes {
                    set.possible = AddressSet::everything();
                    set.whys.extend(why(format!("the routes that {} propagates are not in this template", place.id)));
                }
            }
        }
    }

    /// The roads from an interface to addresses outside; each takes the part of the addresses that it is for.
    #[must_use]
    pub fn to_outside(&'p self, from: &'p Interface, destinations: &AddressSet, family: Family) -> Vec<Road<'p>> {
        let subnet = &self.picture.subnets[from.subnet];
        let table = &self.picture.tables[subnet.table];
        let (sources, unknown_sources) = self.picture.addresses(from, family);
        let mut rest = destinations.of_family(family);
        let mut roads = Vec::new();
        let base = |destinations: AddressSet, special: Vec<Gate<'p>>| {
            let mut gates = special;
            gates.push(self.egress(&from.filter, Membership::None));
            gates.push(self.acl(subnet.acl, false, Look::Destination, 15));
            gates.push(self.acl(subnet.acl, true, Look::AnswerFromDestination, 70));
            Road {
                gates,
                sources: sources.clone(),
                unknown_sources: unknown_sources.clone(),
                destinations,
                unknown_destinations: Whys::new(),
            }
        };
        for (part, route) in &table.parts {
            let taken = rest.intersection(part);
            if taken.is_empty() {
                continue;
            }
            rest = rest.difference(part);
            let route = &table.routes[*route];
            let routes = |passes: Bounded<AddressSet>, toward: &str| Gate {
                kind: Kind::Routes { table: subnet.table, toward: toward.to_owned(), is_answer: false },
                look: Look::Destination,
                passes: Passes::Addresses(passes),
                travel: 20,
            };
            let own_address = if family == Family::V4 { from.public_v4.clone() } else { from.v6.clone() };
            let address_gate = Gate {
                kind: Kind::PublicAddress,
                look: Look::Destination,
                passes: Passes::All(own_address),
                travel: 12,
            };
            let gates = match &route.target {
                Target::InternetGateway(gateway) => {
                    let passes = match self.is_attached(subnet.vpc, gateway) {
                        Tri::Yes => Bounded::known(taken.clone()),
                        Tri::Unknown(whys) => Bounded::at_most(taken.clone(), whys),
                        Tri::No => Bounded::none(),
                    };
                    let mut gates = vec![routes(passes, "an attached internet gateway"), address_gate];
                    for table in &self.picture.vpcs[subnet.vpc].ingress_tables {
                        gates.extend(self.diversion(*table, &sources, Look::Source, 66));
                    }
                    gates
                }
                Target::EgressOnly(_) if family == Family::V6 => {
                    vec![routes(Bounded::known(taken.clone()), "the gateway"), address_gate]
                }
                Target::Nat(name) if family == Family::V4 => self.over_nat(name, from, &taken, routes),
                Target::Local => vec![routes(Bounded::known(taken.clone()), "the VPC")],
                Target::EgressOnly(_) | Target::Nat(_) => vec![routes(Bounded::none(), "a gateway of this family")],
                Target::Unknown(whys) => vec![routes(Bounded::at_most(taken.clone(), whys.clone()), "outside")],
                // A peering connection leads to the other VPC's own addresses, and no further.
                Target::Peering(name) if self.other_side(name, subnet.vpc).is_some() => {
                    let blocks = self.other_side(name, subnet.vpc).unwrap_or_else(AddressSet::empty);
                    let text = why(format!("who has which address behind {name} is not known"));
                    vec![routes(Bounded::at_most(taken.intersection(&blocks), text), "outside")]
                }
                Target::TransitGateway(name) => {
                    vec![routes(self.transit_outwards(name, subnet.vpc, &taken), "outside")]
                }
                Target::Appliance(name) => self.over_appliance(name, from, &taken, family, routes),
                Target::Peering(name) | Target::VpnGateway(name) => {
                    vec![routes(Bounded::at_most(taken.clone(), self.behind(name)), "outside")]
                }
            };
            roads.push(base(taken, gates));
        }
        if !rest.is_empty() {
            let mut passes = Bounded::none();
            if !table.unknown.is_empty() {
                passes = Bounded::at_most(rest.clone(), table.unknown.clone());
            }
            for route in &table.unplaced {
                let text = format!("the addresses of {} are not known", table.routes[*route].place.id);
                passes.add(&Bounded::at_most(rest.clone(), why(text)));
            }
            let gate = Gate {
                kind: Kind::Routes {
                    table: subnet.table,
                    toward: "an internet gateway or a NAT gateway".to_owned(),
                    is_answer: false,
                },
                look: Look::Destination,
                passes: Passes::Addresses(passes),
                travel: 20,
            };
            let mut gates = vec![gate];
            self.widen_by_propagation(subnet.table, &mut gates);
            roads.push(base(rest, gates));
        }
        roads
    }

    /// The addresses of the VPC at the other end of a peering connection, when they are known.
    fn other_side(&self, peering: &str, vpc: usize) -> Option<AddressSet> {
        let link = self.picture.peerings.get(peering)?;
        let other = link.vpcs.iter().find(|other| **other != vpc)?;
        let other = &self.picture.vpcs[*other];
        (other.unknown_blocks.is_empty() && !other.is_external).then(|| other.blocks.clone())
    }

    fn over_nat(
        &'p self,
        name: &str,
        from: &Interface,
        taken: &AddressSet,
        routes: impl Fn(Bounded<AddressSet>, &str) -> Gate<'p>,
    ) -> Vec<Gate<'p>> {
        let Some(nat) = self.picture.nats.get(name) else {
            let text = why(format!("the NAT gateway {name} is not in this template"));
            return vec![routes(Bounded::at_most(taken.clone(), text), "a NAT gateway")];
        };
        let subnet = &self.picture.subnets[nat.subnet];
        let mut gates = vec![
            routes(Bounded::known(taken.clone()), "a NAT gateway"),
            Gate {
                kind: Kind::Nat(nat.place.clone()),
                look: Look::Destination,
                passes: Passes::All(nat.is_public.into()),
                travel: 25,
            },
            self.routes_gate(
                subnet.table,
                "an attached internet gateway",
                Look::Destination,
                30,
                &self.to_internet_gateway(subnet.vpc),
            ),
            self.acl(subnet.acl, false, Look::Destination, 28),
            self.acl(subnet.acl, true, Look::AnswerFromDestination, 62),
        ];
        if nat.subnet != from.subnet || subnet.is_external {
            gates.push(self.acl(subnet.acl, true, Look::Source, 22));
            gates.push(self.acl(subnet.acl, false, Look::AnswerToSource, 64));
        }
        gates
    }

    /// Over something that may pass packets on: a NAT instance, a firewall.
    fn over_appliance(
        &'p self,
        name: &str,
        from: &'p Interface,
        taken: &AddressSet,
        family: Family,
        routes: impl Fn(Bounded<AddressSet>, &str) -> Gate<'p>,
    ) -> Vec<Gate<'p>> {
        let whys = match self.forwards(name) {
            Tri::No => {
                let toward = format!("a gateway ({name} drops what is not for itself: SourceDestCheck)");
                return vec![routes(Bounded::none(), &toward)];
            }
            Tri::Yes => Whys::new(),
            Tri::Unknown(whys) => whys,
        };
        let mut gates = vec![routes(Bounded::at_most(taken.clone(), whys), "outside")];
        let Some([interface]) = self.picture.appliances.get(name).map(|it| it.interfaces.as_slice()) else {
            return gates;
        };
        let subnet = &self.picture.subnets[interface.subnet];
        gates.push(self.ingress(&interface.filter, Membership::Of(&from.filter)));
        gates.push(self.acl(subnet.acl, false, Look::Destination, 28));
        gates.push(self.acl(subnet.acl, true, Look::AnswerFromDestination, 62));
        if interface.subnet != from.subnet || subnet.is_external {
            gates.push(self.acl(subnet.acl, true, Look::Source, 22));
            gates.push(self.acl(subnet.acl, false, Look::AnswerToSource, 64));
        }
        if AddressSet::internet(family).covers(taken) {
            let leads = |route: &Route| match &route.target {
                Target::Local => Tri::No,
                Target::InternetGateway(gateway) => self.is_attached(subnet.vpc, gateway),
                _ => Tri::Unknown(why(format!("{} leads on to something else", route.place.id))),
            };
            gates.push(self.routes_gate(subnet.table, "the internet", Look::Destination, 30, &leads));
        }
        gates
    }
}
