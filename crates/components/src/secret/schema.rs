//! What may be said of a secret.

use super::password::PasswordSpec;
use schemars::JsonSchema;
use serde::Deserialize;

/// A value that must not be seen. Say either `generate` or `given`. Others refer to it as
/// `${name.value}`, in files and environment variables only.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SecretComponentSpec {
    /// What to generate, once; it is kept until `generation` changes.
    pub generate: Option<Generate>,
    /// Raise it to make a new value.
    #[schemars(range(min = 1))]
    pub generation: Option<u32>,
    /// Where a given value is kept: `env:NAME`, or `file:PATH` beside the manifest. Never the value itself.
    pub given: Option<String>,
}

/// What to generate: a word, or a mapping with one key that says more.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Generate {
    /// With the usual settings.
    Kind(GenerateKind),
    /// With settings.
    Recipe(GenerateRecipe),
}

/// What to generate with the usual settings.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GenerateKind {
    /// 32 characters of `A-Z a-z 0-9 _ -`.
    Password,
    /// 32 random bytes as hexadecimal.
    Key,
    /// An ed25519 key pair.
    Ed25519,
    /// An RSA key pair of 3072 bits.
    Rsa,
}

/// What to generate; exactly one key.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct GenerateRecipe {
    /// Characters drawn evenly from an alphabet.
    pub password: Option<PasswordSpec>,
    /// Random bytes.
    pub key: Option<KeySpec>,
    /// An ed25519 key pair: PKCS#8 PEM, public half in OpenSSH form.
    pub ed25519: Option<NothingMore>,
    /// An RSA key pair: PKCS#8 PEM, public half as PEM.
    pub rsa: Option<RsaSpec>,
}

impl GenerateRecipe {
    pub(super) fn of_password() -> Self {
        Self { password: Some(PasswordSpec::default()), ..Self::default() }
    }

    pub(super) fn of_key() -> Self {
        Self { key: Some(KeySpec::default()), ..Self::default() }
    }
}

/// `{}`: there is nothing to choose.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NothingMore {}

/// Random bytes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct KeySpec {
    /// How many, 16 to 1024.
    #[schemars(range(min = 16, max = 1024))]
    pub bytes: u16,
    /// How they are written.
    pub encoding: Encoding,
}

impl Default for KeySpec {
    fn default() -> Self {
        Self { bytes: 32, encoding: Encoding::Hex }
    }
}

/// How random bytes are written.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
    /// URL-safe base64 without padding.
    Base64url,
}

/// An RSA key pair.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct RsaSpec {
    /// The modulus' length: 2048, 3072 or 4096.
    pub bits: u16,
}

impl Default for RsaSpec {
    fn default() -> Self {
        Self { bits: 3072 }
    }
}
