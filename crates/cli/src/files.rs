//! The user's files, read as the pure crates ask for them.

use components::context::{Files, NO_TEXT};
use model::{Digest, DigestWriter};
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};

/// The largest text file that a manifest may bring in.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The files beside a manifest.
pub(crate) struct FilesBeside {
    folder: PathBuf,
}

impl FilesBeside {
    /// Those in the folder of a manifest.
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn inside(&self, path: &str) -> Result<PathBuf, String> {
        let relative = Path::new(path);
        let stays = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !stays || path.is_empty() {
            return Err("is not below the manifest's folder; copy it there and write its relative path".into());
        }
        Ok(self.folder.join(relative))
    }

    /// What is no file is not opened: a pipe would never come to an end.
    fn file(&self, path: &str) -> Result<(PathBuf, Metadata), String> {
        let full = self.inside(path)?;
        let facts = std::fs::metadata(&full).map_err(|error| describe(&error))?;
        if facts.is_file() { Ok((full, facts)) } else { Err("is no file".into()) }
    }
}

impl Files for FilesBeside {
    fn text(&self, path: &str) -> Result<String, String> {
        let (full, facts) = self.file(path)?;
        if facts.len() > LARGEST {
            return Err(format!("has {} bytes; at most {LARGEST} are read", facts.len()));
        }
        let bytes = std::fs::read(&full).map_err(|error| describe(&error))?;
        String::from_utf8(bytes).map_err(|_| NO_TEXT.to_owned())
    }

    fn file_digest(&self, path: &str) -> Result<Digest, String> {
        let (full, _) = self.file(path)?;
        let mut file = std::fs::File::open(&full).map_err(|error| describe(&error))?;
        let mut digest = DigestWriter::default();
        std::io::copy(&mut file, &mut digest).map_err(|error| describe(&error))?;
        Ok(digest.finish())
    }

    fn folder_digest(&self, path: &str) -> Result<Digest, String> {
        let full = self.inside(path)?;
        local_runtime::folder_digest(&full).map_err(|fault| fault.cause)
    }
}

fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".into(),
        std::io::ErrorKind::PermissionDenied => "may not be read by you".into(),
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("data.sql");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let beside = FilesBeside::new(folder.path());
        assert_eq!(beside.file_digest("data.sql").unwrap_err(), "is no file");
        assert_eq!(beside.text("data.sql").unwrap_err(), "is no file");
        assert!(beside.text("../data.sql").unwrap_err().contains("below the manifest's folder"));
    }
}
