//! What a small network is made of.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
}

impl Block {
    pub(crate) const fn v4(address: [u8; 4], length: u8) -> Self {
        let [a, b, c, d] = address;
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), length }
    }

    /// `2600:1f00:a:b::/length`
    pub(crate) const fn v6(third: u16, fourth: u16, length: u8) -> Self {
        Self { address: IpAddr::V6(Ipv6Addr::new(0x2600, 0x1f00, third, fourth, 0, 0, 0, 0)), length }
    }

    pub(crate) fn is_v4(self) -> bool {
        self.address.is_ipv4()
    }

    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                self.length == 0 || (u32::from(own) ^ u32::from(other)) >> (32 - self.length) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                self.length == 0 || (u128::from(own) ^ u128::from(other)) >> (128 - self.length) == 0
            }
            _ => false,
        }
    }

    /// The first address behind the block, when there is one.
    pub(crate) fn next(self) -> Option<IpAddr> {
        match self.address {
            IpAddr::V4(own) => {
                let last = u32::from(own) | u32::MAX.checked_shr(self.length.into()).unwrap_or(0);
                last.checked_add(1).map(|next| IpAddr::V4(next.into()))
            }
            IpAddr::V6(own) => {
                let last = u128::from(own) | u128::MAX.checked_shr(self.length.into()).unwrap_or(0);
                last.checked_add(1).map(|next| IpAddr::V6(next.into()))
            }
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) vpcs: Vec<Vpc>,
    /// Prefix lists.
    pub(crate) lists: Vec<Vec<Block>>,
    pub(crate) subnets: Vec<Subnet>,
    /// Every VPC has each of these tables, without the routes to what is not its own.
    pub(crate) tables: Vec<Vec<Route>>,
    /// Every VPC has each of these ACLs.
    pub(crate) acls: Vec<Vec<AclRule>>,
    pub(crate) groups: Vec<Group>,
    pub(crate) nats: Vec<Nat>,
    /// Between two VPCs each.
    pub(crate) peerings: Vec<(usize, usize)>,
    /// The VPCs attached to the transit gateway; there is none when no VPC is.
    pub(crate) transit: Vec<usize>,
    pub(crate) hosts: Vec<Host>,
}

#[derive(Debug, Clone)]
pub(crate) struct Vpc {
    pub(crate) blocks: Vec<Block>,
    pub(crate) v6: Option<Block>,
    pub(crate) has_gateway: bool,
    pub(crate) has_egress_only: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Subnet {
    pub(crate) vpc: usize,
    pub(crate) block: Block,
    pub(crate) v6: Option<Block>,
    pub(crate) gives_public: bool,
    pub(crate) gives_v6: bool,
    pub(crate) table: Option<usize>,
    pub(crate) acl: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Gateway,
    EgressOnly,
    Nat(usize),
    Peering(usize),
    Transit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum To {
    Block(Block),
    List(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) to: To,
    pub(crate) target: Target,
    /// Whether it is there under the condition only.
    pub(crate) is_conditional: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct AclRule {
    pub(crate) number: u16,
    pub(crate) is_egress: bool,
    pub(crate) is_allow: bool,
    pub(crate) protocol: i16,
    pub(crate) ports: (u16, u16),
    pub(crate) block: Block,
    pub(crate) is_conditional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    Block(Block),
    Group(usize),
    List(usize),
    /// The block that a parameter without a value gives.
    Parameter,
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) protocol: i16,
    pub(crate) ports: (u16, u16),
    pub(crate) peer: Peer,
    pub(crate) is_conditional: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) vpc: usize,
    /// The group that the VPC has by itself.
    pub(crate) is_default: bool,
    pub(crate) ingress: Vec<Rule>,
    /// None: the default, everything.
    pub(crate) egress: Option<Vec<Rule>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Nat {
    pub(crate) subnet: usize,
    pub(crate) is_public: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Instance {
        has_elastic_address: bool,
        asks_v6: bool,
        address: Option<Ipv4Addr>,
    },
    /// An application or a network load balancer that listens on 443.
    Balancer {
        is_application: bool,
        is_internal: bool,
        is_dual: bool,
        /// The instances and their port.
        targets: Vec<usize>,
        port: u16,
        /// Whether targets are instances, and not addresses.
        is_by_instance: bool,
        /// The attribute of the target group, when it is set.
        keeps_client: Option<bool>,
    },
    /// An interface endpoint.
    Endpoint,
}

/// What has interfaces, one in each of its subnets.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) kind: Kind,
    pub(crate) subnets: Vec<usize>,
    /// A network load balancer without groups has no filter.
    pub(crate) groups: Vec<usize>,
}

impl Host {
    pub(crate) fn is_balancer(&self) -> bool {
        matches!(self.kind, Kind::Balancer { .. })
    }
}

impl World {
    /// The logical id of a host.
    pub(crate) fn name(&self, host: usize) -> String {
        match self.hosts[host].kind {
            Kind::Instance { .. } => format!("I{host}"),
            Kind::Balancer { .. } => format!("B{host}"),
            Kind::Endpoint => format!("P{host}"),
        }
    }

    /// Whether a route can stand in a table of a VPC.
    pub(crate) fn can_stand(&self, vpc: usize, route: &Route) -> bool {
        let has_target = match route.target {
            Target::Gateway => true,
            Target::EgressOnly => self.vpcs[vpc].has_egress_only,
            Target::Nat(nat) => self.nats.get(nat).is_some_and(|nat| self.subnets[nat.subnet].vpc == vpc),
            Target::Peering(peering) => {
                self.peerings.get(peering).is_some_and(|(one, other)| *one == vpc || *other == vpc)
            }
            Target::Transit => self.transit.contains(&vpc),
        };
        // Inside of the VPC its own routes stand.
        let is_own = |block: Block| {
            let own = self.vpcs[vpc].blocks.iter().chain(&self.vpcs[vpc].v6);
            own.into_iter().any(|own| own.contains(block.address) && own.length <= block.length)
        };
        has_target
            && match route.to {
                To::Block(block) => {
                    let is_family = match route.target {
                        Target::Nat(_) => block.is_v4(),
                        Target::EgressOnly => !block.is_v4(),
                        _ => true,
                    };
                    is_family && !is_own(block)
                }
                To::List(list) => {
                    self.lists.get(list).is_some_and(|list| !list.iter().any(|block| is_own(*block)))
                        && route.target != Target::EgressOnly
                }
            }
    }

    /// What the network may turn out to be: with what stands under the condition and without, and for every
    /// value of the parameter.
    pub(crate) fn completions(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for holds in [true, false] {
            for office in [
                Block::v4([0, 0, 0, 0], 0),
                Block::v4([10, 0, 0, 0], 8),
                Block::v4([203, 0, 113, 0], 25),
                Block::v4([192, 0, 2, 1], 32),
            ] {
                let mut world = self.clone();
                for routes in &mut world.tables {
                    routes.retain(|route| holds || !route.is_conditional);
                }
                for rules in &mut world.acls {
                    rules.retain(|rule| holds || !rule.is_conditional);
                }
                for group in &mut world.groups {
                    for rules in std::iter::once(&mut group.ingress).chain(&mut group.egress) {
                        rules.retain(|rule| holds || !rule.is_conditional);
                        for rule in rules {
                            if rule.peer == Peer::Parameter {
                                rule.peer = Peer::Block(office);
                            }
                        }
                    }
                    // Without any rule of its own a group lets everything out.
                    group.egress = group.egress.take().filter(|rules| !rules.is_empty());
                }
                all.push(world);
            }
        }
        all
    }
}
