//! Hosts of a group: how they start, tell that they did, and make room for others.

use super::machine::{Boot, Machine};
use super::stack::Wanted;
use super::thing::{Content, Maker};
use serde_json::Value as Json;

impl Machine {
    /// New hosts in place of the old ones; how long that takes and why it fails.
    pub(super) fn roll(&mut self, group: u64, properties: &Json, wanted: &Wanted, id: &str) -> (u64, Option<String>) {
        let old: Vec<u64> = self.hosts_of(group);
        let before = self.things.get(&group).map(|thing| thing.properties.clone());
        if let Some(thing) = self.things.get_mut(&group) {
            thing.properties = properties.clone();
        }
        let (wait, fails) = self.launch(group, properties, &wanted.template.graph.resources[id], "UpdatePolicy");
        if fails.is_some() {
            // The old hosts stay; those that failed are ended.
            let failed: Vec<u64> = self.hosts_of(group).into_iter().filter(|host| !old.contains(host)).collect();
            failed.into_iter().for_each(|host| self.remove(host));
            if let (Some(thing), Some(before)) = (self.things.get_mut(&group), before) {
                thing.properties = before;
            }
        } else {
            old.into_iter().for_each(|host| self.remove(host));
        }
        (wait, fails)
    }

    fn hosts_of(&self, group: u64) -> Vec<u64> {
        let is_host = |it: &&super::Thing| it.kind == "AWS::EC2::Instance" && it.maker == Maker::Thing(group);
        self.things.values().filter(is_host).map(|it| it.serial).collect()
    }

    /// A group that has no hosts gets its number again.
    pub(super) fn heal(&mut self, group: u64) {
        let Some(properties) = self.things.get(&group).map(|thing| thing.properties.clone()) else { return };
        let wanted = number(&properties, "DesiredCapacity").or_else(|| number(&properties, "MinSize")).unwrap_or(1);
        let there = u64::try_from(self.hosts_of(group).len()).unwrap_or(0);
        for index in there..wanted {
            self.add_host(group, &properties, index, true);
        }
    }

    /// The hosts of a group start. How long that takes beyond the group itself, and why it fails.
    pub(super) fn launch(
        &mut self,
        group: u64,
        properties: &Json,
        resource: &model::cfn::Resource,
        policy: &str,
    ) -> (u64, Option<String>) {
        const BOOT: u64 = 120_000;
        let count = number(properties, "DesiredCapacity").or_else(|| number(properties, "MinSize")).unwrap_or(1);
        let said = resource.attributes.get(policy);
        let signal = said.and_then(|said| said.get("ResourceSignal").or_else(|| said.get("AutoScalingRollingUpdate")));
        let text = |key: &str| match signal.and_then(|it| it.get(key)).map(|it| &it.kind) {
            Some(model::cfn::Kind::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let waits =
            policy == "CreationPolicy" && signal.is_some() || text("WaitOnResourceSignals").as_deref() == Some("true");
        let time_out = text("Timeout").or_else(|| text("PauseTime")).map_or(5 * 60_000, |text| duration(&text));
        let boot = self.boot;
        for index in 0..count {
            self.add_host(group, properties, index, boot == Boot::Ready);
        }
        let rounds = if policy == "UpdatePolicy" { count.max(1) } else { 1 };
        match boot {
            _ if !waits || count == 0 => (0, None),
            Boot::Ready => (BOOT * rounds, None),
            Boot::Fails if policy == "CreationPolicy" => (
                BOOT,
                Some(format!("Received {count} FAILURE signal(s) out of {count}.  Unable to satisfy 100% MinSuccessfulInstancesPercent requirement")),
            ),
            Boot::Fails => (
                BOOT,
                Some("Received 1 FAILURE signal(s) out of 1.  Unable to satisfy 100% MinSuccessfulInstancesPercent requirement".to_owned()),
            ),
            Boot::Silent => (
                time_out,
                Some(format!("Failed to receive {count} resource signal(s) within the specified duration")),
            ),
        }
    }

    fn add_host(&mut self, group: u64, properties: &Json, index: u64, is_healthy: bool) {
        let subnets = properties.get("VPCZoneIdentifier").and_then(Json::as_array).cloned().unwrap_or_default();
        let subnet = usize::try_from(index).ok().and_then(|index| subnets.get(index % subnets.len().max(1))).cloned();
        let template = properties.get("LaunchTemplate").and_then(|it| it.get("LaunchTemplateId")).cloned();
        let data =
            self.things.values().find(|it| Some(it.physical_id.as_str()) == template.as_ref().and_then(Json::as_str));
        let data = data.and_then(|it| it.properties.get("LaunchTemplateData")).cloned().unwrap_or_default();
        let groups = data.get("SecurityGroupIds").cloned().unwrap_or_default();
        let mut tags = self.things.get(&group).map(|thing| thing.tags.clone()).unwrap_or_default();
        if let Some(thing) = self.things.get(&group) {
            tags.insert("aws:autoscaling:groupName".to_owned(), thing.physical_id.clone());
        }
        let console = if is_healthy { "landfall: ready" } else { "landfall: set-up failed: pip install exited with 1" };
        let host = self.add_below(
            group,
            "AWS::EC2::Instance",
            serde_json::json!({ "SubnetId": subnet, "ImageId": data.get("ImageId") }),
            tags,
            Content::Host {
                lifecycle: "InService".to_owned(),
                is_healthy,
                console: format!("cloud-init: started\n{console}\n"),
            },
        );
        let properties = serde_json::json!({ "SubnetId": subnet, "GroupSet": groups });
        self.add_below(host, "AWS::EC2::NetworkInterface", properties, Default::default(), Content::None);
    }
}

fn number(properties: &Json, key: &str) -> Option<u64> {
    super::evaluate::as_text(properties.get(key)?).parse().ok()
}

/// Milliseconds of an ISO 8601 duration such as `PT1H16M30S`.
fn duration(text: &str) -> u64 {
    let mut total = 0;
    let mut digits = 0;
    for letter in text.trim_start_matches("PT").chars() {
        match letter.to_digit(10) {
            Some(digit) => digits = digits * 10 + u64::from(digit),
            None => {
                total += digits
                    * match letter {
                        'H' => 3_600_000,
                        'M' => 60_000,
                        _ => 1000,
                    };
                digits = 0;
            }
        }
    }
    total
}
