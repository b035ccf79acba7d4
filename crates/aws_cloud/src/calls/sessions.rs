//! Sessions of Systems Manager, and the machines through which they lead.
//!
//! Sources: the API references of StartSession, ResumeSession, TerminateSession, DescribeInstanceInformation and EC2's DescribeInstances;
//! the parameters of the two documents as Systems Manager lists them (`host`, `portNumber`, `localPortNumber`), 2026-11.

use super::{absent, code_is, list, maybe_text, text};
use crate::client::{self, Client};
use crate::request::Fields;
use crate::service::Service::{Ec2, Systems};
use model::Secret;
use serde_json::{Value, json};
use stacks::account::{Called, Machine, ManagedHost, SessionRequest, SessionTarget, StartedSession};

pub(crate) async fn start(client: &Client, request: &SessionRequest) -> Called<StartedSession> {
    // The local port belongs to Amazon's own client; the document has it, no session needs it.
    let (document, parameters) = match &request.target {
        SessionTarget::Host { port } => {
            ("AWS-StartPortForwardingSession", json!({ "portNumber": [port.to_string()], "localPortNumber": ["0"] }))
        }
        SessionTarget::Beyond { host, port } => (
            "AWS-StartPortForwardingSessionToRemoteHost",
            json!({ "host": [host], "portNumber": [port.to_string()], "localPortNumber": ["0"] }),
        ),
    };
    let mut body = json!({ "Target": request.instance, "DocumentName": document, "Parameters": parameters });
    if !request.reason.is_empty() {
        body["Reason"] = request.reason.chars().take(256).collect::<String>().into();
    }
    let answer = client.json(Systems, "StartSession", body).await?;
    session(&answer).ok_or_else(|| client::unreadable(Systems, "StartSession"))
}

pub(crate) async fn resume(client: &Client, id: &str) -> Called<Option<StartedSession>> {
    let called = client.json(Systems, "ResumeSession", json!({ "SessionId": id })).await;
    // A session that ended has no token any more.
    Ok(absent(called, code_is(&["DoesNotExistException"]))?.as_ref().and_then(session))
}

pub(crate) async fn terminate(client: &Client, id: &str) -> Called<()> {
    let called = client.json(Systems, "TerminateSession", json!({ "SessionId": id })).await;
    absent(called, code_is(&["DoesNotExistException"])).map(drop)
}

fn session(answer: &Value) -> Option<StartedSession> {
    let said = |name: &str| maybe_text(answer, name).filter(|text| !text.is_empty());
    Some(StartedSession {
        id: said("SessionId")?,
        stream_url: said("StreamUrl")?,
        token: Secret::new(said("TokenValue")?),
    })
}

pub(crate) async fn managed_hosts(client: &Client, instances: &[String]) -> Called<Vec<ManagedHost>> {
    let mut found = Vec::new();
    // A filter takes a hundred values.
    for some in instances.chunks(100) {
        let mut page: Option<String> = None;
        loop {
            let mut body = json!({ "Filters": [{ "Key": "InstanceIds", "Values": some }], "MaxResults": 50 });
            if let Some(page) = page {
                body["NextToken"] = Value::String(page);
            }
            let answer = client.json(Systems, "DescribeInstanceInformation", body).await?;
            found.extend(list(&answer, "InstanceInformationList").iter().map(|entry| ManagedHost {
                instance: text(entry, "InstanceId"),
                ping: text(entry, "PingStatus"),
                agent: text(entry, "AgentVersion"),
                // A number of seconds, in this protocol.
                last_ping: entry.get("LastPingDateTime").map(Value::to_string),
            }));
            page = maybe_text(&answer, "NextToken").filter(|page| !page.is_empty());
            if page.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

pub(crate) async fn machines(client: &Client, tags: &[(String, String)]) -> Called<Vec<Machine>> {
    let fields = || {
        let states = ("instance-state-name".to_owned(), vec!["pending", "running"]);
        let tags = tags.iter().map(|(key, value)| (format!("tag:{key}"), vec![value.as_str()]));
        Fields::new().filters(std::iter::once(states).chain(tags))
    };
    let reservations = client.entries(Ec2, "DescribeInstances", "reservationSet", fields).await?;
    let machines = reservations.iter().flat_map(|reservation| reservation.list("instancesSet"));
    Ok(machines
        .map(|one| Machine {
            instance: one.word("instanceId"),
            state: one.child("instanceState").map(|state| state.word("name")).unwrap_or_default(),
            zone: one.child("placement").map(|place| place.word("availabilityZone")).unwrap_or_default(),
            private_address: one.value("privateIpAddress"),
        })
        .collect())
}
