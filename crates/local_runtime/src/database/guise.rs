//! Running a program that refuses to run as the superuser, for a superuser.
//!
//! In a namespace of its own the superuser has another number: everything stays owned by the superuser, and the program
//! sees itself as nobody. Where the kernel forbids such namespaces, as in many containers, it runs under the number of
//! nobody with the one right to enter folders that are not its own; its data folder is given to that number.

use crate::Variables;
use model::{Fault, FaultKind};
use nix::unistd::{Gid, Uid, chown, geteuid};
use serde::{Deserialize, Serialize};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The number of `nobody`, which every system's table of users has; programs look themselves up in it.
const NOBODY: u32 = 65_534;

/// As whom a program runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Guise {
    /// As whoever runs the command.
    AsIs,
    /// As nobody in a user namespace, by `unshare`.
    Namespace(PathBuf),
    /// As nobody, by `setpriv`.
    Account(PathBuf),
}

impl Guise {
    /// The first that works here.
    ///
    /// # Errors
    /// When none does.
    pub(crate) async fn choose(variables: &Variables) -> Result<Self, Fault> {
        if !geteuid().is_root() {
            return Ok(Self::AsIs);
        }
        let ways = [("unshare", Self::Namespace as fn(PathBuf) -> Self), ("setpriv", Self::Account)];
        for (name, guise) in ways {
            let Some(program) = variables.find_programs(name).into_iter().next() else { continue };
            let guise = guise(program);
            if guise.works().await {
                return Ok(guise);
            }
        }
        let cause =
            "the program refuses to run as the superuser, and neither `unshare --user` nor `setpriv` works here";
        Err(Fault::new(FaultKind::NeedsPerson, "finding a number that is not the superuser's", cause).help(
            "run landfall as an ordinary user, or install util-linux; in a container allow user namespaces, or the capabilities \
             SETUID, SETGID and DAC_OVERRIDE",
        ))
    }

    async fn works(&self) -> bool {
        let mut words = self.wrap(vec!["true".to_owned()]).into_iter();
        let Some(program) = words.next() else { return false };
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().await.is_ok_and(|status| status.success())
    }

    /// The command in this guise. The process stays the same one: both programs become the one that they start.
    pub(crate) fn wrap(&self, command: Vec<String>) -> Vec<String> {
        let before = match self {
            Self::AsIs => return command,
            Self::Namespace(unshare) => vec![
                unshare.display().to_string(),
                "--user".to_owned(),
                format!("--map-user={NOBODY}"),
                format!("--map-group={NOBODY}"),
                "--".to_owned(),
            ],
            Self::Account(setpriv) => vec![
                setpriv.display().to_string(),
                format!("--reuid={NOBODY}"),
                format!("--regid={NOBODY}"),
                "--clear-groups".to_owned(),
                "--inh-caps=-all,+dac_override".to_owned(),
                "--ambient-caps=-all,+dac_override".to_owned(),
                // The kernel forgets it when the number changes.
                "--pdeathsig=KILL".to_owned(),
                "--".to_owned(),
            ],
        };
        before.into_iter().chain(command).collect()
    }

    /// Gives a folder with all that is in it to whom the program runs as, where it is not theirs.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn hand_over(&self, folder: &Path) -> Result<(), Fault> {
        let (user, group) = match self {
            Self::Account(_) => (NOBODY, NOBODY),
            Self::AsIs | Self::Namespace(_) => (geteuid().as_raw(), nix::unistd::getegid().as_raw()),
        };
        if folder.metadata().is_ok_and(|facts| facts.uid() == user) {
            return Ok(());
        }
        give(folder, Uid::from_raw(user), Gid::from_raw(group))
            .map_err(|error| crate::disk::io_fault("changing the owner of", folder, &error))
    }
}

/// What is inside first: when it is cut off, the folder itself still says that it is to be done.
fn give(path: &Path, user: Uid, group: Gid) -> std::io::Result<()> {
    let facts = path.symlink_metadata()?;
    if facts.is_dir() {
        for entry in std::fs::read_dir(path)? {
            give(&entry?.path(), user, group)?;
        }
    }
    if facts.is_symlink() {
        return Ok(());
    }
    chown(path, Some(user), Some(group)).map_err(std::io::Error::from)
}
