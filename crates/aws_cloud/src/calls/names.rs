//! Zones and certificates.

use super::{absent, code_is, list, maybe_text, text};
use crate::client::Client;
use crate::request::Request;
use crate::service::Service::{Certificates, Route53};
use serde_json::json;
use stacks::account::{Called, Certificate, CertificateStatus, HostedZone, ValidationRecord};

const API: &str = "2013-04-01";

pub(crate) async fn hosted_zones(client: &Client, domain: &str) -> Called<Vec<HostedZone>> {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let query: Vec<(&str, &str)> = marker.as_deref().map(|marker| ("marker", marker)).into_iter().collect();
        let request = Request::rest("GET", &[API, "hostedzone"], &query);
        let answer = client.rest(Route53, "ListHostedZones", request).await?;
        for zone in answer.list("HostedZones") {
            let name = zone.word("Name").trim_end_matches('.').to_ascii_lowercase();
            let is_private = zone.child("Config").and_then(|c| c.text_of("PrivateZone")) == Some("true");
            if !is_private && (domain == name || domain.ends_with(&format!(".{name}"))) {
                found.push((name, zone.word("Id").trim_start_matches("/hostedzone/").to_owned()));
            }
        }
        marker = answer.value("NextMarker");
        if answer.text_of("IsTruncated") != Some("true") || marker.is_none() {
            break;
        }
    }
    found.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut zones = Vec::new();
    for (name, id) in found {
        let request = Request::rest("GET", &[API, "hostedzone", &id], &[]);
        let called = client.rest(Route53, "GetHostedZone", request).await;
        // A zone that went away meanwhile is none.
        let Some(answer) = absent(called, code_is(&["NoSuchHostedZone"]))? else { continue };
        let servers = answer.child("DelegationSet").map_or(&[][..], |set| set.list("NameServers"));
        let name_servers = servers.iter().map(|server| server.text.trim_end_matches('.').to_ascii_lowercase());
        zones.push(HostedZone { id, name, name_servers: name_servers.collect() });
    }
    Ok(zones)
}

pub(crate) async fn certificate(client: &Client, arn: &str) -> Called<Option<Certificate>> {
    let called = client.json(Certificates, "DescribeCertificate", json!({ "CertificateArn": arn })).await;
    let Some(answer) = absent(called, code_is(&["ResourceNotFoundException"]))? else { return Ok(None) };
    let certificate = &answer["Certificate"];
    let status = match text(certificate, "Status").as_str() {
        "ISSUED" => CertificateStatus::Issued,
        "PENDING_VALIDATION" => CertificateStatus::Pending,
        _ => CertificateStatus::Failed,
    };
    let records = list(certificate, "DomainValidationOptions").iter().filter_map(|option| {
        let record = option.get("ResourceRecord")?;
        Some(ValidationRecord {
            domain: text(option, "DomainName"),
            name: text(record, "Name"),
            kind: text(record, "Type"),
            value: text(record, "Value"),
        })
    });
    let failure = maybe_text(certificate, "FailureReason")
        .or_else(|| (status == CertificateStatus::Failed).then(|| text(certificate, "Status")));
    Ok(Some(Certificate { arn: text(certificate, "CertificateArn"), status, records: records.collect(), failure }))
}
