//! The authentication string of MySQL 8's `caching_sha2_password`: `$A$005$`, twenty bytes of salt, and the 43 characters of a
//! SHA-256 crypt of 5000 rounds, without that format's own prefix.

use std::fmt;

/// Twenty bytes that a salt may be made of: no NUL and no `$`, which end it.
const SALT: usize = 20;
const ROUNDS: u32 = 5000;
const PREFIX: &[u8] = b"$A$005$";

/// A stored authentication string of `caching_sha2_password`.
#[derive(Clone, PartialEq, Eq)]
pub struct CachingSha2 {
    salt: [u8; SALT],
    hash: String,
}

impl CachingSha2 {
    /// Of a password, with twenty random bytes; they are brought into the range that may stand in a salt.
    #[must_use]
    pub fn new(password: &str, random: [u8; SALT]) -> Self {
        // Printable, so that the string survives every client and dump; 94 characters to the twentieth are enough.
        let salt = random.map(|byte| match b'!' + byte % 94 {
            b'$' => b'%',
            fine => fine,
        });
        Self::with(password, salt)
    }

    fn with(password: &str, salt: [u8; SALT]) -> Self {
        Self { salt, hash: sha256_crypt(password.as_bytes(), &salt, ROUNDS) }
    }

    /// Reads what a server stores; the salt may be any bytes.
    #[must_use]
    pub fn parse(stored: &[u8]) -> Option<Self> {
        let (salt, hash) = stored.strip_prefix(PREFIX)?.split_at_checked(SALT)?;
        let hash = std::str::from_utf8(hash).ok().filter(|hash| hash.len() == 43)?;
        Some(Self { salt: salt.try_into().ok()?, hash: hash.to_owned() })
    }

    /// Whether it was made from this password.
    #[must_use]
    pub fn fits(&self, password: &str) -> bool {
        *self == Self::with(password, self.salt)
    }

    /// All bytes, as they are stored.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [PREFIX, &self.salt, self.hash.as_bytes()].concat()
    }

    /// As `CREATE USER ... AS` takes it: `0x...`, which needs no quotes whatever the salt.
    #[must_use]
    pub fn literal(&self) -> String {
        format!("0x{}", super::hex(&self.bytes()))
    }
}

impl fmt::Debug for CachingSha2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes()))
    }
}

/// Ulrich Drepper's SHA-256 crypt with a salt longer than the sixteen bytes that `crypt(3)` cuts at.
fn sha256_crypt(password: &[u8], salt: &[u8], rounds: u32) -> String {
    use super::sha256;
    let repeated = |block: &[u8], length: usize| -> Vec<u8> { block.iter().copied().cycle().take(length).collect() };
    let alternate = sha256(&[password, salt, password].concat());
    let mut first = [password, salt, &repeated(&alternate, password.len())].concat();
    let mut length = password.len();
    while length > 0 {
        first.extend_from_slice(if length & 1 == 1 { &alternate } else { password });
        length >>= 1;
    }
    let mut state = sha256(&first);
    let of_password = repeated(&sha256(&password.repeat(password.len())), password.len());
    let of_salt = repeated(&sha256(&salt.repeat(16 + usize::from(state[0]))), salt.len());
    for round in 0..rounds {
        let mut input = Vec::with_capacity(128);
        input.extend_from_slice(if round & 1 == 1 { &of_password } else { &state });
        if round % 3 != 0 {
            input.extend_from_slice(&of_salt);
        }
        if round % 7 != 0 {
            input.extend_from_slice(&of_password);
        }
        input.extend_from_slice(if round & 1 == 1 { &state } else { &of_password });
        state = sha256(&input);
    }
    encoded(&state)
}

/// The order in which the format takes bytes, three at a time.
const ORDER: [[usize; 3]; 10] = [
    [0, 10, 20],
    [21, 1, 11],
    [12, 22, 2],
    [3, 13, 23],
    [24, 4, 14],
    [15, 25, 5],
    [6, 16, 26],
    [27, 7, 17],
    [18, 28, 8],
    [9, 19, 29],
];

fn encoded(state: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(43);
    let mut put = |mut value: u32, count: usize| {
        for _ in 0..count {
            text.push(char::from(DIGITS[(value & 63) as usize]));
            value >>= 6;
        }
    };
    for [a, b, c] in ORDER {
        put(u32::from(state[a]) << 16 | u32::from(state[b]) << 8 | u32::from(state[c]), 4);
    }
    put(u32::from(state[31]) << 8 | u32::from(state[30]), 3);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl passwd -5 -salt saltstring 'Hello world!'`.
    #[test]
    fn the_known_answers_of_sha256_crypt() {
        let known = [("Hello world!", "saltstring", "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5")];
        for (password, salt, hash) in known {
            assert_eq!(sha256_crypt(password.as_bytes(), salt.as_bytes(), ROUNDS), hash);
        }
    }

    #[test]
    fn a_fresh_one_can_be_read_back_and_fits() {
        let fresh = CachingSha2::new("correct horse", *b"\0$\xff01234567890123456");
        let read = CachingSha2::parse(&fresh.bytes()).unwrap();
        assert_eq!(read, fresh);
        assert!(read.fits("correct horse") && !read.fits("battery staple"));
        assert!(!fresh.salt.iter().any(|byte| *byte == 0 || *byte == b'$'));
        assert_eq!(CachingSha2::parse(b"$A$005$short"), None);
    }
}
