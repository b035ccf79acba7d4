//! The representatives of classes of packets.

use super::{Block, End, Found, Host, Kind, Packet, Peer, To, World};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is no part of the IPv4 internet.
const NOT_INTERNET: [Block; 8] = [
    Block::v4([0, 0, 0, 0], 8),
    Block::v4([10, 0, 0, 0], 8),
    Block::v4([100, 64, 0, 0], 10),
    Block::v4([127, 0, 0, 0], 8),
    Block::v4([169, 254, 0, 0], 16),
    Block::v4([172, 16, 0, 0], 12),
    Block::v4([192, 168, 0, 0], 16),
    Block::v4([224, 0, 0, 0], 3),
];

impl World {
    pub(crate) fn ends<'w>(&self, host: &'w Host) -> impl Iterator<Item = End<'w>> + use<'w> {
        host.subnets.iter().map(move |subnet| End { host, subnet: *subnet })
    }

    fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = NOT_INTERNET.to_vec();
        blocks.push(Block { address: IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)), length: 3 });
        blocks.extend(self.vpcs.iter().flat_map(|vpc| vpc.blocks.iter().chain(&vpc.v6)));
        blocks.extend(self.subnets.iter().flat_map(|subnet| std::iter::once(&subnet.block).chain(&subnet.v6)));
        blocks.extend(self.tables.iter().flatten().filter_map(|route| match route.to {
            To::Block(block) => Some(block),
            To::List(_) => None,
        }));
        blocks.extend(self.lists.iter().flatten());
        blocks.extend(self.acls.iter().flatten().map(|rule| rule.block));
        for rule in self.groups.iter().flat_map(|group| group.ingress.iter().chain(group.egress.iter().flatten())) {
            if let Peer::Block(block) = rule.peer {
                blocks.push(block);
            }
        }
        blocks.sort_unstable();
        blocks.dedup();
        blocks
    }

    /// One address for every stretch of a class; the class begins at `first`.
    fn addresses(&self, first: IpAddr, is_in_class: impl Fn(IpAddr) -> bool) -> Vec<IpAddr> {
        let mut starts = vec![first];
        for block in self.blocks().into_iter().filter(|block| block.is_v4() == first.is_ipv4()) {
            starts.push(block.address);
            starts.extend(block.next());
        }
        starts.sort_unstable();
        starts.dedup();
        starts.retain(|address| is_in_class(*address));
        starts
    }

    pub(crate) fn in_block(&self, block: Block) -> Vec<IpAddr> {
        self.addresses(block.address, |address| block.contains(address))
    }

    /// The internet, without the addresses of the world's own networks.
    pub(crate) fn internet(&self, is_v4: bool) -> Vec<IpAddr> {
        if is_v4 {
            let first = IpAddr::V4(Ipv4Addr::new(1, 0, 0, 0));
            return self.addresses(first, |address| !NOT_INTERNET.iter().any(|block| block.contains(address)));
        }
        let all = Block { address: IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)), length: 3 };
        let own = |address| self.vpcs.iter().filter_map(|vpc| vpc.v6).any(|block| block.contains(address));
        self.addresses(all.address, |address| all.contains(address) && !own(address))
    }

    /// The addresses that an interface may have; none when it has no address of the family.
    pub(crate) fn of_end(&self, end: End<'_>, is_v4: bool) -> Vec<IpAddr> {
        let subnet = &self.subnets[end.subnet];
        match (is_v4, &end.host.kind) {
            (true, Kind::Instance { address: Some(address), .. }) => vec![IpAddr::V4(*address)],
            (true, _) => self.in_block(subnet.block),
            (false, _) if self.has_v6(end) => subnet.v6.map(|block| self.in_block(block)).unwrap_or_default(),
            (false, _) => Vec::new(),
        }
    }

    /// The clients of a load balancer as its targets see them.
    pub(crate) fn clients(&self, balancer: End<'_>) -> Vec<IpAddr> {
        match balancer.host.kind {
            Kind::Balancer { is_internal: false, .. } => self.internet(true),
            _ => {
                let blocks = &self.vpcs[self.subnets[balancer.subnet].vpc].blocks;
                blocks.iter().flat_map(|block| self.in_block(*block)).collect()
            }
        }
    }

    fn client_ports(&self) -> Vec<u16> {
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

    /// One port for every stretch of a range.
    fn ports(&self, (first, last): (u16, u16)) -> Vec<u16> {
        let mut starts = vec![first];
        if first != last {
            let of_groups =
                self.groups.iter().flat_map(|group| group.ingress.iter().chain(group.egress.iter().flatten()));
            let ranges = of_groups.map(|rule| rule.ports).chain(self.acls.iter().flatten().map(|rule| rule.ports));
            for range in ranges {
                starts.push(range.0);
                starts.extend(range.1.checked_add(1));
            }
            starts.retain(|port| (first..=last).contains(port));
            starts.sort_unstable();
            starts.dedup();
        }
        starts
    }

    /// Asks for all representatives of a class.
    pub(crate) fn ask(
        &self,
        sources: &[IpAddr],
        destinations: &[IpAddr],
        (protocol, range): (i16, (u16, u16)),
        walk: impl Fn(Packet) -> bool,
    ) -> Found {
        let (mut passed, mut stopped) = (false, false);
        let (client_ports, ports) = (self.client_ports(), self.ports(range));
        for source in sources {
            for destination in destinations {
                for source_port in client_ports.iter().copied() {
                    for port in ports.iter().copied() {
                        let packet = Packet { source: *source, source_port, destination: *destination, port, protocol };
                        if walk(packet) { passed = true } else { stopped = true }
                    }
                    if passed && stopped {
                        return Found::Some;
                    }
                }
            }
        }
        match (passed, stopped) {
            (true, false) => Found::All,
            (true, true) => Found::Some,
            (false, _) => Found::None,
        }
    }
}
