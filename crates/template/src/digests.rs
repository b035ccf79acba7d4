//! Digests, message authentication codes, base64, derived keys.

use crate::environment::Workshop;
use crate::generate::encode;
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind};
use model::process_graph::KeyEncoding;
use std::sync::Arc;

pub(crate) fn add_to(engine: &mut Environment<'static>, workshop: &Arc<Workshop>) {
    engine.add_filter("sha256", |text: String, options: Kwargs| {
        let encoding = encoding(&options, KeyEncoding::Hex)?;
        options.assert_all_used()?;
        Ok::<_, Error>(encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref(), encoding))
    });
    engine.add_filter("hmac", |text: String, options: Kwargs| {
        let key: String = options.get("key")?;
        let algorithm = match digest_name(&options)?.as_str() {
            "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "sha256" => hmac::HMAC_SHA256,
            _ => hmac::HMAC_SHA512,
        };
        let encoding = encoding(&options, KeyEncoding::Hex)?;
        options.assert_all_used()?;
        let tag = hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), text.as_bytes());
        Ok::<_, Error>(encode(tag.as_ref(), encoding))
    });
    engine.add_filter("b64encode", |text: String| STANDARD.encode(text));
    engine.add_filter("b64decode", |text: String| {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| invalid("b64decode: the text is no base64"))?;
        String::from_utf8(bytes).map_err(|_| invalid("b64decode: the bytes are no UTF-8 text"))
    });
    let workshop = Arc::clone(workshop);
    engine.add_function("random_key", move |name: String, options: Kwargs| {
        let bytes: usize = options.get::<Option<usize>>("bytes")?.unwrap_or(32);
        let encoding = encoding(&options, KeyEncoding::Hex)?;
        options.assert_all_used()?;
        Ok::<_, Error>(encode(&workshop.derive(&[b"random_key", name.as_bytes()], bytes)?, encoding))
    });
}

/// The option `encoding`.
pub(crate) fn encoding(options: &Kwargs, default: KeyEncoding) -> Result<KeyEncoding, Error> {
    match options.get::<Option<String>>("encoding")?.as_deref() {
        None => Ok(default),
        Some("hex") => Ok(KeyEncoding::Hex),
        Some("base64") => Ok(KeyEncoding::Base64),
        Some("base64url") => Ok(KeyEncoding::Base64Url),
        Some(_) => Err(invalid("encoding is one of hex, base64, base64url")),
    }
}

/// The option `digest`: `sha1`, `sha256` or `sha512`.
pub(crate) fn digest_name(options: &Kwargs) -> Result<String, Error> {
    let name = options.get::<Option<String>>("digest")?.unwrap_or_else(|| "sha256".into());
    if ["sha1", "sha256", "sha512"].contains(&name.as_str()) {
        Ok(name)
    } else {
        Err(invalid("digest is one of sha1, sha256, sha512"))
    }
}

/// A wrong argument. The message must hold no value: values may be secrets.
pub(crate) fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
