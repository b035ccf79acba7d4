//! Transit gateways: attachments, which table leads what comes from each, and the routes of the tables.

use super::build::Builder;
use super::value::{Reference, own_name, reference, truth, why_not};
use super::{Attachment, Place, TransitGateway, TransitTable};
use crate::reachability::bounded::{Tri, Whys, why};
use crate::reachability::intervals::SetAlgebra as _;
use crate::reachability::packets::AddressSet;
use model::cfn::Evaluated;
use std::collections::BTreeMap;

/// The kinds of attachments, and whether they are of a VPC.
const ATTACHMENTS: &[(&str, bool)] = &[
    ("AWS::EC2::TransitGatewayAttachment", true),
    ("AWS::EC2::TransitGatewayVpcAttachment", true),
    ("AWS::EC2::TransitGatewayPeeringAttachment", false),
    ("AWS::EC2::TransitGatewayConnect", false),
    ("AWS::EC2::VPNConnection", false),
];

/// A route of a table before longest prefix is applied.
struct Entry {
    block: ipnet::IpNet,
    is_static: bool,
    /// Nothing: dropped.
    to: Option<usize>,
}

/// Transit gateways under construction: where each attachment and table is.
#[derive(Default)]
struct Known {
    attachments: BTreeMap<String, (String, usize)>,
    tables: BTreeMap<String, (String, usize)>,
    /// By gateway: the table of attachments that name none, and the one that gets their routes.
    defaults: BTreeMap<String, (Option<usize>, Option<usize>)>,
    /// By gateway and table.
    entries: BTreeMap<(String, usize), Vec<Entry>>,
}

impl Builder<'_> {
    pub(super) fn transit_gateways(&mut self) {
        let mut known = Known::default();
        for name in self.of_kind("AWS::EC2::TransitGateway") {
            self.transit_gateway(name, &mut known);
        }
        self.transit_attachments(&mut known);
        for name in self.of_kind("AWS::EC2::TransitGatewayRouteTable") {
            let Some(gateway) = self.transit_key(&self.get(name, "TransitGatewayId").clone()) else { continue };
            let place = self.place(name);
            let gateway_is = self.transit_at(&gateway);
            gateway_is.tables.push(TransitTable { place, parts: Vec::new(), unknown: Whys::new() });
            let index = gateway_is.tables.len() - 1;
            known.tables.insert(name.to_owned(), (gateway, index));
        }
        self.transit_associations(&known);
        self.transit_routes(&mut known);
        for ((gateway, table), entries) in known.entries {
            if let Some(table) = self.picture.transit_gateways.get_mut(&gateway).and_then(|it| it.tables.get_mut(table))
            {
                let (parts, unknown) = longest_prefix(entries);
                table.parts = parts;
                table.unknown.extend(unknown);
            }
        }
    }

    fn transit_gateway(&mut self, name: &str, known: &mut Known) {
        let mut gateway = TransitGateway {
            place: self.place(name),
            attachments: Vec::new(),
            tables: Vec::new(),
            unknown: Whys::new(),
            knows_groups: self.get(name, "SecurityGroupReferencingSupport").as_text() == Some("enable"),
        };
        let mut has = |property: &str, table: &str| {
            let is_on = !matches!(truth(self.get(name, property)), Some(Tri::No));
            if let Some(Tri::Unknown(whys)) = truth(self.get(name, property)) {
                gateway.unknown.extend(whys);
            }
            if !self.get(name, table).is_absent() {
                gateway.unknown.extend(why(format!("{name} names its default route table itself")));
            }
            is_on
        };
        let associates = has("DefaultRouteTableAssociation", "AssociationDefaultRouteTableId");
        let propagates = has("DefaultRouteTablePropagation", "PropagationDefaultRouteTableId");
        if associates || propagates {
            let place = Place::new(format!("the default route table of {name}"), gateway.place.line);
            gateway.tables.push(TransitTable { place, parts: Vec::new(), unknown: Whys::new() });
        }
        known.defaults.insert(name.to_owned(), (associates.then_some(0), propagates.then_some(0)));
        self.picture.transit_gateways.insert(name.to_owned(), gateway);
    }

    /// The name under which a transit gateway is kept.
    fn transit_key(&self, value: &Evaluated) -> Option<String> {
        match reference(value) {
            Reference::Own(gateway, _) => Some(gateway),
            Reference::External(text, _) => Some(text),
            Reference::Absent => None,
        }
    }

    /// A transit gateway; one that is not in the template may have any routes.
    fn transit_at(&mut self, key: &str) -> &mut TransitGateway {
        self.picture.transit_gateways.entry(key.to_owned()).or_insert_with(|| TransitGateway {
            place: Place::new(key, 0),
            attachments: Vec::new(),
            tables: Vec::new(),
            unknown: why(format!("the transit gateway {key} is not in this template")),
            knows_groups: true,
        })
    }

    fn transit_attachments(&mut self, known: &mut Known) {
        for (kind, is_vpc) in ATTACHMENTS {
            for name in self.of_kind(kind) {
                let mut value = self.get(name, "TransitGatewayId").clone();
                if value.is_absent() {
                    // A Connect attachment stands on another attachment.
                    value = own_name(self.get(name, "TransportTransitGatewayAttachmentId"))
                        .map(|below| self.get(below, "TransitGatewayId").clone())
                        .unwrap_or(Evaluated::ABSENT);
                }
                let Some(gateway) = self.transit_key(&value) else { continue };
                let vpc_value = self.get(name, "VpcId").clone();
                let vpc = is_vpc.then(|| self.vpc(&vpc_value));
                let subnets: Vec<Evaluated> = self.get(name, "SubnetIds").items().to_vec();
                let subnets =
                    if *is_vpc { subnets.iter().map(|value| self.subnet(value)).collect() } else { Vec::new() };
                let place = self.place(name);
                let table = known.defaults.get(&gateway).and_then(|(associated, _)| *associated);
                let gateway_is = self.transit_at(&gateway);
                gateway_is.attachments.push(Attachment { place, vpc, subnets, table, unknown: Whys::new() });
                known.attachments.insert(name.to_owned(), (gateway.clone(), gateway_is.attachments.len() - 1));
                if let Some((_, Some(table))) = known.defaults.get(&gateway) {
                    self.propagate(known, name, &gateway.clone(), *table);
                }
            }
        }
    }

    /// The attachment that a value names, as gateway and index.
    fn attachment<'k>(&self, known: &'k Known, value: &Evaluated) -> Option<&'k (String, usize)> {
        known.attachments.get(own_name(value)?)
    }

    fn transit_associations(&mut self, known: &Known) {
        for name in self.of_kind("AWS::EC2::TransitGatewayRouteTableAssociation") {
            let value = self.get(name, "TransitGatewayRouteTableId");
            let table = own_name(value).and_then(|name| known.tables.get(name)).cloned();
            let unknown = why_not(value, "route table of a transit gateway of this template");
            match self.attachment(known, self.get(name, "TransitGatewayAttachmentId")).cloned() {
                Some((gateway, attachment)) => {
                    let attachment = &mut self.transit_at(&gateway).attachments[attachment];
                    match table.filter(|(of, _)| *of == gateway) {
                        Some((_, table)) => attachment.table = Some(table),
                        None => attachment.unknown.extend(unknown),
                    }
                }
                None => self.doubt_transit(name, table.as_ref().map(|(gateway, _)| gateway.as_str())),
            }
        }
    }

    /// A part that cannot be placed may belong to any transit gateway.
    fn doubt_transit(&mut self, name: &str, gateway: Option<&str>) {
        let reason = why(format!("{name} names an attachment or a route table that is not known"));
        for (key, it) in &mut self.picture.transit_gateways {
            if gateway.is_none_or(|gateway| gateway == key) {
                it.unknown.extend(reason.iter().cloned());
            }
        }
    }

    /// The addresses behind an attachment become routes of a table.
    fn propagate(&mut self, known: &mut Known, name: &str, gateway: &str, table: usize) {
        let Some((owner, attachment)) = known.attachments.get(name).cloned() else { return };
        if owner != gateway {
            return self.doubt_transit(name, None);
        }
        let Some(attachment_is) =
            self.picture.transit_gateways.get(gateway).and_then(|it| it.attachments.get(attachment))
        else {
            return;
        };
        let mut unknown = Whys::new();
        let mut blocks = Vec::new();
        match attachment_is.vpc {
            Some(vpc) => {
                unknown.extend(self.picture.vpcs[vpc].unknown_blocks.iter().cloned());
                blocks = self.blocks_of_vpc(vpc);
                // IPv6 blocks are propagated where that is switched on; a static route carries IPv6 all the same.
                // Source: EC2 API reference, CreateTransitGatewayVpcAttachmentRequestOptions, read on 2026-11-21.
                let support = self.get(name, "Options").get("Ipv6Support");
                if support.as_text() != Some("enable") && blocks.iter().any(|block| block.addr().is_ipv6()) {
                    blocks.retain(|block| block.addr().is_ipv4());
                    if !support.is_absent() && support.as_text() != Some("disable") {
                        unknown.extend(why(format!("whether {name} supports IPv6 is not known")));
                    }
                }
            }
            None => unknown.extend(why(format!("the routes that {name} propagates are not in this template"))),
        }
        let entries = known.entries.entry((gateway.to_owned(), table)).or_default();
        entries.extend(blocks.into_iter().map(|block| Entry { block, is_static: false, to: Some(attachment) }));
        if let Some(table) = self.transit_at(gateway).tables.get_mut(table) {
            table.unknown.extend(unknown);
        }
    }

    /// The blocks of a VPC one by one, since the length of each counts.
    fn blocks_of_vpc(&self, vpc: usize) -> Vec<ipnet::IpNet> {
        let Some(name) = self.vpcs.iter().find(|(_, index)| **index == vpc).map(|(name, _)| name.as_str()) else {
            return Vec::new();
        };
        let mut values = vec![self.get(name, "CidrBlock")];
        for block in self.of_kind("AWS::EC2::VPCCidrBlock") {
            if own_name(self.get(block, "VpcId")) == Some(name) {
                values.extend([self.get(block, "CidrBlock"), self.get(block, "Ipv6CidrBlock")]);
            }
        }
        values.into_iter().filter_map(|value| value.as_text()?.trim().parse().ok()).collect()
    }

    fn transit_routes(&mut self, known: &mut Known) {
        for name in self.of_kind("AWS::EC2::TransitGatewayRouteTablePropagation") {
            let table = own_name(self.get(name, "TransitGatewayRouteTableId")).and_then(|name| known.tables.get(name));
            let table = table.cloned();
            let attachment = own_name(self.get(name, "TransitGatewayAttachmentId")).map(str::to_owned);
            match (table, attachment.filter(|attachment| known.attachments.contains_key(attachment))) {
                (Some((gateway, table)), Some(attachment)) => self.propagate(known, &attachment, &gateway, table),
                (table, _) => self.doubt_transit(name, table.as_ref().map(|(gateway, _)| gateway.as_str())),
            }
        }
        for name in self.of_kind("AWS::EC2::TransitGatewayRoute") {
            let table = own_name(self.get(name, "TransitGatewayRouteTableId")).and_then(|name| known.tables.get(name));
            let Some((gateway, table)) = table.cloned() else {
                self.doubt_transit(name, None);
                continue;
            };
            let value = self.get(name, "DestinationCidrBlock");
            let block = value.as_text().and_then(|text| text.trim().parse().ok());
            let mut unknown = if block.is_none() { why_not(value, "block of addresses") } else { Whys::new() };
            let target = self.get(name, "TransitGatewayAttachmentId");
            let to = self.attachment(known, target).filter(|(of, _)| *of == gateway).map(|(_, index)| *index);
            match truth(self.get(name, "Blackhole")) {
                Some(Tri::Yes) => {}
                Some(Tri::Unknown(whys)) => unknown.extend(whys),
                Some(Tri::No) | None if to.is_none() => unknown.extend(why_not(target, "attachment of this template")),
                Some(Tri::No) | None => {}
            }
            if let Some(table) = self.transit_at(&gateway).tables.get_mut(table) {
                table.unknown.extend(unknown.iter().cloned());
            }
            if let (Some(block), true) = (block, unknown.is_empty()) {
                known.entries.entry((gateway, table)).or_default().push(Entry { block, is_static: true, to });
            }
        }
    }
}

/// The parts of a table, and why they may be others: two networks that claim the same addresses.
fn longest_prefix(mut entries: Vec<Entry>) -> (Vec<(AddressSet, Option<usize>)>, Whys) {
    entries.sort_by_key(|entry| {
        let length = entry.block.prefix_len() + if entry.block.addr().is_ipv4() { 96 } else { 0 };
        (std::cmp::Reverse(length), !entry.is_static)
    });
    let mut taken = AddressSet::empty();
    let mut parts = Vec::new();
    let mut unknown = Whys::new();
    let mut by_block: BTreeMap<(ipnet::IpNet, bool), Option<usize>> = BTreeMap::new();
    for entry in entries {
        let block = AddressSet::block(entry.block);
        let part = block.difference(&taken);
        if *by_block.entry((entry.block.trunc(), entry.is_static)).or_insert(entry.to) != entry.to {
            unknown.extend(why(format!("several attachments claim {}", entry.block)));
        }
        taken = taken.union(&block);
        if !part.is_empty() {
            parts.push((part, entry.to));
        }
    }
    (parts, unknown)
}
