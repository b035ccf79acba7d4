//! The two ends of a question: where packets come from, and where they go.

use super::packets::{AddressSet, Family};

/// Where packets come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Every address of the internet of a family.
    Internet(Family),
    /// A block of addresses.
    Block(ipnet::IpNet),
    /// A component, by index.
    Component(usize),
}

impl Source {
    /// The addresses outside that it stands for; none for a component.
    pub(super) fn addresses(&self) -> Option<(Family, AddressSet)> {
        match self {
            Self::Internet(family) => Some((*family, AddressSet::internet(*family))),
            Self::Block(block) => {
                let family = if block.addr().is_ipv4() { Family::V4 } else { Family::V6 };
                Some((family, AddressSet::block(*block)))
            }
            Self::Component(_) => None,
        }
    }
}

/// Where packets go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// Ports of a component, by index.
    Port {
        /// Index of the component.
        component: usize,
        /// Protocol number.
        protocol: u8,
        /// Ports, both ends included.
        ports: (u16, u16),
    },
    /// The internet of a family, TCP.
    Internet {
        /// Which family.
        family: Family,
        /// Ports, both ends included.
        ports: (u16, u16),
    },
    /// A block of addresses, TCP.
    Block {
        /// Which block.
        block: ipnet::IpNet,
        /// Ports, both ends included.
        ports: (u16, u16),
    },
    /// A service of the provider, over TCP 443.
    Service(String),
}
