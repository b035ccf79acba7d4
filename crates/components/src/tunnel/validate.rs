//! From what was said of a tunnel to what makes sense.

use super::codes::{TUN001, TUN002, TUN003, TUN004, TUN005, TUN006, TUN007, TUN008};
use super::schema::{Direction, EndSpec, TunnelComponentSpec};
use crate::context::ValidationContext;
use crate::database::GrantsWord;
use crate::said::{PortSaid, report, report_key};
use crate::ssh_key;
use model::database::GrantLevel;
use model::process_graph::PortWish;
use model::scalar::Duration;
use model::{ComponentName, Findings, ManifestPath};

/// The port of SSH servers.
const SSH: u16 = 22;
/// Ports below belong to the superuser.
const FIRST_UNPRIVILEGED: i64 = 1024;

/// A tunnel that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValidTunnel {
    /// Its own name, which its role has too.
    pub(crate) name: ComponentName,
    /// Which way, with what that way needs.
    pub(crate) way: ValidWay,
    /// What a person has to do so that the other server takes the key.
    pub(crate) gate: Option<String>,
    /// After how long a silence the other server is asked whether it is there.
    pub(crate) keep_alive_seconds: u32,
    /// Seconds between two queries through it.
    pub(crate) interval_seconds: u32,
    /// Its path in the manifest.
    pub(crate) at: ManifestPath,
}

/// Which way a tunnel leads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ValidWay {
    /// The other server listens.
    Reverse(ValidReverse),
    /// This side listens.
    Forward {
        /// The other server.
        through: ValidPeer,
        /// The host behind it.
        host: String,
        /// Its port.
        port: u16,
        /// The number of the port that listens here.
        wish: PortWish,
    },
}

/// A tunnel at whose other end somebody else comes in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValidReverse {
    /// The target, with where it was named.
    pub(crate) target: (ComponentName, ManifestPath),
    /// The database that was named.
    pub(crate) database: Option<String>,
    /// The rights that were named; read-only otherwise.
    pub(crate) grants: Option<GrantLevel>,
    /// How many connections its role may hold.
    pub(crate) connections: Option<u32>,
    /// The vendor's end: server and port. None where a server of the deployment's own stands for it.
    pub(crate) to: Option<(ValidPeer, u16)>,
    /// The number of the port that listens at the vendor's, when it was said; also what a stand-in tries to listen on.
    pub(crate) listen: Option<u16>,
}

impl ValidReverse {
    /// Whether somebody of this deployment may play the vendor and read a database at the far end. Only where its rights
    /// are said is the target known to be a database.
    pub(super) fn reads_through_stand_in(&self) -> bool {
        self.to.is_none() && self.grants.is_some()
    }
}

/// An SSH server of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValidPeer {
    /// Its name or address.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// The account.
    pub(crate) user: String,
    /// The public half of its host key, without a comment.
    pub(crate) host_key: String,
}

/// Checks a tunnel. Reports everything that is wrong.
pub(super) fn validate(
    spec: TunnelComponentSpec,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> Option<ValidTunnel> {
    let before = findings.error_count();
    let (keep_alive, interval) = (spec.keep_alive, spec.interval);
    times(keep_alive, interval, cx.at, findings);
    let gate = spec.gate.clone();
    let way = match spec.direction {
        Direction::Reverse => reverse(spec, cx, findings).map(ValidWay::Reverse),
        Direction::Forward => forward(spec, cx, findings),
    };
    let valid = way.map(|way| ValidTunnel {
        name: cx.name.clone(),
        way,
        gate,
        keep_alive_seconds: seconds(keep_alive),
        interval_seconds: seconds(interval),
        at: cx.at.clone(),
    });
    valid.filter(|_| findings.error_count() == before)
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.seconds()).unwrap_or(u32::MAX)
}

fn times(keep_alive: Duration, interval: Duration, at: &ManifestPath, findings: &mut Findings) {
    let times = [("keep-alive", keep_alive, 600, "10s"), ("interval", interval, 3600, "30s")];
    for (key, time, longest, example) in times {
        if time.milliseconds() < 1000 || time > Duration::from_seconds(longest) {
            let summary = format!("{time} is not between 1s and {}", Duration::from_seconds(longest));
            report(findings, &TUN008, &at.key(key), summary, format!("write `{key}: {example}`"));
        }
    }
}

fn reverse(spec: TunnelComponentSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidReverse> {
    let foreign = [("through", spec.through.is_some()), ("port", spec.port.is_some())];
    for (key, _) in foreign.into_iter().filter(|(_, said)| *said) {
        let help = "remove it, or write `direction: forward` when this side is to listen";
        report_key(findings, &TUN001, &cx.at.key(key), format!("a reverse tunnel has no `{key}`"), help);
    }
    let grants = spec.grants.map(GrantsWord::level);
    if let Some(grants) = grants.filter(|grants| *grants != GrantLevel::ReadOnly) {
        let summary = format!("whoever is at the other end has the rights `{grants}`");
        let help = "write `grants: read-only` unless the other side is really to change something";
        report(findings, &TUN005, &cx.at.key("grants"), summary, help);
    }
    let target = match spec.target {
        None => {
            let help = "name a database or a service of this deployment, as `target: db`";
            report_key(findings, &TUN001, cx.at, "a reverse tunnel needs a `target`", help);
            None
        }
        Some(name) => match ComponentName::new(name.clone()) {
            Ok(target) => Some((target, cx.at.key("target"))),
            Err(error) => {
                let summary = format!("`{name}` is no component's name: {error}");
                report(
                    findings,
                    &TUN001,
                    &cx.at.key("target"),
                    summary,
                    "name a database or a service, as `target: db`",
                );
                None
            }
        },
    };
    let stands_in = cx.is_local && (spec.stand_in || spec.to.is_none());
    let end = match spec.to {
        None if !cx.is_local => {
            let help = "write `to: { host: ..., user: ..., host-key: ..., listen: ... }` as the vendor says it";
            report_key(findings, &TUN006, cx.at, "nothing says where the tunnel leads", help);
            return None;
        }
        None => None,
        Some(end) => {
            let at = cx.at.key("to");
            let listen = listen(end.listen, &at, findings);
            Some((peer(end, &at, findings), listen))
        }
    };
    let listen = end.as_ref().and_then(|(_, listen)| *listen);
    let to = match end.filter(|_| !stands_in) {
        Some((peer, listen)) => Some((peer?, listen?)),
        None => None,
    };
    Some(ValidReverse { target: target?, database: spec.database, grants, connections: spec.connections, to, listen })
}

fn forward(spec: TunnelComponentSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidWay> {
    let foreign = [
        ("target", spec.target.is_some(), "what it leads to is said by `to: { host, port }`"),
        ("database", spec.database.is_some(), "the database of somebody else is not looked after here"),
        ("grants", spec.grants.is_some(), "the database of somebody else is not looked after here"),
        ("connections", spec.connections.is_some(), "the database of somebody else is not looked after here"),
        ("stand-in", spec.stand_in, "nothing could stand for what is behind the other server"),
    ];
    for (key, _, why) in foreign.into_iter().filter(|(_, said, _)| *said) {
        let summary = format!("a forward tunnel has no `{key}`: {why}");
        report_key(findings, &TUN001, &cx.at.key(key), summary, "remove it, or write `direction: reverse`");
    }
    let through = match spec.through {
        None => {
            let help = "write `through: { host: ..., user: ..., host-key: ... }`";
            report_key(findings, &TUN001, cx.at, "a forward tunnel goes `through` an SSH server", help);
            None
        }
        Some(end) => {
            let at = cx.at.key("through");
            if end.listen.is_some() {
                let help = "remove it; a forward tunnel listens here, on `port`";
                report_key(findings, &TUN001, &at.key("listen"), "the other server does not listen", help);
            }
            peer(end, &at, findings)
        }
    };
    let behind = match spec.to {
        None => {
            let help = "write `to: { host: ..., port: ... }` as the other server knows them";
            report_key(findings, &TUN001, cx.at, "nothing says what is behind the other server", help);
            None
        }
        Some(end) => behind(end, &cx.at.key("to"), findings),
    };
    let (host, port) = behind?;
    Some(ValidWay::Forward { through: through?, host, port, wish: spec.port.map_or(PortWish::Any, PortSaid::wish) })
}

/// The host and port behind the other server.
fn behind(end: EndSpec, at: &ManifestPath, findings: &mut Findings) -> Option<(String, u16)> {
    let foreign =
        [("user", end.user.is_some()), ("host-key", end.host_key.is_some()), ("listen", end.listen.is_some())];
    for (key, _) in foreign.into_iter().filter(|(_, said)| *said) {
        let help = "put it into `through`, which is the SSH server";
        report_key(findings, &TUN001, &at.key(key), format!("what is behind the server has no `{key}`"), help);
    }
    let host = host(end.host, at, findings);
    let port = match end.port {
        None => {
            let help = "write the port on which it listens, as `port: 5432`";
            report_key(findings, &TUN001, at, "the port behind the other server is missing", help);
            None
        }
        Some(number) => port(number, at, findings),
    };
    Some((host?, port?))
}

/// An SSH server of somebody else.
fn peer(end: EndSpec, at: &ManifestPath, findings: &mut Findings) -> Option<ValidPeer> {
    let host = host(end.host, at, findings);
    let port = match end.port {
        None => Some(SSH),
        Some(number) => port(number, at, findings),
    };
    let user = match end.user {
        None => {
            let help = "write the account that the server's owner gave you, as `user: tunnel`";
            report_key(findings, &TUN001, at, "the account on the server is missing: `user`", help);
            None
        }
        Some(user) if is_account(&user) => Some(user),
        Some(user) => {
            let help = "write the account's name alone, as `user: tunnel`";
            report(findings, &TUN007, &at.key("user"), format!("`{user}` is no account's name"), help);
            None
        }
    };
    let host_key = match end.host_key {
        None => {
            let shown = host.as_deref().unwrap_or("HOST");
            let help = format!(
                "ask for the public half of its host key and write `host-key: \"ssh-ed25519 AAAA...\"`; or read it with \
                 `ssh-keyscan -t ed25519 -p {} {shown}`, and compare the fingerprint with what its owner publishes",
                port.unwrap_or(SSH)
            );
            report_key(findings, &TUN002, at, "nothing says by which key the server is known: `host-key`", help);
            None
        }
        Some(key) => match ssh_key::problem(&key) {
            None => Some(ssh_key::without_comment(&key)),
            Some(problem) => {
                let help = "write type and data of the server's public key, as `ssh-ed25519 AAAA...`";
                report(findings, &TUN003, &at.key("host-key"), problem, help);
                None
            }
        },
    };
    Some(ValidPeer { host: host?, port: port?, user: user?, host_key: host_key? })
}

fn listen(said: Option<i64>, at: &ManifestPath, findings: &mut Findings) -> Option<u16> {
    let Some(number) = said else {
        let help = "write the port that the server's owner set aside for you, as `listen: 15240`";
        report_key(findings, &TUN001, at, "the port that listens on the other side is missing: `listen`", help);
        return None;
    };
    if (1..FIRST_UNPRIVILEGED).contains(&number) {
        let summary = format!("port {number} belongs to the superuser of the other machine");
        report(findings, &TUN004, &at.key("listen"), summary, "take the port that its owner set aside, above 1023");
        return None;
    }
    number_of_port(number, &at.key("listen"), findings)
}

fn port(number: i64, at: &ManifestPath, findings: &mut Findings) -> Option<u16> {
    number_of_port(number, &at.key("port"), findings)
}

fn number_of_port(number: i64, at: &ManifestPath, findings: &mut Findings) -> Option<u16> {
    let known = u16::try_from(number).ok().filter(|number| *number > 0);
    if known.is_none() {
        report(findings, &TUN004, at, format!("{number} is no port"), "write a number from 1 to 65535");
    }
    known
}

fn host(said: String, at: &ManifestPath, findings: &mut Findings) -> Option<String> {
    let is_address = said.parse::<std::net::IpAddr>().is_ok();
    let is_name = !said.is_empty()
        && said.len() <= 253
        && said.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        });
    if is_address || is_name {
        return Some(said);
    }
    let help =
        "write a name or an address alone, as `host: tunnel.vendor.example`; account and port are keys of their own";
    report(findings, &TUN007, &at.key("host"), format!("`{said}` is no host"), help);
    None
}

/// What SSH servers take as an account, and no shell reads as something else.
fn is_account(user: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    !user.is_empty() && user.len() <= 128 && !user.starts_with('-') && user.chars().all(is_plain)
}
