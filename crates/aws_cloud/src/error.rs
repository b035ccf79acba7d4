//! What a refusal means, from the codes and words of sixteen services.
//!
//! Sources: the error tables of the API references (CloudFormation, EC2, Secrets Manager, Systems Manager, S3, Service Quotas; Common
//! Errors), 2026-11.

use crate::xml::Element;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use bytes::Bytes;
use serde_json::Value;
use stacks::account::{CallError, CallErrorKind, StackStatus};
use std::convert::Infallible;
use std::error::Error;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    /// The header in which JSON services name the error.
    error_type: Option<String>,
    /// The length that the answer states: of HEAD, that of the thing asked for.
    pub(crate) length: Option<u64>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn of(response: &HttpResponse) -> Self {
        Self {
            status: response.status().as_u16(),
            error_type: response.headers().get("x-amzn-errortype").map(str::to_owned),
            length: response.headers().get("content-length").and_then(|length| length.parse().ok()),
            body: Bytes::copy_from_slice(response.body().bytes().unwrap_or_default()),
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as XML.
    pub(crate) fn document(&self) -> Option<Element> {
        std::str::from_utf8(&self.body).ok().and_then(Element::parse)
    }

    /// Code and message of an error, in whichever form they came.
    fn said(&self) -> (String, String) {
        let header = self.error_type.as_deref().unwrap_or_default();
        if let Ok(body) = serde_json::from_slice::<Value>(&self.body) {
            let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str()).unwrap_or_default();
            let code = if header.is_empty() { text(&["__type", "code", "Code"]) } else { header };
            return (bare(code), text(&["message", "Message", "errorMessage"]).to_owned());
        }
        let document = self.document();
        if let Some(error) = document.as_ref().and_then(|document| document.find("Error")) {
            return (bare(&error.word("Code")), error.word("Message"));
        }
        (bare(header), String::new())
    }
}

/// A code without its namespace and address: `com.amazonaws.x#Code:http://...`, `Client.Code`.
fn bare(code: &str) -> String {
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    code.strip_prefix("Client.").or(code.strip_prefix("Server.")).unwrap_or(code).trim().to_owned()
}

/// The error of an answer.
pub(crate) fn refusal(operation: String, answer: &Answer) -> CallError {
    let (code, said) = answer.said();
    let kind = kind(answer.status, &code, &said);
    let message = match (without_noise(&said), code.as_str()) {
        ("", "") => format!("HTTP status {} without a reason", answer.status),
        ("", code) => code.to_owned(),
        (said, _) => said.to_owned(),
    };
    CallError { operation, kind, code, message }
}

/// A message without what only a machine reads, and without what a signature is made of.
fn without_noise(message: &str) -> &str {
    const NOISE: &[&str] = &[
        "Encoded authorization failure message:",
        "The Canonical String for this request",
        "(Service:",
        "Authorization=",
        "; Request ID:",
    ];
    let end = NOISE.iter().filter_map(|noise| message.find(noise)).min().unwrap_or(message.len());
    message.get(..end).unwrap_or(message).trim()
}

const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "EC2ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "PriorRequestNotComplete",
    "SlowDown",
];

const UNANSWERED: &[&str] = &[
    "InternalFailure",
    "InternalError",
    "InternalServiceError",
    "InternalServiceErrorException",
    "InternalServerError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceException",
    "KMSInternalException",
    "DependencyTimeoutException",
];

const CREDENTIALS: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "InvalidToken",
    "InvalidSecurity",
    "TokenRefreshRequired",
    "AuthFailure",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "IncompleteSignatureException",
];

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "AuthorizationError",
    "NotAuthorized",
    "NotAuthorizedException",
    "OptInRequired",
    "UnauthorizedAccess",
    "UnauthorizedException",
    "UnauthorizedOperation",
];

const CLOCK: &[&str] = &["RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired", "SignatureExpired"];

const WRONG_STATE: &[&str] = &[
    "InvalidChangeSetStatus",
    "OperationInProgressException",
    "OperationAborted",
    "OperationAbortedException",
    "BucketNotEmpty",
    "DependencyViolation",
    "ResourceInUse",
    "ResourceInUseException",
    "DeleteConflict",
    "ConflictException",
    "KMSInvalidStateException",
    "IncorrectState",
    "IncorrectInstanceState",
    "InvalidDBInstanceState",
    "InvalidDBClusterStateFault",
    "InvalidNetworkInterface.InUse",
    "InvalidDBSnapshotState",
    "InvalidDBClusterSnapshotStateFault",
    "TargetNotConnected",
];

fn kind(status: u16, code: &str, message: &str) -> CallErrorKind {
    let is = |codes: &[&str]| codes.contains(&code);
    // The clock comes first: its errors share their codes with wrong keys.
    if is(CLOCK) || message.contains("Signature expired") || message.contains("Signature not yet current") {
        return CallErrorKind::ClockSkew;
    }
    if is(THROTTLED) || status == 429 || message.starts_with("Rate exceeded") {
        return CallErrorKind::Throttled;
    }
    if is(UNANSWERED) || status >= 500 || status == 408 {
        return CallErrorKind::Unanswered;
    }
    if is(CREDENTIALS) {
        return CallErrorKind::Credentials;
    }
    if is(DENIED) || code.starts_with("AccessDenied") || (status == 403 && code.is_empty()) {
        return CallErrorKind::Denied { action: denied_action(message) };
    }
    if code.contains("AlreadyExists")
        || code.ends_with(".Duplicate")
        || code == "ResourceExistsException"
        || code == "BucketAlreadyOwnedByYou"
    {
        return CallErrorKind::Exists;
    }
    if code.contains("LimitExceeded") || code.contains("QuotaExceeded") || code == "TooManyBuckets" {
        return CallErrorKind::Quota;
    }
    if is(WRONG_STATE) || is_about_state(message) {
        return CallErrorKind::WrongState;
    }
    CallErrorKind::Refused
}

/// Whether a message refuses because of the thing's state: CloudFormation says so under the code `ValidationError`.
fn is_about_state(message: &str) -> bool {
    const WORDS: &[&str] = &[
        "TerminationProtection is enabled",
        "current stack status",
        "current execution status",
        "marked for deletion",
        "scheduled for deletion",
        "is currently in use",
    ];
    WORDS.iter().any(|words| message.contains(words))
        || (message.contains("state") || message.contains("status")) && names_a_state(message)
}

fn names_a_state(message: &str) -> bool {
    message.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).any(|word| StackStatus::from_word(word).is_some())
}

/// The action that `... is not authorized to perform: ec2:CreateVpc on resource ...` names.
fn denied_action(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("perform: ")?;
    let action = rest.split([' ', ',', ';', '\n']).next()?.trim_end_matches('.');
    let (service, name) = action.split_once(':')?;
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (is_word(service) && is_word(name)).then(|| action.to_owned())
}

/// Nobody says who calls.
pub(crate) fn no_credentials(operation: String, profile: Option<&str>) -> CallError {
    let message = match profile {
        Some(profile) => format!("the profile `{profile}` is not there, or leads to no credentials"),
        None => "no AWS credentials were found: neither in AWS_ACCESS_KEY_ID, nor in a profile, nor of this machine"
            .to_owned(),
    };
    CallError { operation, kind: CallErrorKind::Credentials, code: String::new(), message }
}

/// The error of a call that no service answered.
pub(crate) fn failure(
    operation: String,
    endpoint: &str,
    profile: Option<&str>,
    failure: &SdkError<Infallible, HttpResponse>,
) -> CallError {
    let host = endpoint.split("://").last().unwrap_or(endpoint);
    let unanswered = |message: String| CallError {
        operation: operation.clone(),
        kind: CallErrorKind::Unanswered,
        code: String::new(),
        message,
    };
    if let Some(error) = in_chain::<CredentialsError>(failure) {
        return of_credentials(operation, profile, error);
    }
    let words = innermost(failure);
    if words.contains("invalid peer certificate") || words.contains("proxy auth") {
        let help = if words.contains("proxy") {
            "HTTPS_PROXY must name a user and a password"
        } else {
            "the authority that signed it is not trusted here; AWS_CA_BUNDLE names a file of authorities"
        };
        return CallError {
            operation,
            kind: CallErrorKind::Refused,
            code: String::new(),
            message: format!("{host} cannot be reached: {words}; {help}"),
        };
    }
    match failure {
        SdkError::TimeoutError(_) => unanswered(format!("{host} did not answer in time")),
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => {
            unanswered(format!("{host} did not answer in time"))
        }
        SdkError::ConstructionFailure(_) => CallError {
            operation,
            kind: CallErrorKind::Refused,
            code: String::new(),
            message: format!("the call to {host} cannot be made: {words}"),
        },
        _ => unanswered(format!("{host} cannot be reached: {words}")),
    }
}

fn of_credentials(operation: String, profile: Option<&str>, error: &CredentialsError) -> CallError {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return no_credentials(operation, profile);
    }
    let words = innermost(error);
    let kind = match in_chain::<ConnectorError>(error) {
        Some(connector) if connector.is_io() || connector.is_timeout() => CallErrorKind::Unanswered,
        _ => CallErrorKind::Credentials,
    };
    CallError { operation, kind, code: String::new(), message: format!("no credentials could be had: {words}") }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn in_chain<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref::<E>())
}

/// The last cause's words: those before it only say where it happened.
fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).map(ToString::to_string).filter(|words| !words.is_empty()).last().unwrap_or_default()
}
