//! What lies between networks: peering connections, gateways, endpoints, appliances.

use super::{Interface, Place};
use crate::reachability::bounded::{Bounded, Tri, Whys};
use crate::reachability::packets::AddressSet;

/// A connection between two VPCs.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where it is declared.
    pub place: Place,
    /// Indices of the VPCs that it joins.
    pub vpcs: Vec<usize>,
    /// Why these may not be joined.
    pub unknown: Whys,
    /// Why groups of one side may not be known at the other; empty when they are.
    pub unknown_groups: Whys,
}

/// A transit gateway.
#[derive(Debug, Clone)]
pub struct TransitGateway {
    /// Where it is declared.
    pub place: Place,
    /// What is attached to it.
    pub attachments: Vec<Attachment>,
    /// Its route tables, the default one too.
    pub tables: Vec<TransitTable>,
    /// Why it may have other attachments and routes.
    pub unknown: Whys,
    /// Whether rules for incoming connections may name groups of other VPCs that are attached.
    pub knows_groups: bool,
}

/// Something attached to a transit gateway.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Where it is declared.
    pub place: Place,
    /// Index of the VPC; nothing for a VPN, another transit gateway and the like.
    pub vpc: Option<usize>,
    /// Indices of the subnets in which it stands.
    pub subnets: Vec<usize>,
    /// Index of the table that leads what comes from here.
    pub table: Option<usize>,
    /// Why it may be another table.
    pub unknown: Whys,
}

/// A route table of a transit gateway after longest prefix was applied.
#[derive(Debug, Clone)]
pub struct TransitTable {
    /// Where it is declared.
    pub place: Place,
    /// Disjoint sets of addresses, each with the attachment that gets them; without one they are dropped.
    pub parts: Vec<(AddressSet, Option<usize>)>,
    /// Why other routes may exist.
    pub unknown: Whys,
}

/// A NAT gateway.
#[derive(Debug, Clone)]
pub struct Nat {
    /// Where it is declared.
    pub place: Place,
    /// Index of its subnet.
    pub subnet: usize,
    /// Whether it leads to the internet (and not only to other private networks).
    pub is_public: bool,
}

/// Something that routes lead packets into which are not for itself.
#[derive(Debug, Clone)]
pub struct Appliance {
    /// Where it is declared.
    pub place: Place,
    /// Whether it passes them on; never certain, since that is decided inside of it.
    pub forwards: Tri,
    /// Its interfaces as far as they are known.
    pub interfaces: Vec<Interface>,
}

/// What the policy of an endpoint means for packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// From which addresses something may be asked for.
    pub sources: Bounded<AddressSet>,
    /// From which VPCs, by index; nothing when every one may.
    pub vpcs: Option<Vec<usize>>,
    /// Where it is said.
    pub line: u32,
}

/// A gateway endpoint: a way to a service of the provider by route.
#[derive(Debug, Clone)]
pub struct GatewayEndpoint {
    /// Where it is declared.
    pub place: Place,
    /// `s3`, `dynamodb`.
    pub service: String,
    /// Indices of its route tables.
    pub tables: Vec<usize>,
    /// Why more tables may have it.
    pub unknown: Whys,
    /// What its policy lets through.
    pub policy: Policy,
}
