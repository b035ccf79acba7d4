//! Whether a server refuses a client that only speaks TLS 1.0 or 1.1.
//!
//! No maintained library speaks these any more, so the one message that matters is made by hand: a
//! ClientHello (RFC 2246 7.4.1.2, RFC 4346 7.4.1.2) with the cipher suites of the time.

use crate::answer::Answer;
use crate::tcp::Peer;
use crate::tls;
use model::probe::OldTlsVersion;
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// Suites that servers of TLS 1.0 and 1.1 choose from: AES-CBC and 3DES with (EC)DHE and RSA.
const SUITES: [u16; 9] = [0xC014, 0xC00A, 0xC013, 0xC009, 0x0039, 0x0033, 0x0035, 0x002F, 0x000A];

/// RSA and ECDSA with SHA-256 and SHA-1.
const SIGNATURES: [u16; 5] = [0x0804, 0x0401, 0x0403, 0x0201, 0x0203];

/// What a server did with an old ClientHello.
#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Alert(u8),
    Accepted(u8, u8),
    Closed,
    Other(String),
}

/// Asks whether the old version is refused while a modern one is taken: a port that refuses
/// everybody proves nothing.
pub(crate) async fn refused(peer: &Peer, name: &str, version: OldTlsVersion) -> Answer {
    let label = label(version);
    let expected = format!("a client that offers at most {label} is refused, a modern one is not");
    let old = async { offer(peer.connect().await?, name, version).await };
    let modern = async { tls::connect_to_anyone(peer.connect().await?, name).await };
    match tokio::join!(old, modern) {
        (Err(trouble), _) => Answer::fails(expected, trouble),
        (_, Err(trouble)) => Answer::fails(expected, format!("a modern client is refused too: {trouble}")),
        (Ok(Reply::Alert(code)), Ok(())) if is_refusal(code) => {
            Answer::holds(format!("{label} refused with alert {}", alert_name(code)))
        }
        (Ok(Reply::Alert(code)), Ok(())) => Answer::fails(
            expected,
            format!("alert {}, which does not tell whether {label} is refused", alert_name(code)),
        ),
        (Ok(Reply::Closed), Ok(())) => Answer::holds(format!("{label} refused by closing the connection")),
        (Ok(Reply::Accepted(major, minor)), Ok(())) => {
            Answer::fails(expected, format!("accepted: a ServerHello of version {}", version_name(major, minor)))
        }
        (Ok(Reply::Other(what)), Ok(())) => Answer::fails(expected, what),
    }
}

async fn offer(mut tcp: tokio::net::TcpStream, name: &str, version: OldTlsVersion) -> Result<Reply, String> {
    let exchange = async {
        tcp.write_all(&client_hello(name, version)).await?;
        let mut head = [0; 5];
        tcp.read_exact(&mut head).await?;
        let length = usize::from(u16::from_be_bytes([head[3], head[4]])).min(64);
        let mut body = vec![0; length];
        tcp.read_exact(&mut body).await?;
        Ok::<_, std::io::Error>((head, body))
    };
    let reply = match tokio::time::timeout(tls::HANDSHAKE, exchange).await {
        Err(_) => Reply::Other(format!("no answer to the ClientHello within {} s", tls::HANDSHAKE.as_secs())),
        Ok(Err(error)) => match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Reply::Closed,
            _ => return Err(error.to_string()),
        },
        Ok(Ok((head, body))) => read(&head, &body),
    };
    Ok(reply)
}

/// What a server's first record means.
fn read(head: &[u8; 5], body: &[u8]) -> Reply {
    match (head[0], body) {
        (ALERT, [_, code, ..]) => Reply::Alert(*code),
        (HANDSHAKE, [SERVER_HELLO, _, _, _, major, minor, ..]) => Reply::Accepted(*major, *minor),
        _ => Reply::Other(format!("an answer that is no TLS: {:?}", String::from_utf8_lossy(head))),
    }
}

/// Alerts that say: not with this version (or nothing that this version could offer).
fn is_refusal(code: u8) -> bool {
    matches!(code, 40 | 47 | 70 | 71)
}

fn alert_name(code: u8) -> String {
    let name = match code {
        0 => "close_notify",
        10 => "unexpected_message",
        40 => "handshake_failure",
        47 => "illegal_parameter",
        50 => "decode_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        112 => "unrecognized_name",
        _ => return format!("{code}"),
    };
    name.to_owned()
}

fn label(version: OldTlsVersion) -> &'static str {
    match version {
        OldTlsVersion::V1_0 => "TLS 1.0",
        OldTlsVersion::V1_1 => "TLS 1.1",
    }
}

fn version_name(major: u8, minor: u8) -> String {
    match (major, minor) {
        (3, 0) => "SSL 3.0".into(),
        (3, minor @ 1..) => format!("TLS 1.{}", minor - 1),
        _ => format!("{major}.{minor}"),
    }
}

fn client_hello(name: &str, version: OldTlsVersion) -> Vec<u8> {
    let minor = match version {
        OldTlsVersion::V1_0 => 1,
        OldTlsVersion::V1_1 => 2,
    };
    let mut hello = vec![3, minor];
    // The client's random bytes: nothing is ever encrypted with them.
    hello.extend([0x5A; 32]);
    hello.push(0); // no session to resume
    let suites: Vec<u8> = SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    hello.extend(with_length(&suites));
    hello.extend([1, 0]); // no compression
    let mut extensions = Vec::new();
    let mut server_name = vec![0];
    server_name.extend(with_length(name.as_bytes()));
    extensions.extend(extension(0x0000, &with_length(&server_name)));
    extensions.extend(extension(0x000A, &with_length(&[0, 0x17, 0, 0x18, 0, 0x19]))); // P-256, P-384, P-521
    extensions.extend(extension(0x000B, &[1, 0])); // uncompressed points
    // Means nothing before TLS 1.2, but without it some servers refuse before they look at the version.
    let algorithms: Vec<u8> = SIGNATURES.iter().flat_map(|algorithm| algorithm.to_be_bytes()).collect();
    extensions.extend(extension(0x000D, &with_length(&algorithms)));
    extensions.extend(extension(0xFF01, &[0])); // secure renegotiation, as some servers demand
    hello.extend(with_length(&extensions));

    let mut message = vec![CLIENT_HELLO, 0];
    message.extend(with_length(&hello));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(with_length(&message));
    record
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend(with_length(data));
    bytes
}

/// The bytes after their length in two bytes; every part of a hello is far shorter than 64 KiB.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut with = length.to_be_bytes().to_vec();
    with.extend(&bytes[..usize::from(length)]);
    with
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_hello_is_acceptance_and_other_answers_are_not() {
        assert_eq!(read(&[22, 3, 1, 0, 6], &[2, 0, 0, 77, 3, 1]), Reply::Accepted(3, 1));
        assert_eq!(read(&[21, 3, 1, 0, 2], &[2, 70]), Reply::Alert(70));
        assert!(matches!(read(b"HTTP/", b"1.1 400"), Reply::Other(_)));
        assert!(matches!(read(&[22, 3, 1, 0, 6], &[]), Reply::Other(_)));
    }
}
