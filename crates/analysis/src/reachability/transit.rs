//! The roads over transit gateways.

use super::bounded::{Bounded, Tri, Whys, why};
use super::intervals::SetAlgebra as _;
use super::packets::{AddressSet, Family, PacketSet};
use super::picture::{Attachment, Filter, Interface, Route, Target, TransitGateway};
use super::road::{Atlas, Gate, Kind, Look, Membership, Passes, Road};
use std::borrow::Cow;

impl<'p> Atlas<'p> {
    /// The attachments of a VPC.
    fn attached(&'p self, vpc: usize) -> impl Iterator<Item = (&'p str, &'p TransitGateway, usize)> {
        self.picture.transit_gateways.iter().flat_map(move |(name, gateway)| {
            let own = gateway.attachments.iter().enumerate().filter(move |(_, it)| it.vpc == Some(vpc));
            own.map(move |(index, _)| (name.as_str(), gateway, index))
        })
    }

    /// The addresses that a transit gateway sends to attachments when they come from this one.
    fn sends(gateway: &TransitGateway, from: usize, wanted: impl Fn(usize) -> bool) -> Bounded<AddressSet> {
        let from = &gateway.attachments[from];
        let mut all = Bounded::none();
        let mut whys: Whys = gateway.unknown.iter().chain(&from.unknown).cloned().collect();
        if let Some(table) = from.table.and_then(|table| gateway.tables.get(table)) {
            for (part, to) in &table.parts {
                if to.is_some_and(&wanted) {
                    all.add(&Bounded::known(part.clone()));
                }
            }
            whys.extend(table.unknown.iter().cloned());
        }
        if whys.is_empty() { all } else { Bounded::at_most(AddressSet::everything(), whys) }
    }

    /// Whether a route to a transit gateway may lead to addresses of another VPC by a way that is not straight
    /// through it: over a VPN, another transit gateway, a network with a firewall.
    pub(super) fn transit_may_lead(&self, name: &str, vpc: usize, other: usize, addresses: &AddressSet) -> Tri {
        let Some(gateway) = self.picture.transit_gateways.get(name) else { return Tri::Unknown(self.behind(name)) };
        let mut whys = gateway.unknown.clone();
        for (index, _) in gateway.attachments.iter().enumerate().filter(|(_, it)| it.vpc == Some(vpc)) {
            for (to, attachment) in gateway.attachments.iter().enumerate() {
                let is_other = to != index && attachment.vpc != Some(other);
                if is_other && self.passes_on(attachment, addresses) {
                    let sent = Self::sends(gateway, index, |it| it == to);
                    if !sent.possible.intersection(addresses).is_empty() {
                        whys.extend(why(format!("what lies behind {} is decided there", attachment.place.id)));
                    }
                }
            }
        }
        if whys.is_empty() { Tri::No } else { Tri::Unknown(whys) }
    }

    /// Whether packets for others that come to an attachment may go on from there: a VPC needs something that
    /// its routes lead into.
    fn passes_on(&self, attachment: &Attachment, addresses: &AddressSet) -> bool {
        if attachment.vpc.is_none_or(|vpc| self.picture.vpcs[vpc].is_external) {
            return true;
        }
        attachment.subnets.iter().any(|subnet| {
            let subnet = &self.picture.subnets[*subnet];
            let table = &self.picture.tables[subnet.table];
            let leads_on = |route: usize| match &table.routes[route].target {
                Target::Appliance(name) => self.forwards(name).is_possible(),
                Target::Unknown(_) | Target::Nat(_) | Target::VpnGateway(_) => true,
                _ => false,
            };
            subnet.is_external
                || !table.unknown.is_empty()
                || table.unplaced.iter().any(|route| leads_on(*route))
                || table.parts.iter().any(|(part, route)| leads_on(*route) && !part.intersection(addresses).is_empty())
        })
    }

    /// What a route to a transit gateway means for addresses outside of the template's networks.
    pub(super) fn transit_outwards(&self, name: &str, vpc: usize, addresses: &AddressSet) -> Bounded<AddressSet> {
        let Some(gateway) = self.picture.transit_gateways.get(name) else {
            return Bounded::at_most(addresses.clone(), self.behind(name));
        };
        let mut possible = AddressSet::empty();
        let mut whys = gateway.unknown.clone();
        if !whys.is_empty() {
            possible = addresses.clone();
        }
        for (index, _) in gateway.attachments.iter().enumerate().filter(|(_, it)| it.vpc == Some(vpc)) {
            for (to, attachment) in gateway.attachments.iter().enumerate().filter(|(to, _)| *to != index) {
                let sent = Self::sends(gateway, index, |other| other == to);
                let part = sent.possible.intersection(addresses);
                let is_open = !part.is_empty() && self.leads_outside(attachment, &part);
                if is_open {
                    possible = possible.union(&part);
                    whys.extend(sent.whys.iter().cloned());
                    whys.extend(why(format!("what lies behind {} is decided there", attachment.place.id)));
                }
            }
        }
        Bounded::at_most(possible, whys)
    }

    /// Whether an attachment may lead to addresses outside of the template's networks.
    fn leads_outside(&self, attachment: &Attachment, addresses: &AddressSet) -> bool {
        attachment.vpc.is_none_or(|vpc| {
            let vpc = &self.picture.vpcs[vpc];
            // Its own addresses, or whatever stands at its end of the way.
            !vpc.blocks.intersection(addresses).is_empty() || !vpc.unknown_blocks.is_empty()
        }) || self.passes_on(attachment, addresses)
    }

    pub(super) fn over_transit_gateways(
        &'p self,
        (from, to): (&'p Interface, &'p Interface),
        family: Family,
    ) -> Vec<Road<'p>> {
        let (from_vpc, to_vpc) = (self.picture.subnets[from.subnet].vpc, self.picture.subnets[to.subnet].vpc);
        let mut roads = Vec::new();
        for (name, gateway, first) in self.attached(from_vpc) {
            for (other, _, second) in self.attached(to_vpc) {
                if other == name {
                    roads.push(self.over_transit_gateway(name, gateway, (first, second), (from, to), family));
                }
            }
        }
        roads
    }

    fn over_transit_gateway(
        &'p self,
        name: &str,
        gateway: &'p TransitGateway,
        (first, second): (usize, usize),
        (from, to): (&'p Interface, &'p Interface),
        family: Family,
    ) -> Road<'p> {
        let leads = |route: &Route| match &route.target {
            Target::TransitGateway(other) => (other == name).into(),
            _ => Tri::No,
        };
        let (from_is, to_is) = (&self.picture.subnets[from.subnet], &self.picture.subnets[to.subnet]);
        let (here, there) = (&gateway.attachments[first], &gateway.attachments[second]);
        const TEXT: &str = "whether groups are known across the transit gateway depends on its attachments";
        let known = |filter: &'p Filter| {
            if gateway.knows_groups { Membership::Perhaps(filter, TEXT) } else { Membership::None }
        };
        let mut gates = vec![
            self.routes_gate(from_is.table, &gateway.place.id, Look::Destination, 20, &leads),
            self.transit_gate(gateway, (first, second), false),
            self.ingress(&to.filter, known(&from.filter)),
            self.egress(&from.filter, Membership::None),
            self.routes_gate(to_is.table, &gateway.place.id, Look::Source, 65, &leads),
            self.transit_gate(gateway, (second, first), true),
        ];
        // One subnet for host and attachment is filtered on the way in only, two are filtered both ways.
        gates.push(self.acl(from_is.acl, false, Look::Destination, 15));
        if here.subnets.contains(&from.subnet) {
            gates.push(self.acl(from_is.acl, true, Look::Source, 16));
        } else {
            gates.extend(self.attachment_acl(here, true, Look::Source, 18));
            gates.extend(self.attachment_acl(here, false, Look::AnswerToSource, 68));
            gates.push(self.acl(from_is.acl, true, Look::AnswerFromDestination, 70));
        }
        gates.push(self.acl(to_is.acl, false, Look::AnswerToSource, 60));
        if there.subnets.contains(&to.subnet) {
            gates.push(self.acl(to_is.acl, true, Look::AnswerFromDestination, 61));
        } else {
            gates.extend(self.attachment_acl(there, false, Look::Destination, 35));
            gates.push(self.acl(to_is.acl, true, Look::Source, 40));
            gates.extend(self.attachment_acl(there, true, Look::AnswerFromDestination, 62));
        }
        let mut road = self.road((from, family), (to, family), gates);
        for (attachment, is_answer) in [(there, false), (here, true)] {
            for subnet in &attachment.subnets {
                let table = self.picture.subnets[*subnet].table;
                let (addresses, look) =
                    if is_answer { (&road.sources, Look::Source) } else { (&road.destinations, Look::Destination) };
                let gate = self.diversion(table, addresses, look, if is_answer { 67 } else { 33 });
                road.gates.extend(gate);
            }
        }
        road
    }

    fn transit_gate(&self, gateway: &TransitGateway, (from, to): (usize, usize), is_answer: bool) -> Gate<'p> {
        let (from_is, to_is) = (&gateway.attachments[from], &gateway.attachments[to]);
        let place = from_is.table.and_then(|table| gateway.tables.get(table)).map_or(&from_is.place, |it| &it.place);
        Gate {
            kind: Kind::TransitRoutes { place: place.clone(), toward: to_is.place.id.clone(), is_answer },
            look: if is_answer { Look::Source } else { Look::Destination },
            passes: Passes::Addresses(Self::sends(gateway, from, |other| other == to)),
            travel: if is_answer { 66 } else { 25 },
        }
    }

    /// The ACL of the subnet in which an attachment stands; which of several is the zone's choice.
    fn attachment_acl(&'p self, attachment: &Attachment, is_inbound: bool, look: Look, travel: u8) -> Option<Gate<'p>> {
        let mut acls: Vec<usize> = attachment.subnets.iter().map(|subnet| self.picture.subnets[*subnet].acl).collect();
        acls.sort_unstable();
        acls.dedup();
        let mut gate = self.acl(*acls.first()?, is_inbound, look, travel);
        if acls.len() > 1 {
            let text = format!("which subnet of {} is used depends on the zone", attachment.place.id);
            let mut all = Bounded { certain: PacketSet::everything(), possible: PacketSet::none(), whys: why(text) };
            for acl in acls {
                let acl = &self.picture.acls[acl];
                let passes = if is_inbound { &acl.passes_in } else { &acl.passes_out };
                all.certain = all.certain.intersection(&passes.certain);
                all.possible = all.possible.union(&passes.possible);
                all.whys.extend(passes.whys.iter().cloned());
            }
            gate.passes = Passes::Packets(Cow::Owned(all));
        }
        Some(gate)
    }
}
