//! What a slow reader has not taken, in a file without a name: a ring of blocks, each encrypted with a key that is in memory
//! alone. What travels through a tunnel is nobody's business, the disk's neither.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is written at once.
const BLOCK: usize = 128 << 10;
/// A block with the tag that proves it unchanged.
const SLOT: usize = BLOCK + 16;
/// What all channels of one connection may have in files.
const CONNECTION: usize = 1 << 30;
/// What this process may have in files.
const PROCESS: usize = 4 << 30;
static IN_FILES: AtomicUsize = AtomicUsize::new(0);

/// The part of a channel's backlog that is not in memory, but for its newest bytes.
pub(crate) struct Spool<'a> {
    of_connection: &'a AtomicUsize,
    ring: Arc<Ring>,
    /// How many blocks were written and read ever.
    written: u64,
    read: u64,
    newest: BytesMut,
    /// The disk took no more.
    is_full: bool,
}

struct Ring {
    file: File,
    key: LessSafeKey,
}

impl<'a> Spool<'a> {
    /// Whether the bounds allow another block.
    pub(crate) fn is_possible(of_connection: &AtomicUsize) -> bool {
        of_connection.load(Ordering::Relaxed) + BLOCK <= CONNECTION
            && IN_FILES.load(Ordering::Relaxed) + BLOCK <= PROCESS
    }

    /// None when there is no file to be had.
    pub(crate) fn new(of_connection: &'a AtomicUsize) -> Option<Self> {
        if !Self::is_possible(of_connection) {
            return None;
        }
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).ok()?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?);
        // The folder for temporary files is memory on many machines; this one never is.
        let file = tempfile::tempfile_in("/var/tmp").or_else(|_| tempfile::tempfile()).ok()?;
        Some(Self {
            of_connection,
            ring: Arc::new(Ring { file, key }),
            written: 0,
            read: 0,
            newest: BytesMut::with_capacity(BLOCK),
            is_full: false,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.read && self.newest.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.newest.len() < BLOCK || self.takes_a_block()
    }

    fn takes_a_block(&self) -> bool {
        !self.is_full && Self::is_possible(self.of_connection)
    }

    /// Appends to what is there.
    pub(crate) async fn write(&mut self, data: Bytes) {
        self.newest.extend_from_slice(&data);
        while self.newest.len() >= BLOCK && self.takes_a_block() {
            let block = self.newest.split_to(BLOCK).freeze();
            let (ring, number, copy) = (Arc::clone(&self.ring), self.written, block.clone());
            if blocking(move || ring.put(number, &copy)).await.is_err() {
                // What cannot be written stays in memory, and nothing more comes.
                self.is_full = true;
                let later = std::mem::replace(&mut self.newest, BytesMut::from(&block[..]));
                self.newest.extend_from_slice(&later);
                return;
            }
            self.written += 1;
            self.count(BLOCK, true);
        }
    }

    /// Takes the oldest bytes.
    pub(crate) async fn read(&mut self) -> io::Result<Bytes> {
        if self.written == self.read {
            return Ok(self.newest.split().freeze());
        }
        let (ring, number) = (Arc::clone(&self.ring), self.read);
        let block = blocking(move || ring.take(number)).await?;
        self.read += 1;
        self.count(BLOCK, false);
        Ok(block)
    }

    fn count(&self, bytes: usize, more: bool) {
        for counter in [self.of_connection, &IN_FILES] {
            if more {
                counter.fetch_add(bytes, Ordering::Relaxed);
            } else {
                counter.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Spool<'_> {
    fn drop(&mut self) {
        let left = usize::try_from(self.written - self.read).unwrap_or_default();
        self.count(left * BLOCK, false);
    }
}

impl Ring {
    /// As many blocks fit as one connection may have, so none is written over before it was read.
    fn place(number: u64) -> u64 {
        number % (CONNECTION / BLOCK) as u64 * SLOT as u64
    }

    /// The number of a block is never used twice with one key.
    fn nonce(number: u64) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&number.to_le_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    fn put(&self, number: u64, block: &[u8]) -> io::Result<()> {
        let mut block = block.to_vec();
        self.key.seal_in_place_append_tag(Self::nonce(number), Aad::empty(), &mut block).map_err(io::Error::other)?;
        self.file.write_all_at(&block, Self::place(number))
    }

    fn take(&self, number: u64) -> io::Result<Bytes> {
        let mut block = vec![0; SLOT];
        self.file.read_exact_at(&mut block, Self::place(number))?;
        let length =
            self.key.open_in_place(Self::nonce(number), Aad::empty(), &mut block).map_err(io::Error::other)?.len();
        block.truncate(length);
        Ok(Bytes::from(block))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out_in_order_and_cannot_be_read_from_the_disk() {
        let counter = AtomicUsize::new(0);
        let mut spool = Spool::new(&counter).unwrap();
        let ring = Arc::clone(&spool.ring);
        let mut next = (0_u32.., 0_u32..);
        let (mut written, mut read) = (0, Vec::new());
        // More goes in than comes out, then all comes out; pieces of odd sizes.
        for size in (1..400_usize).map(|number| number * 97) {
            let piece: Vec<u8> = next.0.by_ref().take(size).flat_map(u32::to_le_bytes).collect();
            written += piece.len();
            spool.write(Bytes::from(piece)).await;
            if size % 2 == 0 {
                read.extend_from_slice(&spool.read().await.unwrap());
            }
        }
        assert!(counter.load(Ordering::Relaxed) > 4 * BLOCK);
        let mut on_disk = vec![0; SLOT];
        ring.file.read_exact_at(&mut on_disk, 0).unwrap();
        assert!(!on_disk.windows(12).any(|bytes| bytes == [7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0]));
        while !spool.is_empty() {
            read.extend_from_slice(&spool.read().await.unwrap());
        }
        assert_eq!(read.len(), written);
        assert!(read.chunks_exact(4).all(|bytes| bytes == next.1.next().unwrap().to_le_bytes()));
        assert_eq!(counter.load(Ordering::Relaxed), 0);
    }
}
