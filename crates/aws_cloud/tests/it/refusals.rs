//! Refusals and answers in the shapes in which AWS gives them (from its API references), and no answers at all.

use crate::support::{Reply, Scripted, account, json, xml};
use model::Secret;
use stacks::account::{Account, CallError, CallErrorKind, CertificateStatus, Replacement};

fn query_error(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>b0b1</RequestId></ErrorResponse>"
    );
    xml(status, &body)
}

fn ec2_error(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message>\
         </Error></Errors><RequestID>b0b1</RequestID></Response>"
    );
    xml(status, &body)
}

fn json_error(status: u16, code: &str, message: &str) -> Reply {
    json(status, &serde_json::json!({ "__type": code, "message": message }).to_string())
}

/// How a call fails when this is the answer; and that it was sent once.
async fn refused(reply: Reply) -> CallError {
    let server = Scripted::new(vec![reply]);
    let error = account(&server.url).await.stacks().await.unwrap_err();
    assert_eq!(server.requests().len(), 1, "nothing is repeated here");
    error
}

#[tokio::test]
async fn codes_of_all_services_are_understood() {
    use CallErrorKind::{ClockSkew, Credentials, Exists, Quota, Refused, Throttled, Unanswered, WrongState};
    let denied = |action: &str| CallErrorKind::Denied { action: Some(action.to_owned()) };
    let cases = [
        (query_error(400, "Throttling", "Rate exceeded"), Throttled),
        (ec2_error(503, "RequestLimitExceeded", "Request limit exceeded."), Throttled),
        (json_error(400, "ThrottlingException", "Rate exceeded"), Throttled),
        (
            xml(503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"),
            Throttled,
        ),
        (json(429, "{}"), Throttled),
        (query_error(500, "InternalFailure", "Service failure"), Unanswered),
        (query_error(503, "ServiceUnavailable", "Service is unavailable"), Unanswered),
        (json_error(500, "InternalServiceError", ""), Unanswered),
        (xml(502, "<html><body>Bad gateway</body></html>"), Unanswered),
        (query_error(403, "ExpiredToken", "The security token included in the request is expired"), Credentials),
        (json_error(400, "com.amazon.coral.service#ExpiredTokenException", "expired"), Credentials),
        (
            json_error(400, "UnrecognizedClientException", "The security token included in the request is invalid."),
            Credentials,
        ),
        (
            query_error(403, "InvalidClientTokenId", "The security token included in the request is invalid"),
            Credentials,
        ),
        (ec2_error(401, "AuthFailure", "AWS was not able to validate the provided access credentials"), Credentials),
        (
            query_error(
                403,
                "AccessDenied",
                "User: arn:aws:iam::1:user/u is not authorized to perform: cloudformation:DescribeStacks on resource: arn:aws:cloudformation:us-west-2:1:stack/*/* because no identity-based policy allows it",
            ),
            denied("cloudformation:DescribeStacks"),
        ),
        (
            ec2_error(
                403,
                "UnauthorizedOperation",
                "You are not authorized to perform this operation. User: arn:aws:iam::1:user/u is not authorized to perform: ec2:CreateVpc on resource: arn:aws:ec2:us-west-2:1:vpc/* because no policy allows it. Encoded authorization failure message: Zm9vYmFy",
            ),
            denied("ec2:CreateVpc"),
        ),
        (json_error(400, "AccessDeniedException", "no"), CallErrorKind::Denied { action: None }),
        (xml(403, ""), CallErrorKind::Denied { action: None }),
        (query_error(400, "AlreadyExistsException", "ChangeSet landfall-1 already exists"), Exists),
        (json_error(400, "ParameterAlreadyExists", "The parameter already exists."), Exists),
        (json_error(400, "ResourceExistsException", "exists"), Exists),
        (ec2_error(400, "InvalidGroup.Duplicate", "exists"), Exists),
        (
            query_error(
                400,
                "ValidationError",
                "Stack:arn:aws:cloudformation:us-west-2:1:stack/s/1 is in UPDATE_IN_PROGRESS state and can not be updated.",
            ),
            WrongState,
        ),
        (
            query_error(400, "ValidationError", "Stack [s] cannot be deleted while TerminationProtection is enabled"),
            WrongState,
        ),
        (
            query_error(400, "ValidationError", "CancelUpdateStack cannot be called from current stack status"),
            WrongState,
        ),
        (
            query_error(
                400,
                "InvalidChangeSetStatus",
                "ChangeSet [arn] cannot be executed in its current execution status of [UNAVAILABLE]",
            ),
            WrongState,
        ),
        (
            json_error(
                400,
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
            ),
            WrongState,
        ),
        (
            xml(
                409,
                "<Error><Code>BucketNotEmpty</Code><Message>The bucket you tried to delete is not empty</Message></Error>",
            ),
            WrongState,
        ),
        (ec2_error(400, "DependencyViolation", "resource sg-1 has a dependent object"), WrongState),
        (query_error(400, "LimitExceededException", "Limit for stack has been exceeded"), Quota),
        (ec2_error(400, "VpcLimitExceeded", "The maximum number of VPCs has been reached."), Quota),
        (json_error(400, "ServiceQuotaExceededException", "too many"), Quota),
        (
            xml(
                403,
                "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the current time is too large.</Message></Error>",
            ),
            ClockSkew,
        ),
        (
            query_error(
                403,
                "SignatureDoesNotMatch",
                "Signature expired: 20261120T000000Z is now earlier than 20261121T000000Z (20261121T000500Z - 5 min.)",
            ),
            ClockSkew,
        ),
        (
            json_error(
                400,
                "InvalidSignatureException",
                "Signature not yet current: 20261122T000000Z is still later than 20261121T000000Z",
            ),
            ClockSkew,
        ),
        (ec2_error(400, "RequestExpired", "Request has expired."), ClockSkew),
        (query_error(400, "ValidationError", "Template format error: unsupported structure."), Refused),
        (query_error(400, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]"), Refused),
    ];
    for (reply, kind) in cases {
        let Reply::Says(_, _, body) = &reply else { unreachable!() };
        let body = body.clone();
        let error = refused(reply).await;
        assert_eq!(error.kind, kind, "{body}");
        assert_eq!(error.operation, "cloudformation:DescribeStacks");
        assert!(
            !error.message.is_empty() && !error.message.contains("Zm9vYmFy") && !error.message.contains("b0b1"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn messages_are_in_the_words_of_aws() {
    let error = refused(query_error(400, "ValidationError", "1 validation error: &apos;x&apos; &lt; y")).await;
    assert_eq!((error.code.as_str(), error.message.as_str()), ("ValidationError", "1 validation error: 'x' < y"));
    let signature = "The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this request should have been\n'POST\n/\nx-amz-security-token:IQoJb3JpZ2lu'";
    let error = refused(query_error(403, "SignatureDoesNotMatch", signature)).await;
    assert_eq!(error.message, "The request signature we calculated does not match the signature you provided.");
    let error = refused(xml(418, "")).await;
    assert_eq!((error.kind, error.message.as_str()), (CallErrorKind::Refused, "HTTP status 418 without a reason"));
}

#[tokio::test]
async fn what_is_not_there_is_an_answer() {
    let server = Scripted::new(vec![query_error(400, "ValidationError", "Stack with id x does not exist")]);
    let there = account(&server.url).await;
    assert_eq!(there.stack("x").await.unwrap(), None);
    assert_eq!(there.template("x").await.unwrap(), None);
    assert_eq!(there.change_set("x", "y").await.unwrap(), None);
    there.delete_change_set("x", "y").await.unwrap();
    let server = Scripted::new(vec![query_error(404, "ChangeSetNotFound", "ChangeSet [y] does not exist")]);
    assert_eq!(account(&server.url).await.change_set("x", "y").await.unwrap(), None);
    let server = Scripted::new(vec![json_error(400, "NoSuchResourceException", "")]);
    assert_eq!(account(&server.url).await.quota("vpc", "L-1").await.unwrap(), None);
    assert_eq!(server.requests().len(), 2, "the account's, then the default");
}

#[tokio::test]
async fn no_answer_is_told_with_the_host_and_the_cause() {
    let error = refused(Reply::HangsUp).await;
    assert_eq!(error.kind, CallErrorKind::Unanswered);
    assert!(error.message.starts_with("127.0.0.1:"), "{error:?}");
    let closed = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let error = account(&format!("http://{closed}")).await.identity().await.unwrap_err();
    assert_eq!((&error.kind, error.operation.as_str()), (&CallErrorKind::Unanswered, "sts:GetCallerIdentity"));
    assert!(error.message.contains("refused"), "{error:?}");
    for nonsense in ["no xml", "<a>", "{}"] {
        let error = refused(xml(200, nonsense)).await;
        assert_eq!(error.kind, CallErrorKind::Unanswered, "{nonsense}");
    }
}

#[tokio::test]
async fn a_secret_is_in_the_body_alone() {
    let echo = json_error(400, "ValidationException", "Value 'hunter2 & more' failed to satisfy constraint");
    let server = Scripted::new(vec![echo]);
    let there = account(&server.url).await;
    let error = there.put_secret_value("s", &Secret::new("hunter2 & more"), "t").await.unwrap_err();
    assert_eq!(error.message, "Value '[redacted]' failed to satisfy constraint");
    let requests = server.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(body.contains("hunter2") && !head.contains("hunter2") && !head.contains("not-a-secret"), "{head}");
    assert!(head.contains("/us-west-2/secretsmanager/aws4_request"), "{head}");
}

#[tokio::test]
async fn pages_are_put_together() {
    let page = |name: &str, next: &str| {
        xml(
            200,
            &format!(
                "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult><Stacks><member>\
                 <StackId>arn:{name}</StackId><StackName>{name}</StackName><StackStatus>UPDATE_ROLLBACK_FAILED</StackStatus>\
                 <StackStatusReason>The following resource(s) failed to update: [Db]. </StackStatusReason><Description>D</Description>\
                 <CreationTime>2026-11-21T04:00:00.123Z</CreationTime><EnableTerminationProtection>true</EnableTerminationProtection>\
                 <Parameters><member><ParameterKey>P</ParameterKey><ParameterValue>****</ParameterValue></member></Parameters>\
                 <Outputs><member><OutputKey>O</OutputKey><OutputValue>v</OutputValue></member></Outputs>\
                 </member></Stacks>{next}</DescribeStacksResult></DescribeStacksResponse>"
            ),
        )
    };
    let server = Scripted::new(vec![page("a", "<NextToken>more+/=</NextToken>"), page("b", "")]);
    let found = account(&server.url).await.stacks().await.unwrap();
    assert_eq!(found.iter().map(|stack| stack.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(found[0].reason.as_deref(), Some("The following resource(s) failed to update: [Db]. "));
    assert_eq!((found[0].parameters["P"].as_str(), found[0].outputs["O"].as_str()), ("****", "v"));
    assert_eq!((found[0].description.as_deref(), found[0].is_protected), (Some("D"), true));
    assert_eq!(found[0].created_at, "2026-11-21T04:00:00.123Z");
    assert!(server.requests()[1].ends_with("&NextToken=more%2B%2F%3D"));
    let error = refused(page("c", "").into_unknown()).await;
    assert!(error.message.contains("`UPDATE_ROLLBACK_SOMEHOW`"), "{error:?}");
}

impl Reply {
    fn into_unknown(self) -> Self {
        match self {
            Self::Says(status, headers, body) => {
                Self::Says(status, headers, body.replace("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_SOMEHOW"))
            }
            Self::HangsUp => Self::HangsUp,
        }
    }
}

#[tokio::test]
async fn a_change_says_what_leads_to_it() {
    let server = Scripted::new(vec![xml(
        200,
        "<DescribeChangeSetResponse><DescribeChangeSetResult><ChangeSetName>n</ChangeSetName><ChangeSetId>arn:c</ChangeSetId>\
         <StackId>arn:s</StackId><Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus><Changes><member><Type>Resource</Type>\
         <ResourceChange><Action>Modify</Action><LogicalResourceId>Db</LogicalResourceId><PhysicalResourceId>db-1</PhysicalResourceId>\
         <ResourceType>AWS::RDS::DBInstance</ResourceType><Replacement>Conditional</Replacement><Details><member><Target><Attribute>Properties</Attribute>\
         <Name>Engine</Name><RequiresRecreation>Conditionally</RequiresRecreation><BeforeValue>mysql</BeforeValue><AfterValue>mariadb</AfterValue></Target>\
         <Evaluation>Dynamic</Evaluation><ChangeSource>ParameterReference</ChangeSource><CausingEntity>Engine</CausingEntity></member></Details>\
         </ResourceChange></member></Changes></DescribeChangeSetResult></DescribeChangeSetResponse>",
    )]);
    let set = account(&server.url).await.change_set("s", "n").await.unwrap().unwrap();
    assert!(set.is_executable);
    let change = &set.changes[0];
    assert_eq!(change.replacement, Some(Replacement::Conditional));
    let cause = &change.causes[0];
    assert_eq!(
        [
            cause.property.as_deref(),
            cause.recreation.as_deref(),
            cause.source.as_deref(),
            cause.causing_entity.as_deref(),
            cause.before.as_deref(),
            cause.after.as_deref()
        ],
        [
            Some("Engine"),
            Some("Conditionally"),
            Some("ParameterReference"),
            Some("Engine"),
            Some("mysql"),
            Some("mariadb")
        ]
    );
}

#[tokio::test]
async fn a_failed_certificate_says_why_and_a_session_asks_about_its_role() {
    let server = Scripted::new(vec![json(
        200,
        r#"{"Certificate":{"CertificateArn":"arn:x","Status":"FAILED","FailureReason":"CAA_ERROR","DomainValidationOptions":[{"DomainName":"a.example.org"}]}}"#,
    )]);
    let certificate = account(&server.url).await.certificate("arn:x").await.unwrap().unwrap();
    assert_eq!((certificate.status, certificate.failure.as_deref()), (CertificateStatus::Failed, Some("CAA_ERROR")));

    let server = Scripted::new(vec![xml(
        200,
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>\
         <member><EvalActionName>ec2:CreateVpc</EvalActionName><EvalDecision>allowed</EvalDecision></member>\
         <member><EvalActionName>iam:CreateRole</EvalActionName><EvalDecision>implicitDeny</EvalDecision></member>\
         </EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>",
    )]);
    let there = account(&server.url).await;
    let caller = "arn:aws:sts::123456789012:assumed-role/Deployer/me";
    let denied = there.denied_actions(caller, &["ec2:CreateVpc", "iam:CreateRole"]).await.unwrap();
    assert_eq!(denied, Some(vec!["iam:CreateRole".to_owned()]));
    let request = &server.requests()[0];
    assert!(request.contains("PolicySourceArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2FDeployer"), "{request}");
    assert!(request.contains("/us-east-1/iam/aws4_request"), "{request}");
    let server = Scripted::new(vec![query_error(403, "AccessDenied", "no")]);
    assert_eq!(account(&server.url).await.denied_actions(caller, &["ec2:CreateVpc"]).await.unwrap(), None);
}

#[tokio::test]
async fn objects_that_stay_in_a_bucket_are_named() {
    let listed = "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>a &amp; b</Key><VersionId>1</VersionId></Version></ListVersionsResult>";
    let kept = "<DeleteResult><Error><Key>a &amp; b</Key><VersionId>1</VersionId><Code>AccessDenied</Code><Message>Object is protected by Object Lock</Message></Error></DeleteResult>";
    let server = Scripted::new(vec![xml(200, listed), xml(200, kept)]);
    let error = account(&server.url).await.empty_bucket("logs").await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Denied { action: None });
    assert_eq!(error.message, "a & b stays in bucket logs: Object is protected by Object Lock");
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /logs?max-keys=1000&versions= HTTP/1.1"), "{}", requests[0]);
    assert!(requests[1].contains("<Key>a &amp; b</Key><VersionId>1</VersionId>"), "{}", requests[1]);
}
