//! Buckets.

use super::{absent, code_is};
use crate::client::Client;
use crate::request::Request;
use crate::service::Service::S3;
use crate::xml::Element;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use stacks::account::{CallError, CallErrorKind, Called};

const NO_BUCKET: &[&str] = &["NoSuchBucket"];

/// The first objects of a bucket, up to 1,000, in all their versions.
async fn versions(client: &Client, bucket: &str) -> Called<Option<Vec<Element>>> {
    let request = Request::rest("GET", &[bucket], &[("max-keys", "1000"), ("versions", "")]);
    let answer = absent(client.rest(S3, "ListBucketVersions", request).await, code_is(NO_BUCKET))?;
    let is_object = |element: &Element| element.name == "Version" || element.name == "DeleteMarker";
    Ok(answer.map(|answer| answer.children.into_iter().filter(is_object).collect()))
}

pub(crate) async fn object_count(client: &Client, bucket: &str) -> Called<Option<usize>> {
    Ok(versions(client, bucket).await?.map(|versions| versions.len()))
}

pub(crate) async fn empty(client: &Client, bucket: &str) -> Called<usize> {
    let Some(versions) = versions(client, bucket).await?.filter(|versions| !versions.is_empty()) else { return Ok(0) };
    let objects: String = versions
        .iter()
        .map(|object| {
            let version = match object.text_of("VersionId") {
                Some(version) => format!("<VersionId>{}</VersionId>", escaped(version)),
                None => String::new(),
            };
            format!("<Object><Key>{}</Key>{version}</Object>", escaped(&object.word("Key")))
        })
        .collect();
    let body =
        format!("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>{objects}</Delete>");
    let checksum = STANDARD.encode(Sha256::digest(&body));
    let request = Request::rest("POST", &[bucket], &[("delete", "")])
        .header("content-type", "application/xml".to_owned())
        .header("x-amz-sdk-checksum-algorithm", "SHA256".to_owned())
        .header("x-amz-checksum-sha256", checksum)
        .body(body.into_bytes());
    let answer = client.rest(S3, "DeleteObjectVersion", request).await?;
    match answer.all("Error").next() {
        Some(error) => Err(CallError {
            operation: "s3:DeleteObjectVersion".to_owned(),
            kind: match error.word("Code").as_str() {
                "AccessDenied" => CallErrorKind::Denied { action: None },
                "InternalError" => CallErrorKind::Unanswered,
                "SlowDown" => CallErrorKind::Throttled,
                _ => CallErrorKind::Refused,
            },
            code: error.word("Code"),
            message: format!("{} stays in bucket {bucket}: {}", error.word("Key"), error.word("Message")),
        }),
        None => Ok(versions.len()),
    }
}

pub(crate) async fn delete(client: &Client, bucket: &str) -> Called<()> {
    let request = Request::rest("DELETE", &[bucket], &[]);
    absent(client.rest(S3, "DeleteBucket", request).await, code_is(NO_BUCKET)).map(drop)
}

pub(crate) async fn put_object(client: &Client, bucket: &str, key: &str, content: &[u8]) -> Called<()> {
    let path: Vec<&str> = std::iter::once(bucket).chain(key.split('/')).collect();
    // HEAD answers without a body, so without a code: "not there" is only a status.
    match client.send(S3, "GetObject", Request::rest("HEAD", &path, &[])).await {
        Ok(head) if head.length == Some(content.len() as u64) => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind == CallErrorKind::Refused => {}
        // Who may not list may not be told that something is absent.
        Err(error) if matches!(error.kind, CallErrorKind::Denied { .. }) => {}
        Err(error) => return Err(error),
    }
    let request = Request::rest("PUT", &path, &[])
        .header("content-type", "application/octet-stream".to_owned())
        .body(content.to_vec());
    client.send(S3, "PutObject", request).await.map(drop)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Line breaks would be read as others.
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
    out
}
