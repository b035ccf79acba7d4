//! What an account may do, and nothing else. Pure: the same account and question have the same answer.

use crate::server::config::{Account, Forward};
use std::net::{IpAddr, SocketAddr};

impl Account {
    /// Where a forward to what the client says leads, if it is allowed.
    #[must_use]
    pub fn forward_to(&self, host: &str, port: u32) -> Option<SocketAddr> {
        let port = u16::try_from(port).ok().filter(|&port| port != 0)?;
        self.forwards.iter().find(|forward| forward.is_meant(host, port)).map(|forward| forward.address)
    }

    /// Whether it may listen where the client says: on a stated port of the loopback address, under its usual names.
    #[must_use]
    pub fn may_listen(&self, address: &str, port: u32) -> Option<u16> {
        let port = u16::try_from(port).ok().filter(|&port| port != 0)?;
        (matches!(address, "127.0.0.1" | "localhost") && self.listens.contains(&port)).then_some(port)
    }
}

impl Forward {
    fn is_meant(&self, host: &str, port: u16) -> bool {
        let real = port == self.address.port();
        if host.eq_ignore_ascii_case(&self.name) && (real || self.said_port == Some(port)) {
            return true;
        }
        let here = self.address.ip();
        // Only the plain way of writing an address: other spellings (`0x7f.1`, `2130706433`) are no address here.
        let same_address = host.parse::<IpAddr>().is_ok_and(|said| said == here);
        real && (same_address || (here.is_loopback() && host.eq_ignore_ascii_case("localhost")))
    }
}
