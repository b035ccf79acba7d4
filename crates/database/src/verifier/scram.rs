//! PostgreSQL's SCRAM-SHA-256 verifier (RFC 5803): `SCRAM-SHA-256$4096:SALT$STOREDKEY:SERVERKEY`.

use super::{derived, mac, sha256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::num::NonZeroU32;

pub(super) const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("it is not nought");

/// A stored SCRAM-SHA-256 verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scram {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl Scram {
    /// Of a password, with a fresh salt.
    #[must_use]
    pub fn new(password: &str, salt: [u8; 16]) -> Self {
        Self::with(password, salt.to_vec(), ITERATIONS)
    }

    fn with(password: &str, salt: Vec<u8>, iterations: NonZeroU32) -> Self {
        // What SASLprep refuses is taken as it is, as the server does.
        let prepared = stringprep::saslprep(password).unwrap_or(password.into());
        let salted = derived(prepared.as_bytes(), &salt, iterations);
        let stored_key = sha256(&mac(&salted, b"Client Key"));
        Self { iterations, salt, stored_key, server_key: mac(&salted, b"Server Key") }
    }

    /// Reads what a server stores.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (head, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let ((iterations, salt), (stored, server)) = (head.split_once(':')?, keys.split_once(':')?);
        let decoded = |text: &str| STANDARD.decode(text).ok();
        Some(Self {
            iterations: iterations.parse().ok()?,
            salt: decoded(salt)?,
            stored_key: decoded(stored)?,
            server_key: decoded(server)?,
        })
    }

    /// Whether it was made from this password.
    #[must_use]
    pub fn fits(&self, password: &str) -> bool {
        // Somebody else's verifier may ask for any amount of work.
        self.iterations.get() <= 1_000_000 && *self == Self::with(password, self.salt.clone(), self.iterations)
    }
}

impl fmt::Display for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |bytes: &[u8]| STANDARD.encode(bytes);
        write!(
            f,
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations,
            encoded(&self.salt),
            encoded(&self.stored_key),
            encoded(&self.server_key)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 section 3 gives the salt, the count and the server's signature; the server key signs to it.
    #[test]
    fn the_example_of_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = Scram::with("pencil", salt, ITERATIONS);
        let messages = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let signature = STANDARD.encode(mac(&verifier.server_key, messages.as_bytes()));
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn what_is_written_can_be_read_and_only_its_password_fits() {
        let verifier = Scram::new("so\u{ad}ft", [7; 16]);
        let read = Scram::parse(&verifier.to_string()).unwrap();
        assert_eq!(read, verifier);
        assert!(read.fits("soft") && !read.fits("Soft"));
    }

    #[test]
    fn garbage_is_no_verifier() {
        for text in ["", "md5abc", "SCRAM-SHA-256$", "SCRAM-SHA-256$0:QQ==$QQ==:QQ==", "SCRAM-SHA-256$1:*$QQ==:QQ=="] {
            assert_eq!(Scram::parse(text), None, "{text}");
        }
    }
}
