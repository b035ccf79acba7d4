//! How far the deployment's secrets are in being replaced: a small file beside them, of which the graph is made.

use crate::disk;
use crate::target::LocalTarget;
use model::{Fault, Rotations};

impl LocalTarget {
    /// How far secrets are in being replaced.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rotations(&self) -> Result<Rotations, Fault> {
        Ok(disk::read_json(&self.home.rotations())?.unwrap_or_default())
    }

    /// Writes it down, as a whole. Only the holder of the lease may call it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write_rotations(&self, rotations: &Rotations) -> Result<(), Fault> {
        disk::write_json(&self.home.rotations(), rotations)
    }
}
