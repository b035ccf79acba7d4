//! What a deployment has once, made when the first component needs it: the key and the topic of its alarms.

use super::{AwsContext, list, object};
use model::cfn::types::{Alarm, Key, KeyAlias, Subscription, Topic, TopicPolicy};
use model::cfn::{Layer, Ref, Value};
use model::{ComponentName, ManifestPath};

/// What the owner of a key may do. The account lends these rights to its roles; no role gets more than it is given.
const KEY_ADMINISTRATION: &[&str] = &[
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
];

impl AwsContext<'_> {
    /// The key that encrypts what the deployment keeps: secrets, logs, messages of alarms.
    pub fn key(&mut self) -> Ref<Key> {
        if let Some(key) = &self.aws.key {
            return key.clone();
        }
        let origin = ManifestPath::root().key("name");
        let policy = object! {
            "Version": "2012-10-17",
            "Statement": list![
                object! {
                    "Sid": "TheAccountDecides",
                    "Effect": "Allow",
                    "Principal": object! { "AWS": Value::sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root") },
                    "Action": Value::list(KEY_ADMINISTRATION.iter().copied()),
                    "Resource": "*",
                },
                object! {
                    "Sid": "LogsOfThisAccount",
                    "Effect": "Allow",
                    "Principal": object! { "Service": Value::sub("logs.${AWS::Region}.amazonaws.com") },
                    "Action": list![
                        "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
                        "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
                    ],
                    "Resource": "*",
                    "Condition": object! {
                        "ArnLike": object! {
                            "kms:EncryptionContext:aws:logs:arn":
                                Value::sub("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*"),
                        },
                    },
                },
                object! {
                    "Sid": "AlarmsOfThisAccount",
                    "Effect": "Allow",
                    "Principal": object! { "Service": "cloudwatch.amazonaws.com" },
                    "Action": list!["kms:Decrypt", "kms:GenerateDataKey"],
                    "Resource": "*",
                    "Condition": object! {
                        "StringEquals": object! { "aws:SourceAccount": Value::reference("AWS::AccountId") },
                    },
                },
            ],
        };
        let about = format!("Secrets, logs and alarms of {} ({})", self.processes.deployment, self.environment);
        let alias = format!("alias/{}-{}", self.processes.deployment, self.environment);
        let key = self.for_deployment(|cx| {
            let key = cx.add_retained::<Key>(
                Layer::Network,
                "Key",
                &origin,
                object! { "Description": about, "EnableKeyRotation": true, "PendingWindowInDays": 30, "KeyPolicy": policy },
            );
            let target = Value::attribute(key.logical_id().unwrap_or_default(), "Arn");
            let alias = object! { "AliasName": alias, "TargetKeyId": target };
            cx.add::<KeyAlias>(Layer::Network, "KeyAlias", &origin, alias);
            key
        });
        self.aws.key = Some(key.clone());
        key
    }

    /// Where alarms are sent.
    pub fn topic(&mut self) -> Ref<Topic> {
        if let Some(topic) = &self.aws.topic {
            return topic.clone();
        }
        let key = self.key();
        let origin = ManifestPath::root().key("name");
        let topic = self.for_deployment(|cx| {
            let topic = cx.add::<Topic>(Layer::Network, "Alarms", &origin, object! { "KmsMasterKeyId": &key });
            let policy = object! {
                "Version": "2012-10-17",
                "Statement": list![object! {
                    "Sid": "AlarmsOfThisAccount",
                    "Effect": "Allow",
                    "Principal": object! { "Service": "cloudwatch.amazonaws.com" },
                    "Action": "sns:Publish",
                    "Resource": &topic,
                    "Condition": object! {
                        "StringEquals": object! { "aws:SourceAccount": Value::reference("AWS::AccountId") },
                    },
                }],
            };
            let policy = object! { "Topics": list![&topic], "PolicyDocument": policy };
            cx.add::<TopicPolicy>(Layer::Network, "AlarmsPolicy", &origin, policy);
            for (name, address) in cx.aws.told.clone() {
                let at = ManifestPath::root().key("people").key(&name).key("email");
                let subscription = object! { "TopicArn": &topic, "Protocol": "email", "Endpoint": address };
                cx.add::<Subscription>(Layer::Network, &format!("alarms-to-{name}"), &at, subscription);
            }
            cx.output(Layer::Network, "Alarms", "Where alarms are sent; subscribe here", topic.value());
            topic
        });
        self.aws.topic = Some(topic.clone());
        topic
    }

    /// An alarm that tells the topic when it begins and when it ends.
    pub fn alarm(&mut self, layer: Layer, part: &str, origin: &ManifestPath, alarm: &AlarmSpec<'_>) {
        let topic = self.topic();
        let dimension = |(name, value): &(&str, Value)| object! { "Name": *name, "Value": value.clone() };
        self.add::<Alarm>(
            layer,
            part,
            origin,
            object! {
                "AlarmDescription": alarm.about.as_str(),
                "Namespace": alarm.namespace,
                "MetricName": alarm.metric,
                "Dimensions": Value::list(alarm.dimensions.iter().map(dimension)),
                "Statistic": alarm.statistic,
                "Period": alarm.period_seconds,
                "EvaluationPeriods": alarm.periods,
                "Threshold": alarm.threshold,
                "ComparisonOperator": alarm.comparison,
                "TreatMissingData": "notBreaching",
                "AlarmActions": list![&topic],
                "OKActions": list![&topic],
            },
        );
    }

    /// Adds resources that belong to no component of the manifest.
    pub(super) fn for_deployment<T>(&mut self, add: impl FnOnce(&mut AwsContext<'_>) -> T) -> T {
        let name = ComponentName::new("deployment").expect("a name");
        let at = ManifestPath::root();
        add(&mut AwsContext {
            name: &name,
            at: &at,
            environment: self.environment,
            processes: self.processes,
            aws: self.aws,
            whole: self.whole,
            findings: self.findings,
        })
    }
}

/// When somebody should look.
#[derive(Debug)]
pub struct AlarmSpec<'a> {
    /// What it means, for the one who is woken.
    pub about: String,
    /// The metric's family.
    pub namespace: &'a str,
    /// The metric.
    pub metric: &'a str,
    /// Of what.
    pub dimensions: Vec<(&'a str, Value)>,
    /// How the values of a period become one.
    pub statistic: &'a str,
    /// The length of a period.
    pub period_seconds: u32,
    /// How many periods in a row.
    pub periods: u32,
    /// The limit.
    pub threshold: u32,
    /// How the value is compared with the limit.
    pub comparison: &'a str,
}
