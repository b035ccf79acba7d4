//! Every way on which packets can go from a source to an interface, as the gates on that way.
//!
//! A gate lets a set of packets pass, by the address of one end and the port of the connection (or, for
//! answers at stateless filters, the client's port). A road is open for the packets that pass all of them.

use super::bounded::{Bounded, Tri, Whys, why};
use super::intervals::SetAlgebra;
use super::packets::{AddressSet, Family, PacketSet};
use super::picture::{Filter, GroupRule, Peer, Picture, Place, Route, Target};
use std::borrow::Cow;
use std::collections::HashMap;

/// Which address and which port of a packet a gate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Source address, destination port.
    Source,
    /// Destination address, destination port.
    Destination,
    /// Source address, the client's port: an answer on its way to the source.
    AnswerToSource,
    /// Destination address, the client's port: an answer on its way from the destination.
    AnswerFromDestination,
}

/// What a gate is; indices are those of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The destination's security groups.
    Ingress(Filter),
    /// The source's security groups.
    Egress(Filter),
    /// A network ACL, inwards or outwards, for the connection or for its answers.
    Acl {
        /// Index.
        acl: usize,
        /// Into the subnet.
        is_inbound: bool,
        /// For the answers.
        is_answer: bool,
    },
    /// Routes of a table.
    Routes {
        /// Index.
        table: usize,
        /// Where they must lead, for people.
        toward: String,
        /// The way back.
        is_answer: bool,
    },
    /// Whether the destination (or the source, of a connection outwards) has a public address.
    PublicAddress,
    /// Whether the VPC has an internet gateway.
    InternetGateway(usize),
    /// A NAT gateway.
    Nat(Place),
    /// A peering connection or transit gateway.
    Link(Place),
    /// A route table of a transit gateway.
    TransitRoutes {
        /// The table.
        place: Place,
        /// Where it must lead, for people.
        toward: String,
        /// The way back.
        is_answer: bool,
    },
    /// A gateway endpoint.
    Endpoint(Place),
    /// The policy of an endpoint.
    EndpointPolicy(Place),
    /// Whether two networks are one.
    SameNetwork,
    /// Whom a public endpoint lets in.
    PublicEndpoint(Place),
}

/// What passes a gate.
#[derive(Debug, Clone)]
pub enum Passes<'p> {
    /// These packets.
    Packets(Cow<'p, Bounded<PacketSet>>),
    /// Every packet with these addresses.
    Addresses(Bounded<AddressSet>),
    /// Everything or nothing.
    All(Tri),
}

/// A gate.
#[derive(Debug, Clone)]
pub struct Gate<'p> {
    /// What it is.
    pub kind: Kind,
    /// What it looks at.
    pub look: Look,
    /// What passes.
    pub passes: Passes<'p>,
    /// Where on the way it stands, for printing; checking goes in another order.
    pub travel: u8,
}

/// A way with its gates.
#[derive(Debug, Clone)]
pub struct Road<'p> {
    /// In the order in which they are checked.
    pub gates: Vec<Gate<'p>>,
    /// The source's addresses.
    pub sources: AddressSet,
    /// Why the source's addresses are not exactly known.
    pub unknown_sources: Whys,
    /// The destination's addresses.
    pub destinations: AddressSet,
    /// Why the destination's addresses are not exactly known.
    pub unknown_destinations: Whys,
}

/// Whose packets a group rule is asked about.
#[derive(Debug, Clone, Copy)]
pub enum Membership<'p> {
    /// An interface of this filter.
    Of(&'p Filter),
    /// An interface of this filter, whose groups may not be known there because of this.
    Perhaps(&'p Filter, &'p str),
    /// Nobody who is in a group.
    None,
}

/// The rules of one set of groups, made ready once.
#[derive(Debug)]
struct Sets {
    addresses: Bounded<PacketSet>,
    /// Equal for all sets of groups whose address rules come to the same.
    content: usize,
    groups: Vec<(usize, Bounded<PacketSet>)>,
}

/// A picture with what every verdict needs made ready.
#[derive(Debug)]
pub struct Atlas<'p> {
    /// The picture.
    pub picture: &'p Picture,
    ingress: HashMap<&'p Filter, Sets>,
    egress: HashMap<&'p Filter, Sets>,
    everything: Bounded<PacketSet>,
    internet: [AddressSet; 2],
}

impl<'p> Atlas<'p> {
    /// Makes a picture ready.
    #[must_use]
    pub fn new(picture: &'p Picture) -> Self {
        let own = picture.vpcs.iter().fold(AddressSet::empty(), |all, vpc| all.union(&vpc.blocks));
        let internet = |family| AddressSet::internet(family).difference(&own);
        let mut atlas = Self {
            picture,
            ingress: HashMap::new(),
            egress: HashMap::new(),
            everything: Bounded::known(PacketSet::everything()),
            internet: [internet(Family::V4), internet(Family::V6)],
        };
        let mut contents = HashMap::new();
        for interface in picture.components.iter().flat_map(|component| &component.interfaces) {
            if let Filter::Groups(groups) = &interface.filter
                && !atlas.ingress.contains_key(&interface.filter)
            {
                let ingress = sets(picture, groups, |group| &picture.groups[group].ingress, &mut contents);
                let egress = sets(picture, groups, |group| &picture.groups[group].egress, &mut contents);
                atlas.ingress.insert(&interface.filter, ingress);
                atlas.egress.insert(&interface.filter, egress);
            }
        }
        atlas
    }

    /// The internet of a family: every public address that is none of the picture's own networks.
    pub(super) fn internet(&self, family: Family) -> &AddressSet {
        match family {
            Family::V4 => &self.internet[0],
            Family::V6 => &self.internet[1],
        }
    }

    /// A number that is equal for two interfaces when their groups let in (or out) the same, as long as the
    /// other side is in none of the groups that their rules name; `None` when it is, or may be.
    #[must_use]
    pub fn content(&self, filter: &Filter, other: &Filter, is_ingress: bool) -> Option<usize> {
        let Some(sets) = (if is_ingress { &self.ingress } else { &self.egress }).get(filter) else {
            return Some(usize::MAX);
        };
        if let Filter::Groups(members) = other {
            let is_special = sets
                .groups
                .iter()
                .any(|(group, _)| members.binary_search(group).is_ok() || self.picture.groups[*group].is_external);
            if is_special {
                return None;
            }
        }
        Some(sets.content)
    }

    /// The groups that the rules of an interface's groups name.
    pub(super) fn named_groups(&self, filter: &Filter, is_ingress: bool) -> impl Iterator<Item = usize> + '_ {
        let sets = if is_ingress { &self.ingress } else { &self.egress }.get(filter);
        sets.into_iter().flat_map(|sets| sets.groups.iter().map(|(group, _)| *group))
    }

    /// What the groups of an interface let in from a member of other groups.
    fn let_through(&self, sets: &'p HashMap<&'p Filter, Sets>, filter: &Filter, other: Membership<'_>) -> Passes<'_> {
        let Some(sets) = sets.get(filter) else { return Passes::Packets(Cow::Borrowed(&self.everything)) };
        let mut all = Cow::Borrowed(&sets.addresses);
        if let Membership::Of(Filter::Groups(members)) | Membership::Perhaps(Filter::Groups(members), _) = other {
            for (group, rules) in &sets.groups {
                if members.binary_search(group).is_ok() {
                    match other {
                        Membership::Perhaps(_, text) => {
                            all.to_mut().add(&Bounded::at_most(rules.possible.clone(), why(text)));
                        }
                        _ => all.to_mut().add(rules),
                    }
                } else if self.picture.groups[*group].is_external {
                    // Two names may mean one group, when neither is of this template.
                    if let Some(member) = members.iter().find(|member| self.picture.groups[**member].is_external) {
                        let text = format!(
                            "whether {} is the group {} is not known",
                            self.picture.groups[*member].place.id, self.picture.groups[*group].place.id
                        );
                        all.to_mut().add(&Bounded::at_most(rules.possible.clone(), why(text)));
                    }
                }
            }
        }
        Passes::Packets(all)
    }

    pub(super) fn ingress(&'p self, filter: &Filter, source: Membership<'_>) -> Gate<'p> {
        Gate {
            kind: Kind::Ingress(filter.clone()),
            look: Look::Source,
            passes: self.let_through(&self.ingress, filter, source),
            travel: 50,
        }
    }

    pub(super) fn egress(&'p self, filter: &Filter, destination: Membership<'_>) -> Gate<'p> {
        Gate {
            kind: Kind::Egress(filter.clone()),
            look: Look::Destination,
            passes: self.let_through(&self.egress, filter, destination),
            travel: 10,
        }
    }

    pub(super) fn acl(&'p self, acl: usize, is_inbound: bool, look: Look, travel: u8) -> Gate<'p> {
        let acl_is = &self.picture.acls[acl];
        let passes = if is_inbound { &acl_is.passes_in } else { &acl_is.passes_out };
        let is_answer = matches!(look, Look::AnswerToSource | Look::AnswerFromDestination);
        Gate {
            kind: Kind::Acl { acl, is_inbound, is_answer },
            look,
            passes: Passes::Packets(Cow::Borrowed(passes)),
            travel,
        }
    }

    /// The addresses that a table sends toward something; `leads` says whether a route does.
    fn routed(&self, table: usize, leads: &dyn Fn(&Route) -> Tri) -> Bounded<AddressSet> {
        let table = &self.picture.tables[table];
        let mut all = Bounded::none();
        for (part, route) in &table.parts {
            match leads(&table.routes[*route]) {
                Tri::Yes => all.add(&Bounded::known(part.clone())),
                Tri::Unknown(whys) => all.add(&Bounded::at_most(part.clone(), whys)),
                Tri::No => {}
            }
        }
        // A route to an unknown place may take addresses from any other, or give them.
        for route in &table.unplaced {
            let route = &table.routes[*route];
            let text = why(format!("the addresses of {} are not known", route.place.id));
            match leads(route) {
                Tri::No => all.certain = AddressSet::empty(),
                Tri::Yes | Tri::Unknown(_) => all.possible = AddressSet::everything(),
            }
            all.whys.extend(text);
        }
        if !table.unknown.is_empty() {
            all.possible = AddressSet::everything();
            if table.parts.is_empty() || table.routes.len() == 1 {
                all.certain = AddressSet::empty();
            }
            all.whys.extend(table.unknown.iter().cloned());
        }
        all
    }

    pub(super) fn routes_gate(
        &self,
        table: usize,
        toward: &str,
        look: Look,
        travel: u8,
        leads: &dyn Fn(&Route) -> Tri,
    ) -> Gate<'p> {
        let is_answer = look == Look::Source;
        Gate {
            kind: Kind::Routes { table, toward: toward.to_owned(), is_answer },
            look,
            passes: Passes::Addresses(self.routed(table, leads)),
            travel,
        }
    }

    pub(super) fn is_attached(&self, vpc: usize, gateway: &str) -> Tri {
        let vpc = &self.picture.vpcs[vpc];
        if vpc.internet_gateways.iter().any(|place| place.id == gateway) {
            if vpc.doubted_gateways.is_empty() { Tri::Yes } else { Tri::Unknown(vpc.doubted_gateways.clone()) }
        } else if vpc.unknown_gateways.is_empty() {
            Tri::No
        } else {
            Tri::Unknown(vpc.unknown_gateways.clone())
        }
    }

    pub(super) fn to_internet_gateway(&self, vpc: usize) -> impl Fn(&Route) -> Tri + '_ {
        move |route| match &route.target {
            Target::InternetGateway(gateway) => self.is_attached(vpc, gateway),
            Target::Unknown(whys) => Tri::Unknown(whys.clone()),
            _ => Tri::No,
        }
    }

    pub(super) fn has_gateway(&self, vpc: usize) -> Gate<'p> {
        let vpc_is = &self.picture.vpcs[vpc];
        let has = if !vpc_is.internet_gateways.is_empty() {
            Tri::Yes
        } else if vpc_is.unknown_gateways.is_empty() {
            Tri::No
        } else {
            Tri::Unknown(vpc_is.unknown_gateways.clone())
        };
        Gate { kind: Kind::InternetGateway(vpc), look: Look::Source, passes: Passes::All(has), travel: 20 }
    }
}

fn sets<'p>(
    picture: &'p Picture,
    groups: &[usize],
    rules: impl Fn(usize) -> &'p Vec<GroupRule>,
    contents: &mut HashMap<Bounded<PacketSet>, usize>,
) -> Sets {
    let mut all = Sets { addresses: Bounded::none(), content: 0, groups: Vec::new() };
    for group in groups {
        if !picture.groups[*group].unknown.is_empty() {
            let unknown = picture.groups[*group].unknown.clone();
            all.addresses.add(&Bounded::at_most(PacketSet::everything(), unknown));
        }
        for rule in rules(*group) {
            let set = |addresses: AddressSet| {
                let set = PacketSet::of(rule.protocols, rule.ports, addresses);
                if rule.unknown.is_empty() { Bounded::known(set) } else { Bounded::at_most(set, rule.unknown.clone()) }
            };
            match &rule.peer {
                Peer::Addresses(addresses) => all.addresses.add(&set(addresses.clone())),
                Peer::Unknown => all.addresses.add(&set(AddressSet::everything())),
                Peer::Group(peer) => {
                    let set = set(AddressSet::everything());
                    match all.groups.iter_mut().find(|(known, _)| known == peer) {
                        Some((_, known)) => known.add(&set),
                        None => all.groups.push((*peer, set)),
                    }
                }
            }
        }
    }
    let next = contents.len();
    all.content = *contents.entry(all.addresses.clone()).or_insert(next);
    all
}
