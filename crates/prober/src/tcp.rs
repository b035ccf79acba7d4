//! Whether a port takes connections, and on which of this machine's addresses.

use crate::answer::Answer;
use futures_util::future::join_all;
use model::probe::Addresses;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long this machine may take to answer itself.
const CONNECT: Duration = Duration::from_secs(1);
/// How long a machine elsewhere may take to answer.
const CONNECT_FAR: Duration = Duration::from_secs(10);

/// Somebody to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// An address, or a name that DNS knows.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
}

impl Peer {
    /// Whoever listens on a port of the loopback address.
    pub(crate) fn loopback(port: u16) -> Self {
        Self { host: Ipv4Addr::LOCALHOST.to_string(), port }
    }

    /// Connects; in words why not.
    pub(crate) async fn connect(&self) -> Result<TcpStream, String> {
        let Self { host, port } = self;
        let mut addresses: Vec<SocketAddr> = match tokio::net::lookup_host((host.as_str(), *port)).await {
            Ok(addresses) => addresses.collect(),
            Err(error) => return Err(format!("DNS knows no address of {host}: {error}")),
        };
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let mut trouble = format!("DNS knows no address of {host}");
        for address in addresses {
            match connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    trouble = format!("nothing listens on {address}");
                }
                Err(error) => trouble = format!("connecting to {address}: {error}"),
            }
        }
        Err(trouble)
    }
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let patience = if address.ip().is_loopback() { CONNECT } else { CONNECT_FAR };
    let late = |_| std::io::Error::new(ErrorKind::TimedOut, format!("no answer within {} s", patience.as_secs()));
    let stream = tokio::time::timeout(patience, TcpStream::connect(address)).await.map_err(late)??;
    // A question is small and waits for its answer: nothing is gained by collecting bytes.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Asks whether the port takes connections on all of these addresses, or on none.
pub(crate) async fn connects(port: u16, on: Addresses, open: bool) -> Answer {
    let (addresses, place) = match on {
        Addresses::Loopback => (vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))], "127.0.0.1".to_owned()),
        Addresses::EveryOther => match every_other(port) {
            Ok(addresses) => (addresses, "every address of this machine but 127.0.0.1".to_owned()),
            Err(error) => return Answer::fails("this machine's addresses", error.to_string()),
        },
    };
    let expected = format!("port {port} {} on {place}", if open { "open" } else { "closed" });
    let attempt = |address| async move { (address, connect(address).await.is_ok()) };
    let attempts = join_all(addresses.into_iter().map(attempt)).await;
    let list = |wanted: bool| {
        let matching = attempts.iter().filter(|(_, is_open)| *is_open == wanted).map(|(address, _)| name(address));
        matching.collect::<Vec<_>>().join(", ")
    };
    let word = |is_open: bool| if is_open { "open" } else { "closed" };
    if attempts.iter().all(|(_, is_open)| *is_open == open) {
        Answer::holds(format!("{} on {}", word(open), list(open)))
    } else {
        Answer::fails(expected, format!("{} on {}", word(!open), list(!open)))
    }
}

/// An address without its port, with the interface where IPv6 needs one.
fn name(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        address => address.ip().to_string(),
    }
}

/// All addresses of this machine but 127.0.0.1. 127.0.0.2 stands for the rest of the loopback
/// network: it is what tells a program on every address from one on 127.0.0.1, on any machine.
fn every_other(port: u16) -> std::io::Result<Vec<SocketAddr>> {
    let mut addresses = BTreeSet::from([SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port))]);
    for interface in nix::ifaddrs::getifaddrs()? {
        let Some(address) = interface.address else { continue };
        if let Some(v4) = address.as_sockaddr_in() {
            addresses.insert(SocketAddr::from((v4.ip(), port)));
        } else if let Some(v6) = address.as_sockaddr_in6() {
            addresses.insert(SocketAddr::V6(SocketAddrV6::new(v6.ip(), port, 0, v6.scope_id())));
        }
    }
    addresses.retain(|address| address.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST));
    Ok(addresses.into_iter().collect())
}
