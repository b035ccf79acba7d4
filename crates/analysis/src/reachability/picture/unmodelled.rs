//! What resources of types that are not modelled may do to the picture.

use super::Acl;
use super::build::Builder;
use super::catalogue::{is_harmless, is_modelled};
use crate::reachability::bounded::{Bounded, Tri, Whys, why};
use crate::reachability::packets::PacketSet;
use model::cfn::{Kind, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a resource of a type that is not modelled may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Code of somebody else: it may change whatever it is handed.
    Foreign,
    /// Further resources: it may also place hosts where it is handed subnets.
    Stack,
    /// A part of the network: it may change routes and filters that it mentions.
    Network,
    /// A way to the components that it mentions, from somewhere else.
    Way,
    /// A service: it stands where its properties place it.
    Service,
}

fn reach(kind: &str) -> Reach {
    const WAYS: &[&str] = &[
        "AWS::CloudFront::VpcOrigin",
        "AWS::ApiGateway::VpcLink",
        "AWS::EC2::VPCEndpointService",
        "AWS::VpcLattice::",
    ];
    if kind == "AWS::CloudFormation::Stack" || kind == "AWS::Serverless::Application" || kind.ends_with("::MODULE") {
        Reach::Stack
    } else if !kind.starts_with("AWS::") || kind.starts_with("AWS::CloudFormation::") {
        Reach::Foreign
    } else if WAYS.iter().any(|way| kind.starts_with(way)) {
        Reach::Way
    } else if kind.starts_with("AWS::EC2::") || kind.starts_with("AWS::NetworkManager::") {
        Reach::Network
    } else {
        Reach::Service
    }
}

impl Builder<'_> {
    pub(super) fn unmodelled(&mut self) {
        self.transforms();
        let mut ignored: BTreeMap<&str, usize> = BTreeMap::new();
        let all: Vec<(&str, &str)> = self.resources.iter().map(|(name, drawn)| (*name, drawn.kind)).collect();
        for (name, kind) in all {
            if is_modelled(kind) || is_harmless(kind) {
                continue;
            }
            let Some(resource) = self.graph.resources.get(name) else { continue };
            if kind == "AWS::EC2::VPCBlockPublicAccessOptions" {
                self.block_public_access(name);
                continue;
            }
            let mentions: BTreeSet<&str> = resource.properties.mentions().into_iter().collect();
            let reach = reach(kind);
            let reason = why(match reach {
                Reach::Foreign | Reach::Stack | Reach::Network => format!("{name} ({kind}) may change it"),
                Reach::Way | Reach::Service => format!("{name} has a type that is not modelled ({kind})"),
            });
            let mut touches =
                names_network(&resource.properties) && kind.starts_with("AWS::") && reach != Reach::Foreign;
            for mention in mentions {
                touches |= self.touch(mention, kind, reach, &reason);
            }
            if kind == "AWS::GlobalAccelerator::EndpointGroup" {
                continue;
            }
            if touches && reach != Reach::Foreign {
                let mut component = self.component(name);
                component.unknown = why(format!("{name} has a type that is not modelled ({kind})"));
                self.picture.components.push(component);
            } else if !touches {
                *ignored.entry(kind).or_default() += 1;
            }
        }
        for (kind, count) in ignored {
            self.picture.notes.push(format!(
                "{kind} is not modelled; {count} of it {} no network of this template",
                if count == 1 { "touches" } else { "touch" }
            ));
        }
    }

    fn transforms(&mut self) {
        for transform in &self.graph.transforms {
            if transform.starts_with("AWS::SecretsManager") || transform.starts_with("AWS::LanguageExtensions") {
                continue;
            }
            if transform.starts_with("AWS::Serverless") || transform.starts_with("AWS::CodeDeploy") {
                self.picture
                    .notes
                    .push(format!("{transform} makes further resources; functions are judged as written"));
            } else {
                self.picture.unknown.extend(why(format!("the macro {transform} may rewrite the template")));
            }
        }
        for gap in &self.graph.gaps {
            self.picture.unknown.extend(why(gap.clone()));
        }
    }

    /// The account's switch against internet gateways closes some of them, by exclusions that are elsewhere.
    fn block_public_access(&mut self, name: &str) {
        let mode = self.get(name, "InternetGatewayBlockMode");
        if mode.as_text() == Some("off") {
            return;
        }
        let reason = why(format!("{name} may block the traffic of internet gateways"));
        for vpc in &mut self.picture.vpcs {
            vpc.doubted_gateways.extend(reason.iter().cloned());
        }
    }

    /// A subnet may get another ACL, and a route table when it has none of its own.
    fn doubt_subnet(&mut self, index: usize, reason: &Whys) {
        let subnet = &self.picture.subnets[index];
        let (table, acl) = (self.picture.tables[subnet.table].clone(), self.picture.acls[subnet.acl].clone());
        if !self.tables.values().any(|own| *own == subnet.table) {
            let mut table = table;
            table.doubt(reason);
            self.picture.subnets[index].table = self.picture.tables.len();
            self.picture.tables.push(table);
        }
        let passes = |now: &Bounded<PacketSet>| Bounded {
            certain: PacketSet::none(),
            possible: PacketSet::everything(),
            whys: now.whys.iter().chain(reason).cloned().collect(),
        };
        let acl = Acl { passes_in: passes(&acl.passes_in), passes_out: passes(&acl.passes_out), ..acl };
        self.picture.subnets[index].acl = self.picture.acls.len();
        self.picture.acls.push(acl);
    }

    /// Marks what a resource of an unknown type mentions; whether that belongs to the network.
    fn touch(&mut self, mention: &str, kind: &str, reach: Reach, reason: &Whys) -> bool {
        let may_change = matches!(reach, Reach::Foreign | Reach::Stack | Reach::Network);
        if let Some(index) = self.groups.get(mention) {
            if may_change {
                self.picture.groups[*index].unknown.extend(reason.iter().cloned());
            }
        } else if let Some(index) = self.tables.get(mention) {
            if may_change {
                self.picture.tables[*index].doubt(reason);
            }
        } else if let Some(index) = self.acls.get(mention) {
            if may_change {
                let acl = &mut self.picture.acls[*index];
                acl.passes_in = Bounded::at_most(PacketSet::everything(), reason.clone());
                acl.passes_out = acl.passes_in.clone();
            }
        } else if let Some(index) = self.vpcs.get(mention) {
            if may_change {
                self.picture.vpcs[*index].unknown_gateways.extend(reason.iter().cloned());
            }
        } else if let Some(index) = self.subnets.get(mention) {
            if may_change {
                self.doubt_subnet(*index, reason);
            }
        } else if self.is_transit_part(mention) {
            if may_change {
                for gateway in self.picture.transit_gateways.values_mut() {
                    gateway.unknown.extend(reason.iter().cloned());
                }
            }
        } else if let Some(index) = self.picture.component(mention) {
            let component = &mut self.picture.components[index];
            let is_host = matches!(component.kind.as_str(), "AWS::EC2::Instance" | "AWS::EC2::NetworkInterface");
            // Somebody may give a host an address; an accelerator gives one to what stands behind it.
            if kind == "AWS::GlobalAccelerator::EndpointGroup" || (is_host && may_change) {
                for interface in &mut component.interfaces {
                    if interface.public_v4 == Tri::No {
                        interface.public_v4 = Tri::Unknown(reason.clone());
                    }
                }
            }
            return reach == Reach::Way;
        } else {
            return false;
        }
        true
    }

    fn is_transit_part(&self, mention: &str) -> bool {
        self.kind(mention).starts_with("AWS::EC2::TransitGateway")
    }
}

/// Whether properties say in which subnets, VPC or groups a thing stands.
fn names_network(properties: &Value) -> bool {
    const WORDS: [&str; 3] = ["subnet", "securitygroup", "vpc"];
    let mut open = vec![properties];
    while let Some(value) = open.pop() {
        if let Kind::Map(entries) = &value.kind {
            let is_named = entries.keys().any(|key| {
                let key = key.to_ascii_lowercase();
                WORDS.iter().any(|word| key.contains(word))
            });
            if is_named {
                return true;
            }
        }
        open.extend(value.children());
    }
    false
}
