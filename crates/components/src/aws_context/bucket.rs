//! Buckets: closed to the public, encrypted, with versions, asked over TLS alone; they outlive their stack.

use super::{AwsContext, list, object};
use model::cfn::types::{Bucket, BucketPolicy};
use model::cfn::{Kind, Layer, Ref, Value};
use model::process_graph::SourceSpec;
use model::{ManifestPath, cfn::Release};

/// How long versions are kept that were overwritten or deleted.
const OLD_VERSION_DAYS: u32 = 7;

impl AwsContext<'_> {
    /// A bucket whose objects are forgotten after some days, or kept. `may` says who else may do what, given the bucket's logical id.
    pub fn bucket(
        &mut self,
        part: &str,
        at: &ManifestPath,
        days: Option<u32>,
        may: impl FnOnce(&str) -> Vec<Value>,
    ) -> Ref<Bucket> {
        let mut rule = object! {
            "Id": "Forget",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": object! { "NoncurrentDays": OLD_VERSION_DAYS },
            "AbortIncompleteMultipartUpload": object! { "DaysAfterInitiation": OLD_VERSION_DAYS },
        };
        if let (Some(days), Kind::Map(entries)) = (days, &mut rule.kind) {
            entries.insert("ExpirationInDays".to_owned(), days.into());
        }
        let bucket = self.add_retained::<Bucket>(
            Layer::Data,
            part,
            at,
            object! {
                // Load balancers can write to buckets with this kind of encryption alone.
                "BucketEncryption": object! {
                    "ServerSideEncryptionConfiguration": list![object! {
                        "ServerSideEncryptionByDefault": object! { "SSEAlgorithm": "AES256" },
                    }],
                },
                "PublicAccessBlockConfiguration": object! {
                    "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
                },
                "OwnershipControls": object! { "Rules": list![object! { "ObjectOwnership": "BucketOwnerEnforced" }] },
                "VersioningConfiguration": object! { "Status": "Enabled" },
                "LifecycleConfiguration": object! { "Rules": list![rule] },
            },
        );
        let id = bucket.logical_id().unwrap_or_default().to_owned();
        let mut statements = may(&id);
        statements.push(object! {
            "Sid": "OverTlsAlone",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": list![Value::attribute(id.as_str(), "Arn"), Value::sub(&format!("${{{id}.Arn}}/*"))],
            "Condition": object! { "Bool": object! { "aws:SecureTransport": false } },
        });
        let policy = object! { "Version": "2012-10-17", "Statement": Value::list(statements) };
        let policy = object! { "Bucket": &bucket, "PolicyDocument": policy };
        let policy = self.add::<BucketPolicy>(Layer::Data, &format!("{part}Policy"), at, policy);
        self.set(&policy, "DeletionPolicy", Value::text("RetainExceptOnCreate"));
        self.set(&policy, "UpdateReplacePolicy", Value::text("Retain"));
        bucket
    }

    /// The folder that a service runs from, as an object that is written before its hosts are made.
    pub fn release(&mut self, at: &ManifestPath, source: &SourceSpec) -> (Ref<Bucket>, Release) {
        let bucket = self.bucket_of_releases();
        let release = Release {
            bucket: bucket.logical_id().unwrap_or_default().to_owned(),
            key: format!("releases/{}/{}.tar.gz", self.name, source.content),
            folder: source.folder.clone(),
            content: source.content.clone(),
            origin: at.clone(),
        };
        self.aws.releases.push(release.clone());
        (bucket, release)
    }

    /// Where folders are kept that hosts run from; the deployment has one.
    fn bucket_of_releases(&mut self) -> Ref<Bucket> {
        if let Some(bucket) = &self.aws.bucket_of_releases {
            return bucket.clone();
        }
        let origin = ManifestPath::root().key("name");
        // Earlier ones are kept: a change that fails goes back to them.
        let bucket = self.for_deployment(|cx| cx.bucket("Releases", &origin, None, |_| Vec::new()));
        self.aws.bucket_of_releases = Some(bucket.clone());
        bucket
    }
}
