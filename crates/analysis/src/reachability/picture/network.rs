//! VPCs, subnets, gateways, route tables and network ACLs.

use super::build::Builder;
use super::value::{Reference, number, own_name, port, reference, truth, why_not};
use super::{Acl, AclRule, GatewayEndpoint, Link, Nat, Place, Route, RouteTable, Subnet, Target, Vpc};
use crate::reachability::bounded::{Bounded, Tri, Whys, why};
use crate::reachability::intervals::SetAlgebra;
use crate::reachability::packets::{AddressSet, Family, PacketSet, ProtocolName, describe_ports};
use model::cfn::{Evaluated, Is};

impl Builder<'_> {
    pub(super) fn network(&mut self) {
        self.vpcs_and_blocks();
        self.gateways();
        self.subnets_of_template();
        self.route_tables();
        self.network_acls();
        self.subnet_associations();
        self.links();
        self.gateway_endpoints();
    }

    fn vpcs_and_blocks(&mut self) {
        for name in self.of_kind("AWS::EC2::VPC") {
            let place = self.place(name);
            let default_group = self.default_group(name);
            let (blocks, unknown_blocks) = match self.get(name, "CidrBlock") {
                value if value.is_absent() => {
                    (AddressSet::empty(), why(format!("the block of {name} comes from a pool")))
                }
                value => block(value).map_or_else(
                    || (AddressSet::empty(), why_not(value, "block of addresses")),
                    |block| (block, Whys::new()),
                ),
            };
            self.vpcs.insert(name.to_owned(), self.picture.vpcs.len());
            self.picture.vpcs.push(Vpc {
                place,
                blocks,
                unknown_blocks,
                internet_gateways: Vec::new(),
                unknown_gateways: Whys::new(),
                vpn_gateways: Vec::new(),
                default_group,
                is_external: false,
            });
        }
        for name in self.of_kind("AWS::EC2::VPCCidrBlock") {
            let vpc_value = self.get(name, "VpcId").clone();
            let vpc = self.vpc(&vpc_value);
            for property in ["CidrBlock", "Ipv6CidrBlock"] {
                let value = self.get(name, property).clone();
                if value.is_absent() {
                    continue;
                }
                let vpc = &mut self.picture.vpcs[vpc];
                match block(&value) {
                    Some(block) => vpc.blocks = vpc.blocks.union(&block),
                    None if property == "CidrBlock" => vpc.unknown_blocks.extend(why_not(&value, "block of addresses")),
                    None => {}
                }
            }
        }
    }

    fn gateways(&mut self) {
        for name in self.of_kind("AWS::EC2::VPCGatewayAttachment") {
            let (vpc_value, igw, vgw) = (
                self.get(name, "VpcId").clone(),
                self.get(name, "InternetGatewayId").clone(),
                self.get(name, "VpnGatewayId").clone(),
            );
            let vpc = self.vpc(&vpc_value);
            for (value, is_internet) in [(igw, true), (vgw, false)] {
                let place = match reference(&value) {
                    Reference::Own(gateway, _) => self.place(&gateway),
                    Reference::External(text, _) => Place::new(text, value.line),
                    Reference::Absent => continue,
                };
                let vpc = &mut self.picture.vpcs[vpc];
                if is_internet { vpc.internet_gateways.push(place) } else { vpc.vpn_gateways.push(place) }
            }
        }
    }

    fn subnets_of_template(&mut self) {
        for name in self.of_kind("AWS::EC2::Subnet") {
            let place = self.place(name);
            let vpc_value = self.get(name, "VpcId").clone();
            let vpc = self.vpc(&vpc_value);
            let is_v6_only = truth(self.get(name, "Ipv6Native")) == Some(Tri::Yes);
            let mut unknown_v4 = Whys::new();
            let v4 = match self.get(name, "CidrBlock") {
                _ if is_v6_only => AddressSet::empty(),
                value => block(value).unwrap_or_else(|| {
                    unknown_v4 = why_not(value, "block of addresses");
                    let vpc = &self.picture.vpcs[vpc];
                    let of_vpc = vpc.blocks.of_family(Family::V4);
                    if vpc.unknown_blocks.is_empty() && !of_vpc.is_empty() {
                        of_vpc
                    } else {
                        AddressSet::every(Family::V4)
                    }
                }),
            };
            let (v6, unknown_v6) = self.subnet_v6(name);
            let gives_v6 = if v6.is_empty() {
                Tri::No
            } else {
                truth(self.get(name, "AssignIpv6AddressOnCreation")).unwrap_or(is_v6_only.into())
            };
            let gives_public_v4 = truth(self.get(name, "MapPublicIpOnLaunch")).unwrap_or(Tri::No);
            let (table, acl) = (self.main_table(vpc), self.default_acl(vpc));
            self.subnets.insert(name.to_owned(), self.picture.subnets.len());
            self.picture.subnets.push(Subnet {
                place,
                vpc,
                is_external: false,
                v4,
                v6,
                unknown_v4,
                unknown_v6,
                gives_public_v4,
                gives_v6,
                table,
                acl,
            });
        }
    }

    fn subnet_v6(&self, name: &str) -> (AddressSet, Whys) {
        let mut values = vec![self.get(name, "Ipv6CidrBlock")];
        for association in self.of_kind("AWS::EC2::SubnetCidrBlock") {
            if own_name(self.get(association, "SubnetId")) == Some(name) {
                values.push(self.get(association, "Ipv6CidrBlock"));
            }
        }
        let mut set = AddressSet::empty();
        for value in values {
            if value.is_absent() {
                continue;
            }
            match block(value) {
                Some(block) => set = set.union(&block),
                // The provider chooses the block of the VPC.
                None => {
                    return (
                        AddressSet::internet(Family::V6),
                        why(format!("the IPv6 block of {name} is chosen later")),
                    );
                }
            }
        }
        (set, Whys::new())
    }

    /// The table of subnets without one of their own: only inside of the VPC, since templates cannot add to it.
    fn main_table(&mut self, vpc: usize) -> usize {
        if let Some(index) = self.main_tables.get(&vpc) {
            return *index;
        }
        let place = Place::new(format!("the main route table of {}", self.picture.vpcs[vpc].place.id), 0);
        let unknown = if self.picture.vpcs[vpc].is_external {
            self.picture.vpcs[vpc].unknown_gateways.clone()
        } else {
            Whys::new()
        };
        let index = self.add_table(place, vpc, Vec::new(), unknown);
        self.main_tables.insert(vpc, index);
        index
    }

    fn add_table(&mut self, place: Place, vpc: usize, routes: Vec<Route>, mut unknown: Whys) -> usize {
        let vpc = &self.picture.vpcs[vpc];
        unknown.extend(vpc.unknown_blocks.iter().cloned());
        let local = Route {
            place: vpc.place.clone(),
            to: Some(vpc.blocks.clone()),
            text: "the VPC's own addresses".to_owned(),
            length: 0,
            target: Target::Local,
        };
        let mut table = RouteTable {
            place,
            routes: std::iter::once(local).chain(routes).collect(),
            parts: Vec::new(),
            unplaced: Vec::new(),
            unknown,
            propagated_from: Vec::new(),
        };
        longest_prefix(&mut table);
        self.picture.tables.push(table);
        self.picture.tables.len() - 1
    }

    fn route_tables(&mut self) {
        let mut routes: std::collections::BTreeMap<String, Vec<Route>> = std::collections::BTreeMap::new();
        for name in self.of_kind("AWS::EC2::Route") {
            let Some(table) = own_name(self.get(name, "RouteTableId")).map(str::to_owned) else { continue };
            let made = self.routes_of(name);
            routes.entry(table).or_default().extend(made);
        }
        for name in self.of_kind("AWS::EC2::RouteTable") {
            let vpc_value = self.get(name, "VpcId").clone();
            let vpc = self.vpc(&vpc_value);
            let place = self.place(name);
            let index = self.add_table(place, vpc, routes.remove(name).unwrap_or_default(), Whys::new());
            self.tables.insert(name.to_owned(), index);
        }
        for name in self.of_kind("AWS::EC2::VPNGatewayRoutePropagation") {
            let gateway = self.get(name, "VpnGatewayId");
            let place = own_name(gateway).map_or_else(|| self.place(name), |gateway| self.place(gateway));
            let tables: Vec<usize> = self
                .get(name, "RouteTableIds")
                .items()
                .iter()
                .filter_map(|item| self.tables.get(own_name(item)?).copied())
                .collect();
            for table in tables {
                self.picture.tables[table].propagated_from.push(place.clone());
            }
        }
    }

    fn routes_of(&self, name: &str) -> Vec<Route> {
        let place = self.place(name);
        let target = self.target(name);
        let route = |to: Option<ipnet::IpNet>, text: String| Route {
            place: place.clone(),
            to: to.map(AddressSet::block),
            text,
            // Counted within the IPv4-mapped space, so that both families compare.
            length: to.map_or(0, |to| to.prefix_len() + if to.addr().is_ipv4() { 96 } else { 0 }),
            target: target.clone(),
        };
        for property in ["DestinationCidrBlock", "DestinationIpv6CidrBlock"] {
            let value = self.get(name, property);
            if value.is_absent() {
                continue;
            }
            let text = value.as_text().unwrap_or("an unknown block").to_owned();
            return vec![route(value.as_text().and_then(|text| text.trim().parse().ok()), text)];
        }
        let list = self.get(name, "DestinationPrefixListId");
        match self.prefix_list_blocks(list) {
            Some(blocks) => blocks.into_iter().map(|block| route(Some(block), block.to_string())).collect(),
            None => vec![route(None, "an unknown prefix list".to_owned())],
        }
    }

    /// The blocks of a prefix list of this template.
    pub(super) fn prefix_list_blocks(&self, value: &Evaluated) -> Option<Vec<ipnet::IpNet>> {
        let name = own_name(value).filter(|name| self.kind(name) == "AWS::EC2::PrefixList")?;
        let entries = self.get(name, "Entries");
        entries.why().is_none().then_some(())?;
        entries.items().iter().map(|entry| entry.get("Cidr").as_text()?.trim().parse().ok()).collect()
    }

    fn target(&self, name: &str) -> Target {
        type Make = fn(String) -> Target;
        const PROPERTIES: &[(&str, Make)] = &[
            ("GatewayId", Target::InternetGateway),
            ("NatGatewayId", Target::Nat),
            ("EgressOnlyInternetGatewayId", Target::EgressOnly),
            ("VpcPeeringConnectionId", Target::Peering),
            ("TransitGatewayId", Target::TransitGateway),
            ("InstanceId", Target::Appliance),
            ("NetworkInterfaceId", Target::Appliance),
            ("VpcEndpointId", Target::Appliance),
            ("CarrierGatewayId", Target::Appliance),
            ("LocalGatewayId", Target::Appliance),
            ("CoreNetworkArn", Target::Appliance),
        ];
        for (property, make) in PROPERTIES {
            let value = self.get(name, property);
            return match &value.is {
                Is::Absent => continue,
                Is::Text(text) if text == "local" => Target::Local,
                Is::Text(text) if text.starts_with("vgw-") => Target::VpnGateway(text.clone()),
                Is::Text(text) if text.starts_with("vpce-") => Target::Appliance(text.clone()),
                Is::Text(text) => make(text.clone()),
                Is::Resource(gateway) | Is::Attribute(gateway, _) => match self.kind(gateway) {
                    "AWS::EC2::InternetGateway" => Target::InternetGateway(gateway.clone()),
                    "AWS::EC2::VPNGateway" => Target::VpnGateway(gateway.clone()),
                    "AWS::EC2::EgressOnlyInternetGateway" => Target::EgressOnly(gateway.clone()),
                    "AWS::EC2::NatGateway" => Target::Nat(gateway.clone()),
                    "AWS::EC2::VPCPeeringConnection" => Target::Peering(gateway.clone()),
                    "AWS::EC2::TransitGateway" => Target::TransitGateway(gateway.clone()),
                    "AWS::EC2::Instance" | "AWS::EC2::NetworkInterface" | "AWS::EC2::VPCEndpoint" => {
                        Target::Appliance(gateway.clone())
                    }
                    // VPCGatewayAttachment and the like are named by mistake or by newer types.
                    kind => Target::Unknown(why(format!("{name} leads to {gateway}, a {kind}"))),
                },
                Is::Unknown(whys) => Target::Unknown(whys.clone()),
                Is::List(_) | Is::Map(_) => Target::Unknown(why(format!("{name} has no readable target"))),
            };
        }
        Target::Unknown(why(format!("{name} has no target that is known")))
    }

    fn default_acl(&mut self, vpc: usize) -> usize {
        if let Some(index) = self.default_acls.get(&vpc) {
            return *index;
        }
        let vpc_is = &self.picture.vpcs[vpc];
        let passes = if vpc_is.is_external {
            Bounded::at_most(PacketSet::everything(), vpc_is.unknown_gateways.clone())
        } else {
            Bounded::known(PacketSet::everything())
        };
        let index = self.picture.acls.len();
        self.picture.acls.push(Acl {
            place: Place::new(format!("the default network ACL of {}", vpc_is.place.id), 0),
            inbound: Vec::new(),
            outbound: Vec::new(),
            passes_in: passes.clone(),
            passes_out: passes,
        });
        self.default_acls.insert(vpc, index);
        if let Some(name) = self.picture.vpcs.get(vpc).map(|vpc| format!("{}.DefaultNetworkAcl", vpc.place.id)) {
            self.acls.insert(name, index);
        }
        index
    }

    fn network_acls(&mut self) {
        for name in self.of_kind("AWS::EC2::NetworkAcl") {
            let place = self.place(name);
            self.acls.insert(name.to_owned(), self.picture.acls.len());
            self.picture.acls.push(Acl {
                place,
                inbound: Vec::new(),
                outbound: Vec::new(),
                passes_in: Bounded::none(),
                passes_out: Bounded::none(),
            });
        }
        for name in self.of_kind("AWS::EC2::NetworkAclEntry") {
            let acl = match &self.get(name, "NetworkAclId").is {
                Is::Resource(acl) => self.acls.get(acl),
                Is::Attribute(vpc, attribute) => {
                    self.acls.get(&format!("{vpc}.{attribute}")).or_else(|| self.acls.get(vpc))
                }
                _ => None,
            };
            let Some(acl) = acl.copied() else { continue };
            let rule = self.acl_rule(name);
            match truth(self.get(name, "Egress")) {
                Some(Tri::Yes) => self.picture.acls[acl].outbound.push(rule),
                Some(Tri::No) | None => self.picture.acls[acl].inbound.push(rule),
                Some(Tri::Unknown(whys)) => {
                    let rule = AclRule { is_allow: Tri::Unknown(whys), ..rule };
                    self.picture.acls[acl].outbound.push(rule.clone());
                    self.picture.acls[acl].inbound.push(rule);
                }
            }
        }
        let own: std::collections::BTreeSet<usize> = self.acls.values().copied().collect();
        for (_, acl) in self.picture.acls.iter_mut().enumerate().filter(|(index, _)| own.contains(index)) {
            for (rules, passes) in [(&mut acl.inbound, &mut acl.passes_in), (&mut acl.outbound, &mut acl.passes_out)] {
                rules.sort_by_key(|rule| rule.number);
                let rest = std::mem::replace(passes, Bounded::none());
                *passes = in_order(rules, &rest);
            }
        }
    }

    fn acl_rule(&self, name: &str) -> AclRule {
        let mut unknown = Whys::new();
        let mut addresses = AddressSet::everything();
        let mut address_text = "an unknown block".to_owned();
        for property in ["CidrBlock", "Ipv6CidrBlock"] {
            let value = self.get(name, property);
            if !value.is_absent() {
                if let Some(text) = value.as_text() {
                    text.clone_into(&mut address_text);
                }
                match block(value) {
                    Some(block) => addresses = block,
                    None => unknown.extend(why_not(value, "block of addresses")),
                }
            }
        }
        let (protocols, mut ports) = match number(self.get(name, "Protocol")) {
            Some(-1) => ((0, u8::MAX), Some((0, u16::MAX))),
            Some(protocol) => match u8::try_from(protocol) {
                Ok(protocol) => ((protocol, protocol), None),
                Err(_) => ((0, u8::MAX), None),
            },
            None => match self.get(name, "Protocol").as_text().and_then(protocol_number) {
                Some((first, last)) => ((first, last), (first != last).then_some((0, u16::MAX))),
                None => {
                    unknown.extend(why_not(self.get(name, "Protocol"), "protocol"));
                    ((0, u8::MAX), None)
                }
            },
        };
        let range = self.get(name, "PortRange");
        if ports.is_none() {
            ports = match (range.is_absent(), port(range.get("From")), port(range.get("To"))) {
                (true, _, _) => Some((0, u16::MAX)),
                (false, Some(from), Some(to)) => Some((from, to)),
                _ if matches!(protocols, (6 | 17, _)) => {
                    unknown.extend(why_not(range.get("From"), "range of ports"));
                    None
                }
                _ => None,
            };
        }
        let ports = ports.unwrap_or((0, u16::MAX));
        let number = number(self.get(name, "RuleNumber")).and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            unknown.extend(why_not(self.get(name, "RuleNumber"), "rule number"));
        }
        let action = self.get(name, "RuleAction");
        let is_allow = match action.as_text() {
            Some(text) if text.eq_ignore_ascii_case("allow") => Tri::Yes,
            Some(text) if text.eq_ignore_ascii_case("deny") => Tri::No,
            _ => Tri::Unknown(why_not(action, "rule action")),
        };
        let set = PacketSet::of(protocols, ports, addresses);
        let matches = if unknown.is_empty() { Bounded::known(set) } else { Bounded::at_most(set, unknown) };
        let protocol = if protocols == (0, u8::MAX) { "all".to_owned() } else { ProtocolName(protocols.0).to_string() };
        let verb = if is_allow == Tri::No { "deny" } else { "allow" };
        let number_text = number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let text = format!("rule {number_text}: {verb} {protocol} {} {address_text}", describe_ports(ports));
        AclRule { place: self.place(name), number, is_allow, matches, text }
    }

    fn subnet_associations(&mut self) {
        for name in self.of_kind("AWS::EC2::SubnetRouteTableAssociation") {
            let Some(subnet) = own_name(self.get(name, "SubnetId")).and_then(|name| self.subnets.get(name)).copied()
            else {
                continue;
            };
            let value = self.get(name, "RouteTableId").clone();
            let table = match own_name(&value).and_then(|name| self.tables.get(name)) {
                Some(table) => *table,
                None => {
                    let vpc = self.picture.subnets[subnet].vpc;
                    let whys = why_not(&value, "route table");
                    self.add_table(
                        Place::new("a route table outside of the template", value.line),
                        vpc,
                        Vec::new(),
                        whys,
                    )
                }
            };
            self.picture.subnets[subnet].table = table;
        }
        for name in self.of_kind("AWS::EC2::SubnetNetworkAclAssociation") {
            let Some(subnet) = own_name(self.get(name, "SubnetId")).and_then(|name| self.subnets.get(name)).copied()
            else {
                continue;
            };
            let value = self.get(name, "NetworkAclId").clone();
            let own = match &value.is {
                Is::Attribute(vpc, attribute) => {
                    self.acls.get(&format!("{vpc}.{attribute}")).or_else(|| self.acls.get(vpc)).copied()
                }
                _ => own_name(&value).and_then(|name| self.acls.get(name)).copied(),
            };
            let acl = own.unwrap_or_else(|| {
                let unknown = Bounded::at_most(PacketSet::everything(), why_not(&value, "network ACL"));
                self.picture.acls.push(Acl {
                    place: Place::new("a network ACL outside of the template", value.line),
                    inbound: Vec::new(),
                    outbound: Vec::new(),
                    passes_in: unknown.clone(),
                    passes_out: unknown,
                });
                self.picture.acls.len() - 1
            });
            self.picture.subnets[subnet].acl = acl;
        }
    }

    fn links(&mut self) {
        for name in self.of_kind("AWS::EC2::VPCPeeringConnection") {
            let (own, peer) = (self.get(name, "VpcId").clone(), self.get(name, "PeerVpcId").clone());
            let vpcs = vec![self.vpc(&own), self.vpc(&peer)];
            self.picture.peerings.insert(name.to_owned(), Link { place: self.place(name), vpcs, unknown: Whys::new() });
        }
        for name in self.of_kind("AWS::EC2::TransitGateway") {
            let link = Link { place: self.place(name), vpcs: Vec::new(), unknown: Whys::new() };
            self.picture.transit_gateways.insert(name.to_owned(), link);
        }
        for kind in ["AWS::EC2::TransitGatewayAttachment", "AWS::EC2::TransitGatewayVpcAttachment"] {
            for name in self.of_kind(kind) {
                let (gateway, vpc) = (self.get(name, "TransitGatewayId").clone(), self.get(name, "VpcId").clone());
                let vpc = self.vpc(&vpc);
                let key = match reference(&gateway) {
                    Reference::Own(gateway, _) => gateway,
                    Reference::External(text, _) => text,
                    Reference::Absent => continue,
                };
                let link = self.picture.transit_gateways.entry(key.clone()).or_insert_with(|| Link {
                    place: Place::new(key.clone(), gateway.line),
                    vpcs: Vec::new(),
                    unknown: why(format!("the transit gateway {key} is not in this template")),
                });
                link.vpcs.push(vpc);
            }
        }
        // With tables of its own a transit gateway joins less than everything attached to it.
        if !self.of_kind("AWS::EC2::TransitGatewayRouteTable").is_empty() {
            for link in self.picture.transit_gateways.values_mut() {
                link.unknown.extend(why(format!("the route tables of {} are not modelled", link.place.id)));
            }
        }
        for name in self.of_kind("AWS::EC2::NatGateway") {
            let subnet_value = self.get(name, "SubnetId").clone();
            let subnet = self.subnet(&subnet_value);
            let is_public = self.get(name, "ConnectivityType").as_text() != Some("private");
            self.picture.nats.insert(name.to_owned(), Nat { place: self.place(name), subnet, is_public });
        }
    }

    fn gateway_endpoints(&mut self) {
        for name in self.of_kind("AWS::EC2::VPCEndpoint") {
            if self.get(name, "VpcEndpointType").as_text().is_some_and(|kind| kind != "Gateway") {
                continue;
            }
            let mut endpoint = GatewayEndpoint {
                place: self.place(name),
                service: service_name(self.get(name, "ServiceName")),
                tables: Vec::new(),
                unknown: Whys::new(),
            };
            for item in self.get(name, "RouteTableIds").items() {
                match own_name(item).and_then(|name| self.tables.get(name)) {
                    Some(table) => endpoint.tables.push(*table),
                    None => endpoint.unknown.extend(why_not(item, "route table")),
                }
            }
            self.picture.gateway_endpoints.push(endpoint);
        }
    }
}

/// The service of an endpoint: the last part of `com.amazonaws.eu-west-1.s3`, or all behind the region.
pub(super) fn service_name(value: &Evaluated) -> String {
    let Some(text) = value.as_text() else { return "an unknown service".to_owned() };
    match text.split('.').collect::<Vec<_>>().as_slice() {
        ["com" | "cn", "amazonaws", _, rest @ ..] if !rest.is_empty() => rest.join("."),
        _ => text.to_owned(),
    }
}

pub(super) fn block(value: &Evaluated) -> Option<AddressSet> {
    value.as_text().and_then(AddressSet::parse)
}

/// Protocol names as templates write them.
pub(super) fn protocol_number(text: &str) -> Option<(u8, u8)> {
    Some(match text.trim().to_ascii_lowercase().as_str() {
        "-1" | "all" => (0, u8::MAX),
        "tcp" => (6, 6),
        "udp" => (17, 17),
        "icmp" => (1, 1),
        "icmpv6" | "58" => (58, 58),
        other => {
            let number = other.parse().ok()?;
            (number, number)
        }
    })
}

/// Gives every address to the route with the longest prefix; what a route replaces of the local one it takes.
fn longest_prefix(table: &mut RouteTable) {
    let mut order: Vec<usize> = (0..table.routes.len()).collect();
    let local = table.routes[0].to.clone().unwrap_or_else(AddressSet::empty);
    // A route to a part of the VPC is more specific than the local one; any other route never competes with it.
    let inside = |route: &Route| route.to.as_ref().is_some_and(|to| local.covers(to)) && route.target != Target::Local;
    order.sort_by_key(|index| {
        let route = &table.routes[*index];
        let rank = if *index == 0 {
            1
        } else if inside(route) {
            0
        } else {
            2
        };
        (rank, std::cmp::Reverse(route.length))
    });
    let mut taken = AddressSet::empty();
    for index in order {
        match &table.routes[index].to {
            Some(to) => {
                let part = to.difference(&taken);
                taken = taken.union(to);
                if !part.is_empty() {
                    table.parts.push((part, index));
                }
            }
            None => table.unplaced.push(index),
        }
    }
}

/// What passes a list of rules, the first match deciding; `rest` is what passes behind the last one.
fn in_order(rules: &[AclRule], rest: &Bounded<PacketSet>) -> Bounded<PacketSet> {
    let mut passes: Bounded<PacketSet> = Bounded::none();
    // What is certain to reach a rule, and what may reach it.
    let (mut surely, mut perhaps) = (PacketSet::everything(), PacketSet::everything());
    for rule in rules {
        let matches = &rule.matches;
        passes.whys.extend(matches.whys.iter().cloned());
        if let Tri::Unknown(whys) = &rule.is_allow {
            passes.whys.extend(whys.iter().cloned());
        }
        if rule.is_allow == Tri::Yes {
            passes.certain = passes.certain.union(&surely.intersection(&matches.certain));
        }
        if rule.is_allow.is_possible() {
            passes.possible = passes.possible.union(&perhaps.intersection(&matches.possible));
        }
        // A rule that may deny takes everything that it may match out of what is certain.
        let decided = if rule.is_allow == Tri::Yes { &matches.certain } else { &matches.possible };
        surely = surely.difference(decided);
        perhaps = perhaps.difference(&matches.certain);
    }
    passes.certain = passes.certain.union(&surely.intersection(&rest.certain));
    passes.possible = passes.possible.union(&perhaps.intersection(&rest.possible));
    passes.whys.extend(rest.whys.iter().cloned());
    passes
}
