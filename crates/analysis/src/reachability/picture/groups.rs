//! Security groups: rules inside of the group and as resources of their own.

use super::build::Builder;
use super::network::{block, protocol_number};
use super::value::{number, own_name, port, why_not};
use super::{Group, GroupRule, Peer, Place};
use crate::reachability::bounded::{Whys, why};
use crate::reachability::intervals::SetAlgebra;
use crate::reachability::packets::{AddressSet, ProtocolName, describe_ports};
use model::cfn::Evaluated;

/// Which way a rule looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

impl Builder<'_> {
    /// The default group of a VPC of the template: its members reach each other and everything outside.
    pub(super) fn default_group(&mut self, vpc: &str) -> usize {
        self.group_of_friends(Place::new(format!("{vpc}.DefaultSecurityGroup"), self.place(vpc).line))
    }

    /// A group whose members reach each other, and everything outside.
    fn group_of_friends(&mut self, place: Place) -> usize {
        let index = self.picture.groups.len();
        let from_self = GroupRule {
            place: place.clone(),
            protocols: (0, u8::MAX),
            ports: (0, u16::MAX),
            peer: Peer::Group(index),
            unknown: Whys::new(),
            text: "everything from itself".to_owned(),
        };
        self.groups.insert(place.id.clone(), index);
        let (ingress, egress) = (vec![from_self], vec![to_everywhere(&place)]);
        let group = Group { place, ingress, egress, unknown: Whys::new(), is_external: false, vpc: None };
        self.picture.groups.push(group);
        index
    }

    pub(super) fn security_groups(&mut self) {
        let names = self.of_kind("AWS::EC2::SecurityGroup");
        for name in &names {
            let place = self.place(name);
            let vpc_value = self.get(name, "VpcId").clone();
            let vpc = (!vpc_value.is_absent()).then(|| self.vpc(&vpc_value));
            self.groups.insert((*name).to_owned(), self.picture.groups.len());
            // Rules and hosts may name the group as it is called in the account.
            if let Some(called) = self.get(name, "GroupName").as_text().map(str::to_owned) {
                self.groups.entry(called).or_insert(self.picture.groups.len());
            }
            self.picture.groups.push(Group {
                place,
                ingress: Vec::new(),
                egress: Vec::new(),
                unknown: Whys::new(),
                is_external: false,
                vpc,
            });
        }
        self.managed_groups();
        for name in &names {
            for (property, direction) in
                [("SecurityGroupIngress", Direction::Ingress), ("SecurityGroupEgress", Direction::Egress)]
            {
                let rules = self.get(name, property).clone();
                if let Some(whys) = rules.why() {
                    let group = self.groups[*name];
                    self.picture.groups[group].unknown.extend(whys.iter().cloned());
                    continue;
                }
                for (position, rule) in rules.items().iter().enumerate() {
                    let place = Place::new(format!("{name}.{property}[{position}]"), rule.line);
                    let rule = self.rule(place, rule, direction);
                    self.add_rule(self.groups[*name], rule, direction);
                }
            }
        }
        for (kind, direction) in [
            ("AWS::EC2::SecurityGroupIngress", Direction::Ingress),
            ("AWS::EC2::SecurityGroupEgress", Direction::Egress),
        ] {
            for name in self.of_kind(kind) {
                let mut group = self.get(name, "GroupId").clone();
                if group.is_absent() {
                    group = self.get(name, "GroupName").clone();
                }
                let Some(drawn) = self.resources.get(name) else { continue };
                let (place, properties) = (Place::new(name, drawn.line), drawn.properties.clone());
                let Some(group) = self.group(&group) else { continue };
                let rule = self.rule(place, &properties, direction);
                self.add_rule(group, rule, direction);
            }
        }
        for name in names {
            let group = &mut self.picture.groups[self.groups[name]];
            if group.egress.is_empty() && group.unknown.is_empty() {
                let rule = to_everywhere(&group.place);
                group.egress.push(rule);
            }
        }
    }

    fn add_rule(&mut self, group: usize, rule: GroupRule, direction: Direction) {
        let group = &mut self.picture.groups[group];
        match direction {
            Direction::Ingress => group.ingress.push(rule),
            Direction::Egress => group.egress.push(rule),
        }
    }

    /// Groups that services make for themselves.
    fn managed_groups(&mut self) {
        for name in self.of_kind("AWS::EKS::Cluster") {
            let line = self.place(name).line;
            self.group_of_friends(Place::new(format!("{name}.ClusterSecurityGroupId"), line));
        }
    }

    fn rule(&mut self, place: Place, rule: &Evaluated, direction: Direction) -> GroupRule {
        let mut unknown = Whys::new();
        if let Some(whys) = rule.why() {
            return GroupRule {
                place,
                protocols: (0, u8::MAX),
                ports: (0, u16::MAX),
                peer: Peer::Unknown,
                unknown: whys.clone(),
                text: "a rule that is not known".to_owned(),
            };
        }
        let protocol = rule.get("IpProtocol");
        let protocols = protocol.as_text().and_then(protocol_number).unwrap_or_else(|| {
            unknown.extend(why_not(protocol, "protocol"));
            (0, u8::MAX)
        });
        let ports = rule_ports(rule, protocols, &mut unknown);
        let (peer, peer_text) = self.peer(rule, direction, &mut unknown);
        let protocol_text = match protocols {
            (first, last) if first == last => format!("{} {}", ProtocolName(first), describe_ports(ports)),
            _ => "everything".to_owned(),
        };
        let word = if direction == Direction::Ingress { "from" } else { "to" };
        let text = format!("{protocol_text} {word} {peer_text}");
        GroupRule { place, protocols, ports, peer, unknown, text }
    }

    fn peer(&mut self, rule: &Evaluated, direction: Direction, unknown: &mut Whys) -> (Peer, String) {
        let mut addresses = AddressSet::empty();
        let mut texts = Vec::new();
        for property in ["CidrIp", "CidrIpv6"] {
            let value = rule.get(property);
            if value.is_absent() {
                continue;
            }
            texts.push(value.as_text().unwrap_or("an unknown block").to_owned());
            match block(value) {
                Some(block) => addresses = addresses.union(&block),
                None => {
                    unknown.extend(why_not(value, "block of addresses"));
                    return (Peer::Unknown, texts.join(" and "));
                }
            }
        }
        if !texts.is_empty() {
            return (Peer::Addresses(addresses), texts.join(" and "));
        }
        let (group, name, list) = match direction {
            Direction::Ingress => ("SourceSecurityGroupId", "SourceSecurityGroupName", "SourcePrefixListId"),
            Direction::Egress => {
                ("DestinationSecurityGroupId", "DestinationSecurityGroupName", "DestinationPrefixListId")
            }
        };
        let owner = rule.get("SourceSecurityGroupOwnerId");
        let is_foreign = !owner.is_absent() && owner.as_text() != Some("${AWS::AccountId}");
        for property in [group, name] {
            let value = rule.get(property);
            // The same name in another account is another group.
            let found = match value.as_text().filter(|_| is_foreign) {
                Some(text) => {
                    let owner = owner.as_text().unwrap_or("another account");
                    let whys = why(format!("the group {text} of {owner} is not in this template"));
                    Some(self.external_group(&format!("{text} of {owner}"), &whys))
                }
                None => self.group(value),
            };
            if let Some(index) = found {
                return (Peer::Group(index), self.picture.groups[index].place.id.clone());
            }
        }
        let value = rule.get(list);
        if !value.is_absent() {
            let text = own_name(value).or_else(|| value.as_text()).unwrap_or("a prefix list").to_owned();
            return match self.prefix_list_blocks(value) {
                Some(blocks) => {
                    let set = blocks.into_iter().map(AddressSet::block);
                    (Peer::Addresses(set.fold(AddressSet::empty(), |all, block| all.union(&block))), text)
                }
                None => {
                    unknown.extend(match value.as_text() {
                        Some(list) => why(format!("the entries of the prefix list {list} are not in this template")),
                        None => why_not(value, "prefix list of this template"),
                    });
                    (Peer::Unknown, text)
                }
            };
        }
        (Peer::Addresses(AddressSet::empty()), "nobody (the rule names no other side)".to_owned())
    }
}

fn rule_ports(rule: &Evaluated, protocols: (u8, u8), unknown: &mut Whys) -> (u16, u16) {
    const ALL: (u16, u16) = (0, u16::MAX);
    if protocols.0 != protocols.1 {
        return ALL;
    }
    let (from, to) = (rule.get("FromPort"), rule.get("ToPort"));
    let is_minus_one = |value: &Evaluated| number(value) == Some(-1);
    if matches!(protocols.0, 1 | 58) {
        // Types and codes: only the type tells packets apart here.
        return match port(from) {
            Some(kind) => (kind, kind),
            None => ALL,
        };
    }
    if !matches!(protocols.0, 6 | 17) || is_minus_one(from) || (from.is_absent() && to.is_absent()) {
        return ALL;
    }
    match (port(from), port(to)) {
        (Some(from), Some(to)) if from <= to => (from, to),
        (Some(from), Some(to)) => {
            unknown.extend(why(format!("the ports {from} to {to} end before they begin")));
            ALL
        }
        (Some(from), None) if to.is_absent() => (from, from),
        (from_port, _) => {
            unknown.extend(why_not(if from_port.is_none() { from } else { to }, "port"));
            ALL
        }
    }
}

fn to_everywhere(place: &Place) -> GroupRule {
    GroupRule {
        place: place.clone(),
        protocols: (0, u8::MAX),
        ports: (0, u16::MAX),
        peer: Peer::Addresses(AddressSet::everything()),
        unknown: Whys::new(),
        text: "everything to everywhere (the default)".to_owned(),
    }
}
