//! Network ACLs and their rules.

use super::build::Builder;
use super::network::{block, protocol_number};
use super::value::{number, port, truth, why_not};
use super::{Acl, AclRule, Place};
use crate::reachability::bounded::{Bounded, Tri, Whys, why};
use crate::reachability::intervals::SetAlgebra;
use crate::reachability::packets::{AddressSet, PacketSet, ProtocolName, describe_ports};
use model::cfn::Is;

impl Builder<'_> {
    pub(super) fn default_acl(&mut self, vpc: usize) -> usize {
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

    pub(super) fn network_acls(&mut self) {
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
                (false, Some(from), Some(to)) if from <= to => Some((from, to)),
                (false, Some(from), Some(to)) => {
                    unknown.extend(why(format!("the ports {from} to {to} end before they begin")));
                    None
                }
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
