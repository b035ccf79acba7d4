//! The user's files, with a record of what was read: the manifest's digest covers it.

use components::context::Files;
use model::Digest;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Passes every question on and remembers the answers' digests.
pub(crate) struct RecordedFiles<'a> {
    files: &'a dyn Files,
    seen: Mutex<BTreeMap<String, Digest>>,
}

impl<'a> RecordedFiles<'a> {
    pub(crate) fn new(files: &'a dyn Files) -> Self {
        Self { files, seen: Mutex::new(BTreeMap::new()) }
    }

    /// The digests of all files and folders that were read.
    pub(crate) fn seen(self) -> BTreeMap<String, Digest> {
        self.seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn record(&self, path: &str, digest: Digest) {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.insert(path.to_owned(), digest);
    }
}

impl Files for RecordedFiles<'_> {
    fn text(&self, path: &str) -> Result<String, String> {
        let text = self.files.text(path)?;
        self.record(path, Digest::of_bytes(text.as_bytes()));
        Ok(text)
    }

    fn file_digest(&self, path: &str) -> Result<Digest, String> {
        let digest = self.files.file_digest(path)?;
        self.record(path, digest.clone());
        Ok(digest)
    }

    fn folder_digest(&self, path: &str) -> Result<Digest, String> {
        let digest = self.files.folder_digest(path)?;
        self.record(path, digest.clone());
        Ok(digest)
    }
}
