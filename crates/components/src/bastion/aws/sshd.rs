//! The SSH server of a bastion: keys alone, forwards to the stated places alone, no shell, no file, no terminal.

use crate::aws_context::DatabaseInAws;
use crate::aws_host::access;
use crate::aws_host::cloud_config::{self, Content, HostFile};
use crate::aws_host::{Sealed, unit};
use model::cfn::Ref;
use model::cfn::types::LogGroup;
use std::collections::BTreeMap;

/// Where the host key is written, into memory.
pub(super) const HOST_KEY: &str = "/run/landfall/files/host-key";
const UNIT: &str = "landfall-bastion.service";
/// People are in this group, so that nobody else can log in.
const KEYS: &str = "/etc/landfall/people";

/// What a bastion is.
pub(super) struct Bastion<'a> {
    pub(super) about: &'a str,
    pub(super) port: u16,
    /// Name and public key.
    pub(super) people: &'a [(String, String)],
    pub(super) databases: &'a [DatabaseInAws],
}

/// What is written on its host.
pub(super) fn files(bastion: &Bastion<'_>, group: &str, logs: &Ref<LogGroup>, sealed: &[Sealed]) -> Vec<HostFile> {
    let mut set_up = include_str!("../../aws_host/host/set-up.sh").to_owned();
    set_up.push_str(include_str!("../../aws_host/host/no-ssh.sh"));
    set_up.push_str(include_str!("../../aws_host/host/agent.sh"));
    set_up.push_str(include_str!("../../aws_host/host/start.sh"));
    set_up.push_str(include_str!("../../aws_host/host/wait-port.sh"));
    let filled = |path: String, text: String| HostFile { path, mode: 0o644, content: Content::Filled(text) };
    let mut all = vec![
        access::settings(group, logs, UNIT, &format!("PORT={}\n", bastion.port)),
        access::secrets(sealed),
        filled("/etc/landfall/sshd_config".to_owned(), config(bastion)),
        HostFile::plain(&cloud_config::unit_path(UNIT), unit_of(bastion)),
        HostFile::plain(
            &cloud_config::unit_path(unit::SECRETS),
            unit::secrets(&format!("Secrets of {}", bastion.about)),
        ),
        HostFile::plain(
            &cloud_config::unit_path(unit::JOURNAL),
            unit::journal(&format!("Log of {}", bastion.about), UNIT),
        ),
    ];
    let permitted: String =
        bastion.databases.iter().map(|one| format!(",permitopen=\"{}\"", access::end(one))).collect();
    for (name, key) in bastion.people {
        all.push(filled(format!("{KEYS}/{name}"), format!("{RESTRICTED}{permitted} {key}\n")));
    }
    all.extend(cloud_config::programs(&set_up, false));
    all
}

/// What stands before a key.
const RESTRICTED: &str = "restrict,port-forwarding";

/// The people whose keys are written on a bastion by a text, its user data, each with the key.
#[must_use]
pub fn keys_on_bastion(text: &str) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    let mut person = None;
    for line in text.lines() {
        if let Some((_, name)) = line.split_once("path: ").and_then(|(_, path)| path.split_once(&format!("{KEYS}/"))) {
            person = Some(name.trim_matches(['"', '\'', ' ']).to_owned());
        } else if line.contains(RESTRICTED)
            && let (Some(name), Some((_, key))) = (person.take(), line.rsplit_once("\" "))
        {
            keys.insert(name, key.trim().to_owned());
        }
    }
    keys
}

/// What the server lets through.
fn config(bastion: &Bastion<'_>) -> String {
    let ends: Vec<String> = bastion.databases.iter().map(access::end).collect();
    let people: Vec<&str> = bastion.people.iter().map(|(name, _)| name.as_str()).collect();
    format!(
        "Port {}\n\
         PidFile none\n\
         LogLevel VERBOSE\n\
         # Who: these people, with the key that the manifest names, and nothing else.\n\
         AllowUsers {}\n\
         AuthorizedKeysFile {KEYS}/%u\n\
         AuthenticationMethods publickey\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         PermitEmptyPasswords no\n\
         PermitRootLogin no\n\
         HostbasedAuthentication no\n\
         UsePAM no\n\
         LoginGraceTime 20\n\
         MaxAuthTries 3\n\
         MaxStartups 10:30:60\n\
         # What: forwards from them to the databases. A session, with which anything else would begin, is refused.\n\
         MaxSessions 0\n\
         AllowTcpForwarding local\n\
         PermitOpen {}\n\
         PermitListen none\n\
         AllowStreamLocalForwarding no\n\
         AllowAgentForwarding no\n\
         GatewayPorts no\n\
         PermitTunnel no\n\
         PermitTTY no\n\
         X11Forwarding no\n\
         PermitUserRC no\n\
         PermitUserEnvironment no\n\
         ForceCommand /usr/sbin/nologin\n\
         # How: no older way than OpenSSH's own choice of today, and a sign of life that balancers see too.\n\
         HostKeyAlgorithms ssh-ed25519\n\
         ClientAliveInterval 60\n\
         ClientAliveCountMax 3\n\
         TCPKeepAlive yes\n\
         PrintMotd no\n",
        bastion.port,
        people.join(" "),
        ends.join(" "),
    )
}

/// The unit. The server changes to the user that logs in, so it keeps what that takes.
fn unit_of(bastion: &Bastion<'_>) -> String {
    format!(
        "[Unit]\nDescription={}\nWants=network-online.target\nAfter=network-online.target {secrets}\nRequires={secrets}\n\
         StartLimitIntervalSec=0\n\n\
         [Service]\nLoadCredential=host-key:{HOST_KEY}\nRuntimeDirectory=sshd\nRuntimeDirectoryMode=0755\n\
         ExecStartPre=/usr/sbin/sshd -t -f /etc/landfall/sshd_config -o HostKey=${{CREDENTIALS_DIRECTORY}}/host-key\n\
         ExecStart=/usr/sbin/sshd -D -e -f /etc/landfall/sshd_config -o HostKey=${{CREDENTIALS_DIRECTORY}}/host-key\n\
         Restart=always\nRestartSec=2\nKillMode=mixed\nTimeoutStopSec=10\n\
         NoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nPrivateDevices=yes\nProtectClock=yes\n\
         ProtectControlGroups=yes\nProtectHostname=yes\nProtectKernelLogs=yes\nProtectKernelModules=yes\n\
         ProtectKernelTunables=yes\nLockPersonality=yes\nRestrictNamespaces=yes\nRestrictRealtime=yes\nRestrictSUIDSGID=yes\n\
         RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\nMemoryDenyWriteExecute=yes\n\
         CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_SETGID CAP_SETUID CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE\n\
         SystemCallArchitectures=native\nUMask=0077\n{no_role}\n[Install]\nWantedBy=multi-user.target\n",
        unit::sentence(bastion.about),
        secrets = unit::SECRETS,
        no_role = unit::NO_ROLE,
    )
}
