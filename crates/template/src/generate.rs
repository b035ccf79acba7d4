//! Secrets made from random bytes: passwords, keys, key pairs.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::Secret;
use model::process_graph::{KeyEncoding, SecretRecipe};
use std::collections::BTreeSet;
use std::fmt::Write;
use zeroize::Zeroizing;

/// Fills a buffer with random bytes; the caller brings the generator.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// A secret and, for key pairs, what may be shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedSecret {
    /// The secret itself; of a key pair the private key as PKCS#8 PEM.
    pub value: Secret,
    /// The public half: OpenSSH form for ed25519 and ECDSA, SPKI PEM for RSA.
    pub public: Option<String>,
}

/// Why a recipe cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// A password drawn from too few characters.
    #[error("an alphabet needs at least two different characters, at most 256, all ASCII")]
    Alphabet,
    /// A password or key of no length.
    #[error("a secret of length 0 protects nothing")]
    Empty,
    /// Not 2048, 3072 or 4096.
    #[error("an RSA key has 2048, 3072 or 4096 bits, not {0}")]
    RsaBits(u16),
    /// The cryptographic library refused.
    #[error("the key pair could not be made")]
    KeyPair,
    /// The random bytes were not random.
    #[error("the random generator gives the same byte again and again")]
    NotRandom,
}

/// Makes a secret. Everything but RSA and ECDSA keys comes from `random` alone; those are searched by
/// the cryptographic library with its own generator.
///
/// # Errors
/// When the recipe makes no sense.
pub fn generate(recipe: &SecretRecipe, random: Random<'_>) -> Result<GeneratedSecret, GenerateError> {
    match recipe {
        SecretRecipe::Password { length, alphabet } => {
            Ok(GeneratedSecret { value: password(*length, alphabet, random)?, public: None })
        }
        SecretRecipe::Key { bytes: 0, .. } => Err(GenerateError::Empty),
        SecretRecipe::Key { bytes, encoding } => {
            let mut key = Zeroizing::new(vec![0; usize::from(*bytes)]);
            random(&mut key);
            Ok(GeneratedSecret { value: Secret::new(encode(&key, *encoding)), public: None })
        }
        SecretRecipe::Ed25519 => ed25519(random),
        SecretRecipe::EcdsaP256 => ecdsa(),
        SecretRecipe::Rsa { bits } => rsa(*bits),
    }
}

/// The public half of a key pair, from the secret alone; none for what is no key pair.
///
/// # Errors
/// When the secret is no private key of that kind.
pub fn public_half(recipe: &SecretRecipe, value: &Secret) -> Result<Option<String>, GenerateError> {
    let public = match recipe {
        SecretRecipe::Password { .. } | SecretRecipe::Key { .. } => return Ok(None),
        SecretRecipe::Ed25519 => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der_of(value)?);
            openssh(&ed25519_fields(&pair.map_err(|_| GenerateError::KeyPair)?))?
        }
        SecretRecipe::EcdsaP256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der_of(value)?);
            openssh(&ecdsa_fields(&pair.map_err(|_| GenerateError::KeyPair)?))?
        }
        SecretRecipe::Rsa { .. } => {
            let pair = aws_lc_rs::rsa::KeyPair::from_pkcs8(&der_of(value)?).map_err(|_| GenerateError::KeyPair)?;
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| GenerateError::KeyPair)?;
            pem("PUBLIC KEY", public.as_ref())
        }
    };
    Ok(Some(public))
}

/// What a private key's PEM holds.
fn der_of(value: &Secret) -> Result<Zeroizing<Vec<u8>>, GenerateError> {
    let base64: Zeroizing<String> =
        Zeroizing::new(value.expose().lines().filter(|line| !line.starts_with('-')).map(str::trim).collect());
    STANDARD.decode(base64.as_bytes()).map(Zeroizing::new).map_err(|_| GenerateError::KeyPair)
}

/// Writes bytes in an encoding.
pub(crate) fn encode(bytes: &[u8], encoding: KeyEncoding) -> String {
    match encoding {
        KeyEncoding::Hex => hex(bytes),
        KeyEncoding::Base64 => STANDARD.encode(bytes),
        KeyEncoding::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

/// Draws evenly: bytes beyond the last whole multiple of the alphabet's size are thrown away.
fn password(length: u16, alphabet: &str, random: Random<'_>) -> Result<Secret, GenerateError> {
    let distinct: BTreeSet<u8> = alphabet.bytes().collect();
    let count = distinct.len();
    if !alphabet.is_ascii() || !(2..=256).contains(&count) {
        return Err(GenerateError::Alphabet);
    }
    if length == 0 {
        return Err(GenerateError::Empty);
    }
    let letters: Vec<u8> = distinct.into_iter().collect();
    let usable = 256 - 256 % count;
    let mut text = Zeroizing::new(String::with_capacity(usize::from(length)));
    let mut pool = Zeroizing::new([0; 64]);
    let mut barren = 0;
    while text.len() < usize::from(length) {
        random(&mut *pool);
        let before = text.len();
        for byte in pool.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < usable) {
            if text.len() < usize::from(length) {
                text.push(char::from(letters[byte % count]));
            }
        }
        barren = if text.len() == before { barren + 1 } else { 0 };
        if barren > 100 {
            return Err(GenerateError::NotRandom);
        }
    }
    Ok(Secret::new(text.as_str()))
}

fn ed25519(random: Random<'_>) -> Result<GeneratedSecret, GenerateError> {
    let mut seed = Zeroizing::new([0; 32]);
    random(&mut *seed);
    let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| GenerateError::KeyPair)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| GenerateError::KeyPair)?;
    Ok(GeneratedSecret {
        value: Secret::new(pem("PRIVATE KEY", private.as_ref())),
        public: Some(openssh(&ed25519_fields(&pair))?),
    })
}

fn ecdsa() -> Result<GeneratedSecret, GenerateError> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| GenerateError::KeyPair)?;
    let private = pair.to_pkcs8v1().map_err(|_| GenerateError::KeyPair)?;
    Ok(GeneratedSecret {
        value: Secret::new(pem("PRIVATE KEY", private.as_ref())),
        public: Some(openssh(&ecdsa_fields(&pair))?),
    })
}

/// RFC 8709, section 4.
fn ed25519_fields(pair: &Ed25519KeyPair) -> [&[u8]; 2] {
    [b"ssh-ed25519", pair.public_key().as_ref()]
}

/// RFC 5656, section 3.1.
fn ecdsa_fields(pair: &EcdsaKeyPair) -> [&[u8]; 3] {
    [b"ecdsa-sha2-nistp256", b"nistp256", pair.public_key().as_ref()]
}

/// The public half in OpenSSH form: the first field is the kind of key.
fn openssh(fields: &[&[u8]]) -> Result<String, GenerateError> {
    let mut blob = Vec::new();
    for field in fields {
        blob.extend(u32::try_from(field.len()).map_err(|_| GenerateError::KeyPair)?.to_be_bytes());
        blob.extend(*field);
    }
    let kind = fields.first().map(|kind| String::from_utf8_lossy(kind)).unwrap_or_default();
    Ok(format!("{kind} {}", STANDARD.encode(blob)))
}

fn rsa(bits: u16) -> Result<GeneratedSecret, GenerateError> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        other => return Err(GenerateError::RsaBits(other)),
    };
    let pair = aws_lc_rs::rsa::KeyPair::generate(size).map_err(|_| GenerateError::KeyPair)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| GenerateError::KeyPair)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| GenerateError::KeyPair)?;
    Ok(GeneratedSecret {
        value: Secret::new(pem("PRIVATE KEY", private.as_ref())),
        public: Some(pem("PUBLIC KEY", public.as_ref())),
    })
}

/// RFC 7468: 64 characters a line.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut text = format!("-----BEGIN {label}-----\n");
    for start in (0..body.len()).step_by(64) {
        text.push_str(&body[start..body.len().min(start + 64)]);
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter() -> impl FnMut(&mut [u8]) {
        let mut next = 0_u8;
        move |buffer| {
            for byte in buffer {
                *byte = next;
                next = next.wrapping_add(1);
            }
        }
    }

    #[test]
    fn passwords_are_drawn_evenly() {
        let recipe = SecretRecipe::Password { length: 6400, alphabet: "abcdefghij".into() };
        let made = generate(&recipe, &mut counter()).unwrap();
        let text = made.value.expose();
        assert_eq!(text.len(), 6400);
        // A counter meets every byte equally often, so even drawing gives equal counts but for the cut at the end.
        for letter in "abcdefghij".chars() {
            let count = text.matches(letter).count();
            assert!((630..=650).contains(&count), "{letter}: {count}");
        }
    }

    #[test]
    fn a_stuck_generator_is_noticed() {
        let recipe = SecretRecipe::Password { length: 8, alphabet: "abc".into() };
        assert_eq!(generate(&recipe, &mut |buffer| buffer.fill(255)), Err(GenerateError::NotRandom));
    }

    #[test]
    fn keys_are_the_bytes_in_their_encoding() {
        let key = |encoding| generate(&SecretRecipe::Key { bytes: 4, encoding }, &mut |b| b.fill(0xfb)).unwrap().value;
        assert_eq!(key(KeyEncoding::Hex).expose(), "fbfbfbfb");
        assert_eq!(key(KeyEncoding::Base64).expose(), "+/v7+w==");
        assert_eq!(key(KeyEncoding::Base64Url).expose(), "-_v7-w");
    }

    #[test]
    fn ed25519_follows_rfc_8032() {
        // RFC 8032, section 7.1, test 1.
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let bytes = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
        };
        let made = generate(&SecretRecipe::Ed25519, &mut |buffer| buffer.copy_from_slice(&bytes(seed))).unwrap();
        let line = made.public.unwrap();
        let blob = STANDARD.decode(line.strip_prefix("ssh-ed25519 ").unwrap()).unwrap();
        assert_eq!(blob[19..], bytes(public));
        let pem = made.value.expose();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.ends_with("-----END PRIVATE KEY-----\n"));
        let der = STANDARD.decode(pem.lines().filter(|l| !l.starts_with('-')).collect::<String>()).unwrap();
        assert_eq!(der[der.len() - 32..], bytes(seed));
    }

    #[test]
    fn the_public_half_is_known_from_the_private_one() {
        for recipe in [SecretRecipe::Ed25519, SecretRecipe::EcdsaP256, SecretRecipe::Rsa { bits: 2048 }] {
            let made = generate(&recipe, &mut counter()).unwrap();
            assert_eq!(public_half(&recipe, &made.value), Ok(made.public));
            assert!(public_half(&recipe, &Secret::new("no key")).is_err());
        }
        let password = SecretRecipe::Password { length: 8, alphabet: "abc".into() };
        assert_eq!(public_half(&password, &Secret::new("abcabcab")), Ok(None));
    }

    #[test]
    fn rsa_pairs_belong_together() {
        let made = generate(&SecretRecipe::Rsa { bits: 2048 }, &mut counter()).unwrap();
        assert!(made.value.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(made.public.unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
        assert_eq!(generate(&SecretRecipe::Rsa { bits: 512 }, &mut counter()), Err(GenerateError::RsaBits(512)));
    }
}
