//! What a server stores instead of a password, computed here, so that no statement and no log ever holds the password.

mod caching_sha2;
mod native;
mod scram;

pub use caching_sha2::CachingSha2;
pub use native::Native;
pub use scram::Scram;

use aws_lc_rs::{digest, hmac, pbkdf2};
use std::fmt::Write as _;
use std::num::NonZeroU32;

/// The fingerprint of a password: what tells a changed one where the server does not show what it stores.
///
/// It costs as much to guess from as PostgreSQL's own verifier, and only the administrator can read it.
#[must_use]
pub fn fingerprint(password: &str, salt: &[u8; 16]) -> String {
    let salted: Vec<u8> = [b"landfall fingerprint ".as_slice(), salt].concat();
    hex(&derived(password.as_bytes(), &salted, scram::ITERATIONS))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect()
}

fn derived(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> [u8; 32] {
    let mut key = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password, &mut key);
    key
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

/// Random bytes for a salt.
///
/// # Panics
/// When the machine's source of randomness fails: nothing secret may be made then.
#[expect(clippy::expect_used, reason = "without randomness nothing secret may be made")]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the source of randomness works");
    bytes
}
