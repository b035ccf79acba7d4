//! Sessions, and the machines through which they lead. Behind a session stands a [`Gateway`], when the account has one.

use super::machine::Machine;
use super::requests::refusal;
use super::thing::{Content, Thing};
use super::{FakeAccount, locked};
use crate::gateway::{Gateway, Ticket};
use model::Secret;
use stacks::account::{
    CallErrorKind, Called, Machine as Computer, ManagedHost, SessionRequest, SessionTarget, Sessions, StartedSession,
};

/// The version of the agent on every host.
const AGENT: &str = "3.3.987.0";

impl FakeAccount {
    /// From now on sessions lead through this gateway to real servers.
    #[must_use]
    pub fn with_gateway(self, gateway: Gateway) -> Self {
        *locked(&self.shared.gateway) = Some(gateway);
        self
    }

    fn gateway(&self) -> Option<Gateway> {
        locked(&self.shared.gateway).clone()
    }
}

fn started(ticket: Ticket) -> StartedSession {
    StartedSession { id: ticket.session, stream_url: ticket.stream_url, token: Secret::new(ticket.token) }
}

impl Sessions for FakeAccount {
    async fn start_session(&self, request: &SessionRequest) -> Called<StartedSession> {
        const OPERATION: &str = "ssm:StartSession";
        let gateway = self.gateway();
        self.call(OPERATION, |m| {
            if m.denied.contains(OPERATION) {
                let words = format!(
                    "User: arn:aws:iam::{0}:user/tester is not authorized to perform: {OPERATION} on resource: \
                     arn:aws:ec2:{1}:{0}:instance/{2} because no identity-based policy allows the {OPERATION} action",
                    m.account, m.region, request.instance
                );
                let kind = CallErrorKind::Denied { action: Some(OPERATION.to_owned()) };
                return Err(refusal(OPERATION, kind, "AccessDeniedException", words));
            }
            let is_online = m.computer(&request.instance).is_some_and(|thing| m.is_online(thing));
            let Some(gateway) = gateway.as_ref().filter(|_| is_online) else {
                let words = format!("{} is not connected.", request.instance);
                return Err(refusal(OPERATION, CallErrorKind::WrongState, "TargetNotConnected", words));
            };
            m.sessions.push(request.clone());
            Ok(started(match &request.target {
                SessionTarget::Host { port } => gateway.open("127.0.0.1", *port),
                SessionTarget::Beyond { host, port } => gateway.open(host, *port),
            }))
        })
        .await
    }

    async fn resume_session(&self, id: &str) -> Called<Option<StartedSession>> {
        let gateway = self.gateway();
        self.call("ssm:ResumeSession", |_| Ok(gateway.as_ref().and_then(|gateway| gateway.resume(id)).map(started)))
            .await
    }

    async fn terminate_session(&self, id: &str) -> Called<()> {
        self.call("ssm:TerminateSession", |_| Ok(())).await?;
        if let Some(gateway) = self.gateway() {
            gateway.terminate(id).await;
        }
        Ok(())
    }

    async fn managed_hosts(&self, instances: &[String]) -> Called<Vec<ManagedHost>> {
        self.call("ssm:DescribeInstanceInformation", |m| {
            let known = instances.iter().filter_map(|id| m.computer(id));
            Ok(known
                .map(|thing| ManagedHost {
                    instance: thing.physical_id.clone(),
                    ping: if m.is_online(thing) { "Online" } else { "ConnectionLost" }.to_owned(),
                    agent: AGENT.to_owned(),
                    last_ping: None,
                })
                .collect())
        })
        .await
    }

    async fn machines(&self, tags: &[(String, String)]) -> Called<Vec<Computer>> {
        self.call("ec2:DescribeInstances", |m| {
            let carries = |thing: &&Thing| tags.iter().all(|(key, value)| thing.tags.get(key) == Some(value));
            let found = m.things().filter(|thing| thing.kind == "AWS::EC2::Instance").filter(carries);
            Ok(found.map(|thing| m.told_computer(thing)).collect())
        })
        .await
    }
}

impl Machine {
    fn computer(&self, id: &str) -> Option<&Thing> {
        self.things().find(|thing| thing.kind == "AWS::EC2::Instance" && thing.physical_id == id)
    }

    fn is_online(&self, thing: &Thing) -> bool {
        let is_healthy = !matches!(&thing.content, Content::Host { is_healthy: false, .. });
        is_healthy && !self.offline.contains(&thing.physical_id)
    }

    fn told_computer(&self, thing: &Thing) -> Computer {
        let subnet = thing.property("SubnetId");
        let subnet = self.things().find(|it| Some(&it.physical_id) == subnet.as_ref());
        Computer {
            instance: thing.physical_id.clone(),
            state: "running".to_owned(),
            zone: subnet.and_then(|it| it.property("AvailabilityZone")).unwrap_or_else(|| format!("{}a", self.region)),
            private_address: Some(format!("10.0.{}.{}", thing.serial / 250 % 250, thing.serial % 250 + 4)),
        }
    }
}
