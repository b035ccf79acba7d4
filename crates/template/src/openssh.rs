//! Private keys in the form that OpenSSH writes: older versions of it read ed25519 keys in no other.

use crate::environment::Workshop;
use crate::generate::pem;
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, Error, ErrorKind};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What OpenSSH fills the private part up to, for a key that is not encrypted.
const BLOCK: usize = 8;

/// Adds the filter.
pub(crate) fn add_to(engine: &mut Environment<'static>, workshop: &Arc<Workshop>) {
    let shared = Arc::clone(workshop);
    engine.add_filter("openssh_private_key", move |key: String| openssh_private_key(&shared, &key));
}

/// An ed25519 key in PKCS#8 as an `OPENSSH PRIVATE KEY` (PROTOCOL.key of OpenSSH), without a comment.
fn openssh_private_key(workshop: &Workshop, key: &str) -> Result<String, Error> {
    if workshop.is_rehearsal() {
        return Ok(key.to_owned());
    }
    let refuse = || Error::new(ErrorKind::InvalidOperation, "openssh_private_key: this is no ed25519 key");
    let base64: Zeroizing<String> =
        Zeroizing::new(key.lines().filter(|line| !line.starts_with('-')).map(str::trim).collect());
    let der = Zeroizing::new(STANDARD.decode(base64.as_bytes()).map_err(|_| refuse())?);
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| refuse())?;
    let seed = pair.seed().map_err(|_| refuse())?;
    let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().map_err(|_| refuse())?;
    let public = pair.public_key().as_ref();
    let mut blob = Vec::new();
    put(&mut blob, b"ssh-ed25519");
    put(&mut blob, public);
    let both: Zeroizing<Vec<u8>> = Zeroizing::new([seed.as_ref(), public].concat());
    // Two equal numbers show that a key was decrypted rightly; this one is not encrypted, so any will do.
    let mut private = Zeroizing::new(vec![0; 8]);
    put(&mut private, b"ssh-ed25519");
    put(&mut private, public);
    put(&mut private, &both);
    put(&mut private, b"");
    let missing = (BLOCK - private.len() % BLOCK) % BLOCK;
    private.extend((1_u8..).take(missing));
    let mut whole = Zeroizing::new(b"openssh-key-v1\0".to_vec());
    for field in [b"none".as_slice(), b"none", b""] {
        put(&mut whole, field);
    }
    whole.extend(1_u32.to_be_bytes());
    put(&mut whole, &blob);
    put(&mut whole, &private);
    Ok(pem("OPENSSH PRIVATE KEY", &whole))
}

fn put(to: &mut Vec<u8>, field: &[u8]) {
    to.extend(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(field);
}

#[cfg(test)]
mod tests {
    use crate::render::{Context, render};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use model::process_graph::SecretRecipe;

    fn written(key: &str) -> Result<String, String> {
        let context: Context = [("key".to_owned(), key.into())].into_iter().collect();
        render("key", "{{ key | openssh_private_key }}", &context, &[7; 32])
            .map(|text| text.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_fields_are_those_of_the_protocol() {
        let made = crate::generate(&SecretRecipe::Ed25519, &mut |buffer: &mut [u8]| buffer.fill(9)).unwrap();
        let text = written(made.value.expose()).unwrap();
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let bytes = STANDARD.decode(body).unwrap();
        let mut rest = bytes.strip_prefix(b"openssh-key-v1\0").unwrap();
        let take = |rest: &mut &[u8]| {
            let (length, after) = rest.split_at(4);
            let (field, after) = after.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
            *rest = after;
            field.to_vec()
        };
        assert_eq!(
            [take(&mut rest), take(&mut rest), take(&mut rest)],
            [b"none".to_vec(), b"none".to_vec(), Vec::new()]
        );
        rest = rest.strip_prefix(&[0, 0, 0, 1]).unwrap();
        let public = take(&mut rest);
        assert_eq!(made.public.unwrap(), format!("ssh-ed25519 {}", STANDARD.encode(&public)));
        let private = take(&mut rest);
        assert!(rest.is_empty() && private.len() % 8 == 0);
        let mut rest = &private[8..];
        let fields = [take(&mut rest), take(&mut rest), take(&mut rest), take(&mut rest)];
        let key = public[public.len() - 32..].to_vec();
        assert_eq!(fields, [b"ssh-ed25519".to_vec(), key.clone(), [vec![9; 32], key].concat(), Vec::new()]);
        assert!(rest.iter().copied().eq((1..).take(rest.len())), "{rest:?}");
        assert!(written("no key").unwrap_err().contains("no ed25519 key"));
    }
}
