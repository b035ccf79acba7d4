//! `landfall supervise`: the hidden verb that the local runtime starts for each deployment.

use crate::command_error::CommandError;
use std::path::Path;

pub(crate) fn run(home: &Path, sockets: &Path) -> Result<(), CommandError> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    local_runtime::supervise(home, sockets).map_err(CommandError::Fault)
}
