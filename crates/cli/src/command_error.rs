//! Every way in which a verb can fail, with its exit code and the advice that goes with it.
//! The only place that maps faults to codes.

use crate::exit_code::ExitCode;
use compiler::report::Sources;
use model::{Fault, FaultKind, Findings};

/// Why a verb did not do what was asked.
pub(crate) enum CommandError {
    /// Findings about the manifest; they are printed with their snippets.
    Findings(Findings, Box<Sources>),
    /// Findings of a proof: the manifest is valid, and something that it states or guarantees does not hold.
    Refuted(Findings, Box<Sources>),
    /// What an account would lose, or is somebody else's; nothing was changed.
    Refused(Findings, Box<Sources>),
    /// What stands in the way in an account: the first, and all others.
    Obstacles(Box<Fault>, Vec<Fault>),
    /// A change in an account that the caller may not make, with its causes under their lines.
    Denied(Findings, Box<Sources>),
    /// A change in an account that failed and was rolled back, with its causes under their lines.
    RolledBack(Findings, Box<Sources>),
    /// A change in an account that failed and needs a person, with its causes under their lines.
    Stuck(Findings, Box<Sources>),
    /// Resources that are not as they were deployed; they were printed already.
    Drifted,
    /// The world refused before anything was changed.
    Preflight(Fault),
    /// The world refused while something was being done.
    Fault(Fault),
    /// Probes failed; the table was printed already.
    VerifyFailed,
    /// Findings about the manifest that were printed already.
    Reported,
    /// A proof did not come out as expected; the report was printed already.
    NotProved,
    /// Warnings under `--strict`; they were printed already.
    Strict,
    /// The user stopped it; what was done stays.
    Interrupted,
    /// The user's words do not make sense together.
    Usage {
        /// What is wrong.
        message: String,
        /// What to type instead.
        help: Option<String>,
    },
    /// A client that was opened ended so; it has said why.
    Client(u8),
    /// The reader of our output went away.
    BrokenPipe,
}

impl CommandError {
    /// A usage error with advice.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: Some(help.into()) }
    }

    /// The code that scripts see.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Findings(..) | Self::Reported | Self::Usage { .. } => ExitCode::Invalid,
            Self::Strict | Self::NotProved | Self::Refuted(..) | Self::Drifted => ExitCode::Findings,
            Self::Refused(..) => ExitCode::Preflight,
            Self::Denied(..) => ExitCode::Permission,
            Self::RolledBack(..) => ExitCode::RolledBack,
            Self::Stuck(..) => ExitCode::NeedsPerson,
            Self::VerifyFailed => ExitCode::VerifyFailed,
            // Its own code is what scripts see; this stands for it where only ours are known.
            Self::Client(_) => ExitCode::NeedsPerson,
            Self::Interrupted => ExitCode::Interrupted,
            Self::BrokenPipe => ExitCode::Ok,
            Self::Preflight(fault) => preflight_code(fault),
            Self::Obstacles(fault, _) => preflight_code(fault),
            Self::Fault(fault) => fault_code(fault),
        }
    }
}

fn preflight_code(fault: &Fault) -> ExitCode {
    match fault.kind {
        FaultKind::NeedsPerson | FaultKind::Permanent | FaultKind::IncompatibleState => ExitCode::Preflight,
        _ => fault_code(fault),
    }
}

fn fault_code(fault: &Fault) -> ExitCode {
    match fault.kind {
        FaultKind::Transient | FaultKind::Permanent | FaultKind::NeedsPerson => ExitCode::NeedsPerson,
        FaultKind::IncompatibleState => ExitCode::Preflight,
        FaultKind::Permission => ExitCode::Permission,
        FaultKind::Timeout | FaultKind::Locked => ExitCode::TimeoutOrLock,
        FaultKind::Interrupted => ExitCode::Interrupted,
        FaultKind::Bug => ExitCode::Internal,
    }
}

impl From<std::io::Error> for CommandError {
    /// Only writing to the terminal or a pipe yields bare I/O errors in verbs.
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::Fault(Fault::new(FaultKind::Permanent, "writing the output", error))
        }
    }
}
