//! One runner per deployment: a locked file that says who holds it.
//!
//! The kernel gives the lock back when its holder dies, however it dies; the record in the file
//! is only for people.

use crate::disk;
use model::{Fault, FaultKind};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// How often a waiting runner tries again.
const RETRY: Duration = Duration::from_millis(100);

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Since when, RFC 3339.
    pub since: String,
    /// What it does, as `up`.
    pub command: String,
    /// On which machine.
    pub host: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`landfall {}`, process {} on {} since {}", self.command, self.pid, self.host, self.since)
    }
}

/// The right to change a deployment, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    file: File,
    path: PathBuf,
}

impl Lease {
    /// Takes the lease, waiting at most so long (not at all without a time). `on_wait` is told once
    /// who is waited for, as far as that is known.
    ///
    /// # Errors
    /// [`FaultKind::Locked`], naming the holder, when somebody else has it all the time; another
    /// kind when the file cannot be used.
    pub async fn acquire(
        path: &Path,
        me: &Holder,
        wait: Option<Duration>,
        on_wait: &(dyn Fn(Option<&Holder>) + Sync),
    ) -> Result<Self, Fault> {
        let deadline = wait.map(|wait| Instant::now() + wait);
        let mut told = false;
        loop {
            if let Some(mut lease) = Self::try_acquire(path)? {
                lease.sign(me)?;
                return Ok(lease);
            }
            if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
                return Err(locked(path, Self::holder(path).as_ref(), wait));
            }
            if !told {
                on_wait(Self::holder(path).as_ref());
                told = true;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Who wrote its name into the file last, whether or not it still holds the lease.
    #[must_use]
    pub fn holder(path: &Path) -> Option<Holder> {
        let mut text = String::new();
        File::open(path).ok()?.take(64 * 1024).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Gives the lease up and removes its file: nothing of the deployment is left.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove(self) -> Result<(), Fault> {
        fs::remove_file(&self.path).map_err(|error| disk::fault("removing the lock", &self.path, &error))
    }

    fn try_acquire(path: &Path) -> Result<Option<Self>, Fault> {
        let fault = |error: std::io::Error| disk::fault("locking", path, &error);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = open.map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(fault(error)),
        }
        // Its holder may have removed the file between our opening and our locking it: then we
        // hold a lock on a file that nobody else will ever see.
        let ours = file.metadata().map_err(fault)?;
        let is_current = fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()));
        if is_current { Ok(Some(Self { file, path: path.to_owned() })) } else { Self::try_acquire(path) }
    }

    fn sign(&mut self, me: &Holder) -> Result<(), Fault> {
        let text = serde_json::to_string(me).unwrap_or_default();
        let write = || -> std::io::Result<()> {
            let mut file = &self.file;
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(text.as_bytes())
        };
        write().map_err(|error| disk::fault("signing the lock", &self.path, &error))
    }
}

fn locked(path: &Path, holder: Option<&Holder>, waited: Option<Duration>) -> Fault {
    let who = holder.map_or_else(|| "another landfall".to_owned(), ToString::to_string);
    let cause = match waited {
        Some(waited) => format!("{who} holds it; waited {} s", waited.as_secs()),
        None => format!("{who} holds it"),
    };
    Fault::new(FaultKind::Locked, format!("locking {}", path.display()), cause)
        .help("wait until it has finished, or stop it, then run the command again")
}
