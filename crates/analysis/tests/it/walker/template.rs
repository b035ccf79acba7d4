//! A world as a template.

use super::{Group, Host, Kind, Peer, Rule, Target, To, World};
use std::fmt::Write as _;

/// A resource in one line.
fn resource(out: &mut String, name: &str, kind: &str, is_conditional: bool, properties: &str) {
    let condition = if is_conditional { "Condition: Maybe, " } else { "" };
    let _ = writeln!(out, "  {name}: {{ Type: AWS::{kind}, {condition}Properties: {{ {properties} }} }}");
}

fn joined(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(", ")
}

impl World {
    pub(crate) fn template(&self) -> String {
        let mut out = String::new();
        if self.has_gaps() {
            out.push_str(
                "Parameters:\n  Mode: { Type: String }\n  Office: { Type: String }\n\
                 Conditions:\n  Maybe: !Equals [!Ref Mode, full]\n",
            );
        }
        out.push_str("Resources:\n");
        self.networks(&mut out);
        self.tables_and_acls(&mut out);
        for (index, group) in self.groups.iter().enumerate().filter(|(_, group)| !group.is_default) {
            self.group(&mut out, index, group);
        }
        for (index, host) in self.hosts.iter().enumerate() {
            self.host(&mut out, index, host);
        }
        out
    }

    fn has_gaps(&self) -> bool {
        let rules = || self.groups.iter().flat_map(|group| group.ingress.iter().chain(group.egress.iter().flatten()));
        self.tables.iter().flatten().any(|route| route.is_conditional)
            || self.acls.iter().flatten().any(|rule| rule.is_conditional)
            || rules().any(|rule| rule.is_conditional || rule.peer == Peer::Parameter)
    }

    fn networks(&self, out: &mut String) {
        for (index, vpc) in self.vpcs.iter().enumerate() {
            let own = format!("VpcId: !Ref V{index}");
            resource(out, &format!("V{index}"), "EC2::VPC", false, &format!("CidrBlock: {}", vpc.blocks[0]));
            for (number, block) in vpc.blocks.iter().enumerate().skip(1) {
                let text = format!("{own}, CidrBlock: {block}");
                resource(out, &format!("V{index}b{number}"), "EC2::VPCCidrBlock", false, &text);
            }
            if let Some(block) = vpc.v6 {
                let text = format!("{own}, Ipv6CidrBlock: '{block}', Ipv6Pool: pool");
                resource(out, &format!("V{index}v6"), "EC2::VPCCidrBlock", false, &text);
            }
            let _ = writeln!(out, "  Igw{index}: {{ Type: AWS::EC2::InternetGateway }}");
            if vpc.has_gateway {
                let text = format!("{own}, InternetGatewayId: !Ref Igw{index}");
                resource(out, &format!("Att{index}"), "EC2::VPCGatewayAttachment", false, &text);
            }
            if vpc.has_egress_only {
                resource(out, &format!("Eo{index}"), "EC2::EgressOnlyInternetGateway", false, &own);
            }
        }
        for (index, (one, other)) in self.peerings.iter().enumerate() {
            let text = format!("VpcId: !Ref V{one}, PeerVpcId: !Ref V{other}");
            resource(out, &format!("Peer{index}"), "EC2::VPCPeeringConnection", false, &text);
        }
        if !self.transit.is_empty() {
            out.push_str("  Tgw: { Type: AWS::EC2::TransitGateway }\n");
        }
        for vpc in &self.transit {
            let text = format!("TransitGatewayId: !Ref Tgw, VpcId: !Ref V{vpc}, SubnetIds: []");
            resource(out, &format!("TgwAtt{vpc}"), "EC2::TransitGatewayAttachment", false, &text);
        }
        for (index, list) in self.lists.iter().enumerate() {
            let entries = joined(list.iter().map(|block| format!("{{ Cidr: {block} }}")));
            let text = format!("PrefixListName: l{index}, AddressFamily: IPv4, MaxEntries: 9, Entries: [{entries}]");
            resource(out, &format!("L{index}"), "EC2::PrefixList", false, &text);
        }
        for (index, subnet) in self.subnets.iter().enumerate() {
            let mut text = format!("VpcId: !Ref V{}, CidrBlock: {}", subnet.vpc, subnet.block);
            if subnet.gives_public {
                text.push_str(", MapPublicIpOnLaunch: true");
            }
            if let Some(block) = subnet.v6 {
                let _ = write!(text, ", Ipv6CidrBlock: '{block}', AssignIpv6AddressOnCreation: {}", subnet.gives_v6);
            }
            resource(out, &format!("S{index}"), "EC2::Subnet", false, &text);
            if let Some(table) = subnet.table {
                let text = format!("SubnetId: !Ref S{index}, RouteTableId: !Ref R{}x{table}", subnet.vpc);
                resource(out, &format!("SR{index}"), "EC2::SubnetRouteTableAssociation", false, &text);
            }
            if let Some(acl) = subnet.acl {
                let text = format!("SubnetId: !Ref S{index}, NetworkAclId: !Ref A{}x{acl}", subnet.vpc);
                resource(out, &format!("SA{index}"), "EC2::SubnetNetworkAclAssociation", false, &text);
            }
        }
        for (index, nat) in self.nats.iter().enumerate() {
            let kind = if nat.is_public { "" } else { ", ConnectivityType: private" };
            let text = format!("SubnetId: !Ref S{}{kind}", nat.subnet);
            resource(out, &format!("Nat{index}"), "EC2::NatGateway", false, &text);
        }
    }

    /// Only those that a subnet has.
    fn tables_and_acls(&self, out: &mut String) {
        for vpc in 0..self.vpcs.len() {
            let subnets = || self.subnets.iter().filter(|subnet| subnet.vpc == vpc);
            for (index, routes) in self.tables.iter().enumerate() {
                if !subnets().any(|subnet| subnet.table == Some(index)) {
                    continue;
                }
                let table = format!("R{vpc}x{index}");
                resource(out, &table, "EC2::RouteTable", false, &format!("VpcId: !Ref V{vpc}"));
                for (number, route) in routes.iter().enumerate().filter(|(_, route)| self.can_stand(vpc, route)) {
                    let to = match route.to {
                        To::Block(block) if block.is_v4() => format!("DestinationCidrBlock: {block}"),
                        To::Block(block) => format!("DestinationIpv6CidrBlock: '{block}'"),
                        To::List(list) => format!("DestinationPrefixListId: !Ref L{list}"),
                    };
                    let target = match route.target {
                        Target::Gateway => format!("GatewayId: !Ref Igw{vpc}"),
                        Target::EgressOnly => format!("EgressOnlyInternetGatewayId: !Ref Eo{vpc}"),
                        Target::Nat(nat) => format!("NatGatewayId: !Ref Nat{nat}"),
                        Target::Peering(peering) => format!("VpcPeeringConnectionId: !Ref Peer{peering}"),
                        Target::Transit => "TransitGatewayId: !Ref Tgw".to_owned(),
                    };
                    let text = format!("RouteTableId: !Ref {table}, {to}, {target}");
                    resource(out, &format!("{table}r{number}"), "EC2::Route", route.is_conditional, &text);
                }
            }
            for (index, rules) in self.acls.iter().enumerate() {
                if !subnets().any(|subnet| subnet.acl == Some(index)) {
                    continue;
                }
                let acl = format!("A{vpc}x{index}");
                resource(out, &acl, "EC2::NetworkAcl", false, &format!("VpcId: !Ref V{vpc}"));
                for (number, rule) in rules.iter().enumerate() {
                    let action = if rule.is_allow { "allow" } else { "deny" };
                    let block = if rule.block.is_v4() {
                        format!("CidrBlock: {}", rule.block)
                    } else {
                        format!("Ipv6CidrBlock: '{}'", rule.block)
                    };
                    let ports = if rule.protocol == -1 {
                        String::new()
                    } else {
                        format!("PortRange: {{ From: {}, To: {} }}, ", rule.ports.0, rule.ports.1)
                    };
                    let text = format!(
                        "NetworkAclId: !Ref {acl}, RuleNumber: {}, Egress: {}, RuleAction: {action}, Protocol: {}, {ports}{block}",
                        rule.number, rule.is_egress, rule.protocol,
                    );
                    resource(out, &format!("{acl}r{number}"), "EC2::NetworkAclEntry", rule.is_conditional, &text);
                }
            }
        }
    }

    fn group_id(&self, group: usize) -> String {
        if self.groups[group].is_default {
            format!("!GetAtt V{}.DefaultSecurityGroup", self.groups[group].vpc)
        } else {
            format!("!GetAtt G{group}.GroupId")
        }
    }

    fn rule(&self, rule: &Rule, is_ingress: bool) -> String {
        let peer = match rule.peer {
            Peer::Block(block) if block.is_v4() => format!("CidrIp: {block}"),
            Peer::Block(block) => format!("CidrIpv6: '{block}'"),
            Peer::Group(group) if is_ingress => format!("SourceSecurityGroupId: {}", self.group_id(group)),
            Peer::Group(group) => format!("DestinationSecurityGroupId: {}", self.group_id(group)),
            Peer::List(list) if is_ingress => format!("SourcePrefixListId: !Ref L{list}"),
            Peer::List(list) => format!("DestinationPrefixListId: !Ref L{list}"),
            Peer::Parameter => "CidrIp: !Ref Office".to_owned(),
        };
        if rule.protocol == -1 {
            return format!("IpProtocol: '-1', {peer}");
        }
        format!("IpProtocol: '{}', FromPort: {}, ToPort: {}, {peer}", rule.protocol, rule.ports.0, rule.ports.1)
    }

    /// The first rule stands in the group, the others and those about groups are resources of their own.
    fn group(&self, out: &mut String, index: usize, group: &Group) {
        let mut text = format!("GroupDescription: g, VpcId: !Ref V{}", group.vpc);
        let mut apart = String::new();
        for (rules, kind, is_ingress) in
            [(Some(&group.ingress), "Ingress", true), (group.egress.as_ref(), "Egress", false)]
        {
            for (number, rule) in rules.into_iter().flatten().enumerate() {
                let said = self.rule(rule, is_ingress);
                if number == 0 && !matches!(rule.peer, Peer::Group(_)) {
                    let said = if rule.is_conditional {
                        format!("!If [Maybe, {{ {said} }}, !Ref AWS::NoValue]")
                    } else {
                        format!("{{ {said} }}")
                    };
                    let _ = write!(text, ", SecurityGroup{kind}: [{said}]");
                } else {
                    let said = format!("GroupId: !Ref G{index}, {said}");
                    let name = format!("G{index}{kind}{number}");
                    resource(&mut apart, &name, &format!("EC2::SecurityGroup{kind}"), rule.is_conditional, &said);
                }
            }
        }
        resource(out, &format!("G{index}"), "EC2::SecurityGroup", false, &text);
        out.push_str(&apart);
    }

    fn host(&self, out: &mut String, index: usize, host: &Host) {
        let subnets = joined(host.subnets.iter().map(|subnet| format!("!Ref S{subnet}")));
        // Who names no group has the default one.
        let named = host.groups.iter().any(|group| !self.groups[*group].is_default);
        let groups = |property: &str| {
            let ids = joined(host.groups.iter().map(|group| self.group_id(*group)));
            if named { format!(", {property}: [{ids}]") } else { String::new() }
        };
        let name = self.name(index);
        match &host.kind {
            Kind::Instance { has_elastic_address, asks_v6, address } => {
                let mut text = format!("SubnetId: {subnets}{}", groups("SecurityGroupIds"));
                if let Some(address) = address {
                    let _ = write!(text, ", PrivateIpAddress: {address}");
                }
                if *asks_v6 && self.subnets[host.subnets[0]].v6.is_some() {
                    text.push_str(", Ipv6AddressCount: 1");
                }
                resource(out, &name, "EC2::Instance", false, &text);
                if *has_elastic_address {
                    resource(out, &format!("E{index}"), "EC2::EIP", false, &format!("InstanceId: !Ref {name}"));
                }
            }
            Kind::Balancer { is_application, is_internal, is_dual, targets, port, is_by_instance, keeps_client } => {
                let kind = if *is_application { "application" } else { "network" };
                let scheme = if *is_internal { "internal" } else { "internet-facing" };
                let dual = if *is_dual { ", IpAddressType: dualstack" } else { "" };
                let text =
                    format!("Type: {kind}, Scheme: {scheme}{dual}, Subnets: [{subnets}]{}", groups("SecurityGroups"));
                resource(out, &name, "ElasticLoadBalancingV2::LoadBalancer", false, &text);
                let protocol = if *is_application { "HTTP" } else { "TCP" };
                let targets = joined(targets.iter().map(|target| {
                    if *is_by_instance {
                        format!("{{ Id: !Ref I{target} }}")
                    } else {
                        format!("{{ Id: !GetAtt I{target}.PrivateIp }}")
                    }
                }));
                let vpc = self.subnets[host.subnets[0]].vpc;
                let kind = if *is_by_instance { "instance" } else { "ip" };
                let mut text = format!(
                    "VpcId: !Ref V{vpc}, Protocol: {protocol}, Port: {port}, TargetType: {kind}, Targets: [{targets}]"
                );
                if let Some(keeps) = keeps_client.filter(|_| !is_application) {
                    let _ = write!(
                        text,
                        ", TargetGroupAttributes: [{{ Key: preserve_client_ip.enabled, Value: '{keeps}' }}]"
                    );
                }
                resource(out, &format!("T{index}"), "ElasticLoadBalancingV2::TargetGroup", false, &text);
                let action = format!("{{ Type: forward, TargetGroupArn: !Ref T{index} }}");
                let text = format!(
                    "LoadBalancerArn: !Ref {name}, Protocol: {protocol}, Port: 443, DefaultActions: [{action}]"
                );
                resource(out, &format!("Li{index}"), "ElasticLoadBalancingV2::Listener", false, &text);
            }
            Kind::Endpoint => {
                let vpc = self.subnets[host.subnets[0]].vpc;
                let text = format!(
                    "VpcEndpointType: Interface, VpcId: !Ref V{vpc}, ServiceName: com.amazonaws.eu-west-1.ssm, SubnetIds: [{subnets}]{}",
                    groups("SecurityGroupIds")
                );
                resource(out, &name, "EC2::VPCEndpoint", false, &text);
            }
        }
    }
}
