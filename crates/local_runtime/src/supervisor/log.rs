//! The log of a program: its output as it comes, in files that are rotated by size.

use crate::disk::io_fault;
use model::Fault;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// When a file is set aside, and how many are kept besides the current one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    pub(crate) bytes: u64,
    pub(crate) keep: u32,
}

impl Rotation {
    pub(crate) const USUAL: Self = Self { bytes: 10 << 20, keep: 4 };
}

/// How many lines are kept in memory for fault messages, and how long each may be.
const TAIL_LINES: usize = 20;
const TAIL_WIDTH: usize = 400;

/// The log of a program.
pub(crate) struct Log {
    path: PathBuf,
    rotation: Rotation,
    file: Option<File>,
    size: u64,
    at_line_start: bool,
    lost: u64,
    tail: VecDeque<String>,
    line: Vec<u8>,
}

impl Log {
    /// Opens the log, adding to what is there.
    pub(crate) fn open(path: PathBuf, rotation: Rotation) -> Result<Self, Fault> {
        let (file, size) = open(&path).map_err(|error| io_fault("opening the log", &path, &error))?;
        Ok(Self {
            path,
            rotation,
            file: Some(file),
            size,
            at_line_start: true,
            lost: 0,
            tail: VecDeque::new(),
            line: Vec::new(),
        })
    }

    /// Adds output. A disk that refuses must not stop the program: what cannot be kept is counted,
    /// and the count is written when there is room again.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.remember(bytes);
        if self.lost > 0 {
            let note = format!("[landfall] {} bytes of output were lost: the log could not be written\n", self.lost);
            if self.append(note.as_bytes()).is_err() {
                self.lost += bytes.len() as u64;
                return;
            }
            self.lost = 0;
        }
        if self.append(bytes).is_err() {
            self.lost += bytes.len() as u64;
        }
    }

    /// Adds a line of the supervisor's own.
    pub(crate) fn note(&mut self, text: &str) {
        let start = if self.at_line_start { "" } else { "\n" };
        self.write(
            format!("{start}[landfall] {} {text}\n", jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ")).as_bytes(),
        );
    }

    /// The last lines since `forget`, oldest first.
    pub(crate) fn tail(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.tail.iter().cloned().collect();
        if !self.line.is_empty() {
            lines.push(String::from_utf8_lossy(&self.line).into_owned());
        }
        lines
    }

    /// Forgets the lines of an earlier life, so that they are not taken for those of the next.
    pub(crate) fn forget(&mut self) {
        self.tail.clear();
        self.line.clear();
    }

    fn remember(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
                self.line.clear();
                if line.starts_with("[landfall]") {
                    continue;
                }
                if self.tail.len() == TAIL_LINES {
                    self.tail.pop_front();
                }
                self.tail.push_back(line);
            } else if self.line.len() < TAIL_WIDTH {
                self.line.push(*byte);
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Somebody may have removed the file: writing on into nothing would lose everything.
        let gone = self.file.as_ref().is_none_or(|file| file.metadata().is_ok_and(|facts| facts.nlink() == 0));
        if gone {
            let (file, size) = open(&self.path)?;
            (self.file, self.size) = (Some(file), size);
        }
        let overdue = self.size > self.rotation.bytes.saturating_mul(2);
        if self.size > 0 && self.size + bytes.len() as u64 > self.rotation.bytes && (self.at_line_start || overdue) {
            self.rotate()?;
        }
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
        }
        self.size += bytes.len() as u64;
        self.at_line_start = bytes.last().is_none_or(|byte| *byte == b'\n');
        Ok(())
    }

    /// Nothing is lost: the current file is renamed, then a new one is opened; a crash between the
    /// two leaves a rotated file and no current one, which the next start makes.
    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..=self.rotation.keep).rev() {
            let from = if number == 1 { self.path.clone() } else { rotated(&self.path, number - 1) };
            match fs::rename(&from, rotated(&self.path, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let (file, size) = open(&self.path)?;
        (self.file, self.size) = (Some(file), size);
        Ok(())
    }
}

/// The path of the n-th file that was set aside.
pub(crate) fn rotated(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = File::options().create(true).append(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Output comes in pieces that know nothing of lines.
        #[test]
        fn rotation_loses_nothing(pieces in prop::collection::vec("[a-z\n]{0,40}", 0..60)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.log");
            let mut log = Log::open(path.clone(), Rotation { bytes: 100, keep: 100 }).unwrap();
            for piece in &pieces {
                log.write(piece.as_bytes());
            }
            let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
            let mut all: String = (1..=100).rev().map(|number| read(&rotated(&path, number))).collect();
            all.push_str(&read(&path));
            let written = pieces.concat();
            prop_assert_eq!(&all, &written);
            let last: Vec<&str> = written.lines().rev().take(5).collect();
            let kept = log.tail();
            let tail: Vec<&str> = kept.iter().rev().take(5).map(String::as_str).collect();
            prop_assert_eq!(tail, last);
        }
    }

    #[test]
    fn files_end_with_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = Log::open(path.clone(), Rotation { bytes: 100, keep: 50 }).unwrap();
        for number in 0..200 {
            log.write(b"line");
            log.write(format!(" {number}\n").as_bytes());
        }
        for number in 1..=50 {
            let text = fs::read_to_string(rotated(&path, number)).unwrap_or_default();
            assert!(text.len() <= 110 && (text.is_empty() || text.ends_with('\n')), "{text}");
        }
    }

    #[test]
    fn only_so_many_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = Log::open(path, Rotation { bytes: 10, keep: 2 }).unwrap();
        for _ in 0..10 {
            log.write(b"12345678\n");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_removed_file_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = Log::open(path.clone(), Rotation::USUAL).unwrap();
        log.write(b"one\n");
        fs::remove_file(&path).unwrap();
        log.write(b"two\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
    }
}
