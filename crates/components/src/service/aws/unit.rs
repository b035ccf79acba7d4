//! The service as a unit of systemd, closed to everything that it does not need.

use super::layout::{self, Layout};
use crate::aws_host::unit::{self, HARDENING, NO_ROLE, quote, sentence};
use model::Text;
use model::process_graph::{ProgramSpec, RestartPolicy};
use std::fmt::Write as _;

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
        sentence(about),
        command.join(" "),
        directory.replace('%', "%%"),
        secrets = unit::SECRETS,
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
    unit.push_str(NO_ROLE);
    unit.push_str("\n[Install]\nWantedBy=multi-user.target\n");
    unit
}
