//! What is kept of a failure before a rollback removes it.

use crate::account::{LogTail, StackEvent, StackResource};
use crate::causes::{Cause, causes, last_operation};
use crate::{Account, Session};
use serde::{Deserialize, Serialize};

/// How many lines of a log are kept.
const LINES: usize = 200;
/// How many hosts of a group are asked.
const HOSTS: usize = 4;

/// What is kept of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The stack's name.
    pub stack: String,
    /// Its id, by which AWS still knows it when it is deleted.
    pub stack_id: String,
    /// Its state when the evidence was taken.
    pub status: String,
    /// When it was taken.
    pub at: String,
    /// Why it failed.
    pub causes: Vec<Cause>,
    /// What happened, oldest first.
    pub events: Vec<EvidenceEvent>,
    /// What hosts wrote.
    pub hosts: Vec<HostEvidence>,
    /// What could not be had, in words.
    pub missing: Vec<String>,
}

/// An event of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceEvent {
    /// When.
    pub at: String,
    /// Which resource.
    pub logical_id: String,
    /// Its type.
    pub resource_type: String,
    /// Its state.
    pub status: String,
    /// AWS's words.
    pub reason: Option<String>,
    /// Its id in AWS.
    pub physical_id: Option<String>,
}

/// What a host wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEvidence {
    /// The Auto Scaling group's logical id, or the log group's.
    pub of: String,
    /// The instance or the log's stream.
    pub name: String,
    /// Its console, or the log's last lines.
    pub lines: Vec<String>,
}

impl<A: Account> Session<'_, A> {
    /// Takes the evidence of a stack that failed. What cannot be had is named in it; nothing stops because of it.
    pub(crate) async fn evidence(&self, name: &str, id: &str, status: &str) -> Evidence {
        let mut missing = Vec::new();
        let events = self.account.events(id, None).await.unwrap_or_else(|error| {
            missing.push(format!("the events: {error}"));
            Vec::new()
        });
        let operation = last_operation(&events);
        let resources = self.account.resources(id).await.unwrap_or_else(|error| {
            missing.push(format!("the resources: {error}"));
            Vec::new()
        });
        let hosts = self.host_evidence(&resources, &mut missing).await;
        Evidence {
            stack: name.to_owned(),
            stack_id: id.to_owned(),
            status: status.to_owned(),
            at: self.clock.now(),
            causes: causes(self.deployment, &operation),
            events: operation.into_iter().map(EvidenceEvent::of).collect(),
            hosts,
            missing,
        }
    }

    async fn host_evidence(&self, resources: &[StackResource], missing: &mut Vec<String>) -> Vec<HostEvidence> {
        let mut found = Vec::new();
        let of_type = |kind: &'static str| {
            resources
                .iter()
                .filter(move |resource| resource.resource_type == kind)
                .filter_map(|resource| Some((resource.logical_id.as_str(), resource.physical_id.as_deref()?)))
        };
        let groups: Vec<_> = of_type("AWS::AutoScaling::AutoScalingGroup").collect();
        for (logical_id, group) in &groups {
            let hosts = match self.account.hosts(group).await {
                Ok(hosts) => hosts,
                Err(error) => {
                    missing.push(format!("the hosts of {logical_id}: {error}"));
                    continue;
                }
            };
            for host in hosts.iter().take(HOSTS) {
                match self.account.console_output(&host.instance).await {
                    Ok(Some(console)) => found.push(HostEvidence {
                        of: (*logical_id).to_owned(),
                        name: host.instance.clone(),
                        lines: last_lines(&console.text),
                    }),
                    Ok(None) => missing.push(format!("the console of {}: AWS has none yet", host.instance)),
                    Err(error) => missing.push(format!("the console of {}: {error}", host.instance)),
                }
            }
        }
        // Without hosts nobody wrote the log of a set-up.
        let logs: Vec<_> = if groups.is_empty() { Vec::new() } else { of_type("AWS::Logs::LogGroup").collect() };
        for (logical_id, group) in logs {
            match self.account.log_tail(group, "set-up/", LINES).await {
                Ok(Some(LogTail { stream, lines })) => {
                    found.push(HostEvidence { of: logical_id.to_owned(), name: stream, lines });
                }
                Ok(None) => missing.push(format!("the set-up log in {group}: no host has sent one")),
                Err(error) => missing.push(format!("the set-up log in {group}: {error}")),
            }
        }
        found
    }
}

impl Evidence {
    /// The last lines of the log that says most, for the message of the failure.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> Vec<String> {
        let set_up = self.hosts.iter().find(|host| host.name.starts_with("set-up/"));
        let said = set_up.or(self.hosts.first()).map(|host| host.lines.as_slice()).unwrap_or_default();
        said.get(said.len().saturating_sub(lines)..).unwrap_or_default().to_vec()
    }
}

impl EvidenceEvent {
    fn of(event: &StackEvent) -> Self {
        Self {
            at: event.at.clone(),
            logical_id: event.logical_id.clone(),
            resource_type: event.resource_type.clone(),
            status: event.status.clone(),
            reason: event.reason.clone(),
            physical_id: event.physical_id.clone(),
        }
    }
}

fn last_lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(LINES)).map(|line| (*line).to_owned()).collect()
}
