//! The units of a tunnel's host: the SSH client, kept running, and a question through it.

use super::super::validate::ValidPeer;
use super::{METRIC, NAMESPACE};
use crate::aws_context::DatabaseInAws;
use crate::aws_host::cloud_config::{self, HostFile};
use crate::aws_host::unit::{self, HARDENING, NO_ROLE, quote, sentence};
use crate::aws_host::{Sealed, access};
use model::cfn::Ref;
use model::cfn::types::LogGroup;

/// Where the key is written, into memory.
pub(super) const KEY: &str = "/run/landfall/files/key";
/// Where the login is written with which it is asked whether a query comes through.
pub(super) const LOGIN: &str = "/run/landfall/files/login";
const UNIT: &str = "landfall-tunnel.service";
const PROBE: &str = "landfall-probe.service";
const TIMER: &str = "landfall-probe.timer";
/// Where the far end comes back to this host, so that a query goes the whole way.
const BACK: u16 = 15_000;
/// Metrics have a minute's resolution.
const SHORTEST_INTERVAL: u32 = 60;

/// What a tunnel is.
pub(super) struct Tunnel<'a> {
    pub(super) about: &'a str,
    /// What it is called where its health is measured.
    pub(super) metric: &'a str,
    pub(super) server: &'a ValidPeer,
    /// The other server's port that listens.
    pub(super) listen: u16,
    pub(super) database: &'a DatabaseInAws,
    pub(super) keep_alive_seconds: u32,
    pub(super) interval_seconds: u32,
}

/// What is written on its host.
pub(super) fn files(tunnel: &Tunnel<'_>, group: &str, logs: &Ref<LogGroup>, sealed: &[Sealed]) -> Vec<HostFile> {
    let mut set_up = include_str!("../../aws_host/host/set-up.sh").to_owned();
    let authorities = access::authorities(std::slice::from_ref(tunnel.database));
    for part in [
        include_str!("../../aws_host/host/no-ssh.sh"),
        authorities.as_ref().err().copied().unwrap_or_default(),
        include_str!("../../aws_host/host/agent.sh"),
        include_str!("../../aws_host/host/start-tunnel.sh"),
    ] {
        set_up.push_str(part);
    }
    let Tunnel { about, metric, server, database, .. } = *tunnel;
    let settings = format!(
        "TUNNEL={metric}\nNAMESPACE={NAMESPACE}\nMETRIC={METRIC}\nBACK={BACK}\nEND={}\n",
        access::end(database)
    );
    let plain = HostFile::plain;
    let path = cloud_config::unit_path;
    let mut all = vec![
        access::settings(group, logs, UNIT, &settings),
        access::secrets(sealed),
        plain("/etc/landfall/known_hosts", known_hosts(server)),
        plain(&path(UNIT), unit_of(tunnel)),
        plain(&path(PROBE), probe(about)),
        plain(&path(TIMER), timer(tunnel)),
        plain(&path(unit::SECRETS), unit::secrets(&format!("Secrets of {about}"))),
        plain(&path(unit::JOURNAL), unit::journal(&format!("Log of {about}"), UNIT)),
        HostFile {
            mode: 0o755,
            ..plain("/usr/local/lib/landfall/probe", include_str!("../../aws_host/host/probe.sh").to_owned())
        },
        HostFile {
            mode: 0o755,
            ..plain("/usr/local/lib/landfall/dial", include_str!("../../aws_host/host/dial.sh").to_owned())
        },
        plain("/usr/local/lib/landfall/query.py", include_str!("../../aws_host/host/query.py").to_owned()),
    ];
    all.extend(authorities.ok());
    all.extend(cloud_config::programs(&set_up, false));
    all
}

/// The line by which the other server is known; no other key is spoken to.
fn known_hosts(server: &ValidPeer) -> String {
    let ValidPeer { host, port, host_key, .. } = server;
    if *port == 22 { format!("{host} {host_key}\n") } else { format!("[{host}]:{port} {host_key}\n") }
}

/// The SSH client. It ends when it has no forward or hears nothing, and systemd starts it again: a process
/// that is there is a tunnel. While it is not let in at all it waits longer and longer.
fn unit_of(tunnel: &Tunnel<'_>) -> String {
    let Tunnel { about, server, listen, keep_alive_seconds, .. } = *tunnel;
    let options: String = [
        "BatchMode=yes",
        "ConnectTimeout=20",
        "ControlMaster=no",
        "ControlPath=none",
        "ExitOnForwardFailure=yes",
        "ForwardAgent=no",
        "ForwardX11=no",
        "GlobalKnownHostsFile=/dev/null",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "IdentityFile=%d/key",
        "LogLevel=INFO",
        "PasswordAuthentication=no",
        "PermitLocalCommand=no",
        "ServerAliveCountMax=3",
        "StrictHostKeyChecking=yes",
        "UpdateHostKeys=no",
        "UserKnownHostsFile=/etc/landfall/known_hosts",
    ]
    .iter()
    .map(|option| format!(" -o {option}"))
    .collect();
    let account = quote(&format!("{}@{}", server.user, server.host), true);
    format!(
        "[Unit]\nDescription={about}\nWants=network-online.target\nAfter=network-online.target {secrets}\nRequires={secrets}\n\
         StartLimitIntervalSec=0\n\n\
         [Service]\nUser=landfall\nGroup=landfall\nLoadCredential=key:{KEY}\nEnvironmentFile=/etc/landfall/host.env\n\
         ExecStart=/usr/local/lib/landfall/dial -N -T -F /dev/null{options} -o ServerAliveInterval={keep_alive_seconds} -p {port} \
         -R 127.0.0.1:{listen}:${{END}} -L 127.0.0.1:{BACK}:127.0.0.1:{listen} {account}\n\
         Restart=always\nRestartSec=5\nTimeoutStopSec=10\n{HARDENING}{NO_ROLE}\n[Install]\nWantedBy=multi-user.target\n",
        about = sentence(about),
        secrets = unit::SECRETS,
        port = server.port,
    )
}

/// The question, asked as a user who has nothing else; the host says what came of it.
fn probe(about: &str) -> String {
    format!(
        "[Unit]\nDescription=Whether a query comes through: {}\nAfter={secrets}\nRequires={secrets}\n\n\
         [Service]\nType=oneshot\nExecStart=/usr/local/lib/landfall/probe\nTimeoutStartSec=120\n\
         SyslogLevel=notice\nLogLevelMax=notice\n\
         ProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nPrivateDevices=yes\nNoNewPrivileges=yes\nUMask=0077\n",
        sentence(about),
        secrets = unit::SECRETS,
    )
}

fn timer(tunnel: &Tunnel<'_>) -> String {
    let seconds = tunnel.interval_seconds.max(SHORTEST_INTERVAL);
    format!(
        "[Unit]\nDescription=Asks whether a query comes through: {}\n\n\
         [Timer]\nOnActiveSec=15\nOnUnitInactiveSec={seconds}\nAccuracySec=1\n\n[Install]\nWantedBy=timers.target\n",
        sentence(tunnel.about)
    )
}
