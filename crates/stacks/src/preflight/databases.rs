//! Whether RDS offers what a database is made of: its release, and its class in as many zones as its subnets need.

use super::unless_denied;
use crate::account::DbEngineVersion;
use crate::plan::{AccountPlan, ResourceAction};
use crate::{Account, Session};
use model::cfn::{Kind, Resource};
use model::{Fault, FaultKind};
use std::collections::BTreeSet;

/// In so many zones RDS wants the subnets of every database.
const ZONES: usize = 2;

/// What a server is made of.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Wish<'p> {
    engine: &'p str,
    version: &'p str,
    class: &'p str,
    has_standby: bool,
    authority: Option<&'p str>,
    origin: String,
}

impl<A: Account> Session<'_, A> {
    /// Each server that is to be made can be had in this region.
    pub(super) async fn database_offers(&self, plan: &AccountPlan) -> Result<Vec<Fault>, Fault> {
        let mut found = Vec::new();
        for wish in self.wishes(plan) {
            found.extend(self.refused(&wish).await?);
        }
        Ok(found)
    }

    fn wishes(&self, plan: &AccountPlan) -> BTreeSet<Wish<'_>> {
        let made: BTreeSet<&str> = plan
            .changes()
            .filter(|change| change.action == ResourceAction::Create)
            .map(|change| change.logical_id.as_str())
            .collect();
        let resources = &self.deployment.graph.resources;
        let servers = resources
            .iter()
            .filter(|(id, resource)| resource.kind == "AWS::RDS::DBInstance" && made.contains(id.as_str()));
        let wish = |server: &'_ Resource| {
            // A cluster says the release of its members.
            let cluster = server.properties.get("DBClusterIdentifier").and_then(|value| value.mentions().pop());
            let says_version = cluster.and_then(|id| resources.get(id));
            (says_version.map(|cluster| &cluster.properties), server.origin.as_ref().map(ToString::to_string))
        };
        servers
            .filter_map(|(_, server)| {
                let (cluster, origin) = wish(server);
                Some(Wish {
                    engine: text(server, "Engine")?,
                    version: plain(cluster.unwrap_or(&server.properties).get("EngineVersion"))?,
                    class: text(server, "DBInstanceClass")?,
                    has_standby: text(server, "MultiAZ") == Some("true"),
                    authority: text(server, "CACertificateIdentifier"),
                    origin: origin.map_or_else(String::new, |origin| format!(" ({origin})")),
                })
            })
            .collect()
    }

    /// Why a server cannot be had; none when it can, or when that may not be asked.
    async fn refused(&self, wish: &Wish<'_>) -> Result<Option<Fault>, Fault> {
        let Wish { engine, version, class, has_standby, authority, origin } = wish;
        let region = self.account.region();
        let refusal = |cause: String, help: String| {
            let doing = format!("asking RDS for {engine} {version} on {class}{origin}");
            Ok(Some(Fault::new(FaultKind::NeedsPerson, doing, cause).help(help)))
        };
        let Some(offered) = unless_denied(self.account.db_engine_versions(engine, None).await)? else {
            return Ok(None);
        };
        let of_series = |one: &&DbEngineVersion| {
            one.version.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let Some(newest) = offered.iter().filter(of_series).max_by_key(|one| numbers(&one.version)) else {
            let others: Vec<&str> = offered.iter().map(|one| one.version.as_str()).collect();
            let cause = format!("no release {version} of {engine} is offered in {region}");
            return refusal(cause, format!("set `version` to one that is offered: {}", others.join(", ")));
        };
        // RDS does not tell it of every release.
        let signs =
            |authority: &&str| newest.authorities.is_empty() || newest.authorities.iter().any(|one| one == authority);
        if let Some(authority) = authority.filter(|authority| !signs(authority)) {
            let cause = format!("{authority} signs no certificate of {engine} {} in {region}", newest.version);
            return refusal(cause, format!("set another `region`; here there are {}", newest.authorities.join(", ")));
        }
        let Some(offers) = unless_denied(self.account.db_offers(engine, &newest.version, class).await)? else {
            return Ok(None);
        };
        let zones: BTreeSet<&String> = offers.iter().flat_map(|offer| &offer.zones).collect();
        let help = || "set another `size`, or another `region`".to_owned();
        if zones.len() < ZONES {
            let count = zones.len();
            let cause = format!(
                "{class} is offered for {} in {count} zones of {region}, and {ZONES} are needed",
                newest.version
            );
            return refusal(cause, help());
        }
        if *has_standby && !offers.iter().any(|offer| offer.multi_az) {
            return refusal(
                format!("{class} is not offered with a standby in {region}"),
                "set another `size`, `zones: 1`, or another `region`".to_owned(),
            );
        }
        Ok(None)
    }
}

fn text<'r>(resource: &'r Resource, property: &str) -> Option<&'r str> {
    plain(resource.properties.get(property))
}

fn plain(value: Option<&model::cfn::Value>) -> Option<&str> {
    match &value?.kind {
        Kind::Text(text) => Some(text),
        _ => None,
    }
}

/// The numbers of a release, by which a later one is greater.
fn numbers(version: &str) -> Vec<u32> {
    version.split(|sign: char| !sign.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}
