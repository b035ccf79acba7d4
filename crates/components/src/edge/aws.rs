//! An edge in an account: an Application Load Balancer with a public certificate, under the name of the domain.

use super::schema::Exposure;
use super::validate::{ValidEdge, ValidRoute};
use crate::aws_context::{
    AWS006, AlarmSpec, AwsContext, BackendInAws, IpVersion, NetworkInAws, Other, Party, Rule, list, object,
};
use model::cfn::types::{Bucket, Certificate, Listener, ListenerRule, LoadBalancer, RecordSet, SecurityGroup};
use model::cfn::{Kind, Layer, Ref, Value};
use model::process_graph::TlsVersion;
use model::{ManifestPath, scalar::Cidr};

const LAYER: Layer = Layer::Edge;
/// How long requests are remembered.
const ACCESS_LOG_DAYS: u32 = 365;
/// AWS's limit of hosts and paths in one rule.
const CONDITION_VALUES: usize = 5;

/// Adds the edge.
pub(super) fn lower(valid: &ValidEdge, cx: &mut AwsContext<'_>) {
    let Some(network) = cx.network() else { return };
    let is_public = valid.exposure == Exposure::Internet;
    let subnets = if is_public { &network.public } else { &network.private };
    if subnets.len() < 2 {
        let (at, part) = (valid.at.key("exposure"), if is_public { "public" } else { "private" });
        let summary = format!("a load balancer needs {part} subnets in two zones, the network has {}", subnets.len());
        cx.refuse(&AWS006, &at, summary, "write `zones: 2` at the network, or name two of its subnets");
        return;
    }
    let group = cx.group(LAYER, "Group", &valid.at, &format!("Load balancer of {}", cx.name), &network.vpc);
    ways_in(valid, &group, &network, cx);
    let bucket = access_logs(cx);
    let balancer = balancer(valid, &group, &bucket, &network, cx);
    let id = cx.interface(&balancer);
    state_ways(valid, &id, &network, cx);
    let zone = cx.zone(&valid.domains[0], valid.zone.as_deref());
    let certificate = certificate(valid, &zone, cx);
    let listener = listeners(valid, &balancer, &certificate, cx);
    let mut known: Vec<BackendInAws> = Vec::new();
    let mut priority = 1;
    for route in &valid.routes {
        let backends = ways_to_services(route, &group, &id, cx);
        rules(valid, route, &backends, &listener, &mut priority, cx);
        known.extend(
            backends
                .into_iter()
                .filter(|one| !known.iter().any(|other| other.component == one.component))
                .collect::<Vec<_>>(),
        );
    }
    names(valid, &balancer, &zone, is_public && network.has_ipv6, cx);
    alarms(valid, &balancer, &certificate, &known, cx);
    cx.output(LAYER, "Url", "Where it is reached", Value::text(format!("https://{}", valid.domains[0])));
    let address = balancer.attribute("DNSName").unwrap_or_else(|| Value::text(""));
    cx.output(LAYER, "BalancerName", "The name that AWS gives the load balancer", address);
}

/// Opens the ports to those who are allowed, and to nobody else.
fn ways_in(valid: &ValidEdge, group: &Ref<SecurityGroup>, network: &NetworkInAws, cx: &mut AwsContext<'_>) {
    let mut sources: Vec<(Value, IpVersion, ManifestPath)> = Vec::new();
    let version = |block: &Cidr| if block.net().addr().is_ipv4() { IpVersion::V4 } else { IpVersion::V6 };
    for (index, block) in valid.allow.iter().enumerate() {
        let at = valid.at.key("allow").key("sources").index(index);
        sources.push((Value::text(block.to_string()), version(block), at));
    }
    if sources.is_empty() {
        let at = valid.at.key("exposure");
        match valid.exposure {
            Exposure::Internet => {
                sources.push((Value::text("0.0.0.0/0"), IpVersion::V4, at.clone()));
                if network.has_ipv6 {
                    sources.push((Value::text("::/0"), IpVersion::V6, at));
                }
            }
            Exposure::Internal => sources.push((network.block.clone(), IpVersion::V4, at)),
        }
    }
    let ports: &[(u16, &str)] = if valid.redirect { &[(443, "Https"), (80, "Http")] } else { &[(443, "Https")] };
    for (index, (block, version, because)) in sources.into_iter().enumerate() {
        for (port, part) in ports {
            let about = if *port == 443 { "Requests" } else { "Requests that are sent on to HTTPS" };
            let other = Other::Block(block.clone(), version);
            let rule = Rule { group, other, port: *port, about: about.to_owned(), because: &because };
            cx.let_in(LAYER, &format!("{part}From{}", index + 1), &rule);
        }
    }
}

/// What the manifest says by `exposure` and `allow`.
fn state_ways(valid: &ValidEdge, balancer: &str, network: &NetworkInAws, cx: &mut AwsContext<'_>) {
    let exposure = valid.at.key("exposure");
    let block = |block: &str| (Party::Block(block.to_owned()), exposure.clone());
    let mut from: Vec<(Party, ManifestPath)> = Vec::new();
    for (index, block) in valid.allow.iter().enumerate() {
        from.push((Party::Block(block.to_string()), valid.at.key("allow").key("sources").index(index)));
    }
    if valid.exposure == Exposure::Internet && from.is_empty() {
        from.push(block("0.0.0.0/0"));
        if network.has_ipv6 {
            from.push(block("::/0"));
        }
    }
    if valid.allow.is_empty() || valid.allow.iter().any(|block| network.has_addresses_of(block)) {
        from.push((Party::Network, exposure.clone()));
    }
    for (from, because) in from {
        cx.way(from.clone(), format!("{balancer}:443"), &because);
        if valid.redirect {
            cx.way(from, format!("{balancer}:80"), &because);
        }
    }
}

/// Opens the way to the services of a route, on both sides.
fn ways_to_services(
    route: &ValidRoute,
    group: &Ref<SecurityGroup>,
    balancer: &str,
    cx: &mut AwsContext<'_>,
) -> Vec<BackendInAws> {
    let mut backends = Vec::new();
    for (service, because) in &route.to {
        let Some(backend) = cx.backend(service) else { continue };
        if cx.first_way(group, &backend) {
            let name = cx.name;
            let about = format!("{name} to {service}");
            let other = Other::Group(&backend.group);
            let rule = Rule { group, other, port: backend.port, about: about.clone(), because };
            cx.let_out(LAYER, &format!("to-{service}"), &rule);
            let rule = Rule { group: &backend.group, other: Other::Group(group), port: backend.port, about, because };
            cx.let_in(LAYER, &format!("into-{service}"), &rule);
            cx.way(Party::Resource(balancer.to_owned()), format!("{}:{}", backend.hosts, backend.port), because);
        }
        backends.push(backend);
    }
    backends
}

/// Where the load balancer writes each request.
fn access_logs(cx: &mut AwsContext<'_>) -> Ref<Bucket> {
    let at = cx.at.clone();
    cx.bucket("AccessLogs", &at, Some(ACCESS_LOG_DAYS), |bucket| {
        vec![object! {
            "Sid": "LogsOfLoadBalancers",
            "Effect": "Allow",
            "Principal": object! { "Service": "logdelivery.elasticloadbalancing.amazonaws.com" },
            "Action": "s3:PutObject",
            "Resource": Value::sub(&format!("${{{bucket}.Arn}}/AWSLogs/${{AWS::AccountId}}/*")),
        }]
    })
}

fn balancer(
    valid: &ValidEdge,
    group: &Ref<SecurityGroup>,
    bucket: &Ref<Bucket>,
    network: &NetworkInAws,
    cx: &mut AwsContext<'_>,
) -> Ref<LoadBalancer> {
    let is_public = valid.exposure == Exposure::Internet;
    let setting = |key: &str, value: Value| object! { "Key": key, "Value": value };
    let idle = valid.limits.idle_timeout.seconds().clamp(1, 4000);
    let settings = list![
        setting("access_logs.s3.bucket", bucket.value()),
        setting("access_logs.s3.enabled", true.into()),
        setting("deletion_protection.enabled", true.into()),
        setting("idle_timeout.timeout_seconds", idle.into()),
        setting("routing.http.desync_mitigation_mode", "strictest".into()),
        setting("routing.http.drop_invalid_header_fields.enabled", true.into()),
    ];
    let subnets = if is_public { &network.public } else { &network.private };
    let properties = object! {
        "Type": "application",
        "Scheme": if is_public { "internet-facing" } else { "internal" },
        "IpAddressType": if is_public && network.has_ipv6 { "dualstack" } else { "ipv4" },
        "Subnets": Value::list(subnets),
        "SecurityGroups": list![group],
        "LoadBalancerAttributes": settings,
    };
    cx.add::<LoadBalancer>(LAYER, "Balancer", &valid.at, properties)
}

fn certificate(valid: &ValidEdge, zone: &Value, cx: &mut AwsContext<'_>) -> Ref<Certificate> {
    let proof = |domain: &String| object! { "DomainName": domain.as_str(), "HostedZoneId": zone.clone() };
    let mut properties = object! {
        "DomainName": valid.domains[0].as_str(),
        "ValidationMethod": "DNS",
        "DomainValidationOptions": Value::list(valid.domains.iter().map(proof)),
    };
    if let (Kind::Map(entries), [_, more @ ..]) = (&mut properties.kind, valid.domains.as_slice())
        && !more.is_empty()
    {
        let names = Value::list(more.iter().map(String::as_str));
        entries.insert("SubjectAlternativeNames".to_owned(), names);
    }
    cx.add::<Certificate>(LAYER, "Certificate", &valid.at.key("domain"), properties)
}

fn listeners(
    valid: &ValidEdge,
    balancer: &Ref<LoadBalancer>,
    certificate: &Ref<Certificate>,
    cx: &mut AwsContext<'_>,
) -> Ref<Listener> {
    if valid.redirect {
        let redirect = object! { "Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301" };
        let action = object! { "Type": "redirect", "RedirectConfig": redirect };
        let properties = object! {
            "LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": list![action],
        };
        cx.add::<Listener>(LAYER, "HttpListener", &valid.at.key("redirect"), properties);
    }
    let policy = match valid.minimum_tls {
        TlsVersion::V1_2 => "ELBSecurityPolicy-TLS13-1-2-2021-06",
        TlsVersion::V1_3 => "ELBSecurityPolicy-TLS13-1-3-2021-06",
    };
    // Requests for other names or paths than the manifest's are answered here.
    let answer = object! { "StatusCode": "404", "ContentType": "text/plain", "MessageBody": "There is nothing here." };
    let action = object! { "Type": "fixed-response", "FixedResponseConfig": answer };
    let properties = object! {
        "LoadBalancerArn": balancer,
        "Protocol": "HTTPS",
        "Port": 443,
        "SslPolicy": policy,
        "Certificates": list![object! { "CertificateArn": certificate }],
        "DefaultActions": list![action],
    };
    cx.add::<Listener>(LAYER, "HttpsListener", &valid.at.key("tls"), properties)
}

/// Sends the requests of a route to its services.
fn rules(
    valid: &ValidEdge,
    route: &ValidRoute,
    backends: &[BackendInAws],
    listener: &Ref<Listener>,
    priority: &mut u32,
    cx: &mut AwsContext<'_>,
) {
    if backends.is_empty() {
        return;
    }
    let paths = match route.prefix.as_str() {
        "/" => Vec::new(),
        prefix => vec![prefix.to_owned(), format!("{prefix}/*")],
    };
    let target = |backend: &BackendInAws| object! { "TargetGroupArn": &backend.targets, "Weight": 1 };
    let mut forward = object! { "TargetGroups": Value::list(backends.iter().map(target)) };
    if let (true, Kind::Map(entries)) = (route.sticky && backends.len() > 1, &mut forward.kind) {
        let sticky = object! { "Enabled": true, "DurationSeconds": 86_400 };
        entries.insert("TargetGroupStickinessConfig".to_owned(), sticky);
    }
    let at = valid.at.key("routes").key(&route.prefix);
    for domains in valid.domains.chunks(CONDITION_VALUES - paths.len()) {
        let hosts = object! { "Values": Value::list(domains.iter().map(String::as_str)) };
        let mut conditions = vec![object! { "Field": "host-header", "HostHeaderConfig": hosts }];
        if !paths.is_empty() {
            let values = object! { "Values": Value::list(paths.iter().map(String::as_str)) };
            conditions.push(object! { "Field": "path-pattern", "PathPatternConfig": values });
        }
        let properties = object! {
            "ListenerArn": listener,
            "Priority": *priority,
            "Conditions": Value::list(conditions),
            "Actions": list![object! { "Type": "forward", "ForwardConfig": forward.clone() }],
        };
        cx.add::<ListenerRule>(LAYER, &format!("Route{priority}"), &at, properties);
        *priority += 1;
    }
}

/// The names under which people find it.
fn names(valid: &ValidEdge, balancer: &Ref<LoadBalancer>, zone: &Value, has_ipv6: bool, cx: &mut AwsContext<'_>) {
    let attribute = |name: &str| balancer.attribute(name).unwrap_or_else(|| Value::text(""));
    let kinds: &[&str] = if has_ipv6 { &["A", "AAAA"] } else { &["A"] };
    for (index, domain) in valid.domains.iter().enumerate() {
        let at = if index == 0 { valid.at.key("domain") } else { valid.at.key("also").index(index - 1) };
        for kind in kinds {
            let alias = object! {
                "DNSName": attribute("DNSName"),
                "HostedZoneId": attribute("CanonicalHostedZoneID"),
                "EvaluateTargetHealth": true,
            };
            let properties =
                object! { "HostedZoneId": zone.clone(), "Name": domain.as_str(), "Type": *kind, "AliasTarget": alias };
            cx.add::<RecordSet>(LAYER, &format!("Name{}{}", index + 1, kind.to_ascii_lowercase()), &at, properties);
        }
    }
}

fn alarms(
    valid: &ValidEdge,
    balancer: &Ref<LoadBalancer>,
    certificate: &Ref<Certificate>,
    backends: &[BackendInAws],
    cx: &mut AwsContext<'_>,
) {
    let balancer_name = balancer.attribute("LoadBalancerFullName").unwrap_or_else(|| Value::text(""));
    for backend in backends {
        let targets = backend.targets.attribute("TargetGroupFullName").unwrap_or_else(|| Value::text(""));
        let alarm = AlarmSpec {
            about: format!("Hosts of {} do not answer as they should", backend.component),
            namespace: "AWS/ApplicationELB",
            metric: "UnHealthyHostCount",
            dimensions: vec![("LoadBalancer", balancer_name.clone()), ("TargetGroup", targets)],
            statistic: "Maximum",
            period_seconds: 60,
            periods: 5,
            threshold: 0,
            comparison: "GreaterThanThreshold",
        };
        cx.alarm(LAYER, &format!("{}-unhealthy", backend.component), &valid.at, &alarm);
    }
    let alarm = AlarmSpec {
        about: format!("{} answers with errors of its own: no service took the request", cx.name),
        namespace: "AWS/ApplicationELB",
        metric: "HTTPCode_ELB_5XX_Count",
        dimensions: vec![("LoadBalancer", balancer_name)],
        statistic: "Sum",
        period_seconds: 300,
        periods: 2,
        threshold: 10,
        comparison: "GreaterThanThreshold",
    };
    cx.alarm(LAYER, "Errors", &valid.at, &alarm);
    let alarm = AlarmSpec {
        about: format!(
            "The certificate of {} was not renewed: is its validation record still there?",
            valid.domains[0]
        ),
        namespace: "AWS/CertificateManager",
        metric: "DaysToExpiry",
        dimensions: vec![("CertificateArn", certificate.value())],
        statistic: "Minimum",
        period_seconds: 86_400,
        periods: 1,
        threshold: 30,
        comparison: "LessThanThreshold",
    };
    cx.alarm(LAYER, "CertificateExpires", &valid.at.key("domain"), &alarm);
}
