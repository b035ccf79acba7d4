//! Services that speak JSON.

use super::super::FakeAccount;
use super::super::requests::refusal;
use super::{Answer, Asked, unknown};
use model::Secret;
use serde_json::{Value, json};
use stacks::account::{
    Account as _, CallError, CallErrorKind, CertificateStatus, ManagedHost, SessionRequest, SessionTarget,
    Sessions as _, StartedSession,
};

pub(super) async fn answer(account: &FakeAccount, asked: &Asked) -> Answer {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let absent = |code: &str, words: &str| refusal(&asked.target, CallErrorKind::Refused, code, words);
    let no_secret = || absent("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    let action = asked.target.rsplit('.').next().unwrap_or_default();
    let answer = match (asked.service.as_str(), action) {
        ("ssm", "GetParameter") => {
            let entry = account.entry(field("Name")).await?.ok_or_else(|| absent("ParameterNotFound", ""))?;
            json!({ "Parameter": { "Name": field("Name"), "Type": "SecureString", "Value": entry.value, "Version": entry.version } })
        }
        ("ssm", "PutParameter") => {
            let overwrites = body.get("Overwrite").and_then(Value::as_bool) == Some(true);
            json!({ "Version": account.put_entry(field("Name"), field("Value"), !overwrites).await?, "Tier": "Standard" })
        }
        ("ssm", "DeleteParameter") => {
            account.delete_entry(field("Name")).await?;
            json!({})
        }
        ("ssm", "StartSession") => {
            let parameter = |name: &str| body["Parameters"][name][0].as_str().unwrap_or_default().to_owned();
            let invalid = |words: &str| absent("InvalidParameters", words);
            let port = parameter("portNumber").parse().map_err(|_| invalid("portNumber is no port"))?;
            let target = match field("DocumentName") {
                "AWS-StartPortForwardingSession" => SessionTarget::Host { port },
                "AWS-StartPortForwardingSessionToRemoteHost" => SessionTarget::Beyond { host: parameter("host"), port },
                _ => return Err(absent("InvalidDocument", "Document with that name does not exist.")),
            };
            let reason = field("Reason").to_owned();
            let request = SessionRequest { instance: field("Target").to_owned(), target, reason };
            session(&account.start_session(&request).await?)
        }
        ("ssm", "ResumeSession") => match account.resume_session(field("SessionId")).await? {
            Some(started) => session(&started),
            None => json!({ "SessionId": field("SessionId") }),
        },
        ("ssm", "TerminateSession") => {
            account.terminate_session(field("SessionId")).await?;
            json!({ "SessionId": field("SessionId") })
        }
        ("ssm", "DescribeInstanceInformation") => {
            let asked: Vec<String> = serde_json::from_value(body["Filters"][0]["Values"].clone()).unwrap_or_default();
            let found = account.managed_hosts(&asked).await?;
            let told = |one: &ManagedHost| json!({ "InstanceId": one.instance, "PingStatus": one.ping, "AgentVersion": one.agent });
            json!({ "InstanceInformationList": found.iter().map(told).collect::<Vec<_>>() })
        }
        ("secretsmanager", "DescribeSecret") => {
            let state = account.secret(field("SecretId")).await?.ok_or_else(no_secret)?;
            let tags: Vec<Value> =
                state.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            json!({ "ARN": state.arn, "Tags": tags })
        }
        ("secretsmanager", "GetSecretValue") => {
            let version = account.secret_value(field("SecretId")).await?.ok_or_else(no_secret)?;
            json!({ "ARN": field("SecretId"), "VersionId": version.version, "SecretString": version.value.expose() })
        }
        ("secretsmanager", "PutSecretValue") => {
            let value = Secret::new(field("SecretString"));
            account.put_secret_value(field("SecretId"), &value, field("ClientRequestToken")).await?;
            json!({ "ARN": field("SecretId"), "VersionId": field("ClientRequestToken") })
        }
        ("secretsmanager", "TagResource") => {
            let text = |tag: &Value, name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let tags = body.get("Tags").and_then(Value::as_array).cloned().unwrap_or_default();
            let tags: Vec<(String, String)> = tags.iter().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect();
            account.tag_secret(field("SecretId"), &tags).await?;
            json!({})
        }
        ("secretsmanager", "DeleteSecret") => {
            account.delete_secret(field("SecretId")).await?;
            json!({ "ARN": field("SecretId") })
        }
        ("acm", "DescribeCertificate") => {
            let found = account.certificate(field("CertificateArn")).await?;
            let found = found.ok_or_else(|| absent("ResourceNotFoundException", "Could not find certificate"))?;
            let records = found.records.iter().map(|one| {
                let record = json!({ "Name": one.name, "Type": one.kind, "Value": one.value });
                json!({ "DomainName": one.domain, "ResourceRecord": record })
            });
            let status = match found.status {
                CertificateStatus::Issued => "ISSUED",
                CertificateStatus::Pending => "PENDING_VALIDATION",
                CertificateStatus::Failed => "FAILED",
            };
            json!({ "Certificate": {
                "CertificateArn": found.arn,
                "Status": status,
                "DomainValidationOptions": records.collect::<Vec<_>>(),
            } })
        }
        ("tagging", "GetResources") => {
            let filter = &body["TagFilters"][0];
            let key = filter["Key"].as_str().unwrap_or_default();
            let found = account.tagged(key, filter["Values"][0].as_str().unwrap_or_default()).await?;
            let found: Vec<Value> = found.iter().map(|one| json!({ "ResourceARN": one.arn, "Tags": [] })).collect();
            json!({ "ResourceTagMappingList": found, "PaginationToken": "" })
        }
        ("logs", "DescribeLogStreams") => {
            let tail = account.log_tail(field("logGroupName"), field("logStreamNamePrefix"), 1).await?;
            let streams: Vec<Value> =
                tail.iter().map(|tail| json!({ "logStreamName": tail.stream, "creationTime": 1 })).collect();
            json!({ "logStreams": streams })
        }
        ("logs", "GetLogEvents") => {
            let lines =
                body.get("limit").and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok()).unwrap_or(100);
            let tail = account.log_tail(field("logGroupName"), field("logStreamName"), lines).await?;
            let lines = tail.map(|tail| tail.lines).unwrap_or_default();
            let events: Vec<Value> = lines.iter().map(|line| json!({ "timestamp": 1, "message": line })).collect();
            json!({ "events": events })
        }
        ("logs", "DeleteLogGroup") => {
            account.delete_log_group(field("logGroupName")).await?;
            json!({})
        }
        ("kms", "ScheduleKeyDeletion") => {
            let days = account.schedule_key_deletion(field("KeyId")).await?;
            json!({ "KeyId": field("KeyId"), "PendingWindowInDays": days })
        }
        ("servicequotas", _) => {
            let quota = account.quota(field("ServiceCode"), field("QuotaCode")).await?;
            let quota = quota.ok_or_else(|| absent("NoSuchResourceException", "no such quota"))?;
            json!({ "Quota": { "Value": quota } })
        }
        (service, action) => return Err::<_, CallError>(unknown(service, action)),
    };
    Ok((200, "application/x-amz-json-1.1", answer.to_string()))
}

fn session(started: &StartedSession) -> Value {
    json!({ "SessionId": started.id, "StreamUrl": started.stream_url, "TokenValue": started.token.expose() })
}
