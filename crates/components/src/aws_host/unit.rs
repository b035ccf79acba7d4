//! Units of systemd that every host has, and what each unit of ours is closed to.

use std::fmt::Write as _;

/// The unit that brings the secrets.
pub(crate) const SECRETS: &str = "landfall-secrets.service";
/// The unit that sends what is said to the log group.
pub(crate) const JOURNAL: &str = "landfall-journal.service";

/// Whatever runs in a unit must not become the host: its role is behind these addresses.
pub(crate) const NO_ROLE: &str = "IPAddressDeny=169.254.169.254 fd00:ec2::254\n";

/// A description on one line, as systemd reads it.
pub(crate) fn sentence(about: &str) -> String {
    about.replace('%', "%%").replace('\n', " ")
}

/// What no service needs. Where it writes, whom it is and what it may call is all that is left.
pub(crate) const HARDENING: &str = "\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
CapabilityBoundingSet=
AmbientCapabilities=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
";

/// The unit that brings the secrets, before the service and once after each start. Where nobody gives them it asks again, and what needs
/// them waits: a host that starts while AWS does not answer is there when it does.
pub(crate) fn secrets(about: &str) -> String {
    format!(
        "[Unit]\nDescription={}\nWants=network-online.target\nAfter=network-online.target\nStartLimitIntervalSec=0\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/local/lib/landfall/fetch-secrets\n\
         Restart=on-failure\nRestartMode=direct\nRestartSec=5\n\
         RuntimeDirectory=landfall\nRuntimeDirectoryMode=0711\nTimeoutStartSec=300\n",
        sentence(about)
    )
}

/// The unit that brings what the service says to its log group. It starts before the service and stops after it, so that
/// the last words are sent too.
pub(crate) fn journal(about: &str, unit: &str) -> String {
    format!(
        "[Unit]\nDescription={}\nWants=network-online.target\nAfter=network-online.target\nBefore={unit}\n\n\
         [Service]\nDynamicUser=yes\nSupplementaryGroups=systemd-journal\nStateDirectory=landfall-journal\n\
         ExecStart=/bin/bash -c 'while sleep 5; do /usr/local/lib/landfall/send-journal || true; done'\n\
         ExecStopPost=-/usr/local/lib/landfall/send-journal\nRestart=always\nRestartSec=10\nTimeoutStopSec=60\n\
         {HARDENING}\n[Install]\nWantedBy=multi-user.target\n",
        sentence(about)
    )
}

/// A word as systemd reads it; `$` has a meaning in commands alone.
pub(crate) fn quote(word: &str, is_command: bool) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '%' => out.push_str("%%"),
            '$' if is_command => out.push_str("$$"),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn words_stay_whole() {
        assert_eq!(quote("/opt/x", true), "/opt/x");
        assert_eq!(quote("a b$c%d\"", true), r#""a b$$c%%d\"""#);
        assert_eq!(quote("A=b $c", false), r#""A=b $c""#);
        assert_eq!(quote("", true), "\"\"");
    }
}
