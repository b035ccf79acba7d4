//! The numbers and algorithms that both sides of SSH use here, each with its reason.

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Limits, Preferred, SshId, cipher, compression, kex, mac};
use std::borrow::Cow;
use std::time::Duration;

/// What is said to be spoken here. RFC 4253 allows neither spaces nor hyphens in the version.
pub(crate) const VERSION: &str = concat!("SSH-2.0-Landfall_", env!("CARGO_PKG_VERSION"));

/// How much one channel may have under way: enough for 1 Gbit/s over 16 ms.
pub(crate) const WINDOW: u32 = 2 << 20;
/// The largest data packet; OpenSSH sends and takes no larger ones.
pub(crate) const PACKET: u32 = 32 << 10;
/// Packets on their way to one channel's backlog before the whole connection waits for it.
pub(crate) const CHANNEL_QUEUE: usize = 32;
/// Messages from all channels that wait to be encrypted.
pub(crate) const SESSION_QUEUE: usize = 64;

pub(crate) fn version() -> SshId {
    SshId::Standard(Cow::Borrowed(VERSION))
}

/// New keys after one gigabyte or one hour, as RFC 4253 section 9 asks for.
pub(crate) fn limits() -> Limits {
    Limits::new(1 << 30, 1 << 30, Duration::from_secs(3600))
}

/// Only what has no known weakness. AES-GCM first: the processors of servers do it several times faster than ChaCha20.
/// No compression: what travels here is encrypted or compressed already, and mixing secrets with a compressor leaks them.
pub(crate) fn preferred() -> Preferred {
    Preferred {
        kex: Cow::Borrowed(&[
            kex::MLKEM768X25519_SHA256,
            kex::CURVE25519,
            kex::CURVE25519_PRE_RFC_8731,
            kex::ECDH_SHA2_NISTP256,
            kex::ECDH_SHA2_NISTP384,
            kex::DH_G16_SHA512,
            kex::DH_G14_SHA256,
            kex::EXTENSION_SUPPORT_AS_CLIENT,
            kex::EXTENSION_SUPPORT_AS_SERVER,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
        ]),
        key: Cow::Borrowed(KEY_ALGORITHMS),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: Cow::Borrowed(&[
            cipher::AES_256_GCM,
            cipher::AES_128_GCM,
            cipher::CHACHA20_POLY1305,
            cipher::AES_256_CTR,
            cipher::AES_128_CTR,
        ]),
        mac: Cow::Borrowed(&[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512]),
        compression: Cow::Borrowed(&[compression::NONE]),
    }
}

/// Signatures that are taken and made. None with SHA-1.
pub(crate) const KEY_ALGORITHMS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];
