//! Dividing a block of addresses among subnets.

use ipnet::Ipv4Net;

/// Room for zones in each part; a zone more moves no other subnet.
pub(super) const ZONES: usize = 8;
/// Public, private, isolated and one left for later.
const PARTS: u32 = 4;
/// What a block can have so that its subnets have from 16 (AWS's least) to 2048 addresses.
pub(super) const PREFIXES: std::ops::RangeInclusive<u8> = 16..=23;

/// The subnets of each part: `[public, private, isolated]`, one a zone.
pub(super) fn carve(block: Ipv4Net, zones: usize) -> Option<[Vec<Ipv4Net>; 3]> {
    if !PREFIXES.contains(&block.prefix_len()) || !block.network().is_private() || zones > ZONES {
        return None;
    }
    let steps = (PARTS * u32::try_from(ZONES).ok()?).trailing_zeros();
    let length = block.prefix_len() + u8::try_from(steps).ok()?;
    let mut subnets = block.trunc().subnets(length).ok()?;
    let mut part = || -> Vec<Ipv4Net> { subnets.by_ref().take(ZONES).collect() };
    let mut parts = [part(), part(), part()];
    for part in &mut parts {
        part.truncate(zones);
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_zone_more_moves_no_subnet() {
        let block = "10.64.0.0/16".parse().unwrap();
        let two = carve(block, 2).unwrap();
        let three = carve(block, 3).unwrap();
        assert_eq!(
            format!("{two:?}"),
            "[[10.64.0.0/21, 10.64.8.0/21], [10.64.64.0/21, 10.64.72.0/21], [10.64.128.0/21, 10.64.136.0/21]]"
        );
        for (fewer, more) in two.iter().zip(&three) {
            assert_eq!(fewer[..], more[..2]);
        }
        assert_eq!(carve("10.0.0.0/24".parse().unwrap(), 2), None);
        assert_eq!(carve("8.8.0.0/16".parse().unwrap(), 2), None);
    }

    proptest! {
        #[test]
        fn subnets_lie_inside_and_never_overlap(second in 0_u8..=255, third in 0_u8..=255, prefix in 16_u8..=23, zones in 1_usize..=6) {
            let block = Ipv4Net::new([10, second, third, 0].into(), prefix).unwrap().trunc();
            let all: Vec<Ipv4Net> = carve(block, zones).unwrap().concat();
            prop_assert_eq!(all.len(), 3 * zones);
            for (index, one) in all.iter().enumerate() {
                prop_assert!(block.contains(one) && (16..=28).contains(&one.prefix_len()));
                for other in &all[index + 1..] {
                    prop_assert!(!one.contains(other) && !other.contains(one));
                }
            }
        }
    }
}
