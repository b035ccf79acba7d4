//! What a host may ask of AWS: its own secrets, its own source folder, its own log, that it is ready, and sessions of its operators.

use super::Hosts;
use crate::aws_context::{AwsContext, list, object};
use model::cfn::types::{InstanceProfile, Role};
use model::cfn::{Ref, Value};

/// What is allowed, as a statement of a policy.
pub(crate) fn allow(sid: &str, actions: Value, resources: Value) -> Value {
    object! { "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources }
}

/// Adds the role and the profile that lends it to hosts.
pub(super) fn add(hosts: &Hosts<'_>, cx: &mut AwsContext<'_>) -> Ref<InstanceProfile> {
    let at = cx.at.clone();
    let Hosts { logs, sealed, .. } = hosts;
    let mut statements = vec![
        allow(
            "ItsLog",
            list!["logs:CreateLogStream", "logs:PutLogEvents"],
            logs.attribute("Arn").unwrap_or_else(|| Value::text("")),
        ),
        allow("SayReady", list!["cloudformation:SignalResource"], Value::reference("AWS::StackId")),
        allow(
            "SessionsOfOperators",
            list!["ssm:UpdateInstanceInformation"],
            Value::sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*"),
        ),
        // These actions know no resources.
        allow(
            "ChannelsOfSessions",
            list![
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            Value::text("*"),
        ),
    ];
    if !sealed.is_empty() {
        let places = Value::list(sealed.iter().map(|one| &one.place));
        statements.push(allow("ItsSecrets", list!["secretsmanager:GetSecretValue"], places));
        let mut decrypt = allow("ReadItsSecrets", list!["kms:Decrypt"], Value::list([cx.key()]));
        if let model::cfn::Kind::Map(entries) = &mut decrypt.kind {
            let via = Value::sub("secretsmanager.${AWS::Region}.amazonaws.com");
            entries.insert("Condition".to_owned(), object! { "StringEquals": object! { "kms:ViaService": via } });
        }
        statements.push(decrypt);
    }
    if let Some(bucket) = hosts.releases.and_then(Ref::logical_id) {
        let own = Value::sub(&format!("${{{bucket}.Arn}}/releases/{}/*", cx.name));
        statements.push(allow("ItsSourceFolder", list!["s3:GetObject"], own));
    }
    statements.extend(hosts.rights.iter().cloned());
    let trust = object! {
        "Version": "2012-10-17",
        "Statement": list![object! {
            "Effect": "Allow",
            "Principal": object! { "Service": "ec2.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    };
    let policy = object! { "Version": "2012-10-17", "Statement": Value::list(statements) };
    let role = cx.add::<Role>(
        hosts.layer,
        &hosts.part("Role"),
        &at,
        object! {
            "AssumeRolePolicyDocument": trust,
            "Policies": list![object! { "PolicyName": "Host", "PolicyDocument": policy }],
        },
    );
    cx.add::<InstanceProfile>(hosts.layer, &hosts.part("Profile"), &at, object! { "Roles": list![&role] })
}
