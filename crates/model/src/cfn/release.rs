//! Folders of the user that hosts run from, as archives that are in place before the hosts are made.

use crate::{Digest, ManifestPath};

/// A folder as an archive: a tar file with entries in the order of their names, without times and owners, compressed with gzip.
/// It is written between the data and the service layer, as secrets are. Its name has its digest, so it is written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The logical id of the bucket, whose `Ref` is its name.
    pub bucket: String,
    /// The name of the object.
    pub key: String,
    /// The folder, relative to the manifest's folder.
    pub folder: String,
    /// The digest of the archive before it is compressed, which hosts check.
    pub content: Digest,
    /// What made it.
    pub origin: ManifestPath,
}
