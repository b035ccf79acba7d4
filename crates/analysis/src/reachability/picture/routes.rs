//! Route tables and their routes.

use super::build::Builder;
use super::value::own_name;
use super::{Place, Route, RouteTable, Target};
use crate::reachability::bounded::{Whys, why};
use crate::reachability::intervals::SetAlgebra;
use crate::reachability::packets::AddressSet;
use model::cfn::{Evaluated, Is};

impl Builder<'_> {
    /// The table of subnets without one of their own: only inside of the VPC, since templates cannot add to it.
    pub(super) fn main_table(&mut self, vpc: usize) -> usize {
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

    pub(super) fn add_table(&mut self, place: Place, vpc: usize, routes: Vec<Route>, mut unknown: Whys) -> usize {
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

    pub(super) fn route_tables(&mut self) {
        let mut routes: std::collections::BTreeMap<String, Vec<Route>> = std::collections::BTreeMap::new();
        for name in self.of_kind("AWS::EC2::Route") {
            let value = self.get(name, "RouteTableId");
            let table = own_name(value).map(str::to_owned);
            let Some(table) = table.filter(|table| self.kind(table) == "AWS::EC2::RouteTable") else {
                self.doubt_main_tables(name, &value.clone());
                continue;
            };
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

    /// A route of a table that somebody looks up may be one of a main table; a parameter or an import cannot name
    /// what this template makes.
    fn doubt_main_tables(&mut self, name: &str, table: &Evaluated) {
        let may_be_own = match &table.is {
            Is::Resource(_) | Is::Attribute(..) => true,
            Is::Unknown(whys) => {
                whys.iter().any(|why| why.0.contains("is not evaluated") || why.0.contains("once it exists"))
            }
            _ => false,
        };
        if !may_be_own {
            return;
        }
        let reason = why(format!("{name} may be a route of it"));
        for index in self.main_tables.values() {
            self.picture.tables[*index].doubt(&reason);
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
