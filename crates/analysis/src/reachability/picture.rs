//! The network as the resources describe it: what has which address, stands behind which filters,
//! is routed where, and listens on what.

mod acls;
mod appliances;
mod balancers;
mod beanstalk;
mod build;
mod callers;
mod catalogue;
mod components;
mod compute;
mod containers;
mod data;
mod fleets;
mod groups;
mod links;
mod network;
mod policy;
mod routes;
mod transit;
mod unmodelled;
mod value;

use super::bounded::{Bounded, Tri, Whys};
use super::packets::{AddressSet, Family, PacketSet};
use std::collections::BTreeMap;

pub use build::draw;
pub use links::{Appliance, Attachment, GatewayEndpoint, Link, Nat, Policy, TransitGateway, TransitTable};

/// A resource, or a part of it, and its line in the template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Place {
    /// The logical id; for things outside of the template how they are called there.
    pub id: String,
    /// The line, from 1; 0 when there is none.
    pub line: u32,
}

impl Place {
    /// A place.
    pub fn new(id: impl Into<String>, line: u32) -> Self {
        Self { id: id.into(), line }
    }
}

/// A network of its own addresses.
#[derive(Debug, Clone)]
pub struct Vpc {
    /// Where it is declared.
    pub place: Place,
    /// Its IPv4 and IPv6 blocks as far as they are known.
    pub blocks: AddressSet,
    /// Why blocks are not known; empty when all are.
    pub unknown_blocks: Whys,
    /// Attached internet gateways, by logical id.
    pub internet_gateways: Vec<Place>,
    /// Whether gateways may be attached that are not in the template.
    pub unknown_gateways: Whys,
    /// Why the internet gateways may not let everything through.
    pub doubted_gateways: Whys,
    /// Whether a VPN gateway is attached, by its logical id.
    pub vpn_gateways: Vec<Place>,
    /// Route tables of its gateways: what comes in is led by them.
    pub ingress_tables: Vec<usize>,
    /// The group that interfaces without a group of their own have.
    pub default_group: usize,
    /// Whether the VPC is not part of the template.
    pub is_external: bool,
}

/// A part of a VPC with one route table and one network ACL.
#[derive(Debug, Clone)]
pub struct Subnet {
    /// Where it is declared.
    pub place: Place,
    /// Index of its VPC.
    pub vpc: usize,
    /// Whether it is no part of the template.
    pub is_external: bool,
    /// Its IPv4 addresses, all that may be when they are not known.
    pub v4: AddressSet,
    /// Its IPv6 addresses, empty when it has none.
    pub v6: AddressSet,
    /// Why its IPv4 addresses are not exactly known.
    pub unknown_v4: Whys,
    /// Why its IPv6 addresses are not exactly known.
    pub unknown_v6: Whys,
    /// Whether interfaces get a public IPv4 address by themselves.
    pub gives_public_v4: Tri,
    /// Whether interfaces get an IPv6 address by themselves.
    pub gives_v6: Tri,
    /// Index of its route table.
    pub table: usize,
    /// Index of its network ACL.
    pub acl: usize,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Inside of the VPC.
    Local,
    /// An internet gateway, by logical id.
    InternetGateway(String),
    /// An egress-only internet gateway, by logical id.
    EgressOnly(String),
    /// A NAT gateway or instance, by logical id.
    Nat(String),
    /// A peering connection, by logical id.
    Peering(String),
    /// A transit gateway, by logical id.
    TransitGateway(String),
    /// A VPN gateway, by logical id.
    VpnGateway(String),
    /// An endpoint, an interface, an instance or something else that stands in between.
    Appliance(String),
    /// Not known.
    Unknown(Whys),
}

/// A route.
#[derive(Debug, Clone)]
pub struct Route {
    /// Where it is declared.
    pub place: Place,
    /// To which addresses; none when that is not known.
    pub to: Option<AddressSet>,
    /// What it says for people: `0.0.0.0/0`.
    pub text: String,
    /// How many bits of the prefix count.
    pub length: u8,
    /// Where it leads.
    pub target: Target,
}

/// A route table after longest prefix was applied.
#[derive(Debug, Clone)]
pub struct RouteTable {
    /// Where it is declared.
    pub place: Place,
    /// Its routes; the local ones first.
    pub routes: Vec<Route>,
    /// Disjoint sets of addresses, each with the route that takes them.
    pub parts: Vec<(AddressSet, usize)>,
    /// Routes whose addresses are not known.
    pub unplaced: Vec<usize>,
    /// Why other routes may exist.
    pub unknown: Whys,
    /// Whether a VPN gateway adds routes.
    pub propagated_from: Vec<Place>,
}

impl RouteTable {
    /// Somebody else may put any route before those that are known.
    fn doubt(&mut self, reason: &Whys) {
        self.unknown.extend(reason.iter().cloned());
        self.routes.truncate(1);
        self.parts.retain(|(_, route)| *route == 0);
        self.unplaced.clear();
    }
}

/// A rule of a network ACL.
#[derive(Debug, Clone)]
pub struct AclRule {
    /// Where it is declared.
    pub place: Place,
    /// Lower numbers decide first.
    pub number: Option<u32>,
    /// Whether it allows.
    pub is_allow: Tri,
    /// What it matches.
    pub matches: Bounded<PacketSet>,
    /// What it says for people.
    pub text: String,
}

/// A stateless filter around a subnet.
#[derive(Debug, Clone)]
pub struct Acl {
    /// Where it is declared.
    pub place: Place,
    /// For packets into the subnet, in order.
    pub inbound: Vec<AclRule>,
    /// For packets out of the subnet, in order.
    pub outbound: Vec<AclRule>,
    /// What passes inwards, by the other side's address.
    pub passes_in: Bounded<PacketSet>,
    /// What passes outwards, by the other side's address.
    pub passes_out: Bounded<PacketSet>,
}

/// Whom a rule of a group is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Addresses.
    Addresses(AddressSet),
    /// The members of a group.
    Group(usize),
    /// Not known.
    Unknown,
}

/// A rule of a security group.
#[derive(Debug, Clone)]
pub struct GroupRule {
    /// Where it is declared.
    pub place: Place,
    /// Protocol numbers, both ends included.
    pub protocols: (u8, u8),
    /// Ports, both ends included.
    pub ports: (u16, u16),
    /// The other side.
    pub peer: Peer,
    /// What of it is not known; then it is as wide as it may be.
    pub unknown: Whys,
    /// What it says for people: `tcp 443 from 0.0.0.0/0`.
    pub text: String,
}

/// A security group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Where it is declared.
    pub place: Place,
    /// What may come in.
    pub ingress: Vec<GroupRule>,
    /// What may go out.
    pub egress: Vec<GroupRule>,
    /// Why it may have other rules, or be another one than its name says.
    pub unknown: Whys,
    /// Whether it is no part of the template, so that its members are not all known.
    pub is_external: bool,
    /// Index of its VPC, where that is said.
    pub vpc: Option<usize>,
}

/// What stands around an interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filter {
    /// Security groups, by index, sorted.
    Groups(Vec<usize>),
    /// Nothing: a network load balancer without groups.
    Open,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface {
    /// Index of its subnet.
    pub subnet: usize,
    /// What stands around it.
    pub filter: Filter,
    /// Whether it has a public IPv4 address.
    pub public_v4: Tri,
    /// Whether it has an IPv6 address.
    pub v6: Tri,
    /// Whether the internet is kept from it even where it has a public IPv6 address: an internal load balancer.
    pub is_internal: bool,
    /// Its private IPv4 address when that is fixed.
    pub address: Option<std::net::IpAddr>,
}

/// Something that waits for connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where that is said.
    pub place: Place,
    /// Protocol number.
    pub protocol: u8,
    /// Ports, both ends included.
    pub ports: (u16, u16),
}

/// What a load balancer passes connections to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The listener's port, none when the load balancer has it not from a listener.
    pub from_port: Option<u16>,
    /// Where the target group or registration is declared.
    pub place: Place,
    /// The component that gets the connection.
    pub to: String,
    /// Protocol number.
    pub protocol: u8,
    /// The port there.
    pub port: u16,
    /// Whether the target is known by its IPv6 address.
    pub is_v6: bool,
    /// Whether the target sees the client's address.
    pub keeps_client_address: bool,
}

/// An endpoint outside of any VPC that the provider runs for a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicEndpoint {
    /// Where that is said.
    pub place: Place,
    /// Who may connect.
    pub allowed: Bounded<AddressSet>,
    /// Port.
    pub port: u16,
}

/// Something of the application that has interfaces: an instance, a database, a load balancer.
#[derive(Debug, Clone)]
pub struct Component {
    /// Where it is declared; its id is its name.
    pub place: Place,
    /// Its resource type.
    pub kind: String,
    /// Other logical ids that mean it: the file system of a mount target.
    pub aliases: Vec<String>,
    /// Its interfaces, one of each kind.
    pub interfaces: Vec<Interface>,
    /// What it listens on.
    pub listeners: Vec<Listener>,
    /// Its public endpoint, if any.
    pub public_endpoint: Option<PublicEndpoint>,
    /// Whether it listens at its interfaces; some services only open connections from there.
    pub listens_inside: Tri,
    /// Whether it is several hosts that may talk to each other.
    pub is_several: bool,
    /// To whom it passes connections on.
    pub forwards: Vec<Forward>,
    /// Whether it only answers or passes on what it is asked (a load balancer), and is no host to be stolen.
    pub is_relay: bool,
    /// Why its place in the network is not known.
    pub unknown: Whys,
}

static NOTHING: Whys = Whys::new();

/// The whole network under one combination of conditions.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// VPCs, those outside of the template too.
    pub vpcs: Vec<Vpc>,
    /// Subnets, those outside of the template too.
    pub subnets: Vec<Subnet>,
    /// Route tables, the main ones too.
    pub tables: Vec<RouteTable>,
    /// Network ACLs, the default ones too.
    pub acls: Vec<Acl>,
    /// Security groups, the default ones too.
    pub groups: Vec<Group>,
    /// Everything that has interfaces.
    pub components: Vec<Component>,
    /// Peering connections, by logical id.
    pub peerings: BTreeMap<String, Link>,
    /// Transit gateways, by logical id.
    pub transit_gateways: BTreeMap<String, TransitGateway>,
    /// NAT gateways, by logical id.
    pub nats: BTreeMap<String, Nat>,
    /// What routes lead into and that may pass packets on, by logical id.
    pub appliances: BTreeMap<String, Appliance>,
    /// Gateway endpoints.
    pub gateway_endpoints: Vec<GatewayEndpoint>,
    /// Interface endpoints: component name to service and to what its policy lets through.
    pub interface_endpoints: BTreeMap<String, (String, Policy)>,
    /// Components by name, those of an alias behind those of a logical id; made once all are there.
    pub(in crate::reachability) names: std::collections::HashMap<String, usize>,
    /// Why the whole picture may be different: macros, resources that could not be read.
    pub unknown: Whys,
    /// What was not understood and may matter, for people.
    pub notes: Vec<String>,
}

impl Picture {
    /// The component with this logical id or alias.
    #[must_use]
    pub fn component(&self, name: &str) -> Option<usize> {
        if !self.names.is_empty() {
            return self.names.get(name).copied();
        }
        self.components.iter().position(|component| component.place.id == name).or_else(|| {
            self.components.iter().position(|component| component.aliases.iter().any(|alias| alias == name))
        })
    }

    /// Makes names found at once; while components are still added they are looked for.
    pub(in crate::reachability) fn index(&mut self) {
        self.names.clear();
        for (index, component) in self.components.iter().enumerate() {
            self.names.entry(component.place.id.clone()).or_insert(index);
        }
        for (index, component) in self.components.iter().enumerate() {
            for alias in &component.aliases {
                self.names.entry(alias.clone()).or_insert(index);
            }
        }
    }

    /// The addresses that an interface may have in a family, and why they are not exactly known.
    #[must_use]
    pub fn addresses(&self, interface: &Interface, family: Family) -> (AddressSet, &Whys) {
        let subnet = &self.subnets[interface.subnet];
        match (family, interface.address) {
            (Family::V4, Some(address)) => (AddressSet::single(address), &NOTHING),
            (Family::V4, None) => (subnet.v4.clone(), &subnet.unknown_v4),
            (Family::V6, _) if interface.v6.is_possible() => (subnet.v6.clone(), &subnet.unknown_v6),
            (Family::V6, _) => (super::intervals::SetAlgebra::empty(), &subnet.unknown_v6),
        }
    }
}
