//! Reading log files as they grow, across rotation.

use crate::disk::io_fault;
use crate::status::LogFile;
use crate::supervisor::log::rotated;
use model::Fault;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// How much is read at a time, and at most for the last lines.
const PIECE: u64 = 256 << 10;

/// A log file that is read as it grows.
#[derive(Debug)]
pub struct Follower {
    /// What is followed.
    pub log: LogFile,
    file: Option<File>,
    rest: Vec<u8>,
}

impl Follower {
    /// Begins behind what is there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn at_end(log: LogFile) -> Result<Self, Fault> {
        let mut file = open(&log.path)?;
        if let Some(file) = &mut file {
            file.seek(SeekFrom::End(0)).map_err(|error| io_fault("reading", &log.path, &error))?;
        }
        Ok(Self { log, file, rest: Vec::new() })
    }

    /// The whole lines that have been added since the last call. A file that was set aside is read
    /// to its end before the new one is begun.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn fresh_lines(&mut self) -> Result<Vec<String>, Fault> {
        let failed = |error: io::Error| io_fault("reading", &self.log.path, &error);
        let mut bytes = std::mem::take(&mut self.rest);
        if let Some(file) = &mut self.file {
            file.read_to_end(&mut bytes).map_err(failed)?;
        }
        let now = fs::metadata(&self.log.path).ok().map(|facts| facts.ino());
        let mine = self.file.as_ref().and_then(|file| file.metadata().ok()).map(|facts| facts.ino());
        if now.is_some() && now != mine {
            // Between two calls the file may have been set aside after something more was written to it.
            if let Some(file) = &mut self.file {
                file.read_to_end(&mut bytes).map_err(failed)?;
            }
            self.file = open(&self.log.path)?;
            if let Some(file) = &mut self.file {
                file.read_to_end(&mut bytes).map_err(failed)?;
            }
        }
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.rest = bytes.split_off(end);
        Ok(lines(&bytes))
    }
}

/// The last lines of a log, from the file that was set aside last when the current one has too few.
///
/// # Errors
/// When a file cannot be read.
pub fn last_lines(log: &LogFile, count: usize) -> Result<Vec<String>, Fault> {
    let mut found = tail(&log.path, count)?;
    let mut number = 1;
    while found.len() < count {
        let older = rotated(&log.path, number);
        if !older.exists() {
            break;
        }
        let mut more = tail(&older, count - found.len())?;
        more.append(&mut found);
        found = more;
        number += 1;
    }
    Ok(found)
}

fn tail(path: &Path, count: usize) -> Result<Vec<String>, Fault> {
    let Some(mut file) = open(path)? else { return Ok(Vec::new()) };
    let read = |file: &mut File| -> io::Result<Vec<u8>> {
        let size = file.metadata()?.len();
        let mut wanted = PIECE;
        loop {
            let start = size.saturating_sub(wanted);
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.take(size - start).read_to_end(&mut bytes)?;
            if start == 0 || bytes.iter().filter(|byte| **byte == b'\n').count() > count {
                return Ok(bytes);
            }
            wanted = wanted.saturating_mul(4);
        }
    };
    let bytes = read(&mut file).map_err(|error| io_fault("reading", path, &error))?;
    let mut lines = lines(&bytes);
    Ok(lines.split_off(lines.len().saturating_sub(count)))
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

fn open(path: &Path) -> Result<Option<File>, Fault> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_fault("reading", path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::log::{Log, Rotation};

    #[test]
    fn follows_across_rotation_without_loss() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = Log::open(path.clone(), Rotation { bytes: 60, keep: 3 }).unwrap();
        let file = LogFile { component: None, path };
        log.write(b"before\n");
        let mut follower = Follower::at_end(file.clone()).unwrap();
        let mut seen = Vec::new();
        for number in 0..40 {
            log.write(format!("line {number}\n").as_bytes());
            seen.extend(follower.fresh_lines().unwrap());
        }
        let expected: Vec<String> = (0..40).map(|number| format!("line {number}")).collect();
        assert_eq!(seen, expected);
        assert_eq!(last_lines(&file, 12).unwrap(), expected[28..]);
    }
}
