//! What a server keeps instead of a password, so that the password itself need not be there.
//!
//! Salts are derived from the seed, the password and the user's name: rendering again gives the same
//! text, a new password gets a new salt, and two users with one password have different ones.

use crate::digests::{digest_name, encoding, invalid};
use crate::environment::Workshop;
use crate::generate::encode;
use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error};
use model::process_graph::KeyEncoding;
use std::num::NonZeroU32;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(crate) fn add_to(engine: &mut Environment<'static>, workshop: &Arc<Workshop>) {
    let shared = Arc::clone(workshop);
    engine.add_filter("pbkdf2", move |password: String, options: Kwargs| pbkdf2_hmac(&shared, &password, &options));
    let shared = Arc::clone(workshop);
    engine.add_filter("bcrypt", move |password: String, options: Kwargs| bcrypt(&shared, &password, &options));
    let shared = Arc::clone(workshop);
    engine.add_filter("sha512_crypt", move |text: String, options: Kwargs| sha512_crypt(&shared, &text, &options));
    let shared = Arc::clone(workshop);
    engine.add_filter("scram_sha256", move |text: String, options: Kwargs| scram_sha256(&shared, &text, &options));
}

/// `length` bytes for a salt: the option `salt` when it is given, otherwise derived.
fn derived_salt(
    workshop: &Workshop,
    purpose: &str,
    password: &str,
    options: &Kwargs,
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let user = options.get::<Option<String>>("user")?.unwrap_or_default();
    let password = digest::digest(&digest::SHA256, password.as_bytes());
    workshop.derive(&[b"salt", purpose.as_bytes(), user.as_bytes(), password.as_ref()], length)
}

fn pbkdf2_hmac(workshop: &Workshop, password: &str, options: &Kwargs) -> Result<String, Error> {
    let salt: String = options.get("salt")?;
    let rounds: u32 = options.get("rounds")?;
    let (algorithm, natural) = match digest_name(options)?.as_str() {
        "sha1" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
        "sha256" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        _ => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
    };
    let length: usize = options.get::<Option<usize>>("length")?.unwrap_or(natural);
    let encoding = encoding(options, KeyEncoding::Hex)?;
    options.assert_all_used()?;
    let rounds = NonZeroU32::new(rounds).ok_or_else(|| invalid("pbkdf2: rounds starts at 1"))?;
    if !(1..=1024).contains(&length) {
        return Err(invalid("pbkdf2: length is 1 to 1024 bytes"));
    }
    let mut key = Zeroizing::new(vec![0; length]);
    workshop.budget.spend(u64::from(rounds.get()) * length.div_ceil(natural) as u64)?;
    if !workshop.is_rehearsal() {
        pbkdf2::derive(algorithm, rounds, salt.as_bytes(), password.as_bytes(), &mut key);
    }
    Ok(encode(&key, encoding))
}

fn bcrypt(workshop: &Workshop, password: &str, options: &Kwargs) -> Result<String, Error> {
    let cost: u32 = options.get::<Option<u32>>("cost")?.unwrap_or(12);
    let salt = derived_salt(workshop, "bcrypt", password, options, 16)?;
    options.assert_all_used()?;
    if !(4..=16).contains(&cost) {
        return Err(invalid("bcrypt: cost is 4 to 16"));
    }
    if password.len() > 72 || password.contains('\0') {
        return Err(invalid("bcrypt: a password has at most 72 bytes and no NUL; the rest would not count"));
    }
    // One step of the key schedule takes about as long as 200 hashes.
    workshop.budget.spend((1 << cost) * 200)?;
    if workshop.is_rehearsal() {
        return Ok(format!("$2b${cost:02}${}", ".".repeat(53)));
    }
    let salt: [u8; 16] = salt.as_slice().try_into().map_err(|_| invalid("bcrypt: salt"))?;
    let hash = bcrypt::non_truncating_hash_with_salt(password, cost, salt).map_err(|_| invalid("bcrypt: refused"))?;
    Ok(hash.format_for_version(bcrypt::Version::TwoB))
}

fn sha512_crypt(workshop: &Workshop, password: &str, options: &Kwargs) -> Result<String, Error> {
    const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let rounds: usize = options.get::<Option<usize>>("rounds")?.unwrap_or(100_000);
    let salt: String = match options.get::<Option<String>>("salt")? {
        Some(salt) if salt.len() <= 16 && salt.bytes().all(|byte| LETTERS.contains(&byte)) => salt,
        Some(_) => return Err(invalid("sha512_crypt: a salt has at most 16 of ./0-9A-Za-z")),
        None => {
            let bytes = derived_salt(workshop, "sha512_crypt", password, options, 16)?;
            bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 64)])).collect()
        }
    };
    options.assert_all_used()?;
    if !(1_000..=1_000_000).contains(&rounds) {
        return Err(invalid("sha512_crypt: rounds is 1000 to 1000000"));
    }
    workshop.budget.spend(rounds as u64)?;
    let hash = if workshop.is_rehearsal() {
        ".".repeat(86)
    } else {
        let refuse = |_| invalid("sha512_crypt: refused");
        let parameters = sha_crypt::Sha512Params::new(rounds).map_err(refuse)?;
        sha_crypt::sha512_crypt_b64(password.as_bytes(), salt.as_bytes(), &parameters).map_err(refuse)?
    };
    Ok(format!("$6$rounds={rounds}${salt}${hash}"))
}

/// RFC 5802 with SHA-256 in the form that PostgreSQL keeps in `pg_authid`.
fn scram_sha256(workshop: &Workshop, password: &str, options: &Kwargs) -> Result<String, Error> {
    let iterations: u32 = options.get::<Option<u32>>("iterations")?.unwrap_or(4096);
    let salt = match options.get::<Option<String>>("salt")? {
        Some(salt) => Zeroizing::new(STANDARD.decode(salt).map_err(|_| invalid("scram_sha256: salt is base64"))?),
        None => derived_salt(workshop, "scram_sha256", password, options, 16)?,
    };
    options.assert_all_used()?;
    let rounds = NonZeroU32::new(iterations).ok_or_else(|| invalid("scram_sha256: iterations starts at 1"))?;
    // Others would have to go through SASLprep first, and servers do not agree on when.
    if !password.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || password.is_empty() {
        return Err(invalid("scram_sha256: a password has printable ASCII characters only"));
    }
    workshop.budget.spend(u64::from(iterations))?;
    let mut salted = Zeroizing::new([0; 32]);
    if !workshop.is_rehearsal() {
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut *salted);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, &*salted);
    let stored = digest::digest(&digest::SHA256, hmac::sign(&key, b"Client Key").as_ref());
    let server = hmac::sign(&key, b"Server Key");
    let [salt, stored, server] = [&salt, stored.as_ref(), server.as_ref()].map(|bytes| STANDARD.encode(bytes));
    Ok(format!("SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"))
}

#[cfg(test)]
mod tests {
    use crate::render::tests::rendered;

    #[test]
    fn pbkdf2_equals_pythons() {
        // hashlib.pbkdf2_hmac("sha512", b"s3cret", b"_$salt@tabpy:alice$_", 10000, 64).hex()
        let line = rendered(
            r#"{{ "s3cret" | pbkdf2(digest="sha512", salt="_$salt@tabpy:alice$_", rounds=10000, length=64) }}"#,
        );
        assert_eq!(line, PYTHON_512);
        // RFC 6070.
        let line = rendered(r#"{{ "password" | pbkdf2(digest="sha1", salt="salt", rounds=4096) }}"#);
        assert_eq!(line, "4b007901b765489abead49d926f721d065a429c1");
        // RFC 7914, section 11.
        let line = rendered(r#"{{ "passwd" | pbkdf2(salt="salt", rounds=1, length=64) }}"#);
        assert!(line.starts_with("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"), "{line}");
    }

    const PYTHON_512: &str = "52b8acc3ecede759a053c8130a3512a94a9c655c4f81fa9cae80858e18f0dac92ccbbb9b541ca7001e38c2cdf6cb2b3f4ce7c9f4b77b45f907f15dae672c7e0d";

    #[test]
    fn scram_equals_rfc_7677() {
        // The RFC's exchange: its proofs follow from exactly these two keys.
        let line = rendered(r#"{{ "pencil" | scram_sha256(iterations=4096, salt="W22ZaJ0SNY7soEsUEjb6gQ==") }}"#);
        assert_eq!(
            line,
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn crypt_equals_its_specification() {
        let line = rendered(r#"{{ "Hello world!" | sha512_crypt(rounds=10000, salt="saltstringsaltst") }}"#);
        assert_eq!(
            line,
            "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."
        );
    }

    #[test]
    fn bcrypt_verifies_and_stays() {
        let line = rendered(r#"{{ "hunter2" | bcrypt(cost=4, user="a") }}"#);
        assert!(line.starts_with("$2b$04$") && bcrypt::verify("hunter2", &line).unwrap(), "{line}");
        assert_eq!(line, rendered(r#"{{ "hunter2" | bcrypt(cost=4, user="a") }}"#));
        assert_ne!(line, rendered(r#"{{ "hunter2" | bcrypt(cost=4, user="b") }}"#));
    }
}
