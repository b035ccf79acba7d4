//! The language of files: templates with a small set of general functions, so that no application
//! needs code of its own, and the making of secrets. Pure: randomness is handed in.
//!
//! The syntax is Jinja's. A name that does not exist is an error, never an empty text; nothing is
//! escaped unless a quoting filter says how; a template reads no other file; what one rendering
//! may compute and write is limited.
//!
//! | filter or function | gives |
//! |---|---|
//! | `pbkdf2(salt, rounds, digest, length, encoding)` | PBKDF2-HMAC of a password |
//! | `bcrypt(cost, user)`, `sha512_crypt(rounds, user)` | a line for `htpasswd`, for `/etc/shadow` |
//! | `scram_sha256(iterations, user)` | what PostgreSQL keeps of a password |
//! | `openssh_private_key` | an ed25519 key pair in the form that every OpenSSH reads |
//! | `sha256(encoding)`, `hmac(key, digest, encoding)` | digests |
//! | `b64encode`, `b64decode` | base64 |
//! | `random_key(name, bytes, encoding)` | a key that stays the same from one rendering to the next |
//! | `json`, `yaml`, `toml`, `ini`, `shell`, `postgresql` | a value quoted for that format |
//! | `seconds`, `milliseconds`, `bytes`, `mib`, `mb` | a duration or size as a number |
//!
//! and everything that Jinja brings: `lower`, `default`, `join`, `length`, `range`, ...

mod budget;
pub mod check;
mod digests;
mod environment;
pub mod generate;
mod openssh;
mod quoting;
pub mod render;
mod scan;
mod units;
mod verifiers;

pub use check::{TemplateProblem, Usage, check, usage};
pub use generate::{GenerateError, GeneratedSecret, generate, public_half};
pub use render::{Context, TemplateError, fill, rehearse, render};
