//! The service as a unit of systemd, closed to everything that it does not need.

use super::layout::{self, Layout};
use model::Text;
use model::process_graph::{ProgramSpec, RestartPolicy};
use std::fmt::Write as _;

/// What no service needs. Where it writes, whom it is and what it may call is all that is left.
const HARDENING: &str = "\
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

/// The unit that runs the program.
pub(super) fn service(about: &str, program: &ProgramSpec, has_sealed_environment: bool, layout: &Layout<'_>) -> String {
    let fill = |text: &Text| layout.fill(text);
    let command: Vec<String> = program.command.iter().map(|text| quote(&fill(text), true)).collect();
    let directory = program.working_directory.as_ref().map_or_else(|| layout::DATA.to_owned(), fill);
    let mut unit = format!(
        "[Unit]\nDescription={}\nWants=network-online.target\nAfter=network-online.target {secrets}\n\
         Requires={secrets}\nStartLimitIntervalSec=0\n\n\
         [Service]\nUser=landfall\nGroup=landfall\nExecStart={}\nWorkingDirectory={}\n\
         StateDirectory=landfall\nStateDirectoryMode=0700\n",
        about.replace('%', "%%").replace('\n', " "),
        command.join(" "),
        directory.replace('%', "%%"),
        secrets = layout::SECRETS_UNIT,
    );
    if has_sealed_environment {
        let _ = writeln!(unit, "EnvironmentFile={}", layout::SEALED_ENVIRONMENT);
    }
    for (name, text) in program.environment.iter().filter(|(_, text)| !layout::is_sealed(text)) {
        let _ = writeln!(unit, "Environment={}", quote(&format!("{name}={}", fill(text)), false));
    }
    let _ = writeln!(
        unit,
        "Restart={}\nRestartSec=2\nTimeoutStopSec={}",
        match program.restart {
            RestartPolicy::Always => "always",
            RestartPolicy::OnFailure => "on-failure",
            RestartPolicy::Never => "no",
        },
        program.stop_grace_seconds
    );
    if let Some(memory) = program.memory_limit {
        let _ = writeln!(unit, "MemoryMax={memory}\nMemorySwapMax=0");
    }
    unit.push_str(HARDENING);
    // Whatever runs in the service must not become the host: its role is behind these addresses.
    unit.push_str("IPAddressDeny=169.254.169.254 fd00:ec2::254\n\n[Install]\nWantedBy=multi-user.target\n");
    unit
}

/// The unit that brings the secrets, before the service and once after each start.
pub(super) fn secrets(about: &str) -> String {
    format!(
        "[Unit]\nDescription={}\nWants=network-online.target\nAfter=network-online.target\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/local/lib/landfall/fetch-secrets\n\
         RuntimeDirectory=landfall\nRuntimeDirectoryMode=0711\nTimeoutStartSec=300\n",
        about.replace('%', "%%").replace('\n', " ")
    )
}

/// The unit that brings what the service says to its log group. It starts before the service and stops after it, so that
/// the last words are sent too.
pub(super) fn journal(about: &str, unit: &str) -> String {
    format!(
        "[Unit]\nDescription={}\nWants=network-online.target\nAfter=network-online.target\nBefore={unit}\n\n\
         [Service]\nDynamicUser=yes\nSupplementaryGroups=systemd-journal\nStateDirectory=landfall-journal\n\
         ExecStart=/bin/bash -c 'while sleep 5; do /usr/local/lib/landfall/send-journal || true; done'\n\
         ExecStopPost=-/usr/local/lib/landfall/send-journal\nRestart=always\nRestartSec=10\nTimeoutStopSec=60\n\
         {HARDENING}\n[Install]\nWantedBy=multi-user.target\n",
        about.replace('%', "%%").replace('\n', " ")
    )
}

/// A word as systemd reads it; `$` has a meaning in commands alone.
fn quote(word: &str, is_command: bool) -> String {
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
