//! What can be known before anything is made: zones and their delegation, quotas, permissions, what RDS offers.

mod databases;

use crate::account::{CallError, Identity};
use crate::plan::{AccountPlan, ResourceAction};
use crate::{Account, Session, World};
use model::cfn::{Layer, ParameterSource};
use model::{Fault, FaultKind};
use std::collections::{BTreeMap, BTreeSet};

/// Quotas that deployments meet, as of 2026-11: type, service, code, name. Source: the tables "Amazon VPC quotas" and "Amazon EC2
/// endpoints and quotas" of the AWS General Reference. Those that count by zone or by parent are not known before.
const QUOTAS: &[(&str, &str, &str, &str)] = &[
    ("AWS::EC2::VPC", "vpc", "L-F678F1CE", "VPCs per Region"),
    ("AWS::EC2::InternetGateway", "vpc", "L-A4707A72", "Internet gateways per Region"),
    ("AWS::EC2::EIP", "ec2", "L-0263D0A3", "EC2-VPC Elastic IPs"),
    (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "elasticloadbalancing",
        "L-53DA6B97",
        "Application Load Balancers per Region",
    ),
];
/// What can be counted in an account; see [`Account::count`].
const COUNTED: &[&str] = &["AWS::EC2::VPC", "AWS::EC2::EIP", "AWS::EC2::NatGateway"];

impl<A: Account> Session<'_, A> {
    /// Everything that is known to stand in the way of a plan, at once. A question that the caller may not ask is no obstacle.
    ///
    /// # Errors
    /// When the account does not answer.
    pub async fn preflight(&self, plan: &AccountPlan, world: &World, caller: &Identity) -> Result<Vec<Fault>, Fault> {
        let made: Vec<&str> = plan
            .changes()
            .filter(|change| change.action == ResourceAction::Create)
            .map(|change| change.resource_type.as_str())
            .collect();
        let mut found = self.zones(plan, world, made.contains(&"AWS::CertificateManager::Certificate")).await?;
        if made.is_empty() {
            return Ok(found);
        }
        found.extend(self.quotas(&made).await?);
        found.extend(self.permissions(&made, caller).await?);
        found.extend(self.database_offers(plan).await?);
        Ok(found)
    }

    /// Each domain has a zone, and the world finds it.
    async fn zones(&self, plan: &AccountPlan, world: &World, proves: bool) -> Result<Vec<Fault>, Fault> {
        let mut found = Vec::new();
        for (domain, zone) in &world.zones {
            let at = self.line_of(domain);
            let Some(zone) = zone else {
                let parent = domain.split_once('.').map_or(domain.as_str(), |(_, parent)| parent);
                found.push(
                    Fault::new(
                        FaultKind::NeedsPerson,
                        format!("looking for the hosted zone of {domain}{at}"),
                        format!("the account {} has no public hosted zone for {domain} or one of its parents", plan.account),
                    )
                    .help(format!(
                        "make one (`aws route53 create-hosted-zone --name {parent} --caller-reference 1`) and delegate to it, or \
                         use the account that has it"
                    )),
                );
                continue;
            };
            if !proves {
                continue;
            }
            let delegated = match self.account.delegated_name_servers(&zone.name).await {
                Ok(delegated) => delegated,
                Err(error) => {
                    self.tell(crate::Notice::Remark(format!(
                        "whether {} is delegated could not be asked: {error}",
                        zone.name
                    )));
                    continue;
                }
            };
            if !is_delegated(&zone.name_servers, &delegated) {
                let there = match delegated.as_slice() {
                    [] => "names no server for it".to_owned(),
                    servers => format!("names {}", servers.join(", ")),
                };
                found.push(
                    Fault::new(
                        FaultKind::NeedsPerson,
                        format!("asking who answers for {}{at}", zone.name),
                        format!("its parent {there}, so a certificate for {domain} would wait for ever"),
                    )
                    .help(format!(
                        "write these NS records for {} at its registrar or in its parent zone: {}",
                        zone.name,
                        zone.name_servers.join(", ")
                    )),
                );
            }
        }
        Ok(found)
    }

    fn line_of(&self, domain: &str) -> String {
        let of_domain = self
            .deployment
            .templates
            .stacks
            .iter()
            .flat_map(|stack| &stack.parameters)
            .find(|(_, source)| matches!(source, ParameterSource::HostedZone { domain: other } if other == domain));
        let resource = of_domain.and_then(|(name, _)| {
            let resources = self.deployment.graph.resources.values();
            resources
                .filter(|one| one.layer == Some(Layer::Edge))
                .find(|one| one.properties.mentions().contains(&name.as_str()))
        });
        resource.and_then(|one| one.origin.as_ref()).map_or_else(String::new, |origin| format!(" ({origin})"))
    }

    async fn quotas(&self, made: &[&str]) -> Result<Vec<Fault>, Fault> {
        let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
        for kind in made {
            *wanted.entry(kind).or_default() += 1;
        }
        let mut found = Vec::new();
        for (kind, service, code, name) in QUOTAS {
            let Some(more) = wanted.get(kind).filter(|_| COUNTED.contains(kind)) else { continue };
            let Some(Some(quota)) = unless_denied(self.account.quota(service, code).await)? else { continue };
            let Some(there) = unless_denied(self.account.count(kind).await)? else { continue };
            let after = u32::try_from(there + more).map_or(f64::INFINITY, f64::from);
            if after > quota {
                found.push(
                    Fault::new(
                        FaultKind::NeedsPerson,
                        format!("counting {name}"),
                        format!("the account has {there} and may have {quota}; this needs {more} more"),
                    )
                    .help(format!(
                        "ask for more (`aws service-quotas request-service-quota-increase --service-code {service} --quota-code \
                         {code} --desired-value {after}`), or remove what is no longer used"
                    )),
                );
            }
        }
        Ok(found)
    }

    async fn permissions(&self, made: &[&str], caller: &Identity) -> Result<Vec<Fault>, Fault> {
        let kinds: BTreeSet<&str> = made.iter().copied().collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        let needed = self.types.permissions(&kinds);
        let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
        let denied = match unless_denied(self.account.denied_actions(&caller.arn, &needed).await)?.flatten() {
            None => return Ok(Vec::new()),
            Some(denied) if denied.is_empty() => return Ok(Vec::new()),
            Some(denied) => denied,
        };
        Ok(vec![
            Fault::new(
                FaultKind::Permission,
                format!("asking what {} may do", caller.arn),
                format!("it may not do {}", denied.join(", ")),
            )
            .help("let it do these actions, then run the command again"),
        ])
    }
}

/// Whether the parent names the zone's servers.
pub(crate) fn is_delegated(zone: &[String], parent: &[String]) -> bool {
    let plain = |name: &String| name.trim_end_matches('.').to_ascii_lowercase();
    let parent: BTreeSet<String> = parent.iter().map(plain).collect();
    !parent.is_empty() && zone.iter().map(plain).any(|server| parent.contains(&server))
}

/// A question that the caller may not ask, or that the service does not know, has no answer.
fn unless_denied<T>(answer: Result<T, CallError>) -> Result<Option<T>, Fault> {
    use crate::account::CallErrorKind as K;
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.kind, K::Denied { .. } | K::Refused) => Ok(None),
        Err(error) => Err(error.fault("looking whether anything stands in the way")),
    }
}
