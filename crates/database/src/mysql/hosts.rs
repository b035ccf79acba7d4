//! From where a login may come, as MySQL's host patterns.

use crate::error::{Result, refused};
use ipnet::IpNet;

/// The host patterns of CIDR blocks: an address, or `10.0.0.0/255.255.0.0`. No block means everywhere.
pub(super) fn patterns(role: &str, sources: &[String]) -> Result<Vec<String>> {
    if sources.is_empty() {
        return Ok(vec!["%".to_owned()]);
    }
    let mut patterns: Vec<String> = sources.iter().map(|source| pattern(role, source)).collect::<Result<_>>()?;
    patterns.sort();
    patterns.dedup();
    Ok(patterns)
}

fn pattern(role: &str, source: &str) -> Result<String> {
    let net = source.parse::<IpNet>().or_else(|_| source.parse().map(|address: std::net::IpAddr| IpNet::from(address)));
    match net {
        Ok(IpNet::V4(net)) if net.prefix_len() == 0 => Ok("%".to_owned()),
        Ok(IpNet::V4(net)) if net.prefix_len() == 32 => Ok(net.addr().to_string()),
        Ok(IpNet::V4(net)) => Ok(format!("{}/{}", net.network(), net.netmask())),
        Ok(IpNet::V6(net)) if net.prefix_len() == 128 => Ok(net.addr().to_string()),
        Ok(IpNet::V6(net)) => Err(refused(
            format!("{role} may log in from {net}, and MySQL's host patterns know no blocks of IPv6"),
            "name single IPv6 addresses, or leave sources out and let the network decide",
        )),
        Err(_) => {
            Err(refused(format!("{role} may log in from {source}, which is no CIDR block"), "write it as 10.0.0.0/16"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sources: &[&str]) -> Result<Vec<String>> {
        patterns("app", &sources.iter().map(|source| (*source).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn blocks_become_netmasks() {
        assert_eq!(of(&[]).unwrap(), ["%"]);
        assert_eq!(of(&["10.1.2.3/16", "192.0.2.7/32", "10.1.0.0/16"]).unwrap(), ["10.1.0.0/255.255.0.0", "192.0.2.7"]);
        assert_eq!(of(&["2001:db8::1/128", "0.0.0.0/0"]).unwrap(), ["%", "2001:db8::1"]);
        assert!(of(&["2001:db8::/32"]).unwrap_err().to_string().contains("2001:db8::/32"));
        assert!(of(&["here"]).is_err());
    }
}
