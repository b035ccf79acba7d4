//! Small networks and a walker that sends single packets through them: simple, slow, obviously right.
//!
//! It shares nothing with the analysis. A class of packets is asked by its representatives: one packet for
//! every stretch between two numbers that any rule of the world mentions.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

pub(crate) type Block = (Ipv4Addr, u8);

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) vpcs: Vec<Vpc>,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) tables: Vec<Vec<Route>>,
    pub(crate) acls: Vec<Vec<AclRule>>,
    pub(crate) groups: Vec<Group>,
    pub(crate) instances: Vec<Instance>,
    /// The subnet of the NAT gateway.
    pub(crate) nat: Option<usize>,
    pub(crate) has_peering: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Vpc {
    pub(crate) block: Block,
    pub(crate) has_gateway: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Subnet {
    pub(crate) vpc: usize,
    pub(crate) block: Block,
    pub(crate) gives_public: bool,
    pub(crate) table: Option<usize>,
    pub(crate) acl: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Gateway,
    Nat,
    Peering,
}

#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) to: Block,
    pub(crate) target: Target,
}

#[derive(Debug, Clone)]
pub(crate) struct AclRule {
    pub(crate) number: u16,
    pub(crate) is_egress: bool,
    pub(crate) is_allow: bool,
    pub(crate) protocol: i16,
    pub(crate) ports: (u16, u16),
    pub(crate) block: Block,
}

#[derive(Debug, Clone)]
pub(crate) enum Peer {
    Block(Block),
    Group(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) protocol: i16,
    pub(crate) ports: (u16, u16),
    pub(crate) peer: Peer,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) ingress: Vec<Rule>,
    /// None: the default, everything.
    pub(crate) egress: Option<Vec<Rule>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) subnet: usize,
    pub(crate) groups: Vec<usize>,
    pub(crate) has_elastic_address: bool,
    pub(crate) address: Option<Ipv4Addr>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) source: Ipv4Addr,
    pub(crate) source_port: u16,
    pub(crate) destination: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) protocol: i16,
}

pub(crate) fn contains((network, length): Block, address: Ipv4Addr) -> bool {
    let mask = if length == 0 { 0 } else { u32::MAX << (32 - length) };
    u32::from(network) & mask == u32::from(address) & mask
}

fn last((network, length): Block) -> u32 {
    let mask = if length == 0 { 0 } else { u32::MAX << (32 - length) };
    u32::from(network) & mask | !mask
}

fn is_internet(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    !(matches!(octets[0], 0 | 10 | 127 | 224..)
        || (octets[0] == 100 && (64..128).contains(&octets[1]))
        || (octets[0] == 169 && octets[1] == 254)
        || (octets[0] == 172 && (16..32).contains(&octets[1]))
        || (octets[0] == 192 && octets[1] == 168))
}

/// Whether packets of a class get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    None,
    Some,
    All,
}

impl World {
    // What a packet meets.

    fn acl_allows(&self, subnet: usize, is_egress: bool, address: Ipv4Addr, port: u16, protocol: i16) -> bool {
        let Some(acl) = self.subnets[subnet].acl else { return true };
        let mut rules: Vec<&AclRule> = self.acls[acl].iter().filter(|rule| rule.is_egress == is_egress).collect();
        rules.sort_by_key(|rule| rule.number);
        for rule in rules {
            let is_port = rule.protocol == -1 || (rule.ports.0 <= port && port <= rule.ports.1);
            if (rule.protocol == -1 || rule.protocol == protocol) && is_port && contains(rule.block, address) {
                return rule.is_allow;
            }
        }
        false
    }

    fn group_allows(
        &self,
        rules: &[Rule],
        address: Ipv4Addr,
        partner: Option<&Instance>,
        port: u16,
        protocol: i16,
    ) -> bool {
        rules.iter().any(|rule| {
            let is_port = rule.protocol == -1 || (rule.ports.0 <= port && port <= rule.ports.1);
            (rule.protocol == -1 || rule.protocol == protocol)
                && is_port
                && match rule.peer {
                    Peer::Block(block) => contains(block, address),
                    Peer::Group(group) => partner.is_some_and(|partner| partner.groups.contains(&group)),
                }
        })
    }

    fn lets_in(&self, to: &Instance, from: Option<&Instance>, packet: Packet) -> bool {
        to.groups.iter().any(|group| {
            self.group_allows(&self.groups[*group].ingress, packet.source, from, packet.port, packet.protocol)
        })
    }

    fn lets_out(&self, from: &Instance, to: Option<&Instance>, packet: Packet) -> bool {
        from.groups.iter().any(|group| match &self.groups[*group].egress {
            None => true,
            Some(rules) => self.group_allows(rules, packet.destination, to, packet.port, packet.protocol),
        })
    }

    /// Where a subnet sends packets to an address; None inside of the VPC is `Some(None)`.
    fn route(&self, subnet: usize, address: Ipv4Addr) -> Option<Option<Target>> {
        let vpc = self.subnets[subnet].vpc;
        if contains(self.vpcs[vpc].block, address) {
            return Some(None);
        }
        let table = self.subnets[subnet].table?;
        let routes = self.tables[table].iter().filter(|route| contains(route.to, address));
        routes.max_by_key(|route| route.to.1).map(|route| Some(route.target))
    }

    fn has_public_address(&self, instance: &Instance) -> bool {
        instance.has_elastic_address || self.subnets[instance.subnet].gives_public
    }

    /// The ACLs between two subnets, there and back.
    fn crosses(&self, from: usize, to: usize, packet: Packet) -> bool {
        from == to
            || (self.acl_allows(from, true, packet.destination, packet.port, packet.protocol)
                && self.acl_allows(to, false, packet.source, packet.port, packet.protocol)
                && self.acl_allows(to, true, packet.source, packet.source_port, packet.protocol)
                && self.acl_allows(from, false, packet.destination, packet.source_port, packet.protocol))
    }

    // The walks.

    pub(crate) fn between(&self, from: &Instance, to: &Instance, packet: Packet) -> bool {
        let is_routed = if self.subnets[from.subnet].vpc == self.subnets[to.subnet].vpc {
            true
        } else {
            self.has_peering
                && self.route(from.subnet, packet.destination) == Some(Some(Target::Peering))
                && self.route(to.subnet, packet.source) == Some(Some(Target::Peering))
        };
        is_routed
            && self.lets_out(from, Some(to), packet)
            && self.crosses(from.subnet, to.subnet, packet)
            && self.lets_in(to, Some(from), packet)
    }

    pub(crate) fn internet_to(&self, to: &Instance, packet: Packet) -> bool {
        self.has_public_address(to)
            && self.vpcs[self.subnets[to.subnet].vpc].has_gateway
            && self.acl_allows(to.subnet, false, packet.source, packet.port, packet.protocol)
            && self.lets_in(to, None, packet)
            && self.acl_allows(to.subnet, true, packet.source, packet.source_port, packet.protocol)
            && self.route(to.subnet, packet.source) == Some(Some(Target::Gateway))
    }

    pub(crate) fn to_internet(&self, from: &Instance, packet: Packet) -> bool {
        let subnet = from.subnet;
        let leaves = self.lets_out(from, None, packet)
            && self.acl_allows(subnet, true, packet.destination, packet.port, packet.protocol)
            && self.acl_allows(subnet, false, packet.destination, packet.source_port, packet.protocol);
        let has_gateway = |subnet: usize| self.vpcs[self.subnets[subnet].vpc].has_gateway;
        leaves
            && match self.route(subnet, packet.destination) {
                Some(Some(Target::Gateway)) => self.has_public_address(from) && has_gateway(subnet),
                Some(Some(Target::Nat)) => {
                    let Some(nat) = self.nat else { return false };
                    let is_same = nat == subnet;
                    self.route(nat, packet.destination) == Some(Some(Target::Gateway))
                        && has_gateway(nat)
                        && self.acl_allows(nat, true, packet.destination, packet.port, packet.protocol)
                        && self.acl_allows(nat, false, packet.destination, packet.source_port, packet.protocol)
                        && (is_same
                            || (self.acl_allows(nat, false, packet.source, packet.port, packet.protocol)
                                && self.acl_allows(nat, true, packet.source, packet.source_port, packet.protocol)))
                }
                _ => false,
            }
    }

    // The representatives.

    fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = self.vpcs.iter().map(|vpc| vpc.block).collect();
        blocks.extend(self.subnets.iter().map(|subnet| subnet.block));
        blocks.extend(self.tables.iter().flatten().map(|route| route.to));
        blocks.extend(self.acls.iter().flatten().map(|rule| rule.block));
        for group in &self.groups {
            for rule in group.ingress.iter().chain(group.egress.iter().flatten()) {
                if let Peer::Block(block) = rule.peer {
                    blocks.push(block);
                }
            }
        }
        for (network, length) in [
            ("0.0.0.0", 8),
            ("10.0.0.0", 8),
            ("100.64.0.0", 10),
            ("127.0.0.0", 8),
            ("169.254.0.0", 16),
            ("172.16.0.0", 12),
            ("192.168.0.0", 16),
            ("224.0.0.0", 3),
        ] {
            blocks.push((network.parse().unwrap(), length));
        }
        blocks.sort_unstable();
        blocks.dedup();
        blocks
    }

    fn addresses(&self, is_in_class: impl Fn(Ipv4Addr) -> bool, class_first: Ipv4Addr) -> Vec<Ipv4Addr> {
        let mut starts = vec![u32::from(class_first)];
        for block in self.blocks() {
            starts.push(last(block) - (last(block) - u32::from(block.0)));
            if let Some(next) = last(block).checked_add(1) {
                starts.push(next);
            }
        }
        starts.sort_unstable();
        starts.dedup();
        starts.into_iter().map(Ipv4Addr::from).filter(|address| is_in_class(*address)).collect()
    }

    pub(crate) fn internet(&self) -> Vec<Ipv4Addr> {
        self.addresses(is_internet, Ipv4Addr::new(1, 0, 0, 0))
    }

    pub(crate) fn in_block(&self, block: Block) -> Vec<Ipv4Addr> {
        self.addresses(|address| contains(block, address), block.0)
    }

    pub(crate) fn of_instance(&self, instance: &Instance) -> Vec<Ipv4Addr> {
        match instance.address {
            Some(address) => vec![address],
            None => self.in_block(self.subnets[instance.subnet].block),
        }
    }

    pub(crate) fn client_ports(&self) -> Vec<u16> {
        let mut starts = vec![1024];
        for rule in self.acls.iter().flatten() {
            starts.push(rule.ports.0);
            starts.extend(rule.ports.1.checked_add(1));
        }
        starts.retain(|port| *port >= 1024);
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    /// Asks for all representatives of a class.
    pub(crate) fn ask(
        &self,
        sources: &[Ipv4Addr],
        destinations: &[Ipv4Addr],
        port: u16,
        protocol: i16,
        walk: impl Fn(Packet) -> bool,
    ) -> Found {
        let (mut passed, mut stopped) = (false, false);
        let client_ports = self.client_ports();
        for source in sources {
            for destination in destinations {
                for source_port in client_ports.iter().copied() {
                    let packet = Packet { source: *source, source_port, destination: *destination, port, protocol };
                    if walk(packet) { passed = true } else { stopped = true }
                }
            }
        }
        match (passed, stopped) {
            (true, false) => Found::All,
            (true, true) => Found::Some,
            (false, _) => Found::None,
        }
    }

    // The template.

    pub(crate) fn template(&self) -> String {
        let mut out = String::from("Resources:\n");
        let block = |(network, length): Block| format!("{network}/{length}");
        for (index, vpc) in self.vpcs.iter().enumerate() {
            let _ = writeln!(
                out,
                "  V{index}: {{ Type: AWS::EC2::VPC, Properties: {{ CidrBlock: {} }} }}",
                block(vpc.block)
            );
            let _ = writeln!(out, "  Igw{index}: {{ Type: AWS::EC2::InternetGateway }}");
            if vpc.has_gateway {
                let _ = writeln!(
                    out,
                    "  Att{index}: {{ Type: AWS::EC2::VPCGatewayAttachment, Properties: {{ VpcId: !Ref V{index}, InternetGatewayId: !Ref Igw{index} }} }}"
                );
            }
        }
        if self.has_peering {
            out.push_str("  Peer: { Type: AWS::EC2::VPCPeeringConnection, Properties: { VpcId: !Ref V0, PeerVpcId: !Ref V1 } }\n");
        }
        for (index, subnet) in self.subnets.iter().enumerate() {
            let _ = writeln!(
                out,
                "  S{index}: {{ Type: AWS::EC2::Subnet, Properties: {{ VpcId: !Ref V{}, CidrBlock: {}, MapPublicIpOnLaunch: {} }} }}",
                subnet.vpc,
                block(subnet.block),
                subnet.gives_public
            );
            if let Some(table) = subnet.table {
                let _ = writeln!(
                    out,
                    "  SR{index}: {{ Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {{ SubnetId: !Ref S{index}, RouteTableId: !Ref R{}x{table} }} }}",
                    subnet.vpc
                );
            }
            if let Some(acl) = subnet.acl {
                let _ = writeln!(
                    out,
                    "  SA{index}: {{ Type: AWS::EC2::SubnetNetworkAclAssociation, Properties: {{ SubnetId: !Ref S{index}, NetworkAclId: !Ref A{}x{acl} }} }}",
                    subnet.vpc
                );
            }
        }
        if let Some(nat) = self.nat {
            let _ = writeln!(out, "  Nat: {{ Type: AWS::EC2::NatGateway, Properties: {{ SubnetId: !Ref S{nat} }} }}");
        }
        // Every table and ACL once for each VPC, since they belong to one.
        for vpc in 0..self.vpcs.len() {
            for (index, routes) in self.tables.iter().enumerate() {
                let _ = writeln!(
                    out,
                    "  R{vpc}x{index}: {{ Type: AWS::EC2::RouteTable, Properties: {{ VpcId: !Ref V{vpc} }} }}"
                );
                for (number, route) in routes.iter().enumerate() {
                    if contains(self.vpcs[vpc].block, route.to.0) && route.to.1 >= 16 {
                        // Inside of the VPC its own routes stand, and the walker takes them first.
                        continue;
                    }
                    let target = match route.target {
                        Target::Gateway => format!("GatewayId: !Ref Igw{vpc}"),
                        Target::Nat if self.nat.is_some() => "NatGatewayId: !Ref Nat".to_owned(),
                        Target::Peering if self.has_peering => "VpcPeeringConnectionId: !Ref Peer".to_owned(),
                        Target::Nat | Target::Peering => continue,
                    };
                    let _ = writeln!(
                        out,
                        "  R{vpc}x{index}r{number}: {{ Type: AWS::EC2::Route, Properties: {{ RouteTableId: !Ref R{vpc}x{index}, DestinationCidrBlock: {}, {target} }} }}",
                        block(route.to)
                    );
                }
            }
            for (index, rules) in self.acls.iter().enumerate() {
                let _ = writeln!(
                    out,
                    "  A{vpc}x{index}: {{ Type: AWS::EC2::NetworkAcl, Properties: {{ VpcId: !Ref V{vpc} }} }}"
                );
                for (number, rule) in rules.iter().enumerate() {
                    let action = if rule.is_allow { "allow" } else { "deny" };
                    let _ = writeln!(
                        out,
                        "  A{vpc}x{index}r{number}: {{ Type: AWS::EC2::NetworkAclEntry, Properties: {{ NetworkAclId: !Ref A{vpc}x{index}, RuleNumber: {}, Egress: {}, RuleAction: {action}, Protocol: {}, PortRange: {{ From: {}, To: {} }}, CidrBlock: {} }} }}",
                        rule.number,
                        rule.is_egress,
                        rule.protocol,
                        rule.ports.0,
                        rule.ports.1,
                        block(rule.block)
                    );
                }
            }
        }
        let rule_text = |rule: &Rule, is_ingress: bool| {
            let peer = match rule.peer {
                Peer::Block(peer) => format!("CidrIp: {}", block(peer)),
                Peer::Group(group) if is_ingress => format!("SourceSecurityGroupId: !GetAtt G{group}.GroupId"),
                Peer::Group(group) => format!("DestinationSecurityGroupId: !GetAtt G{group}.GroupId"),
            };
            format!("IpProtocol: '{}', FromPort: {}, ToPort: {}, {peer}", rule.protocol, rule.ports.0, rule.ports.1)
        };
        for (index, group) in self.groups.iter().enumerate() {
            // The first rule stands in the group, the others are resources of their own.
            let inside = |rules: &[Rule], is_ingress| {
                rules.first().map_or(String::new(), |rule| format!("[{{ {} }}]", rule_text(rule, is_ingress)))
            };
            let ingress = inside(&group.ingress, true);
            let egress = group.egress.as_deref().map_or(String::new(), |rules| inside(rules, false));
            let part = |name: &str, text: String| if text.is_empty() { text } else { format!(", {name}: {text}") };
            let _ = writeln!(
                out,
                "  G{index}: {{ Type: AWS::EC2::SecurityGroup, Properties: {{ GroupDescription: g{}{} }} }}",
                part("SecurityGroupIngress", ingress),
                part("SecurityGroupEgress", egress)
            );
            for (rules, kind, is_ingress) in
                [(Some(&group.ingress), "Ingress", true), (group.egress.as_ref(), "Egress", false)]
            {
                for (number, rule) in rules.into_iter().flatten().enumerate().skip(1) {
                    let _ = writeln!(
                        out,
                        "  G{index}{kind}{number}: {{ Type: AWS::EC2::SecurityGroup{kind}, Properties: {{ GroupId: !Ref G{index}, {} }} }}",
                        rule_text(rule, is_ingress)
                    );
                }
            }
        }
        for (index, instance) in self.instances.iter().enumerate() {
            let groups: Vec<String> = instance.groups.iter().map(|group| format!("!Ref G{group}")).collect();
            let address = instance.address.map_or(String::new(), |address| format!(", PrivateIpAddress: {address}"));
            let _ = writeln!(
                out,
                "  I{index}: {{ Type: AWS::EC2::Instance, Properties: {{ SubnetId: !Ref S{}, SecurityGroupIds: [{}]{address} }} }}",
                instance.subnet,
                groups.join(", ")
            );
            if instance.has_elastic_address {
                let _ =
                    writeln!(out, "  E{index}: {{ Type: AWS::EC2::EIP, Properties: {{ InstanceId: !Ref I{index} }} }}");
            }
        }
        out
    }
}
