//! What the zone above says of a domain.
//!
//! Only the parent's servers know whether a domain is delegated, and to whom: a zone in Route 53 that nobody points to looks the same from inside. So
//! the parent zone is looked for with the machine's name server, and one of its own servers is asked without recursion. Where a network lets no such question out, the name server's
//! answer stands: it can only have come along the delegation.

use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use stacks::account::{CallError, CallErrorKind, Called};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How long to wait for one answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a name server is asked again: datagrams get lost.
const ATTEMPTS: usize = 2;
/// How many servers of the parent are asked before it counts as out of reach.
const SERVERS: usize = 3;
/// What passes through every network in one datagram (DNS flag day 2020).
const PAYLOAD: u16 = 1232;
const PORT: u16 = 53;

/// The name servers that the parent zone of `domain` names for it, in lower case, sorted; empty when it names none.
///
/// With `instead`, that name server is asked and not the machine's, and its port is that of all servers.
pub(crate) async fn delegated_name_servers(domain: &str, instead: Option<SocketAddr>) -> Called<Vec<String>> {
    let fault =
        |kind, message: String| CallError { operation: "dns:Query".to_owned(), kind, code: String::new(), message };
    let name = Name::from_ascii(format!("{}.", domain.trim_end_matches('.')))
        .map_err(|e| fault(CallErrorKind::Refused, format!("`{domain}` is no domain: {e}")))?;
    let resolver = match instead {
        Some(server) => server,
        None => machines_name_server()
            .ok_or_else(|| fault(CallErrorKind::Refused, "/etc/resolv.conf names no name server".to_owned()))?,
    };
    let port = instead.map_or(PORT, |server| server.port());
    // It was asked more than once already, and no plan hangs on the answer: asking on would only hold everything up.
    let out_of_reach = || fault(CallErrorKind::Refused, format!("the name server {resolver} does not answer"));

    for server in parents_servers(&name, resolver, port).await.ok_or_else(out_of_reach)? {
        if let Some(answer) = ask(server, &name, RecordType::NS, false).await {
            let records = answer.answers.iter().chain(&answer.authorities);
            return Ok(name_servers(records, &name));
        }
    }
    let answer = ask(resolver, &name, RecordType::NS, true).await.ok_or_else(out_of_reach)?;
    Ok(name_servers(answer.answers.iter(), &name))
}

/// Addresses of servers of the zone in which `name` would be delegated; `None` when the resolver does not answer.
async fn parents_servers(name: &Name, resolver: SocketAddr, port: u16) -> Option<Vec<SocketAddr>> {
    let mut parent = name.base_name();
    loop {
        let answer = ask(resolver, &parent, RecordType::NS, true).await?;
        let servers = name_servers(answer.answers.iter(), &parent);
        if servers.is_empty() && !parent.is_root() {
            parent = parent.base_name();
            continue;
        }
        let mut addresses = Vec::new();
        for server in servers.iter().take(SERVERS) {
            let Ok(server) = Name::from_ascii(format!("{server}.")) else { continue };
            let Some(answer) = ask(resolver, &server, RecordType::A, true).await else { continue };
            addresses.extend(answer.answers.iter().find_map(|record| match record.data {
                RData::A(address) => Some(SocketAddr::from((address.0, port))),
                _ => None,
            }));
        }
        return Some(addresses);
    }
}

fn name_servers<'a>(records: impl Iterator<Item = &'a Record>, of: &Name) -> Vec<String> {
    let mut servers: Vec<String> = records
        .filter(|record| record.name == *of)
        .filter_map(|record| match &record.data {
            RData::NS(server) => Some(server.0.to_ascii().trim_end_matches('.').to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    servers.sort();
    servers.dedup();
    servers
}

/// One question to one server; `None` when no answer comes.
async fn ask(server: SocketAddr, name: &Name, kind: RecordType, recursion: bool) -> Option<Message> {
    let mut question = Message::query();
    question.metadata.recursion_desired = recursion;
    question.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD);
    question.set_edns(edns);
    let bytes = question.to_vec().ok()?;
    let any: IpAddr = if server.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
    for _ in 0..ATTEMPTS {
        let socket = UdpSocket::bind((any, 0)).await.ok()?;
        socket.connect(server).await.ok()?;
        if socket.send(&bytes).await.is_err() {
            continue;
        }
        let answer = timeout(PATIENCE, async {
            let mut buffer = vec![0; usize::from(PAYLOAD)];
            loop {
                let length = socket.recv(&mut buffer).await.ok()?;
                // What is no answer to this question is somebody else's, or forged.
                match Message::from_vec(buffer.get(..length)?) {
                    Ok(answer) if answer.metadata.id == question.metadata.id => return Some(answer),
                    _ => {}
                }
            }
        });
        if let Ok(Some(answer)) = answer.await {
            return Some(answer);
        }
    }
    None
}

/// The first name server that this machine uses.
fn machines_name_server() -> Option<SocketAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").ok()?;
    let address = text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.split('%').next()?.parse::<IpAddr>().ok())?
    })?;
    Some(SocketAddr::from((address, PORT)))
}
