//! How much one rendering may compute, so that no template can hang.

use minijinja::{Error, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Hash computations in all; some ten seconds on a slow machine.
const HASHES: u64 = 20_000_000;

/// What is left.
pub(crate) struct Budget(AtomicU64);

impl Budget {
    pub(crate) fn full() -> Self {
        Self(AtomicU64::new(HASHES))
    }

    /// Takes so many hash computations out.
    pub(crate) fn spend(&self, hashes: u64) -> Result<(), Error> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(hashes));
        taken.map(drop).map_err(|_| {
            Error::new(
                ErrorKind::OutOfFuel,
                "the rounds of all password verifiers together are too many for one file; lower them",
            )
        })
    }
}
