//! What a deployment costs each month whether anybody uses it or not, from a dated table of list prices. What is paid by
//! use is named, not guessed.

mod charges;
mod prices;

use charges::{Charge, charges};
use model::ComponentName;
use model::cfn::ResourceGraph;
use prices::Prices;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// An amount of money in millionths of a dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Micros(pub u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.0.saturating_add(5_000) / 10_000;
        write!(f, "{}.{:02}", cents / 100, cents % 100)
    }
}

/// What some resources cost in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostLine {
    /// The component that they were made for.
    pub component: Option<ComponentName>,
    /// What is paid for: `nat-gateway`, `t3.medium`.
    pub what: &'static str,
    /// How many, or how many GiB.
    pub count: u64,
    /// All of them in a month.
    pub monthly: Micros,
    /// Whether a second source has the same price.
    pub is_confirmed: bool,
}

/// The fixed cost of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostReport {
    /// The region whose prices were taken.
    pub region: String,
    /// The day of the prices.
    pub as_of: String,
    /// In which money.
    pub currency: String,
    /// What the prices are.
    pub note: String,
    /// How the prices were confirmed.
    pub confirmation: String,
    /// Where the prices are published.
    pub sources: Vec<String>,
    /// What is paid, by component.
    pub lines: Vec<CostLine>,
    /// The sum of the lines.
    pub monthly: Micros,
    /// What has a price that is not known: then the sum is too low.
    pub unknown: Vec<String>,
    /// What is paid by use, on top.
    pub by_use: Vec<&'static str>,
}

/// The fixed cost of the resources in a region.
#[must_use]
pub fn fixed_cost(graph: &ResourceGraph, region: &str) -> CostReport {
    let prices = Prices::load();
    let mut report = CostReport {
        region: region.to_owned(),
        as_of: prices.as_of.clone(),
        currency: prices.currency.clone(),
        note: prices.note.clone(),
        confirmation: prices.confirmation.clone(),
        sources: prices.sources.clone(),
        lines: Vec::new(),
        monthly: Micros(0),
        unknown: Vec::new(),
        by_use: Vec::new(),
    };
    let mut by_use = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    for (id, resource) in &graph.resources {
        for charge in charges(graph, id, resource) {
            match charge {
                Charge::Fixed { what, count } => match prices.monthly(region, what) {
                    Some(each) => {
                        let monthly = Micros(each.saturating_mul(count));
                        report.monthly.0 = report.monthly.0.saturating_add(monthly.0);
                        add(
                            &mut report.lines,
                            CostLine {
                                component: resource.component.clone(),
                                what,
                                count,
                                monthly,
                                is_confirmed: prices.is_confirmed(region, what),
                            },
                        );
                    }
                    None => {
                        unknown.insert(format!("{what} in {region}"));
                    }
                },
                Charge::ByUse(what) => {
                    by_use.insert(what);
                }
                Charge::Unknown(why) => {
                    unknown.insert(why);
                }
            }
        }
    }
    report.unknown.extend(unknown);
    report.by_use.extend(by_use);
    report.lines.sort_by(|one, other| (&one.component, one.what).cmp(&(&other.component, other.what)));
    report
}

/// Adds to the line of the same component and price, if there is one.
fn add(lines: &mut Vec<CostLine>, new: CostLine) {
    match lines.iter_mut().find(|line| line.component == new.component && line.what == new.what) {
        Some(line) => {
            line.count += new.count;
            line.monthly.0 = line.monthly.0.saturating_add(new.monthly.0);
        }
        None => lines.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::{Micros, fixed_cost};
    use model::Findings;
    use model::cfn::read;

    const TEMPLATE: &str = "
Resources:
  Nat: { Type: 'AWS::EC2::NatGateway' }
  Address: { Type: 'AWS::EC2::EIP' }
  Balancer: { Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', Properties: { Scheme: internet-facing, Subnets: [a, b] } }
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateData:
        InstanceType: t3.medium
        BlockDeviceMappings: [{ Ebs: { VolumeType: gp3, VolumeSize: 20 } }]
  Hosts:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties: { DesiredCapacity: 2, LaunchTemplate: { LaunchTemplateId: !Ref Template } }
  Other: { Type: 'AWS::AutoScaling::AutoScalingGroup', Properties: { DesiredCapacity: !Ref Count } }
  Cluster: { Type: 'AWS::EKS::Cluster' }
";

    #[test]
    fn fixed_cost_is_exact_and_the_rest_is_named() {
        let graph = read("t", TEMPLATE, &mut Findings::new()).unwrap().graph;
        let report = fixed_cost(&graph, "us-west-2");
        let lines: Vec<String> =
            report.lines.iter().map(|line| format!("{} {} {}", line.count, line.what, line.monthly)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        40 gp3-gibibyte 3.20
        1 load-balancer 16.43
        1 nat-gateway 32.85
        3 public-ipv4 10.95
        2 t3.medium 60.74
        ");
        assert_eq!(report.monthly.to_string(), "124.16");
        insta::assert_snapshot!(report.unknown.join("\n"), @r"
        AWS::EKS::Cluster (Cluster)
        the number of hosts of Other
        ");
        insta::assert_snapshot!(report.by_use.join("\n"), @r"
        data through NAT gateways, per GB
        data to the internet, per GB
        load balancer capacity units
        ");
        let elsewhere = fixed_cost(&graph, "mars-1");
        assert!(elsewhere.unknown.contains(&"t3.medium in mars-1".to_owned()), "{:?}", elsewhere.unknown);
    }

    #[test]
    fn amounts_are_rounded_to_cents() {
        assert_eq!(Micros(32_850_000).to_string(), "32.85");
        assert_eq!(Micros(4_999).to_string(), "0.00");
        assert_eq!(Micros(5_000).to_string(), "0.01");
    }
}
