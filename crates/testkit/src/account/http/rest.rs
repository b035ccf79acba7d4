//! Services that speak in paths: names and buckets.

use super::super::FakeAccount;
use super::super::requests::refusal;
use super::super::thing::Content;
use super::xml::{element, text};
use super::{Answer, Asked, unknown};
use hyper::Method;
use stacks::account::{Account as _, CallErrorKind};

pub(super) async fn answer(account: &FakeAccount, asked: &Asked) -> Answer {
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    let whole = |body: String| Ok((200, "text/xml", format!("<?xml version=\"1.0\"?>{body}")));
    match (asked.service.as_str(), &asked.method, path.as_slice()) {
        ("route53", &Method::GET, [_, "hostedzone"]) => {
            // Asking for no domain counts the call; the zones themselves are looked up.
            account.hosted_zones("").await?;
            let zones = account.with(|machine| machine.zones.clone());
            let zone = |zone: &super::super::Zone| {
                let id = text("Id", &format!("/hostedzone/{}", zone.hosted.id));
                let config = element("Config", &text("PrivateZone", "false"));
                element("HostedZone", &(id + &text("Name", &format!("{}.", zone.hosted.name)) + &config))
            };
            let zones: String = zones.iter().map(zone).collect();
            whole(element("ListHostedZonesResponse", &(element("HostedZones", &zones) + &text("IsTruncated", "false"))))
        }
        ("route53", &Method::GET, [_, "hostedzone", id]) => {
            let found = account.with(|machine| machine.zones.iter().find(|zone| zone.hosted.id == *id).cloned());
            let Some(zone) = found else {
                let words = format!("No hosted zone found with ID: {id}");
                return Err(refusal("route53:GetHostedZone", CallErrorKind::Refused, "NoSuchHostedZone", words));
            };
            let servers: String = zone.hosted.name_servers.iter().map(|server| text("NameServer", server)).collect();
            let inside = element("HostedZone", &text("Id", &format!("/hostedzone/{id}")))
                + &element("DelegationSet", &element("NameServers", &servers));
            whole(element("GetHostedZoneResponse", &inside))
        }
        ("s3", &Method::GET, [bucket]) => {
            let none = || {
                refusal(
                    "s3:ListBucketVersions",
                    CallErrorKind::Refused,
                    "NoSuchBucket",
                    "The specified bucket does not exist",
                )
            };
            account.object_count(bucket).await?.ok_or_else(none)?;
            let objects = account.with(|machine| {
                machine.things().find(|thing| thing.physical_id == *bucket).map(|thing| thing.content.clone())
            });
            let Some(Content::Bucket(objects)) = objects else { return Err(none()) };
            let version = |(key, (count, _)): (&String, &(usize, usize))| {
                (0..*count)
                    .map(|index| element("Version", &(text("Key", key) + &text("VersionId", &format!("v{index}")))))
                    .collect::<String>()
            };
            whole(element("ListVersionsResult", &objects.iter().map(version).collect::<String>()))
        }
        ("s3", &Method::POST, [bucket]) if asked.query.contains_key("delete") => {
            account.empty_bucket(bucket).await?;
            whole("<DeleteResult/>".to_owned())
        }
        ("s3", &Method::DELETE, [bucket]) => {
            account.delete_bucket(bucket).await?;
            Ok((204, "text/xml", String::new()))
        }
        ("s3", &Method::PUT, [bucket, key @ ..]) => {
            account.put_object(bucket, &key.join("/"), &asked.body).await?;
            whole(String::new())
        }
        ("s3", &Method::HEAD, _) => Ok((404, "text/xml", String::new())),
        (service, method, _) => Err(unknown(service, method.as_str())),
    }
}
