//! The types of parameters and how values are read as them.

use crate::shape::in_quotes;
use model::scalar::{Cidr, Domain, Duration, Size};
use serde_json::Value;
use std::fmt;

/// What values a parameter takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterType {
    /// Any text.
    String,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// A DNS name.
    Domain,
    /// A block of addresses.
    Cidr,
    /// A port number, 1 to 65535.
    Port,
    /// A number of bytes.
    Size,
    /// A span of time.
    Duration,
    /// A reference to a secret: `env:NAME` or `file:PATH`.
    Secret,
    /// Several values of one of the other types.
    List(Box<ParameterType>),
}

/// The words that the types of single values are written with.
const SINGLE: &[&str] = &["string", "int", "bool", "domain", "cidr", "port", "size", "duration", "secret"];

impl ParameterType {
    /// The names of all types.
    pub(crate) fn all_names() -> Vec<String> {
        let lists = SINGLE.iter().filter(|name| **name != "secret").map(|name| format!("list<{name}>"));
        SINGLE.iter().map(|name| (*name).to_owned()).chain(lists).collect()
    }

    /// Reads a type's name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text.trim() {
            "string" => Self::String,
            "int" => Self::Int,
            "bool" => Self::Bool,
            "domain" => Self::Domain,
            "cidr" => Self::Cidr,
            "port" => Self::Port,
            "size" => Self::Size,
            "duration" => Self::Duration,
            "secret" => Self::Secret,
            other => {
                let item = Self::parse(other.strip_prefix("list<")?.strip_suffix('>')?)?;
                match item {
                    Self::List(_) | Self::Secret => return None,
                    item => Self::List(Box::new(item)),
                }
            }
        })
    }

    /// Reads a value as it stands in YAML or JSON; returns it in its canonical form.
    ///
    /// # Errors
    /// What to write instead. Never holds the value of a secret.
    pub(crate) fn read(&self, value: &Value) -> Result<Value, String> {
        match (self, value) {
            (Self::List(item), Value::Array(items)) => items.iter().map(|value| item.read(value)).collect(),
            (Self::List(_), _) => Err("write a list: [a, b]".into()),
            (Self::String, Value::String(text)) => Ok(Value::String(text.clone())),
            (Self::String, Value::Number(_) | Value::Bool(_)) => Err(in_quotes(value)),
            (Self::Int, Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(value.clone()),
            (Self::Int, _) => Err("write a whole number, without quotes".into()),
            (Self::Bool, Value::Bool(_)) => Ok(value.clone()),
            (Self::Bool, _) => Err("write `true` or `false`, without quotes".into()),
            (Self::Port, Value::Number(number)) => match number.as_u64() {
                Some(1..=65535) => Ok(value.clone()),
                _ => Err("write a port number from 1 to 65535".into()),
            },
            (Self::Port, _) => Err("write a port number from 1 to 65535, without quotes".into()),
            (Self::Domain, Value::String(text)) => canonical::<Domain>(text),
            (Self::Domain, _) => Err("write a domain name, as tabpy.example.org".into()),
            (Self::Cidr, Value::String(text)) => canonical::<Cidr>(text),
            (Self::Cidr, _) => Err("write an address and a prefix length, as 203.0.113.0/24".into()),
            (Self::Size, Value::String(text)) => canonical::<Size>(text),
            (Self::Size, Value::Number(number)) if number.is_u64() => canonical::<Size>(&number.to_string()),
            (Self::Size, _) => Err("write a number and a unit, as 100MiB".into()),
            (Self::Duration, Value::String(text)) => canonical::<Duration>(text),
            (Self::Duration, _) => Err("write a number and a unit, as 30s".into()),
            (Self::Secret, Value::String(text)) if is_secret_reference(text) => Ok(value.clone()),
            (Self::Secret, _) => Err("write where the secret is: env:NAME or file:PATH".into()),
            (Self::String, _) => Err("write a text".into()),
        }
    }

    /// Reads a value given as text: by a flag or an environment variable.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn read_text(&self, text: &str) -> Result<Value, String> {
        match self {
            Self::Int | Self::Port => match text.trim().parse::<i64>() {
                Ok(number) => self.read(&Value::from(number)),
                Err(_) => {
                    self.read(&Value::String(text.to_owned())).map_err(|help| help.replace(", without quotes", ""))
                }
            },
            Self::Bool => match text.trim() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err("write `true` or `false`".into()),
            },
            Self::List(item) => {
                let text = text.trim();
                let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
                let items = inside.split(',').map(str::trim).filter(|item| !item.is_empty());
                let unquoted = |text: &'_ str| text.trim_matches(['"', '\'']).to_owned();
                items.map(|text| item.read_text(&unquoted(text))).collect()
            }
            _ => self.read(&Value::String(text.to_owned())),
        }
    }

    /// The number that `min` and `max` compare, with what it counts; `None` where they mean nothing.
    pub(crate) fn measure(&self, value: &Value) -> Option<i128> {
        match self {
            Self::Int | Self::Port => value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from)),
            Self::Size => value.as_str()?.parse::<Size>().ok().map(|size| i128::from(size.bytes())),
            Self::Duration => {
                value.as_str()?.parse::<Duration>().ok().map(|duration| i128::from(duration.milliseconds()))
            }
            Self::String => Some(value.as_str()?.chars().count() as i128),
            Self::List(_) => Some(value.as_array()?.len() as i128),
            Self::Bool | Self::Domain | Self::Cidr | Self::Secret => None,
        }
    }

    /// Reads a bound of `min` or `max`: of the type itself, or a length.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn bound(&self, value: &Value) -> Result<i128, String> {
        match self {
            Self::Bool | Self::Domain | Self::Cidr | Self::Secret => {
                Err(format!("`min` and `max` mean nothing for {self}; remove it"))
            }
            Self::String | Self::List(_) => match value.as_u64() {
                Some(length) => Ok(i128::from(length)),
                None => Err("write a length: a whole number that is not negative".into()),
            },
            _ => self.read(value).map(|value| self.measure(&value).unwrap_or_default()),
        }
    }

    /// Some value of the type.
    pub(crate) fn sample(&self) -> Value {
        match self {
            Self::String | Self::Secret => Value::from("value"),
            Self::Int => Value::from(1),
            Self::Bool => Value::from(true),
            Self::Domain => Value::from("example.org"),
            Self::Cidr => Value::from("203.0.113.0/24"),
            Self::Port => Value::from(1024),
            Self::Size => Value::from("1MiB"),
            Self::Duration => Value::from("1s"),
            Self::List(item) => Value::Array(vec![item.sample()]),
        }
    }

    /// The type of a single value: of a list its items'.
    pub(crate) fn item(&self) -> &Self {
        match self {
            Self::List(item) => item,
            single => single,
        }
    }

    /// With its article, for messages.
    pub(crate) fn noun(&self) -> String {
        match self {
            Self::String => "a text".into(),
            Self::Int => "a whole number".into(),
            Self::Bool => "`true` or `false`".into(),
            Self::Domain => "a domain".into(),
            Self::Cidr => "a block of addresses".into(),
            Self::Port => "a port number".into(),
            Self::Size => "a size".into(),
            Self::Duration => "a duration".into(),
            Self::Secret => "a reference to a secret".into(),
            Self::List(_) => "a list".into(),
        }
    }
}

fn canonical<T: std::str::FromStr<Err = model::scalar::InvalidScalar> + fmt::Display>(
    text: &str,
) -> Result<Value, String> {
    text.parse::<T>().map(|value| Value::String(value.to_string())).map_err(|error| error.to_string())
}

/// Whether a text says where a secret is.
pub(crate) fn is_secret_reference(text: &str) -> bool {
    match text.split_once(':') {
        Some(("env", name)) => {
            !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        }
        Some(("file", path)) => !path.is_empty(),
        _ => false,
    }
}

impl fmt::Display for ParameterType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Domain => "domain",
            Self::Cidr => "cidr",
            Self::Port => "port",
            Self::Size => "size",
            Self::Duration => "duration",
            Self::Secret => "secret",
            Self::List(item) => return write!(f, "list<{item}>"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_read_as_they_print() {
        for name in ParameterType::all_names() {
            assert_eq!(ParameterType::parse(&name).unwrap().to_string(), name);
        }
        for bad in ["", "text", "list", "list<>", "list<secret>", "list<list<int>>", "String"] {
            assert_eq!(ParameterType::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn values_are_read_strictly() {
        let read = |name: &str, value: Value| ParameterType::parse(name).unwrap().read(&value);
        assert_eq!(read("size", json!(1024)), Ok(json!("1KiB")));
        assert_eq!(read("duration", json!("90s")), Ok(json!("1m 30s")));
        assert_eq!(read("list<int>", json!([1, 2])), Ok(json!([1, 2])));
        for (name, bad) in [
            ("string", json!(8.4)),
            ("int", json!("1")),
            ("int", json!(1.5)),
            ("bool", json!("yes")),
            ("port", json!(0)),
            ("port", json!(65536)),
            ("domain", json!("https://a")),
            ("cidr", json!("10.0.0.1/8")),
            ("duration", json!(30)),
            ("secret", json!("hunter2")),
            ("secret", json!("env:")),
            ("list<string>", json!("a")),
            ("list<int>", json!([1, "b"])),
        ] {
            assert!(read(name, bad.clone()).is_err(), "{name} {bad}");
        }
    }

    #[test]
    fn texts_of_flags_are_read_by_type() {
        let read = |name: &str, text: &str| ParameterType::parse(name).unwrap().read_text(text);
        assert_eq!(read("int", "-3"), Ok(json!(-3)));
        assert_eq!(read("string", "012"), Ok(json!("012")));
        assert_eq!(read("bool", "true"), Ok(json!(true)));
        assert_eq!(read("list<string>", "alice, bob"), Ok(json!(["alice", "bob"])));
        assert_eq!(read("list<string>", "[\"alice\", bob]"), Ok(json!(["alice", "bob"])));
        assert_eq!(read("list<int>", ""), Ok(json!([])));
        assert!(read("bool", "yes").is_err());
        assert!(read("port", "http").is_err());
    }
}
