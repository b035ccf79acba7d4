//! Small values with a unit or a rule: durations, sizes, domains, address blocks, ports.
//!
//! Each is read from the text that people write, keeps the exact value, prints back to the same
//! form, and names its format in the JSON Schema, so that the shape check can report all of
//! them in one pass.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Why a text is no such value; reads after "is not a valid ...: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidScalar(pub String);

/// The formats of this module: the name in the schema, a check, and an example for help texts.
pub const FORMATS: &[Format] = &[
    Format { name: "cidr", example: "203.0.113.0/24", check: |text| text.parse::<Cidr>().map(drop) },
    Format { name: "domain", example: "tabpy.example.org", check: |text| text.parse::<Domain>().map(drop) },
    Format { name: "duration", example: "30s", check: |text| text.parse::<Duration>().map(drop) },
    Format { name: "size", example: "100MiB", check: |text| text.parse::<Size>().map(drop) },
];

/// A format that a schema can name.
pub struct Format {
    /// As in the schema's `format`.
    pub name: &'static str,
    /// A value that passes.
    pub example: &'static str,
    /// Whether a text passes.
    pub check: fn(&str) -> Result<(), InvalidScalar>,
}

macro_rules! text_scalar {
    ($name:ident, $format:literal) => {
        impl TryFrom<String> for $name {
            type Error = InvalidScalar;
            fn try_from(text: String) -> Result<Self, InvalidScalar> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format })
            }
        }
    };
}

/// A span of time, written `500ms`, `30s`, `5m`, `1h 30m`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration {
    milliseconds: u64,
}

text_scalar!(Duration, "duration");

const DURATION_UNITS: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Duration {
    /// So many seconds.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self { milliseconds: seconds * 1000 }
    }

    /// The whole span in milliseconds.
    #[must_use]
    pub const fn milliseconds(self) -> u64 {
        self.milliseconds
    }

    /// The whole span in seconds, rounded up.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.milliseconds.div_ceil(1000)
    }
}

impl FromStr for Duration {
    type Err = InvalidScalar;
    fn from_str(text: &str) -> Result<Self, InvalidScalar> {
        let refuse = || InvalidScalar("write a number and a unit (ms, s, m, h, d), as 30s or 1h 30m".into());
        let mut total: u64 = 0;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(refuse());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
            let number: u64 = rest[..digits].parse().map_err(|_| refuse())?;
            rest = rest[digits..].trim_start();
            let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let unit = DURATION_UNITS.iter().find(|(name, _)| *name == &rest[..letters]).ok_or_else(refuse)?;
            total = number.checked_mul(unit.1).and_then(|part| total.checked_add(part)).ok_or_else(refuse)?;
            rest = rest[letters..].trim_start();
        }
        Ok(Self { milliseconds: total })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milliseconds == 0 {
            return f.write_str("0s");
        }
        let mut left = self.milliseconds;
        let mut first = true;
        for (name, size) in DURATION_UNITS {
            if left >= *size {
                write!(f, "{}{}{name}", if first { "" } else { " " }, left / size)?;
                left %= size;
                first = false;
            }
        }
        Ok(())
    }
}

/// A number of bytes, written `512KiB`, `100MB`, `2GiB`, or a plain number of bytes.
/// Decimal (`kB`, `MB`, `GB`, `TB`) and binary (`KiB`, `MiB`, `GiB`, `TiB`) units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

text_scalar!(Size, "size");

const SIZE_UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

impl Size {
    /// So many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = InvalidScalar;
    fn from_str(text: &str) -> Result<Self, InvalidScalar> {
        let refuse = || InvalidScalar("write a number and a unit (B, kB, MB, GB, KiB, MiB, GiB), as 100MiB".into());
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..digits].parse().map_err(|_| refuse())?;
        let unit = text[digits..].trim();
        let factor = if unit.is_empty() {
            1
        } else {
            SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(refuse)?.1
        };
        number.checked_mul(factor).map(Self).ok_or_else(refuse)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = SIZE_UNITS.iter().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor));
        match unit {
            Some((name, factor)) => write!(f, "{}{name}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// A DNS name in lower case: labels of letters, digits and hyphens (RFC 1123), at most 253 characters.
/// No wildcard, no trailing dot, not an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

text_scalar!(Domain, "domain");

impl Domain {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = InvalidScalar;
    fn from_str(text: &str) -> Result<Self, InvalidScalar> {
        let refuse = |why: &str| Err(InvalidScalar(why.to_owned()));
        if text.is_empty() || text.len() > 253 {
            return refuse("a domain has 1 to 253 characters");
        }
        if text.contains("://") || text.contains('/') || text.contains(':') {
            return refuse("give the bare name, without scheme, port or path");
        }
        if text.starts_with("*.") {
            return refuse("a wildcard widens what one stolen key opens; name each host");
        }
        if text.parse::<std::net::IpAddr>().is_ok() {
            return refuse("an address is no domain name");
        }
        for label in text.split('.') {
            let fits = !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !fits {
                return refuse("each label has 1 to 63 of a-z, 0-9 and '-', with no '-' at its ends");
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A block of addresses, IPv4 or IPv6, written `203.0.113.0/24`; no bit set behind the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr(ipnet::IpNet);

text_scalar!(Cidr, "cidr");

impl Cidr {
    /// The block.
    #[must_use]
    pub fn net(self) -> ipnet::IpNet {
        self.0
    }

    /// Whether it is the whole internet (`0.0.0.0/0`, `::/0`).
    #[must_use]
    pub fn is_everywhere(self) -> bool {
        self.0.prefix_len() == 0
    }
}

impl FromStr for Cidr {
    type Err = InvalidScalar;
    fn from_str(text: &str) -> Result<Self, InvalidScalar> {
        let net: ipnet::IpNet = text.parse().map_err(|_| {
            InvalidScalar("write an address and a prefix length, as 203.0.113.0/24 or 203.0.113.7/32".into())
        })?;
        if net.trunc() != net {
            return Err(InvalidScalar(format!("{text} has bits behind its prefix; the block is {}", net.trunc())));
        }
        Ok(Self(net))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_they_are_read() {
        for text in ["500ms", "30s", "5m", "1h 30m", "7d", "0s"] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
        }
        assert_eq!("90s".parse::<Duration>().unwrap().to_string(), "1m 30s");
        for bad in ["", "30", "s", "1x", "-1s", "99999999999999999999d", "1h30"] {
            assert!(bad.parse::<Duration>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_print_as_they_are_read() {
        for text in ["512KiB", "100MB", "2GiB", "7B", "0B"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert_eq!("1024".parse::<Size>().unwrap().bytes(), 1024);
        for bad in ["", "MB", "1.5GB", "-1MB", "1QB", "99999999999GB"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }

    #[test]
    fn domains_are_bare_names() {
        for good in ["localhost", "tabpy.example.org", "a-b.c0"] {
            assert!(good.parse::<Domain>().is_ok(), "{good}");
        }
        for bad in ["", "https://a.b", "a.b/c", "a:1", "*.a.b", "10.0.0.1", "A.b", "a..b", "-a.b", "a_b"] {
            assert!(bad.parse::<Domain>().is_err(), "{bad}");
        }
    }

    #[test]
    fn blocks_have_no_bit_behind_the_prefix() {
        assert!("10.0.0.0/8".parse::<Cidr>().is_ok());
        assert!("::/0".parse::<Cidr>().unwrap().is_everywhere());
        let error = "10.0.0.1/8".parse::<Cidr>().unwrap_err();
        assert!(error.0.contains("10.0.0.0/8"), "{error}");
        assert!("10.0.0.0".parse::<Cidr>().is_err());
    }

    #[test]
    fn every_example_passes_its_format() {
        for format in FORMATS {
            assert_eq!((format.check)(format.example), Ok(()), "{}", format.name);
        }
    }
}
