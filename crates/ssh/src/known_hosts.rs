//! Which host keys are expected of a server: lines that are pinned, or an OpenSSH `known_hosts` file.

use crate::error::SshError;
use crate::key::PublicKey;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};

/// What says which host keys are right.
#[derive(Debug, Clone)]
pub enum HostKeys {
    /// Exactly these.
    Pinned {
        /// The keys.
        keys: Vec<PublicKey>,
        /// Where they are said, for messages: `landfall.yaml, components.bi.to.host-key`.
        origin: String,
    },
    /// What an OpenSSH file says. It is read at each connection.
    KnownHosts(PathBuf),
}

/// What is known of one server.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The keys with where they are said.
    pub(crate) keys: Vec<(PublicKey, String)>,
    /// Keys that must not be accepted.
    pub(crate) revoked: Vec<(PublicKey, String)>,
    /// Where was looked.
    pub(crate) source: String,
}

impl HostKeys {
    /// Pins the keys of a text with one public line in each line.
    ///
    /// # Errors
    /// When one is no key, or there is none.
    pub fn pinned(lines: &str, origin: impl Into<String>) -> Result<Self, SshError> {
        let origin = origin.into();
        let keys = lines
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(SshError::Key { what: origin, reason: "no host key is said".to_owned() });
        }
        Ok(Self::Pinned { keys, origin })
    }

    pub(crate) fn expected(&self, host: &str, port: u16) -> Result<Expected, SshError> {
        match self {
            Self::Pinned { keys, origin } => Ok(Expected {
                keys: keys.iter().map(|key| (key.clone(), origin.clone())).collect(),
                revoked: Vec::new(),
                source: origin.clone(),
            }),
            Self::KnownHosts(path) => {
                let text = match std::fs::read_to_string(path) {
                    Ok(text) => text,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                    Err(source) => return Err(SshError::File { path: path.clone(), source }),
                };
                Ok(read_known_hosts(&text, path, host, port))
            }
        }
    }
}

/// Lines that make no sense are passed over, as OpenSSH does: they can only take trust away, never give it.
fn read_known_hosts(text: &str, path: &Path, host: &str, port: u16) -> Expected {
    let mut expected = Expected { source: path.display().to_string(), ..Expected::default() };
    let name = if port == 22 { host.to_lowercase() } else { format!("[{}]:{port}", host.to_lowercase()) };
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (marker, rest) = match line.strip_prefix('@') {
            Some(marked) => match marked.split_once(char::is_whitespace) {
                Some((marker, rest)) => (Some(marker), rest.trim_start()),
                None => continue,
            },
            None => (None, line),
        };
        let Some((patterns, key)) = rest.split_once(char::is_whitespace) else { continue };
        if !matches(patterns, &name) {
            continue;
        }
        let Ok(key) = key.parse::<PublicKey>() else { continue };
        let place = format!("{}:{}", path.display(), index + 1);
        match marker {
            None => expected.keys.push((key, place)),
            Some("revoked") => expected.revoked.push((key, place)),
            // An authority signs other keys; it is no key of a host.
            Some(_) => {}
        }
    }
    expected
}

/// Whether a list of names, patterns, `!` exceptions or one hashed name means this host.
fn matches(patterns: &str, name: &str) -> bool {
    if let Some(hashed) = patterns.strip_prefix("|1|") {
        return matches_hash(hashed, name);
    }
    let mut matched = false;
    for pattern in patterns.split(',') {
        match pattern.strip_prefix('!') {
            Some(exception) if matches_pattern(&exception.to_lowercase(), name) => return false,
            Some(_) => {}
            None => matched |= matches_pattern(&pattern.to_lowercase(), name),
        }
    }
    matched
}

fn matches_hash(hashed: &str, name: &str) -> bool {
    let Some((salt, sum)) = hashed.split_once('|') else { return false };
    let (Ok(salt), Ok(sum)) = (STANDARD.decode(salt), STANDARD.decode(sum)) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    hmac::verify(&key, name.as_bytes(), &sum).is_ok()
}

/// `*` stands for any text, `?` for one character.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrivateKey;

    fn lines(text: &str, host: &str, port: u16) -> Vec<String> {
        read_known_hosts(text, Path::new("file"), host, port).keys.into_iter().map(|(_, place)| place).collect()
    }

    #[test]
    fn a_server_is_found_under_each_way_of_writing_it() {
        let key = PrivateKey::generate().unwrap().public();
        let other = PrivateKey::generate().unwrap().public();
        let text = format!(
            "# a comment\n\
             plain.example,192.0.2.7 {key} who wrote it\n\
             [ported.example]:2222\t{key}\n\
             *.wild.example,!not.wild.example {key}\n\
             wrong line\n\
             broken.example ssh-ed25519 AAAAnonsense\n\
             @cert-authority * {other}\n\
             @unknown * {other}\n\
             h?st.example {key}\n"
        );
        assert_eq!(lines(&text, "plain.example", 22), ["file:2"]);
        assert_eq!(lines(&text, "PLAIN.example", 22), ["file:2"]);
        assert_eq!(lines(&text, "192.0.2.7", 22), ["file:2"]);
        assert_eq!(lines(&text, "plain.example", 2222), [""; 0]);
        assert_eq!(lines(&text, "ported.example", 2222), ["file:3"]);
        assert_eq!(lines(&text, "ported.example", 22), [""; 0]);
        assert_eq!(lines(&text, "a.wild.example", 22), ["file:4"]);
        assert_eq!(lines(&text, "not.wild.example", 22), [""; 0]);
        assert_eq!(lines(&text, "broken.example", 22), [""; 0]);
        assert_eq!(lines(&text, "host.example", 22), ["file:9"]);
        assert_eq!(lines(&text, "hoost.example", 22), [""; 0]);
    }

    #[test]
    fn a_revoked_key_is_known_as_such() {
        let key = PrivateKey::generate().unwrap().public();
        let text = format!("host {key}\n@revoked host {key}\n");
        let expected = read_known_hosts(&text, Path::new("file"), "host", 22);
        assert_eq!(expected.revoked, [(key, "file:2".to_owned())]);
    }
}
