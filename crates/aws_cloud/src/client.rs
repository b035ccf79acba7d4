//! One call: signed, sent once, and its answer read.

use crate::error::{self, Answer};
use crate::request::{Fields, Request};
use crate::service::{SERVICES, Service};
use crate::xml::Element;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::{
    StaticAuthSchemeOptionResolver, StaticAuthSchemeOptionResolverParams,
};
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::{SharedIdentityCache, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use serde_json::Value;
use stacks::account::{CallError, CallErrorKind, Called};
use std::convert::Infallible;
use std::sync::OnceLock;
use std::time::Duration;

/// A call that cannot reach its service, or gets no answer, ends after these; the answers to our calls take
/// a second or two.
const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_secs(40);
const WHOLE: Duration = Duration::from_secs(90);
/// A source of credentials may be a program that asks a person or a service.
const CREDENTIALS: Duration = Duration::from_secs(60);

type Caller = Operation<Request, Answer, Infallible>;

/// Makes calls.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) region: String,
    /// The profile that was named.
    profile: Option<String>,
    config: SdkConfig,
    http: SharedHttpClient,
    /// Where credentials come from; none where the configuration names no source at all.
    identity: Option<SharedIdentityResolver>,
    cache: SharedIdentityCache,
    callers: [OnceLock<Caller>; SERVICES],
}

impl Client {
    pub(crate) fn new(config: SdkConfig, http: SharedHttpClient, region: String, profile: Option<String>) -> Self {
        let identity = config.credentials_provider().map(SharedIdentityResolver::new);
        let cache = IdentityCache::lazy().load_timeout(CREDENTIALS).build();
        Self { region, profile, config, http, identity, cache, callers: [const { OnceLock::new() }; SERVICES] }
    }

    /// Calls a query service (also EC2, whose dialect differs in the answers only); returns the element that holds the result.
    pub(crate) async fn query(&self, service: Service, action: &'static str, fields: Fields) -> Called<Element> {
        let request = Request::form(action, service.facts().api, &fields);
        let answer = self.send(service, action, request).await?;
        let mut root = answer.document().ok_or_else(|| unreadable(service, action))?;
        match root.children.iter().position(|child| child.name.ends_with("Result")) {
            Some(result) => Ok(root.children.swap_remove(result)),
            None => Ok(root),
        }
    }

    /// All entries of a list that a query service tells page by page.
    pub(crate) async fn entries(
        &self,
        service: Service,
        action: &'static str,
        list: &str,
        fields: impl Fn() -> Fields,
    ) -> Called<Vec<Element>> {
        let (ask_for, told_as) = match service {
            Service::Rds => ("Marker", "Marker"),
            _ => ("NextToken", "nextToken"),
        };
        let mut found = Vec::new();
        let mut page: Option<String> = None;
        loop {
            let mut answer = self.query(service, action, fields().maybe(ask_for, page.as_deref())).await?;
            page = answer.value(told_as);
            if let Some(list) = answer.children.iter_mut().find(|child| child.name == list) {
                found.append(&mut list.children);
            }
            if page.is_none() {
                return Ok(found);
            }
        }
    }

    /// Calls a service that speaks JSON.
    pub(crate) async fn json(&self, service: Service, action: &'static str, body: Value) -> Called<Value> {
        let request = Request::json(format!("{}.{action}", service.facts().api), &body);
        let answer = self.send(service, action, request).await?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).map_err(|_| unreadable(service, action))
    }

    /// Calls a service with resources as paths; its answer is XML or empty.
    pub(crate) async fn rest(&self, service: Service, action: &'static str, request: Request) -> Called<Element> {
        let answer = self.send(service, action, request).await?;
        if answer.body.is_empty() {
            return Ok(Element::default());
        }
        answer.document().ok_or_else(|| unreadable(service, action))
    }

    /// Sends a request once; an answer that is an error is one.
    pub(crate) async fn send(&self, service: Service, action: &'static str, request: Request) -> Called<Answer> {
        let operation = operation(service, action);
        let Some(identity) = &self.identity else {
            return Err(error::no_credentials(operation, self.profile.as_deref()));
        };
        let caller = self.callers[service as usize].get_or_init(|| self.caller(service, identity.clone()));
        match caller.invoke(request).await {
            Ok(answer) if answer.is_success() => Ok(answer),
            Ok(answer) => Err(error::refusal(operation, &answer)),
            Err(failure) => {
                let endpoint = service.endpoint(&self.config, &self.region);
                Err(error::failure(operation, &endpoint, self.profile.as_deref(), &failure))
            }
        }
    }

    fn caller(&self, service: Service, identity: SharedIdentityResolver) -> Caller {
        let facts = service.facts();
        let mut layer = Layer::new("signing");
        layer.store_put(AuthSchemeOptionResolverParams::from(StaticAuthSchemeOptionResolverParams::new()));
        let mut signing = SigV4OperationSigningConfig::default();
        signing.region = Some(SigningRegion::from(Region::new(service.signing_region(&self.region).to_owned())));
        signing.name = Some(SigningName::from_static(facts.signing));
        if service == Service::S3 {
            signing.signing_options.double_uri_encode = false;
            signing.signing_options.normalize_uri_path = false;
            signing.signing_options.content_sha256_header = true;
        }
        layer.store_put(signing);
        let mut components = RuntimeComponentsBuilder::new("signing");
        components
            .set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
                StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
            )))
            .push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .set_identity_cache(Some(self.cache.clone()))
            .set_identity_resolver(SCHEME_ID, identity);
        let times = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).operation_timeout(WHOLE);
        Operation::builder()
            .service_name(facts.signing)
            .operation_name("call")
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(self.http.clone())
            .endpoint_url(&service.endpoint(&self.config, &self.region))
            .no_retry()
            .with_connection_poisoning()
            .sleep_impl(TokioSleep::new())
            .timeout_config(times.build())
            .runtime_plugin(StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components))
            .serializer(http_request)
            .deserializer(|response: &HttpResponse| Ok::<_, OrchestratorError<Infallible>>(Answer::of(response)))
            .build()
    }
}

/// The name of an operation, as a permission names it.
pub(crate) fn operation(service: Service, action: &str) -> String {
    format!("{}:{action}", service.facts().actions)
}

/// An answer that is none of the service's.
pub(crate) fn unreadable(service: Service, action: &str) -> CallError {
    CallError {
        operation: operation(service, action),
        kind: CallErrorKind::Unanswered,
        code: String::new(),
        message: "the answer cannot be read; something between here and AWS may have answered instead".to_owned(),
    }
}

fn http_request(request: Request) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request.body));
    http.set_method(request.method)?;
    http.set_uri(request.target)?;
    for (name, value) in request.headers {
        http.headers_mut().try_append(name, value)?;
    }
    http.headers_mut().try_append("user-agent", concat!("landfall/", env!("CARGO_PKG_VERSION")))?;
    if let Some(length) = http.body().content_length().filter(|length| *length > 0 || http.method() != "GET") {
        http.headers_mut().try_append("content-length", length.to_string())?;
    }
    Ok(http)
}
