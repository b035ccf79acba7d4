//! `Fn::Cidr`: consecutive blocks of equal size.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first `count` blocks with `bits` host bits inside of a block; `None` when they do not fit.
pub(super) fn carve(block: &str, count: u32, bits: u8) -> Option<Vec<String>> {
    let block: ipnet::IpNet = block.trim().parse().ok()?;
    let length = block.max_prefix_len().checked_sub(bits)?;
    let room = length.checked_sub(block.prefix_len())?;
    if !(1..=256).contains(&count) || (u32::from(room) < 32 && u64::from(count) > 1_u64 << room) {
        return None;
    }
    (0..u128::from(count))
        .map(|index| {
            let offset = index.checked_shl(u32::from(bits))?;
            let address = match block.network() {
                IpAddr::V4(first) => {
                    let number = u128::from(u32::from(first)).checked_add(offset)?;
                    IpAddr::V4(Ipv4Addr::from(u32::try_from(number).ok()?))
                }
                IpAddr::V6(first) => IpAddr::V6(Ipv6Addr::from(u128::from(first).checked_add(offset)?)),
            };
            Some(format!("{address}/{length}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::carve;

    #[test]
    fn carves_as_documented() {
        assert_eq!(carve("192.168.0.0/24", 6, 5).unwrap()[..2], ["192.168.0.0/27", "192.168.0.32/27"]);
        assert_eq!(carve("2001:db8:1:2::/56", 2, 64).unwrap(), ["2001:db8:1::/64", "2001:db8:1:1::/64"]);
        assert_eq!(carve("10.0.0.0/24", 9, 5), None);
        assert_eq!(carve("10.0.0.0/24", 1, 60), None);
        assert_eq!(carve("::/0", 256, 128), None);
    }
}
