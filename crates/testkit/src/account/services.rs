//! What the services beside CloudFormation answer: secrets, the register, names, hosts, logs, buckets.

use super::catalogue;
use super::machine::Machine;
use super::requests::refusal;
use super::thing::{Content, Maker, Thing};
use model::Secret;
use stacks::account::{
    CallErrorKind, Called, Certificate, CertificateStatus, ConsoleOutput, Entry, Host, HostedZone, LogTail,
    SecretState, SecretVersion, TaggedResource, ValidationRecord,
};

/// The record by which a certificate is proved.
pub(super) fn validation_record(domain: &str, serial: u64) -> ValidationRecord {
    ValidationRecord {
        domain: domain.to_owned(),
        name: format!("_{serial:032x}.{domain}."),
        kind: "CNAME".to_owned(),
        value: format!("_{:032x}.acm-validations.aws.", serial + 7),
    }
}

impl Machine {
    fn of(&self, kind: &str, id: &str) -> Option<&Thing> {
        self.things.values().find(|thing| {
            thing.kind == kind
                && (thing.physical_id == id
                    || thing.attributes.values().any(|value| value.as_str() == Some(id))
                    || (kind == "AWS::SecretsManager::Secret" && secret_name(&thing.physical_id) == id))
        })
    }

    fn of_mut(&mut self, kind: &str, id: &str) -> Option<&mut Thing> {
        let serial = self.of(kind, id)?.serial;
        self.things.get_mut(&serial)
    }

    pub(super) fn secret(&self, id: &str) -> Option<SecretState> {
        let thing = self.of("AWS::SecretsManager::Secret", id)?;
        Some(SecretState {
            arn: thing.physical_id.clone(),
            tags: thing.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            is_deleted: false,
        })
    }

    pub(super) fn secret_value(&self, id: &str) -> Option<SecretVersion> {
        let Content::Secret(versions) = &self.of("AWS::SecretsManager::Secret", id)?.content else { return None };
        let (version, value) = versions.last()?;
        Some(SecretVersion { version: version.clone(), value: value.clone() })
    }

    pub(super) fn put_secret_value(&mut self, id: &str, value: &Secret, token: &str) -> Called<()> {
        const OPERATION: &str = "secretsmanager:PutSecretValue";
        let Some(thing) = self.of_mut("AWS::SecretsManager::Secret", id) else {
            let words = "Secrets Manager can't find the specified secret.";
            return Err(refusal(OPERATION, CallErrorKind::Refused, "ResourceNotFoundException", words));
        };
        let Content::Secret(versions) = &mut thing.content else { return Ok(()) };
        if let Some((_, known)) = versions.iter().find(|(version, _)| version == token) {
            if known == value {
                return Ok(());
            }
            let words = "A resource with the ID you requested already exists.";
            return Err(refusal(OPERATION, CallErrorKind::Exists, "ResourceExistsException", words));
        }
        versions.push((token.to_owned(), value.clone()));
        self.secrets_drawn.push(value.clone());
        Ok(())
    }

    pub(super) fn tag_secret(&mut self, id: &str, tags: &[(String, String)]) -> Called<()> {
        let Some(thing) = self.of_mut("AWS::SecretsManager::Secret", id) else {
            let words = "Secrets Manager can't find the specified secret.";
            return Err(refusal(
                "secretsmanager:TagResource",
                CallErrorKind::Refused,
                "ResourceNotFoundException",
                words,
            ));
        };
        thing.tags.extend(tags.iter().cloned());
        Ok(())
    }

    /// Removes a thing by its type and id; one that is not there is gone already.
    pub(super) fn delete(&mut self, kind: &str, id: &str) {
        if let Some(serial) = self.of(kind, id).map(|thing| thing.serial) {
            self.remove(serial);
        }
    }

    pub(super) fn put_entry(&mut self, name: &str, value: &str, only_new: bool) -> Called<i64> {
        match self.entries.get_mut(name) {
            Some(_) if only_new => Err(refusal(
                "ssm:PutParameter",
                CallErrorKind::Exists,
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
            )),
            Some(entry) => {
                value.clone_into(&mut entry.value);
                entry.version += 1;
                Ok(entry.version)
            }
            None => {
                self.entries.insert(name.to_owned(), Entry { value: value.to_owned(), version: 1 });
                Ok(1)
            }
        }
    }

    pub(super) fn hosted_zones(&self, domain: &str) -> Vec<HostedZone> {
        let holds = |name: &str| domain == name || domain.ends_with(&format!(".{name}"));
        let mut zones: Vec<HostedZone> =
            self.zones.iter().filter(|zone| holds(&zone.hosted.name)).map(|zone| zone.hosted.clone()).collect();
        zones.sort_by_key(|zone| std::cmp::Reverse(zone.name.len()));
        zones
    }

    pub(super) fn delegated(&self, domain: &str) -> Vec<String> {
        let zone = self.zones.iter().find(|zone| zone.hosted.name == domain);
        zone.map(|zone| zone.delegated.clone()).unwrap_or_default()
    }

    pub(super) fn certificate(&self, arn: &str) -> Option<Certificate> {
        let thing = self.of("AWS::CertificateManager::Certificate", arn)?;
        let is_made = self.stacks.iter().flat_map(|stack| stack.records.values()).any(|record| {
            record.thing == Some(thing.serial)
                && (record.status.ends_with("_COMPLETE") || record.status.starts_with("UPDATE"))
        });
        let names = std::iter::once(thing.property("DomainName").unwrap_or_default()).chain(
            thing
                .properties
                .get("SubjectAlternativeNames")
                .and_then(serde_json::Value::as_array)
                .into_iter()
                .flatten()
                .map(super::evaluate::as_text),
        );
        Some(Certificate {
            arn: thing.physical_id.clone(),
            status: if is_made { CertificateStatus::Issued } else { CertificateStatus::Pending },
            records: names.map(|name| validation_record(&name, thing.serial)).collect(),
            failure: None,
        })
    }

    pub(super) fn hosts(&self, group: &str) -> Vec<Host> {
        let Some(group) = self.of("AWS::AutoScaling::AutoScalingGroup", group) else { return Vec::new() };
        let of = |thing: &Thing| match &thing.content {
            Content::Host { lifecycle, is_healthy, .. } if thing.maker == Maker::Thing(group.serial) => Some(Host {
                instance: thing.physical_id.clone(),
                lifecycle: lifecycle.clone(),
                is_healthy: *is_healthy,
            }),
            _ => None,
        };
        self.things.values().filter_map(of).collect()
    }

    pub(super) fn console_output(&self, instance: &str) -> Option<ConsoleOutput> {
        match &self.of("AWS::EC2::Instance", instance)?.content {
            Content::Host { console, .. } => {
                Some(ConsoleOutput { at: Some(super::time(self.now)), text: console.clone() })
            }
            _ => None,
        }
    }

    pub(super) fn log_tail(&self, group: &str, prefix: &str, lines: usize) -> Option<LogTail> {
        let Content::Log(streams) = &self.of("AWS::Logs::LogGroup", group)?.content else { return None };
        let (stream, all) = streams.iter().rev().find(|(name, _)| name.starts_with(prefix))?;
        Some(LogTail { stream: stream.clone(), lines: all[all.len().saturating_sub(lines)..].to_vec() })
    }

    /// A program writes a line into a log.
    pub fn write_log(&mut self, group: &str, stream: &str, line: &str) {
        if let Some(Thing { content: Content::Log(streams), .. }) = self.of_mut("AWS::Logs::LogGroup", group) {
            streams.entry(stream.to_owned()).or_default().push(line.to_owned());
        }
    }

    pub(super) fn tagged(&self, key: &str, value: &str) -> Vec<TaggedResource> {
        let carries = |thing: &&Thing| thing.tags.get(key).is_some_and(|it| it == value);
        let arn = |thing: &Thing| {
            catalogue::tagged_arn(&thing.kind, &thing.physical_id, &thing.attributes, &self.account, &self.region)
        };
        let mut found: Vec<TaggedResource> =
            self.things.values().filter(carries).filter_map(arn).map(|arn| TaggedResource { arn }).collect();
        found.sort();
        found
    }

    fn bucket(
        &mut self,
        operation: &str,
        name: &str,
    ) -> Called<&mut std::collections::BTreeMap<String, (usize, usize)>> {
        match self.of_mut("AWS::S3::Bucket", name) {
            Some(Thing { content: Content::Bucket(objects), .. }) => Ok(objects),
            _ => Err(refusal(operation, CallErrorKind::Refused, "NoSuchBucket", "The specified bucket does not exist")),
        }
    }

    pub(super) fn object_count(&self, bucket: &str) -> Option<usize> {
        match &self.of("AWS::S3::Bucket", bucket)?.content {
            Content::Bucket(objects) => Some(objects.values().map(|(versions, _)| versions).sum::<usize>().min(1000)),
            _ => None,
        }
    }

    pub(super) fn empty_bucket(&mut self, bucket: &str) -> Called<usize> {
        let Ok(objects) = self.bucket("s3:DeleteObject", bucket) else { return Ok(0) };
        let mut removed = 0;
        while let Some(mut first) = objects.first_entry() {
            if removed + first.get().0 > 1000 {
                first.get_mut().0 -= 1000 - removed;
                return Ok(1000);
            }
            removed += first.get().0;
            first.remove();
        }
        Ok(removed)
    }

    pub(super) fn delete_bucket(&mut self, bucket: &str) -> Called<()> {
        match self.object_count(bucket) {
            None => Ok(()),
            Some(0) => {
                self.delete("AWS::S3::Bucket", bucket);
                Ok(())
            }
            Some(_) => Err(refusal(
                "s3:DeleteBucket",
                CallErrorKind::WrongState,
                "BucketNotEmpty",
                "The bucket you tried to delete is not empty",
            )),
        }
    }

    /// Writes an object; one of that name and length is left as it is.
    pub fn put_object(&mut self, bucket: &str, key: &str, length: usize) -> Called<()> {
        let objects = self.bucket("s3:PutObject", bucket)?;
        let (versions, known) = objects.entry(key.to_owned()).or_insert((0, usize::MAX));
        if *known != length {
            *versions += 1;
            *known = length;
        }
        Ok(())
    }

    pub(super) fn network_interfaces(&self, place: &str) -> Vec<String> {
        let interfaces = self.things.values().filter(|thing| thing.kind == "AWS::EC2::NetworkInterface");
        let here = interfaces.filter(|thing| thing.mentions("SubnetId", place) || thing.mentions("GroupSet", place));
        here.map(|thing| thing.physical_id.clone()).collect()
    }

    pub(super) fn delete_network_interface(&mut self, id: &str) -> Called<()> {
        let is_used = self
            .of("AWS::EC2::NetworkInterface", id)
            .is_some_and(|thing| matches!(&thing.maker, Maker::Thing(parent) if self.things.contains_key(parent)));
        if is_used {
            let words = format!("Network interface '{id}' is currently in use.");
            return Err(refusal(
                "ec2:DeleteNetworkInterface",
                CallErrorKind::WrongState,
                "InvalidParameterValue",
                words,
            ));
        }
        self.delete("AWS::EC2::NetworkInterface", id);
        Ok(())
    }

    pub(super) fn unprotect(&mut self, kind: &str, id: &str) -> Called<()> {
        let Some(thing) = self.of_mut(kind, id) else { return Ok(()) };
        let attributes = thing.properties.get_mut("LoadBalancerAttributes");
        for attribute in attributes.and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
            if attribute.get("Key").and_then(serde_json::Value::as_str) == Some("deletion_protection.enabled") {
                attribute["Value"] = "false".into();
            }
        }
        Ok(())
    }

    pub(super) fn schedule_key_deletion(&mut self, key: &str) -> Called<u32> {
        const DAYS: u32 = 7;
        if let Some(thing) = self.of_mut("AWS::KMS::Key", key) {
            thing.properties["KeyState"] = "PendingDeletion".into();
        }
        Ok(DAYS)
    }

    pub(super) fn count(&self, kind: &str) -> usize {
        self.things.values().filter(|thing| thing.kind == kind).count()
    }

    pub(super) fn existing_ids(&self, ids: &[String]) -> Vec<String> {
        let exists = |id: &&String| self.things.values().any(|thing| thing.physical_id == **id);
        ids.iter().filter(exists).cloned().collect()
    }
}

/// A secret's name, from its ARN.
fn secret_name(arn: &str) -> &str {
    let name = arn.rsplit(':').next().unwrap_or_default();
    name.rsplit_once('-').map_or(name, |(name, _)| name)
}
