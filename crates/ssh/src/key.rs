//! Keys: the public half as the line people pass around, the private half from text, file or agent.

use crate::error::SshError;
use model::Secret;
use russh::keys::{Algorithm, HashAlg, ssh_key};
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// A public key. Two are equal when the keys are, whatever their comments say.
#[derive(Debug, Clone)]
pub struct PublicKey(pub(crate) ssh_key::PublicKey);

impl PublicKey {
    /// As `SHA256:...`, the way `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// As `ssh-ed25519`.
    #[must_use]
    pub fn algorithm(&self) -> String {
        self.0.algorithm().as_str().to_owned()
    }
}

impl FromStr for PublicKey {
    type Err = SshError;

    /// Reads a line as `ssh-ed25519 AAAA... comment`.
    fn from_str(line: &str) -> Result<Self, SshError> {
        let wrong = |reason: &str| SshError::Key { what: format!("`{}`", shortened(line)), reason: reason.to_owned() };
        let mut words = line.split_whitespace();
        let (Some(kind), Some(blob)) = (words.next(), words.next()) else {
            return Err(wrong("a public key is a line as `ssh-ed25519 AAAA...`"));
        };
        if kind.contains("-cert-") {
            return Err(wrong("certificates are not supported, give the plain key"));
        }
        // russh's own parser bounds the nesting of what a blob may hold.
        let key = russh::keys::parse_public_key_base64(blob).map_err(|error| wrong(&error.to_string()))?;
        let said = Algorithm::from_str(kind).map_err(|_| wrong("the kind of key is not known"))?;
        let plain = |algorithm: Algorithm| match algorithm {
            Algorithm::Rsa { .. } => Algorithm::Rsa { hash: None },
            other => other,
        };
        if plain(said) != plain(key.algorithm()) {
            return Err(wrong("the kind said is not the kind of the key"));
        }
        Ok(Self(ssh_key::PublicKey::new(key.key_data().clone(), "")))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_openssh().map_err(|_| fmt::Error)?)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key_data() == other.0.key_data()
    }
}

impl Eq for PublicKey {}

fn shortened(line: &str) -> String {
    let mut text: String = line.trim().chars().take(40).collect();
    if line.trim().chars().count() > 40 {
        text.push_str("...");
    }
    text
}

/// A private key in memory. It prints its public half only.
#[derive(Clone)]
pub struct PrivateKey(pub(crate) Arc<ssh_key::PrivateKey>);

impl PrivateKey {
    /// Reads a key in OpenSSH or PKCS#8 form (also PKCS#1 and SEC1); `what` names it in errors.
    ///
    /// # Errors
    /// When it is none, is encrypted and the passphrase is missing or wrong, or is of a kind that nobody should use.
    pub fn from_text(text: &Secret, passphrase: Option<&Secret>, what: &str) -> Result<Self, SshError> {
        let exposed = text.expose();
        let encrypted = is_encrypted(exposed);
        if encrypted && passphrase.is_none() {
            return Err(SshError::Encrypted { what: what.to_owned(), tried: false });
        }
        let wrong = |reason: String| SshError::Key { what: what.to_owned(), reason };
        if !exposed.contains("-----BEGIN ") {
            return Err(wrong("it is no private key in OpenSSH or PKCS#8 form".to_owned()));
        }
        let key = russh::keys::decode_secret_key(exposed, passphrase.map(Secret::expose)).map_err(|error| {
            if encrypted {
                SshError::Encrypted { what: what.to_owned(), tried: true }
            } else {
                wrong(error.to_string())
            }
        })?;
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => {}
            Algorithm::Rsa { .. } => {
                let bits = key.public_key().key_data().rsa().map_or(0, |rsa| rsa.key_size());
                if bits < 2048 {
                    return Err(wrong(format!(
                        "an RSA key of {bits} bits is too weak; make a new one: ssh-keygen -t ed25519"
                    )));
                }
            }
            other => {
                return Err(wrong(format!(
                    "keys of the kind {other} are not used; make a new one: ssh-keygen -t ed25519"
                )));
            }
        }
        Ok(Self(Arc::new(key)))
    }

    /// Reads a key file that only its owner may read; the passphrase is asked for when there is need.
    ///
    /// # Errors
    /// As [`PrivateKey::from_text`]; when the file cannot be read, or others may read it.
    pub fn from_file(path: &Path, passphrase: &dyn Fn(&Path) -> Option<Secret>) -> Result<Self, SshError> {
        let fault = |source| SshError::File { path: path.to_owned(), source };
        let mode = std::fs::metadata(path).map_err(fault)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SshError::KeyMode { path: path.to_owned(), mode });
        }
        let text = Secret::new(std::fs::read_to_string(path).map_err(fault)?);
        let what = path.display().to_string();
        match Self::from_text(&text, None, &what) {
            Err(SshError::Encrypted { tried: false, .. }) => match passphrase(path) {
                Some(passphrase) => Self::from_text(&text, Some(&passphrase), &what),
                None => Err(SshError::Encrypted { what, tried: false }),
            },
            other => other,
        }
    }

    /// A new ed25519 key that nobody else knows.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, SshError> {
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).map_err(|_| SshError::Key {
            what: "a new key".to_owned(),
            reason: "the system gives no random numbers".to_owned(),
        })?;
        Ok(Self(Arc::new(ssh_key::private::Ed25519Keypair::from_seed(&seed).into())))
    }

    /// The key in OpenSSH's own form. Generated keys are PKCS#8, which the stock programs do not read for ed25519.
    ///
    /// # Errors
    /// When the key cannot be written so.
    pub fn to_openssh(&self) -> Result<Secret, SshError> {
        match self.0.to_openssh(ssh_key::LineEnding::LF) {
            Ok(text) => Ok(Secret::new(text.as_str())),
            Err(error) => Err(SshError::Key { what: "the key".to_owned(), reason: error.to_string() }),
        }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(ssh_key::PublicKey::new(self.0.public_key().key_data().clone(), ""))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public().fingerprint())
    }
}

/// Whether a key text needs a passphrase.
fn is_encrypted(text: &str) -> bool {
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return true;
    }
    text.contains("-----BEGIN OPENSSH PRIVATE KEY-----")
        && ssh_key::PrivateKey::from_openssh(text).is_ok_and(|key| key.is_encrypted())
}
