//! The table of prices, a file with its sources and its day.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const HOURS_IN_A_MONTH: u64 = 730;

/// List prices in millionths of a dollar.
#[derive(Debug, Deserialize)]
pub(super) struct Prices {
    pub(super) as_of: String,
    pub(super) currency: String,
    pub(super) note: String,
    pub(super) confirmation: String,
    unconfirmed: BTreeSet<String>,
    pub(super) sources: Vec<String>,
    everywhere: Table,
    regions: BTreeMap<String, Table>,
}

#[derive(Debug, Deserialize)]
struct Table {
    hour: BTreeMap<String, u64>,
    month: BTreeMap<String, u64>,
}

impl Prices {
    pub(super) fn load() -> Self {
        serde_json::from_str(include_str!("prices.json")).expect("the table is read by a test")
    }

    /// Whether a second source has the same price.
    pub(super) fn is_confirmed(&self, region: &str, what: &str) -> bool {
        !self.unconfirmed.contains(&format!("{region} {what}"))
    }

    /// What one of it costs in a month.
    pub(super) fn monthly(&self, region: &str, what: &str) -> Option<u64> {
        let tables = [Some(&self.everywhere), self.regions.get(region)];
        tables.into_iter().flatten().find_map(|table| {
            let by_hour = table.hour.get(what).map(|price| price * HOURS_IN_A_MONTH);
            by_hour.or_else(|| table.month.get(what).copied())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Prices;

    #[test]
    fn the_table_is_read_and_dated() {
        let prices = Prices::load();
        assert_eq!(prices.monthly("us-west-2", "nat-gateway"), Some(32_850_000));
        assert_eq!(prices.monthly("us-west-2", "secret"), Some(400_000));
        assert_eq!(prices.monthly("mars-1", "nat-gateway"), None);
        assert_eq!(prices.as_of.len(), 10);
        assert!(prices.is_confirmed("us-west-2", "t3.medium") && !prices.is_confirmed("eu-west-1", "r6i.2xlarge"));
        for name in &prices.unconfirmed {
            let (region, what) = name.split_once(' ').unwrap();
            assert!(prices.monthly(region, what).is_some(), "{name}");
        }
        let names = |region: &str| prices.regions[region].hour.keys().cloned().collect::<Vec<_>>();
        let is_database = |name: &String| name.contains("db.");
        for region in prices.regions.keys() {
            let others: Vec<String> = names(region).into_iter().filter(|name| !is_database(name)).collect();
            let all: Vec<String> = names("us-east-1").into_iter().filter(|name| !is_database(name)).collect();
            assert_eq!(others, all, "{region}");
        }
        assert_eq!(prices.monthly("us-west-2", "db.t4g.small"), Some(23_360_000));
        assert_eq!(prices.monthly("eu-west-1", "db.t4g.small"), Some(25_550_000));
        assert_eq!(prices.monthly("eu-central-1", "database-gibibyte"), Some(137_000));
        assert_eq!(prices.monthly("eu-central-1", "db.t4g.large"), None);
    }
}
