//! As whom one logs in at a bastion, and with which keys.

use crate::arguments::TunnelOpenArguments;
use crate::command_error::CommandError;
use crate::surroundings::Surroundings;
use model::private_access::SshAccount;
use model::{Fault, FaultKind};
use ssh::{Identity, PrivateKey, PublicKey, SshError};
use std::path::{Path, PathBuf};

/// The names under which keys lie in `~/.ssh`, best first.
const KEY_FILES: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// The keys that may be tried: the one that was named; else those of the agent, then the usual files.
pub(super) fn identities(
    arguments: &TunnelOpenArguments,
    surroundings: &Surroundings,
) -> Result<Vec<Identity>, CommandError> {
    if let Some(path) = &arguments.key {
        return Ok(vec![from_file(path).map_err(|error| refused(&error))?]);
    }
    let mut found = Vec::new();
    if let Some(socket) = surroundings.variables.get("SSH_AUTH_SOCK").filter(|socket| Path::new(socket).exists()) {
        found.push(Identity::Agent { socket: PathBuf::from(socket), only: None });
    }
    let home = surroundings.variables.get("HOME").map(PathBuf::from);
    let files = home.into_iter().flat_map(|home| KEY_FILES.map(|name| home.join(".ssh").join(name)));
    // One that cannot be used is passed over here; when it is named, it is told what is wrong with it.
    found.extend(files.filter(|path| path.exists()).filter_map(|path| from_file(&path).ok()));
    if found.is_empty() {
        let fault =
            Fault::new(FaultKind::NeedsPerson, "looking for a key", "there is no SSH agent and no key in ~/.ssh");
        return Err(CommandError::Preflight(fault.help("name yours with `--key FILE`, or load it: `ssh-add FILE`")));
    }
    Ok(found)
}

fn from_file(path: &Path) -> Result<Identity, SshError> {
    // A key that needs a passphrase belongs into an agent, which asks for it once.
    let key = PrivateKey::from_file(path, &|_| None)?;
    Ok(Identity::Key { key, origin: path.display().to_string() })
}

fn refused(error: &SshError) -> CommandError {
    CommandError::Preflight(error.to_fault("reading the key"))
}

/// The account: the one that was named, the user's own, the one of a key at hand, or the only one.
pub(super) fn account<'a>(
    said: Option<&'a str>,
    accounts: &[(&'a str, &SshAccount)],
    identities: &[Identity],
    bastion: &str,
    surroundings: &Surroundings,
) -> Result<&'a str, CommandError> {
    let names: Vec<&str> = accounts.iter().map(|(name, _)| *name).collect();
    let list = names.join(", ");
    if let Some(said) = said {
        return names.contains(&said).then_some(said).ok_or_else(|| {
            CommandError::usage(format!("`{said}` may not use {bastion}"), format!("those who may: {list}"))
        });
    }
    let user = surroundings.user();
    let has_key = |(_, account): &&(&str, &SshAccount)| {
        let keys: Vec<PublicKey> = account.keys.iter().filter_map(|key| key.as_literal()?.parse().ok()).collect();
        identities.iter().any(|identity| match identity {
            Identity::Key { key, .. } => keys.contains(&key.public()),
            Identity::Agent { .. } => false,
        })
    };
    let by_key = accounts.iter().find(has_key).map(|(name, _)| *name);
    let only = if let [only] = names.as_slice() { Some(*only) } else { None };
    by_key
        .or_else(|| names.iter().copied().find(|name| *name == user))
        .or(only)
        .ok_or_else(|| CommandError::usage(format!("as whom at {bastion}?"), format!("say `--as` with one of: {list}")))
}
