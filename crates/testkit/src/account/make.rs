//! How a thing comes into the account.

use super::catalogue::{self, Place};
use super::evaluate::as_text;
use super::machine::Machine;
use super::thing::{Content, Maker, Thing};
use model::Secret;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

impl Machine {
    /// Makes the thing of a resource. How much longer than usual it takes, and why it will fail.
    pub(super) fn make(
        &mut self,
        at: usize,
        id: &str,
        kind: &str,
        properties: &Json,
    ) -> Result<(u64, Option<String>), String> {
        if let Some(reason) = self.dangling(properties) {
            return Err(reason);
        }
        if let Some((keys, reason)) = catalogue::unique(kind) {
            let own: Vec<Option<String>> = keys.iter().map(|key| properties.get(*key).map(as_text)).collect();
            let taken = self
                .things
                .values()
                .any(|thing| thing.kind == kind && keys.iter().zip(&own).all(|(key, own)| thing.property(key) == *own));
            if taken {
                return Err(reason.to_owned());
            }
        }
        let Some(wanted) = self.stacks[at].wanted.clone() else { return Ok((0, None)) };
        let serial = self.next();
        let stack = &self.stacks[at];
        let place = Place { account: &self.account, region: &self.region, stack: &stack.name, logical_id: id, serial };
        let (physical_id, attributes) = catalogue::identity(kind, properties, &place);
        let maker = Maker::Stack { stack: stack.id.clone(), logical_id: id.to_owned() };
        let tags = self.tags_of(at, id, kind, properties, &wanted.tags);
        let content = match kind {
            "AWS::SecretsManager::Secret" => Content::Secret(self.drawn(serial, properties).into_iter().collect()),
            "AWS::S3::Bucket" => Content::Bucket(BTreeMap::new()),
            "AWS::Logs::LogGroup" => Content::Log(BTreeMap::new()),
            _ => Content::None,
        };
        *self.made.entry((stack_name(&self.stacks[at]), id.to_owned())).or_default() += 1;
        self.gone.remove(&physical_id);
        self.things.insert(
            serial,
            Thing {
                serial,
                kind: kind.to_owned(),
                physical_id: physical_id.clone(),
                properties: properties.clone(),
                attributes,
                tags,
                maker,
                is_retained: false,
                content,
            },
        );
        if let Some(record) = self.stacks[at].records.get_mut(id) {
            record.thing = Some(serial);
            record.physical_id = Some(physical_id);
        }
        let interfaces = |subnets: &str, groups: &str| {
            let subnets = match properties.get(subnets) {
                Some(Json::Array(items)) => items.clone(),
                Some(other) => vec![other.clone()],
                None => Vec::new(),
            };
            let groups = properties.get(groups).cloned().unwrap_or_default();
            subnets.into_iter().map(|subnet| json!({ "SubnetId": subnet, "GroupSet": groups })).collect::<Vec<_>>()
        };
        let below = match kind {
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => interfaces("Subnets", "SecurityGroups"),
            "AWS::EC2::VPCEndpoint" => interfaces("SubnetIds", "SecurityGroupIds"),
            "AWS::EC2::NatGateway" => interfaces("SubnetId", "SecurityGroupIds"),
            _ => Vec::new(),
        };
        for properties in below {
            self.add_below(serial, "AWS::EC2::NetworkInterface", properties, BTreeMap::new(), Content::None);
        }
        if properties.get("ManageMasterUserPassword").is_some_and(|said| as_text(said) == "true") {
            self.keep_secret(serial, None);
        }
        if kind == "AWS::AutoScaling::AutoScalingGroup" {
            return Ok(self.launch(serial, properties, &wanted.template.graph.resources[id], "CreationPolicy"));
        }
        Ok((0, None))
    }

    /// Something that another thing makes. Returns its number.
    pub(super) fn add_below(
        &mut self,
        parent: u64,
        kind: &str,
        properties: Json,
        tags: BTreeMap<String, String>,
        content: Content,
    ) -> u64 {
        let serial = self.next();
        let place = Place { account: &self.account, region: &self.region, stack: "", logical_id: kind, serial };
        let (physical_id, attributes) = catalogue::identity(kind, &properties, &place);
        let thing = Thing {
            serial,
            kind: kind.to_owned(),
            physical_id,
            properties,
            attributes,
            tags,
            maker: Maker::Thing(parent),
            is_retained: false,
            content,
        };
        self.things.insert(serial, thing);
        serial
    }

    /// Why properties cannot be right: they name something that is no longer there.
    pub(super) fn dangling(&self, properties: &Json) -> Option<String> {
        match properties {
            Json::String(text) => self.gone.contains(text).then(|| {
                format!(
                    "Resource handler returned message: \"The ID '{text}' does not exist\" (HandlerErrorCode: NotFound)"
                )
            }),
            Json::Array(items) => items.iter().find_map(|item| self.dangling(item)),
            Json::Object(entries) => entries.values().find_map(|value| self.dangling(value)),
            _ => None,
        }
    }

    /// The first value of a secret that CloudFormation draws.
    fn drawn(&mut self, serial: u64, properties: &Json) -> Option<(String, Secret)> {
        if let Some(given) = properties.get("SecretString").map(as_text) {
            return Some((format!("first-{serial}"), Secret::new(given)));
        }
        let how = properties.get("GenerateSecretString")?;
        let length = how.get("PasswordLength").and_then(|it| as_text(it).parse::<usize>().ok()).unwrap_or(32);
        let excluded = how.get("ExcludeCharacters").map(as_text).unwrap_or_default();
        let alphabet: Vec<char> = (33_u8..127).map(char::from).filter(|it| !excluded.contains(*it)).collect();
        // A linear congruential generator (Knuth's constants): not random, but another value for each secret.
        let mut state = serial.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value: String = (0..length)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                alphabet[usize::try_from(state >> 33).unwrap_or(0) % alphabet.len()]
            })
            .collect();
        let value = Secret::new(value);
        self.secrets_drawn.push(value.clone());
        Some((format!("first-{serial}"), value))
    }
}

fn stack_name(stack: &super::stack::StackRecord) -> String {
    stack.name.clone()
}
