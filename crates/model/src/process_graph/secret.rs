//! How a secret comes to be: made by a generator, or given.

use serde::{Deserialize, Serialize};

/// How a secret comes to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum SecretSpec {
    /// Made here by a random generator; counts up `generation` to make a new one.
    Generated {
        /// What to make.
        recipe: SecretRecipe,
        /// Raise it to rotate.
        generation: u32,
    },
    /// Given by the user; the value is read when the step runs.
    Given {
        /// From where.
        source: SecretSource,
    },
}

/// What a generated secret looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SecretRecipe {
    /// Characters drawn evenly from an alphabet.
    Password {
        /// How many characters.
        length: u16,
        /// The characters to draw from.
        alphabet: String,
    },
    /// Random bytes in an encoding.
    Key {
        /// How many bytes.
        bytes: u16,
        /// How they are written.
        encoding: KeyEncoding,
    },
    /// An ed25519 key pair: PKCS#8 PEM, public half in OpenSSH form.
    Ed25519,
    /// An ECDSA key pair on the curve P-256: PKCS#8 PEM, public half in OpenSSH form.
    EcdsaP256,
    /// An RSA key pair of 2048, 3072 or 4096 bits: PKCS#8 PEM, public half in SPKI PEM.
    Rsa {
        /// The modulus' length.
        bits: u16,
    },
}

/// How random bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEncoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
    /// URL-safe base64 without padding.
    Base64Url,
}

/// From where a given secret is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable of the command.
    Environment(String),
    /// A file, relative to the manifest's folder; a last line feed is dropped.
    File(String),
}
