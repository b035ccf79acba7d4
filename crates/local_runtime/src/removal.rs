//! The end of a deployment: everything stopped and removed, and the proof that nothing is left.

use crate::disk;
use crate::processes::Process;
use crate::supervisor::record;
use crate::target::LocalTarget;
use model::{Fault, FaultKind};
use serde::Serialize;
use std::path::PathBuf;

/// What a removal leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removal {
    /// Whether the data folders stay for the next `up`; with them the secrets, without which data
    /// that is encrypted or guarded by a password would be lost all the same, and the backups of databases.
    pub keep_data: bool,
}

/// What is left of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Leftovers {
    /// Processes: id and command.
    pub processes: Vec<(i32, String)>,
    /// Files and folders.
    pub files: Vec<PathBuf>,
}

impl Leftovers {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty() && self.files.is_empty()
    }
}

impl LocalTarget {
    /// Ends the supervisor with everything that runs. Idempotent; also after the supervisor was killed.
    ///
    /// # Errors
    /// When something does not end.
    pub async fn stop_everything(&self) -> Result<(), Fault> {
        self.client.shut_down().await?;
        if let Some(survivor) = record::end_survivors(&self.home).first() {
            return Err(Fault::new(
                FaultKind::NeedsPerson,
                "ending the deployment's processes",
                format!("process {} ({}) does not end", survivor.pid, Process::command(survivor.pid)),
            )
            .help(format!("see what it waits for: `ps -o pid,stat,wchan:20,args -p {}`", survivor.pid)));
        }
        Ok(())
    }

    /// Removes the deployment: its processes, then its folder, journal and lock included. What is
    /// shared with other deployments stays: the cache of Python environments and the authority.
    /// Call it last, after the engine's run has ended; it is safe to repeat.
    ///
    /// # Errors
    /// When something does not end or cannot be removed.
    pub async fn remove(&self, removal: Removal) -> Result<(), Fault> {
        self.stop_everything().await?;
        for socket in [self.home.socket(), self.home.socket_of_last_resort()] {
            disk::remove(&socket)?;
            // Fails when other deployments have their sockets there, as it should.
            let _ = socket.parent().map(std::fs::remove_dir);
        }
        let root = self.home.root();
        if !removal.keep_data {
            disk::remove(root)?;
            let _ = std::fs::remove_dir(&self.setup.folders.state);
            return Ok(());
        }
        let kept = self.kept(removal);
        let entries = match std::fs::read_dir(root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(disk::io_fault("looking into", root, &error)),
        };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| !kept.contains(path)) {
            disk::remove(&path)?;
        }
        Ok(())
    }

    /// What a removal keeps on purpose, as far as it is there. The shared cache and the authority are
    /// no part of the deployment and always stay.
    #[must_use]
    pub fn kept(&self, removal: Removal) -> Vec<PathBuf> {
        if !removal.keep_data {
            return Vec::new();
        }
        let home = &self.home;
        let kept = [home.all_data(), home.secrets(), home.rotations(), home.backups(), home.version(), home.owner()];
        kept.into_iter().filter(|path| path.exists()).collect()
    }

    /// Looks for what is left after a removal: the proof that nothing is.
    #[must_use]
    pub fn leftovers(&self, removal: Removal) -> Leftovers {
        let mut processes: Vec<_> =
            record::members(&self.home).iter().map(|process| (process.pid, Process::command(process.pid))).collect();
        if let Some(supervisor) = record::supervisor(&self.home) {
            processes.push((supervisor.pid, Process::command(supervisor.pid)));
        }
        let kept = self.kept(removal);
        let mut files: Vec<PathBuf> = if kept.is_empty() {
            [self.home.root().to_owned()].into_iter().filter(|path| path.exists()).collect()
        } else {
            let entries = std::fs::read_dir(self.home.root()).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).filter(|path| !kept.contains(path)).collect()
        };
        files.extend([self.home.socket()].into_iter().filter(|path| path.exists()));
        Leftovers { processes, files }
    }
}
