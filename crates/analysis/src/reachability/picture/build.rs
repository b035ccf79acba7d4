//! Draws the picture from evaluated resources.

use super::catalogue::{is_harmless, is_modelled};
use super::value::{Reference, reference};
use super::{Acl, Component, Filter, Group, Interface, Picture, Place, RouteTable, Subnet, Vpc};
use crate::reachability::bounded::{Bounded, Tri, Whys, why};
use crate::reachability::intervals::SetAlgebra;
use crate::reachability::packets::{AddressSet, Family, PacketSet};
use indexmap::IndexMap;
use model::cfn::{Evaluated, Evaluator, ResourceGraph};
use std::collections::{BTreeMap, BTreeSet};

/// A resource after evaluation.
#[derive(Debug)]
pub(super) struct Drawn<'g> {
    pub(super) kind: &'g str,
    pub(super) line: u32,
    pub(super) properties: Evaluated,
}

/// The picture under construction and the indices of what is already in it.
pub(super) struct Builder<'g> {
    pub(super) graph: &'g ResourceGraph,
    pub(super) resources: IndexMap<&'g str, Drawn<'g>>,
    pub(super) by_kind: BTreeMap<&'g str, Vec<&'g str>>,
    pub(super) picture: Picture,
    pub(super) vpcs: BTreeMap<String, usize>,
    pub(super) subnets: BTreeMap<String, usize>,
    pub(super) tables: BTreeMap<String, usize>,
    pub(super) acls: BTreeMap<String, usize>,
    pub(super) groups: BTreeMap<String, usize>,
    pub(super) main_tables: BTreeMap<usize, usize>,
    pub(super) default_acls: BTreeMap<usize, usize>,
}

/// Draws the network of one graph under one combination of conditions.
#[must_use]
pub fn draw(graph: &ResourceGraph, evaluator: &Evaluator<'_>) -> Picture {
    let mut resources = IndexMap::new();
    let mut by_kind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, resource) in &graph.resources {
        if !evaluator.exists(name) {
            continue;
        }
        // What cannot touch a network is not looked at: that is most of a large template.
        let is_read = is_modelled(&resource.kind) || !is_harmless(&resource.kind);
        let properties = if is_read { evaluator.evaluate(&resource.properties) } else { Evaluated::ABSENT };
        resources.insert(name.as_str(), Drawn { kind: &resource.kind, line: resource.line, properties });
        by_kind.entry(resource.kind.as_str()).or_default().push(name);
    }
    let mut builder = Builder {
        graph,
        resources,
        by_kind,
        picture: Picture::default(),
        vpcs: BTreeMap::new(),
        subnets: BTreeMap::new(),
        tables: BTreeMap::new(),
        acls: BTreeMap::new(),
        groups: BTreeMap::new(),
        main_tables: BTreeMap::new(),
        default_acls: BTreeMap::new(),
    };
    builder.network();
    builder.security_groups();
    builder.components();
    builder.appliances();
    builder.unmodelled();
    builder.picture.index();
    builder.picture
}

impl<'g> Builder<'g> {
    /// The resources of a type, with their names.
    pub(super) fn of_kind(&self, kind: &str) -> Vec<&'g str> {
        self.by_kind.get(kind).cloned().unwrap_or_default()
    }

    pub(super) fn get(&self, name: &str, property: &str) -> &Evaluated {
        self.resources.get(name).map_or(&Evaluated::ABSENT, |drawn| drawn.properties.get(property))
    }

    pub(super) fn place(&self, name: &str) -> Place {
        Place::new(name, self.resources.get(name).map_or(0, |drawn| drawn.line))
    }

    pub(super) fn kind(&self, name: &str) -> &'g str {
        self.resources.get(name).map_or("", |drawn| drawn.kind)
    }

    /// A VPC that is not part of the template.
    fn external_vpc(&mut self, text: &str, whys: &Whys) -> usize {
        if let Some(index) = self.vpcs.get(text) {
            return *index;
        }
        let default_group = self.external_group(&format!("the default group of {text}"), whys);
        let index = self.picture.vpcs.len();
        self.picture.vpcs.push(Vpc {
            place: Place::new(text, 0),
            blocks: AddressSet::empty(),
            unknown_blocks: whys.clone(),
            internet_gateways: Vec::new(),
            unknown_gateways: whys.clone(),
            doubted_gateways: Whys::new(),
            vpn_gateways: Vec::new(),
            ingress_tables: Vec::new(),
            default_group,
            is_external: true,
        });
        self.vpcs.insert(text.to_owned(), index);
        index
    }

    pub(super) fn vpc(&mut self, value: &Evaluated) -> usize {
        match reference(value) {
            Reference::Own(name, _) => match self.vpcs.get(&name) {
                Some(index) => *index,
                None => {
                    let whys = why(format!("{name} is no VPC that is known"));
                    self.external_vpc(&name, &whys)
                }
            },
            Reference::External(text, whys) => self.external_vpc(&text, &whys),
            Reference::Absent => self.external_vpc("the default VPC", &why("the default VPC is not in this template")),
        }
    }

    /// A subnet that is not part of the template, of a VPC that may be known.
    pub(super) fn external_subnet(&mut self, text: &str, whys: &Whys, vpc: Option<usize>) -> usize {
        if let Some(index) = self.subnets.get(text) {
            return *index;
        }
        let vpc = vpc.unwrap_or_else(|| self.external_vpc(&format!("the VPC of {text}"), whys));
        let table = self.picture.tables.len();
        self.picture.tables.push(RouteTable {
            place: Place::new(format!("the route table of {text}"), 0),
            routes: Vec::new(),
            parts: Vec::new(),
            unplaced: Vec::new(),
            unknown: whys.clone(),
            propagated_from: Vec::new(),
        });
        let acl = self.picture.acls.len();
        let unknown = Bounded::at_most(PacketSet::everything(), whys.clone());
        self.picture.acls.push(Acl {
            place: Place::new(format!("the network ACL of {text}"), 0),
            inbound: Vec::new(),
            outbound: Vec::new(),
            passes_in: unknown.clone(),
            passes_out: unknown,
        });
        let index = self.picture.subnets.len();
        self.picture.subnets.push(Subnet {
            place: Place::new(text, 0),
            vpc,
            is_external: true,
            v4: AddressSet::every(Family::V4),
            v6: AddressSet::internet(Family::V6),
            unknown_v4: whys.clone(),
            unknown_v6: whys.clone(),
            gives_public_v4: Tri::Unknown(whys.clone()),
            gives_v6: Tri::Unknown(whys.clone()),
            table,
            acl,
        });
        self.subnets.insert(text.to_owned(), index);
        index
    }

    pub(super) fn subnet(&mut self, value: &Evaluated) -> usize {
        match reference(value) {
            Reference::Own(name, _) => match self.subnets.get(&name) {
                Some(index) => *index,
                None => {
                    let whys = why(format!("{name} is no subnet that is known"));
                    self.external_subnet(&name, &whys, None)
                }
            },
            Reference::External(text, whys) => self.external_subnet(&text, &whys, None),
            Reference::Absent => {
                self.external_subnet("a default subnet", &why("the default subnets are not in this template"), None)
            }
        }
    }

    pub(super) fn external_group(&mut self, text: &str, whys: &Whys) -> usize {
        if let Some(index) = self.groups.get(text) {
            return *index;
        }
        let index = self.picture.groups.len();
        self.picture.groups.push(Group {
            place: Place::new(text, 0),
            ingress: Vec::new(),
            egress: Vec::new(),
            unknown: whys.clone(),
            is_external: true,
            vpc: None,
        });
        self.groups.insert(text.to_owned(), index);
        index
    }

    /// The group that a value names.
    pub(super) fn group(&mut self, value: &Evaluated) -> Option<usize> {
        match reference(value) {
            Reference::Own(name, attribute) => {
                if self.vpcs.contains_key(&name) {
                    let vpc = self.vpcs[&name];
                    return Some(self.picture.vpcs[vpc].default_group);
                }
                let key = match attribute.as_deref() {
                    None | Some("GroupId" | "Id") => name,
                    Some(attribute) => format!("{name}.{attribute}"),
                };
                match self.groups.get(&key) {
                    Some(index) => Some(*index),
                    None => {
                        let whys = why(format!("{key} is no security group of this template"));
                        Some(self.external_group(&key, &whys))
                    }
                }
            }
            Reference::External(text, whys) => Some(self.external_group(&text, &whys)),
            Reference::Absent => None,
        }
    }

    /// An interface in a subnet with these groups; without groups it has the VPC's default group.
    pub(super) fn interface(&mut self, subnet: usize, groups: &[&Evaluated]) -> Interface {
        let mut indices = BTreeSet::new();
        for value in groups {
            for item in value.items() {
                if let Some(group) = self.group(item) {
                    indices.insert(group);
                }
            }
        }
        let subnet_is = &self.picture.subnets[subnet];
        if indices.is_empty() {
            indices.insert(self.picture.vpcs[subnet_is.vpc].default_group);
        }
        Interface {
            subnet,
            filter: Filter::Groups(indices.into_iter().collect()),
            public_v4: Tri::No,
            v6: subnet_is.gives_v6.clone(),
            is_internal: false,
            address: None,
        }
    }

    /// One interface in each of the subnets.
    pub(super) fn interfaces(&mut self, subnets: &[&Evaluated], groups: &[&Evaluated]) -> Vec<Interface> {
        let mut interfaces = BTreeSet::new();
        for value in subnets {
            for item in value.items() {
                let subnet = self.subnet(item);
                interfaces.insert(self.interface(subnet, groups));
            }
        }
        interfaces.into_iter().collect()
    }

    /// A component without interfaces and listeners.
    pub(super) fn component(&self, name: &str) -> Component {
        Component {
            place: self.place(name),
            kind: self.kind(name).to_owned(),
            aliases: Vec::new(),
            interfaces: Vec::new(),
            listeners: Vec::new(),
            public_endpoint: None,
            listens_inside: Tri::Yes,
            is_several: false,
            forwards: Vec::new(),
            is_relay: false,
            unknown: Whys::new(),
        }
    }
}
