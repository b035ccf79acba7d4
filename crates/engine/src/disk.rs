//! Faults of the engine's own two files.

use model::{Fault, FaultKind};
use std::io::{Error, ErrorKind};
use std::path::Path;

/// What a refused operation on a file means, and what to do.
pub(crate) fn fault(operation: &str, path: &Path, error: &Error) -> Fault {
    let operation = format!("{operation} {}", path.display());
    let (kind, help) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            (FaultKind::NeedsPerson, "free some space there and run the command again; it goes on where it stopped")
        }
        ErrorKind::PermissionDenied => {
            (FaultKind::Permission, "run the command as the user who owns the file, or give the file back to this user")
        }
        ErrorKind::ReadOnlyFilesystem => {
            (FaultKind::NeedsPerson, "make the file system writable, or point XDG_STATE_HOME to one that is")
        }
        _ => (FaultKind::NeedsPerson, "look at the folder and its file system, then run the command again"),
    };
    Fault::new(kind, operation, error).help(help)
}
