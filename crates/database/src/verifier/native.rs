//! The hash of `mysql_native_password`: `*` and SHA1(SHA1(password)) in capital hexadecimal digits.

use super::{hex, sha1};
use std::fmt;

/// A stored hash of `mysql_native_password`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native(String);

impl Native {
    /// Of a password.
    #[must_use]
    pub fn new(password: &str) -> Self {
        Self(format!("*{}", hex(&sha1(&sha1(password.as_bytes()))).to_uppercase()))
    }

    /// Whether this text, as a server stores it, was made from the password.
    #[must_use]
    pub fn fits(stored: &str, password: &str) -> bool {
        stored.eq_ignore_ascii_case(&Self::new(password).0)
    }
}

impl fmt::Display for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SELECT PASSWORD('password')` of MariaDB 10.11.
    #[test]
    fn what_the_server_makes() {
        assert_eq!(Native::new("password").to_string(), "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
        assert!(Native::fits("*2470c0c06dee42fd1618bb99005adca2ec9d1e19", "password"));
        assert!(!Native::fits("*2470c0c06dee42fd1618bb99005adca2ec9d1e19", "Password"));
    }
}
