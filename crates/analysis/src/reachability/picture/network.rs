//! VPCs, subnets, gateways, route tables and network ACLs.

use super::build::Builder;
use super::value::{Reference, own_name, reference, truth, why_not};
use super::{Acl, GatewayEndpoint, Link, Nat, Place, Subnet, Vpc};
use crate::reachability::bounded::{Bounded, Tri, Whys, why};
use crate::reachability::intervals::SetAlgebra;
use crate::reachability::packets::{AddressSet, Family, PacketSet};
use model::cfn::{Evaluated, Is};

impl Builder<'_> {
    pub(super) fn network(&mut self) {
        self.vpcs_and_blocks();
        self.gateways();
        self.subnets_of_template();
        self.overlaps();
        self.route_tables();
        self.network_acls();
        self.subnet_associations();
        self.ingress_tables();
        self.links();
        self.transit_gateways();
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
                doubted_gateways: Whys::new(),
                vpn_gateways: Vec::new(),
                ingress_tables: Vec::new(),
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

    /// Subnets of one VPC that share addresses: such a template cannot be deployed, and answers may be moot.
    fn overlaps(&mut self) {
        let mut sorted: Vec<&Subnet> = self
            .picture
            .subnets
            .iter()
            .filter(|subnet| subnet.unknown_v4.is_empty() && !subnet.v4.is_empty())
            .collect();
        sorted.sort_by_key(|subnet| (subnet.vpc, subnet.v4.entries().first().map(|(first, _, _)| *first)));
        let mut notes = Vec::new();
        for pair in sorted.windows(2) {
            let [one, other] = pair else { continue };
            let shared = one.v4.intersection(&other.v4);
            if one.vpc == other.vpc && !shared.is_empty() {
                notes.push(format!("{} and {} overlap in {}", one.place.id, other.place.id, shared.describe(2)));
            }
        }
        self.picture.notes.extend(notes);
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

    /// Route tables of gateways: they lead what comes in, to an appliance for example.
    fn ingress_tables(&mut self) {
        for name in self.of_kind("AWS::EC2::GatewayRouteTableAssociation") {
            let value = self.get(name, "RouteTableId").clone();
            let gateway = own_name(self.get(name, "GatewayId")).map(str::to_owned);
            let own = own_name(&value).and_then(|name| self.tables.get(name)).copied();
            let place = Place::new("a route table outside of the template", value.line);
            let has = |vpc: &Vpc| {
                let mut gateways = vpc.internet_gateways.iter().chain(&vpc.vpn_gateways);
                gateway.as_ref().is_none_or(|gateway| gateways.any(|place| place.id == *gateway))
            };
            for vpc in 0..self.picture.vpcs.len() {
                if !has(&self.picture.vpcs[vpc]) {
                    continue;
                }
                let table = own
                    .unwrap_or_else(|| self.add_table(place.clone(), vpc, Vec::new(), why_not(&value, "route table")));
                self.picture.vpcs[vpc].ingress_tables.push(table);
            }
        }
    }

    fn links(&mut self) {
        for name in self.of_kind("AWS::EC2::VPCPeeringConnection") {
            let (own, peer) = (self.get(name, "VpcId").clone(), self.get(name, "PeerVpcId").clone());
            let vpcs = vec![self.vpc(&own), self.vpc(&peer)];
            let region = self.get(name, "PeerRegion");
            let mut unknown_groups = Whys::new();
            if !region.is_absent() && region.as_text() != Some("${AWS::Region}") {
                unknown_groups.extend(why(format!("{name} may lead to another region, where groups are not known")));
            }
            let place = self.place(name);
            self.picture.peerings.insert(name.to_owned(), Link { place, vpcs, unknown: Whys::new(), unknown_groups });
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
                policy: self.endpoint_policy(name),
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
