//! Sets of packets: protocol x port x address, exact and canonical.
//!
//! Addresses of both families live on one line of 128-bit numbers; an IPv4 address is its
//! IPv4-mapped IPv6 address (`::ffff:0:0/96`), which no real IPv6 packet carries.

use super::intervals::{IntervalMap, SetAlgebra};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const MAPPED_FIRST: u128 = 0xffff_0000_0000;
const MAPPED_LAST: u128 = 0xffff_ffff_ffff;

/// TCP's number.
pub const TCP: u8 = 6;
/// UDP's number.
pub const UDP: u8 = 17;
/// The ports that clients, load balancers and NAT gateways connect from.
pub const EPHEMERAL: (u16, u16) = (1024, 65535);

/// A set of addresses of either family.
pub type AddressSet = IntervalMap<u128, bool>;
/// For each port the addresses.
pub type PortAddresses = IntervalMap<u16, AddressSet>;

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => MAPPED_FIRST | u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The address that a number stands for.
#[must_use]
pub fn address_of(number: u128) -> IpAddr {
    if (MAPPED_FIRST..=MAPPED_LAST).contains(&number) {
        IpAddr::V4(Ipv4Addr::from(u32::try_from(number & 0xffff_ffff).unwrap_or(0)))
    } else {
        IpAddr::V6(Ipv6Addr::from(number))
    }
}

/// Which family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl AddressSet {
    /// Every address of a family.
    #[must_use]
    pub fn every(family: Family) -> Self {
        match family {
            Family::V4 => Self::of(MAPPED_FIRST, MAPPED_LAST, true),
            Family::V6 => Self::everything().difference(&Self::every(Family::V4)),
        }
    }

    /// Every address of both families.
    #[must_use]
    pub fn everything() -> Self {
        Self::of(0, u128::MAX, true)
    }

    /// One address.
    #[must_use]
    pub fn single(address: IpAddr) -> Self {
        Self::of(number(address), number(address), true)
    }

    /// A block; host bits are cut off.
    #[must_use]
    pub fn block(block: ipnet::IpNet) -> Self {
        let block = block.trunc();
        match block {
            ipnet::IpNet::V4(_) => Self::of(number(block.network()), number(block.broadcast()), true),
            ipnet::IpNet::V6(_) => {
                let whole = Self::of(number(block.network()), number(block.broadcast()), true);
                if block.prefix_len() < 96 { whole.difference(&Self::every(Family::V4)) } else { whole }
            }
        }
    }

    /// A block or an address as templates write them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        text.parse::<ipnet::IpNet>().ok().map(Self::block).or_else(|| text.parse::<IpAddr>().ok().map(Self::single))
    }

    /// The internet of a family: what is neither private nor local nor multicast.
    #[must_use]
    pub fn internet(family: Family) -> Self {
        match family {
            Family::V4 => [
                "0.0.0.0/8",
                "10.0.0.0/8",
                "100.64.0.0/10",
                "127.0.0.0/8",
                "169.254.0.0/16",
                "172.16.0.0/12",
                "192.168.0.0/16",
                "224.0.0.0/4",
                "240.0.0.0/4",
            ]
            .iter()
            .filter_map(|block| Self::parse(block))
            .fold(Self::every(Family::V4), |rest, block| rest.difference(&block)),
            Family::V6 => Self::of(0x2000 << 112, (0x4000 << 112) - 1, true),
        }
    }

    /// Whether the other set lies inside.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.difference(self).is_empty()
    }

    /// The part of one family.
    #[must_use]
    pub fn of_family(&self, family: Family) -> Self {
        self.intersection(&Self::every(family))
    }

    /// Some address of the set: the first.
    #[must_use]
    pub fn witness(&self) -> Option<IpAddr> {
        self.entries().first().map(|(first, _, _)| address_of(*first))
    }

    /// How many addresses there are, saturating.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.entries().iter().fold(0_u128, |sum, (first, last, _)| sum.saturating_add((last - first).saturating_add(1)))
    }

    /// The set as blocks and ranges for people, at most `limit` of them.
    #[must_use]
    pub fn describe(&self, limit: usize) -> String {
        for (family, name) in [(Family::V4, "every IPv4 address"), (Family::V6, "every IPv6 address")] {
            if *self == Self::every(family) {
                return name.to_owned();
            }
            if *self == Self::internet(family) {
                return format!("the internet ({})", if family == Family::V4 { "IPv4" } else { "IPv6" });
            }
        }
        let mut blocks = Vec::new();
        let mut more = 0_usize;
        for (first, last, _) in self.entries() {
            let (first, last) = (address_of(*first), address_of(*last));
            let range: Vec<String> = match (first, last) {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    ipnet::Ipv4Subnets::new(first, last, 0).map(|block| block.to_string()).collect()
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    ipnet::Ipv6Subnets::new(first, last, 0).map(|block| block.to_string()).collect()
                }
                (first, last) => vec![format!("{first}-{last}")],
            };
            if blocks.len() + range.len() <= limit {
                blocks.extend(range);
            } else if blocks.len() < limit {
                blocks.push(format!("{first}-{last}"));
            } else {
                more += 1;
            }
        }
        if more > 0 {
            blocks.push(format!("{more} more ranges"));
        }
        if blocks.is_empty() { "nothing".to_owned() } else { blocks.join(", ") }
    }
}

/// A set of packets, by protocol number, port and the address of the other side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PacketSet(IntervalMap<u8, PortAddresses>);

impl PacketSet {
    /// No packet.
    #[must_use]
    pub fn none() -> Self {
        Self(IntervalMap::empty())
    }

    /// Every packet.
    #[must_use]
    pub fn everything() -> Self {
        Self::of((0, u8::MAX), (0, u16::MAX), AddressSet::everything())
    }

    /// Packets of a range of protocols, of a range of ports, with these addresses.
    #[must_use]
    pub fn of(protocols: (u8, u8), ports: (u16, u16), addresses: AddressSet) -> Self {
        Self(IntervalMap::of(protocols.0, protocols.1, IntervalMap::of(ports.0, ports.1, addresses)))
    }

    /// The packets of one protocol: for each port the addresses.
    #[must_use]
    pub fn protocol(&self, protocol: u8) -> Option<&PortAddresses> {
        self.0.at(protocol)
    }

    /// Whether a packet is in the set.
    #[must_use]
    pub fn contains(&self, protocol: u8, port: u16, address: IpAddr) -> bool {
        self.0
            .at(protocol)
            .and_then(|ports| ports.at(port))
            .and_then(|addresses| addresses.at(number(address)))
            .copied()
            .unwrap_or(false)
    }

    /// Some packet of the set.
    #[must_use]
    pub fn witness(&self) -> Option<(u8, u16, IpAddr)> {
        let (protocol, _, ports) = self.0.entries().first()?;
        let (port, _, addresses) = ports.entries().first()?;
        Some((*protocol, *port, addresses.witness()?))
    }
}

impl SetAlgebra for PacketSet {
    fn empty() -> Self {
        Self::none()
    }
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0))
    }
    fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0))
    }
    fn difference(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0))
    }
}

/// A protocol number as people call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtocolName(pub u8);

impl fmt::Display for ProtocolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("icmp"),
            TCP => f.write_str("tcp"),
            UDP => f.write_str("udp"),
            58 => f.write_str("icmpv6"),
            other => write!(f, "protocol {other}"),
        }
    }
}

/// A range of ports as people write it.
#[must_use]
pub fn describe_ports((first, last): (u16, u16)) -> String {
    match (first, last) {
        (0, u16::MAX) => "any".to_owned(),
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set() -> impl Strategy<Value = PacketSet> {
        proptest::collection::vec((0_u8..4, 0_u8..4, 0_u16..6, 0_u16..6, 0_u8..16, 28_u8..=32), 0..5).prop_map(
            |boxes| {
                boxes.into_iter().fold(PacketSet::none(), |set, (p1, p2, a, b, host, length)| {
                    let block = format!("10.0.0.{host}/{length}");
                    set.union(&PacketSet::of((p1, p2), (a, b), AddressSet::parse(&block).unwrap()))
                })
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn algebra_agrees_with_points(a in set(), b in set()) {
            let (union, both, less) = (a.union(&b), a.intersection(&b), a.difference(&b));
            for protocol in 0..4 {
                for port in 0..6 {
                    for host in 0..18 {
                        let address = IpAddr::from([10, 0, 0, host]);
                        let (in_a, in_b) = (a.contains(protocol, port, address), b.contains(protocol, port, address));
                        prop_assert_eq!(union.contains(protocol, port, address), in_a || in_b);
                        prop_assert_eq!(both.contains(protocol, port, address), in_a && in_b);
                        prop_assert_eq!(less.contains(protocol, port, address), in_a && !in_b);
                    }
                }
            }
            prop_assert_eq!(&less.union(&both), &a);
            prop_assert_eq!(b.union(&a), union);
            if let Some((protocol, port, address)) = less.witness() {
                prop_assert!(a.contains(protocol, port, address) && !b.contains(protocol, port, address));
            } else {
                prop_assert_eq!(&a, &both);
            }
        }
    }

    #[test]
    fn families_are_apart() {
        let v6 = AddressSet::parse("::/0").unwrap();
        assert!(v6.intersection(&AddressSet::every(Family::V4)).is_empty());
        assert_eq!(v6.union(&AddressSet::parse("0.0.0.0/0").unwrap()), AddressSet::everything());
        assert_eq!(AddressSet::parse("10.0.0.9/24").unwrap().describe(3), "10.0.0.0/24");
        assert!(AddressSet::internet(Family::V4).covers(&AddressSet::parse("203.0.113.0/24").unwrap()));
        assert!(AddressSet::parse("10.0.0.0/33").is_none());
    }
}
