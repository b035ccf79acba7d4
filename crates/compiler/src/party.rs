//! Whom a guarantee speaks about.

use ipnet::IpNet;

/// A name in a guarantee, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Party<'a> {
    /// `internet`, `internet-v4` or `internet-v6`.
    Internet,
    /// A block of addresses.
    Block(IpNet),
    /// A service of the cloud.
    Service(&'a str),
    /// A component or a person.
    Named {
        /// The name.
        name: &'a str,
        /// One of its ports: `9004`, `8000-8010`, `udp/53`.
        port: Option<&'a str>,
    },
    /// None of these, and what to write instead.
    Malformed(&'static str),
}

impl<'a> Party<'a> {
    /// Reads a name.
    pub(crate) fn read(text: &'a str) -> Self {
        const PORT: &str = "a port is written NAME:443, NAME:8000-8010 or NAME:udp/53";
        if ["internet", "internet-v4", "internet-v6"].contains(&text) {
            return Self::Internet;
        }
        if let Some(service) = text.strip_prefix("service:") {
            let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
            return if !service.is_empty() && service.bytes().all(is_name) {
                Self::Service(service)
            } else {
                Self::Malformed("a service is written as in the name of its endpoint: service:s3, service:logs")
            };
        }
        if let Ok(block) = text.parse::<IpNet>() {
            return if block.trunc() == block {
                Self::Block(block)
            } else {
                Self::Malformed("the block has bits behind its prefix; write it as 203.0.113.0/24")
            };
        }
        match text.split_once(':') {
            None => Self::Named { name: text, port: None },
            Some((name, port)) if is_port(port) => Self::Named { name, port: Some(port) },
            Some(_) => Self::Malformed(PORT),
        }
    }

    /// Whether it lies outside of the deployment.
    pub(crate) fn is_outside(&self) -> bool {
        matches!(self, Self::Internet | Self::Block(_) | Self::Service(_))
    }
}

fn is_port(text: &str) -> bool {
    let range = text.strip_prefix("udp/").or_else(|| text.strip_prefix("tcp/")).unwrap_or(text);
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    matches!((number(first), number(last)), (Some(first), Some(last)) if first <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        assert_eq!(Party::read("app"), Party::Named { name: "app", port: None });
        assert_eq!(Party::read("app:udp/53"), Party::Named { name: "app", port: Some("udp/53") });
        assert_eq!(Party::read("service:s3"), Party::Service("s3"));
        assert_eq!(Party::read("internet-v6"), Party::Internet);
        assert_eq!(Party::read("2001:db8::/32"), Party::Block("2001:db8::/32".parse().unwrap()));
        for text in ["app:0", "app:x", "app:9-1", "app:65536", "service:", "service:S3", "10.0.0.1/8", "::1"] {
            assert!(matches!(Party::read(text), Party::Malformed(_)), "{text}");
        }
    }
}
