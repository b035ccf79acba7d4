//! What was done, line by line: an append-only file of [`RunEvent`]s whose fold is the state.
//!
//! Each line is on the disk before the caller goes on. A last line that was torn by a crash is
//! dropped; everything else that cannot be read refuses the whole file, since nobody knows then what
//! is made.

use crate::disk;
use model::event::JOURNAL_VERSION;
use model::run_state::RunState;
use model::{Event, Fault, FaultKind, RunEvent};
use serde::Deserialize;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A journal with more bytes is made short when the next run starts.
const LONG_BYTES: u64 = 256 * 1024;
/// A journal with more runs is made short when the next run starts.
const LONG_RUNS: usize = 20;

/// The journal of one deployment, open for writing. Only the holder of the lease opens it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// Absent until the first event: looking at a deployment that does not exist leaves no file.
    file: Option<File>,
    state: RunState,
    /// Bytes of whole lines.
    length: u64,
    runs: usize,
    /// Whether the file is unknown after a refused write; only opening it anew helps.
    broken: bool,
}

impl Journal {
    /// Replays the file, when there is one, and drops a torn last line from it.
    ///
    /// # Errors
    /// When it cannot be read, was written by a newer version, or tells an impossible history.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Fault> {
        let path = path.into();
        let replayed = replay(&path)?;
        let mut journal = Self {
            path,
            file: None,
            state: replayed.state,
            length: replayed.length,
            runs: replayed.runs,
            broken: false,
        };
        if replayed.torn {
            let fault = |error: std::io::Error| disk::fault("repairing the journal", &journal.path, &error);
            let file = open_for_writing(&journal.path).map_err(fault)?;
            file.set_len(journal.length).and_then(|()| file.sync_all()).map_err(fault)?;
            journal.file = Some(file);
        }
        Ok(journal)
    }

    /// Replays the file without touching it; for commands that only look and hold no lease.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn read(path: &Path) -> Result<RunState, Fault> {
        replay(path).map(|replayed| replayed.state)
    }

    /// All events that are still in the file, oldest first.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn history(path: &Path) -> Result<Vec<RunEvent>, Fault> {
        replay(path).map(|replayed| replayed.events)
    }

    /// What the events so far amount to.
    #[must_use]
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes an event down and returns when it is on the disk. The start of a run makes a long
    /// journal short.
    ///
    /// # Errors
    /// When the disk refuses (nothing half-written stays behind) or the event cannot follow what
    /// happened before, which is a defect.
    pub fn append(&mut self, event: &RunEvent) -> Result<(), Fault> {
        let mut after = self.state.clone();
        after.apply(event).map_err(|illegal| self.incompatible(&illegal.to_string(), FaultKind::Bug))?;
        if self.broken {
            return Err(self.incompatible("an earlier line could not be written", FaultKind::NeedsPerson));
        }
        let starts_run = matches!(event.event, Event::RunStarted { .. });
        if starts_run && (self.length > LONG_BYTES || self.runs >= LONG_RUNS) {
            self.rewrite(event)?;
        } else {
            self.write(&line_of(event))?;
            self.runs += usize::from(starts_run);
        }
        self.state = after;
        Ok(())
    }

    /// Removes the file of a deployment of which nothing is left, and the one that was kept of it.
    ///
    /// # Errors
    /// When something is still made (a defect of the caller), or the disk refuses.
    pub fn remove(self) -> Result<(), Fault> {
        if !self.state.made.is_empty() {
            return Err(self.incompatible("the deployment still has parts", FaultKind::Bug));
        }
        // The kept one first: a crash in between must not leave only what is outdated.
        for path in [kept(&self.path), self.path.clone()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(disk::fault("removing the journal", &path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn write(&mut self, line: &str) -> Result<(), Fault> {
        let fault = |error: std::io::Error| disk::fault("writing the journal", &self.path, &error);
        if self.file.is_none() {
            let is_new = !self.path.exists();
            self.file = Some(open_for_writing(&self.path).map_err(fault)?);
            if is_new {
                sync_folder(&self.path).map_err(fault)?;
            }
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.sync_data()) {
            // A half line must not stay: the next line would be glued to it.
            self.broken = file.set_len(self.length).and_then(|()| file.sync_data()).is_err();
            return Err(disk::fault("writing the journal", &self.path, &error));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Replaces the file by a checkpoint and the first event of the run, at once; keeps the old file.
    fn rewrite(&mut self, start: &RunEvent) -> Result<(), Fault> {
        let RunState { made, ports, wishes, .. } = self.state.clone();
        let checkpoint = RunEvent { event: Event::Checkpoint { made, ports, wishes }, ..start.clone() };
        let text = line_of(&checkpoint) + &line_of(start);
        let fresh = self.path.with_extension("jsonl.new");
        let replace = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            let kept = kept(&self.path);
            match fs::remove_file(&kept) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => fs::hard_link(&self.path, &kept)?,
            }
            fs::rename(&fresh, &self.path)?;
            sync_folder(&self.path)?;
            open_for_writing(&self.path)
        };
        match replace() {
            Ok(file) => {
                self.file = Some(file);
                self.length = text.len() as u64;
                self.runs = 1;
                Ok(())
            }
            Err(error) => {
                // Best effort: the name is overwritten by the next attempt anyway.
                let _ = fs::remove_file(&fresh);
                // The file may have been replaced already; ours would then be the kept one.
                self.broken = true;
                Err(disk::fault("shortening the journal", &self.path, &error))
            }
        }
    }

    fn incompatible(&self, cause: &str, kind: FaultKind) -> Fault {
        Fault::new(kind, format!("writing the journal {}", self.path.display()), cause)
            .help("run the command again; it starts from what the journal and the machine show")
    }
}

/// Where the journal before the last shortening is kept.
fn kept(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

fn open_for_writing(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()
    })
}

fn line_of(event: &RunEvent) -> String {
    let mut line = serde_json::to_string(event).unwrap_or_default();
    line.push('\n');
    line
}

#[derive(Default)]
struct Replayed {
    state: RunState,
    events: Vec<RunEvent>,
    length: u64,
    runs: usize,
    torn: bool,
}

fn replay(path: &Path) -> Result<Replayed, Fault> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Replayed::default()),
        Err(error) => return Err(disk::fault("reading the journal", path, &error)),
    };
    let mut replayed = Replayed::default();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let is_last = index + 1 == lines.len();
        let event = match read_line(line) {
            Ok(event) if line.ends_with(b"\n") => event,
            Ok(_) => {
                replayed.torn = true;
                break;
            }
            Err(Unreadable::NoJson(_)) if is_last && is_torn(line) => {
                replayed.torn = true;
                break;
            }
            Err(unreadable) => return Err(refused(path, index + 1, &unreadable.into_words())),
        };
        replayed.state.apply(&event).map_err(|illegal| refused(path, index + 1, &illegal.to_string()))?;
        replayed.runs += usize::from(matches!(event.event, Event::RunStarted { .. }));
        replayed.length += line.len() as u64;
        replayed.events.push(event);
    }
    Ok(replayed)
}

/// Whether a crash can have left this of a line: its beginning, or the zeros of a block that was
/// allotted but not written.
fn is_torn(line: &[u8]) -> bool {
    let beginning = br#"{"version":"#;
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.starts_with(beginning) || beginning.starts_with(line) || line.iter().all(|byte| *byte == 0)
}

enum Unreadable {
    NoJson(serde_json::Error),
    Newer(u32),
    Foreign(serde_json::Error),
}

impl Unreadable {
    fn into_words(self) -> String {
        match self {
            Self::NoJson(error) => format!("the line is damaged ({error})"),
            Self::Newer(version) => {
                format!(
                    "it was written by a newer landfall (version {version}; this one reads up to {JOURNAL_VERSION})"
                )
            }
            Self::Foreign(error) => format!("the line is no event of a run ({error})"),
        }
    }
}

fn read_line(line: &[u8]) -> Result<RunEvent, Unreadable> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let value: serde_json::Value = serde_json::from_slice(line).map_err(Unreadable::NoJson)?;
    let Versioned { version } = Versioned::deserialize(&value).map_err(Unreadable::Foreign)?;
    if version > JOURNAL_VERSION {
        return Err(Unreadable::Newer(version));
    }
    RunEvent::deserialize(value).map_err(Unreadable::Foreign)
}

fn refused(path: &Path, line: usize, cause: &str) -> Fault {
    let operation = format!("reading line {line} of the journal {}", path.display());
    Fault::new(FaultKind::IncompatibleState, operation, cause).help(format!(
        "use the landfall that wrote it; the journal before its last shortening is {}, if it exists",
        kept(path).display()
    ))
}
