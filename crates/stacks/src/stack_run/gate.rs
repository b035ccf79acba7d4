//! A certificate waits until the world can see a record: which, and whether it ever will.

use super::StackRun;
use crate::account::{CertificateStatus, Stack};
use crate::{Account, Notice};
use indexmap::IndexMap;
use tokio::time::Instant;

impl<A: Account> StackRun<'_, '_, A> {
    /// Shows the records of certificates that are being made, each once. What cannot be asked is not shown; nothing fails here.
    pub(super) async fn show_gates(
        &self,
        stack: &Stack,
        shown: &mut Vec<String>,
        resources: &IndexMap<String, (String, Instant)>,
    ) {
        let graph = &self.session.deployment.graph;
        let waiting: Vec<&String> = resources
            .iter()
            .filter(|(id, (status, _))| {
                status.ends_with("_IN_PROGRESS")
                    && !shown.contains(id)
                    && graph.resources.get(*id).is_some_and(|one| one.kind == "AWS::CertificateManager::Certificate")
            })
            .map(|(id, _)| id)
            .collect();
        if waiting.is_empty() {
            return;
        }
        let Ok(made) = self.session.account.resources(&stack.id).await else { return };
        for id in waiting {
            let Some(arn) = made.iter().find(|one| one.logical_id == *id).and_then(|one| one.physical_id.as_deref())
            else {
                continue;
            };
            let Ok(Some(certificate)) = self.session.account.certificate(arn).await else { continue };
            if certificate.status == CertificateStatus::Pending && certificate.records.is_empty() {
                continue;
            }
            shown.push(id.clone());
            let Some(first) = certificate.records.first().filter(|_| certificate.status == CertificateStatus::Pending)
            else {
                continue;
            };
            let domain = first.domain.clone();
            let zone = self.session.account.hosted_zones(&domain).await.ok().and_then(|zones| zones.into_iter().next());
            let (zone_name, zone_servers) = zone.map(|zone| (zone.name, zone.name_servers)).unwrap_or_default();
            let delegated = match zone_name.is_empty() {
                true => Vec::new(),
                false => self.session.account.delegated_name_servers(&zone_name).await.unwrap_or_default(),
            };
            let advice = if crate::preflight::is_delegated(&zone_servers, &delegated) {
                "CloudFormation writes the record; AWS sees it within minutes. Nothing is to be done".to_owned()
            } else {
                format!(
                    "the parent of {zone_name} does not name the zone's servers, so nobody can see the record: write these \
                     NS records for {zone_name} at its registrar or in its parent zone: {}",
                    zone_servers.join(", ")
                )
            };
            self.session.tell(Notice::Gate {
                stack: stack.name.clone(),
                domain,
                records: certificate.records.clone(),
                zone_name_servers: zone_servers,
                delegated_name_servers: delegated,
                advice,
            });
        }
    }
}
