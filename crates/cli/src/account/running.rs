//! A deployment in an account as the prober sees it: public names, public authorities, secrets by reference.

use base64::Engine as _;
use engine::ports::{FileFacts, Running};
use model::cfn::Kind;
use model::probe::{Endpoint, HttpRequest, Probe, Question, RequestBody};
use model::process_graph::NodeSpec;
use model::text::{Part, SecretPart};
use model::{Atom, Fault, FaultKind, NodeId, PortId, ProcessGraph, Secret, Text};
use stacks::{Account, Deployment};
use std::collections::{BTreeMap, BTreeSet};

const HTTPS: u16 = 443;
const HTTP: u16 = 80;

/// Another address to ask than the one that DNS knows for the deployment's names: `HOST[:HTTPS-PORT[:HTTP-PORT]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectTo {
    host: String,
    https: u16,
    http: u16,
}

impl std::str::FromStr for ConnectTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // An IPv6 address stands in brackets, as in a URL.
        let (host, ports) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.trim_start_matches(':')),
            None => text.split_once(':').unwrap_or((text, "")),
        };
        let (https, http) = ports.split_once(':').unwrap_or((ports, ""));
        let number = |text: &str, usual| match text {
            "" => Ok(usual),
            text => text.parse::<u16>().map_err(|_| format!("`{text}` is no port")),
        };
        if host.is_empty() {
            return Err("write HOST, HOST:HTTPS-PORT or HOST:HTTPS-PORT:HTTP-PORT".to_owned());
        }
        Ok(Self { host: host.to_owned(), https: number(https, HTTPS)?, http: number(http, HTTP)? })
    }
}

/// A deployment in an account.
pub(crate) struct CloudRunning {
    ports: BTreeMap<PortId, u16>,
    secrets: BTreeMap<NodeId, Secret>,
    host: Option<String>,
    authorities: Result<String, Fault>,
}

impl CloudRunning {
    /// Reads the secrets that these texts need, each once, by reference.
    pub(crate) async fn look(
        account: &impl Account,
        deployment: &Deployment,
        graph: &ProcessGraph,
        needed: &BTreeSet<NodeId>,
        connect_to: Option<&ConnectTo>,
    ) -> Result<Self, Fault> {
        let mut ports = BTreeMap::new();
        for node in graph.nodes.values() {
            if let NodeSpec::Edge(edge) = &node.spec {
                ports.insert(edge.https.clone(), connect_to.map_or(HTTPS, |to| to.https));
                if let Some(redirect) = &edge.redirect {
                    ports.insert(redirect.clone(), connect_to.map_or(HTTP, |to| to.http));
                }
            }
        }
        let secrets = read_secrets(account, deployment, needed).await?;
        let host = connect_to.map(|to| to.host.clone());
        Ok(Self { ports, secrets, host, authorities: public_authorities() })
    }

    fn hole(&self, atom: &Atom) -> Result<Secret, Fault> {
        match atom {
            Atom::Port(port) => self.port(port).map(|number| Secret::new(number.to_string())),
            Atom::Secret(node, SecretPart::Value) => {
                self.secrets.get(node).cloned().ok_or_else(|| elsewhere(format!("reading the secret {node}")))
            }
            other => Err(elsewhere(format!("filling in {other}"))),
        }
    }
}

/// The fault of asking for something that only the hosts know.
fn elsewhere(doing: String) -> Fault {
    Fault::new(FaultKind::Permanent, doing, "it is known on the deployment's hosts only")
}

impl Running for CloudRunning {
    fn fill(&self, text: &Text) -> Result<Secret, Fault> {
        let mut filled = String::new();
        for part in text.parts() {
            match part {
                Part::Literal(literal) => filled.push_str(literal),
                Part::Hole(atom) => filled.push_str(self.hole(atom)?.expose()),
            }
        }
        Ok(Secret::new(filled))
    }

    fn port(&self, port: &PortId) -> Result<u16, Fault> {
        self.ports.get(port).copied().ok_or_else(|| elsewhere(format!("looking up the port {port}")))
    }

    fn host(&self, domain: &str) -> String {
        self.host.clone().unwrap_or_else(|| domain.to_owned())
    }

    fn authority(&self) -> Result<String, Fault> {
        self.authorities.clone()
    }

    fn file(&self, file: &NodeId) -> Result<FileFacts, Fault> {
        Err(elsewhere(format!("looking at {file}")))
    }

    async fn kill(&self, program: &NodeId) -> Result<(), Fault> {
        Err(elsewhere(format!("killing {program}")))
    }
}

/// The values of secrets of the deployment.
async fn read_secrets(
    account: &impl Account,
    deployment: &Deployment,
    needed: &BTreeSet<NodeId>,
) -> Result<BTreeMap<NodeId, Secret>, Fault> {
    let mut secrets = BTreeMap::new();
    let mut known = BTreeMap::new();
    for node in needed {
        let doing = || format!("reading the secret {node}");
        let never = |what: String| {
            Fault::new(FaultKind::NeedsPerson, doing(), what).help("type `landfall up` first; it makes what is missing")
        };
        let stored = deployment.secrets.iter().find(|stored| stored.node.as_ref() == Some(node));
        let stored = stored.ok_or_else(|| never("the deployment keeps no such secret".to_owned()))?;
        let layer = deployment.graph.resources.get(&stored.logical_id).and_then(|resource| resource.layer);
        let layer = layer.ok_or_else(|| never("no stack holds it".to_owned()))?;
        let stack = deployment.stack_name(layer);
        if !known.contains_key(&stack) {
            let there = account.stack(&stack).await.map_err(|error| error.fault(doing()))?;
            if there.is_none() {
                return Err(never(format!("there is no stack {stack} in {}", account.region())));
            }
            let resources = account.resources(&stack).await.map_err(|error| error.fault(doing()))?;
            known.insert(stack.clone(), resources);
        }
        let id = known
            .get(&stack)
            .into_iter()
            .flatten()
            .find(|resource| resource.logical_id == stored.logical_id)
            .and_then(|resource| resource.physical_id.clone())
            .ok_or_else(|| never(format!("the stack {stack} has not made it yet")))?;
        let version = account.secret_value(&id).await.map_err(|error| error.fault(doing()))?;
        let version = version.ok_or_else(|| never("it has no value yet".to_owned()))?;
        secrets.insert(node.clone(), version.value);
    }
    Ok(secrets)
}

/// The authorities that this machine trusts, as PEM. `SSL_CERT_FILE` and `SSL_CERT_DIR` say where they are, where set.
fn public_authorities() -> Result<String, Fault> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut store = rustls::RootCertStore::empty();
    let mut pem = String::new();
    for certificate in loaded.certs {
        // A few old ones cannot be read by a strict reader; nobody is signed by them.
        if store.add(certificate.clone()).is_ok() {
            let text = base64::engine::general_purpose::STANDARD.encode(&certificate);
            pem.push_str(&format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"));
        }
    }
    if pem.is_empty() {
        let causes: Vec<String> = loaded.errors.iter().map(ToString::to_string).collect();
        let cause = if causes.is_empty() { "there is none".to_owned() } else { causes.join("; ") };
        return Err(Fault::new(FaultKind::NeedsPerson, "reading the certificates of public authorities", cause)
            .help("install them (`apt install ca-certificates`), or set SSL_CERT_FILE"));
    }
    Ok(pem)
}

/// The secrets that texts need.
pub(crate) fn secrets_of<'t>(texts: impl IntoIterator<Item = &'t Text>) -> BTreeSet<NodeId> {
    let atoms = texts.into_iter().flat_map(Text::atoms);
    atoms
        .filter_map(|atom| match atom {
            Atom::Secret(node, SecretPart::Value) => Some(node.clone()),
            _ => None,
        })
        .collect()
}

/// The texts of a probe whose holes must be filled to ask it.
pub(crate) fn texts_of(probe: &Probe) -> Vec<&Text> {
    fn of_request(request: &HttpRequest) -> Vec<&Text> {
        let basic = request.basic.iter().flat_map(|basic| [&basic.user, &basic.password]);
        request.headers.values().chain(basic).collect()
    }
    match &probe.question {
        Question::Http { request, .. } => of_request(request),
        _ => Vec::new(),
    }
}

/// Why a probe cannot be asked from here; none when it can.
pub(crate) fn not_checkable(probe: &Probe, deployment: &Deployment) -> Option<&'static str> {
    let to = match &probe.question {
        Question::File { .. } => return Some("it looks at a file of the hosts"),
        Question::Restart { .. } => return Some("it kills a program on the hosts"),
        Question::Sql { .. } => return Some("it asks the database, which nobody outside of its network may reach"),
        Question::Tunnel { .. } => return Some("the host that holds it knows how it is"),
        Question::Ssh { .. } => return Some("it asks an SSH server with a key that is kept on this machine alone"),
        Question::Tcp { .. } => {
            return Some("it looks at ports of the hosts, which nothing but the balancer may reach");
        }
        Question::Http { request, .. } if matches!(request.body, RequestBody::Filler { .. }) => {
            return Some("a load balancer of AWS has no limit for bodies; the program has its own");
        }
        Question::Http { request, .. } => &request.to,
        Question::Tls { to, .. } => to,
    };
    match to {
        Endpoint::Port { .. } => Some("it asks the program itself, which nothing but the balancer may reach"),
        Endpoint::Edge { .. } if is_internal(probe, deployment) => {
            Some("the balancer is inside its network; ask from there, with --connect-to where needed")
        }
        Endpoint::Edge { .. } => None,
    }
}

/// Whether the edge that a probe asks can be reached from its network only.
fn is_internal(probe: &Probe, deployment: &Deployment) -> bool {
    deployment.graph.resources.values().any(|resource| {
        resource.kind == "AWS::ElasticLoadBalancingV2::LoadBalancer"
            && resource.component.as_ref() == Some(&probe.component)
            && resource.properties.get("Scheme").is_some_and(|scheme| scheme.kind == Kind::Text("internal".to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::ConnectTo;

    #[test]
    fn another_address_is_read_as_it_is_written_in_urls() {
        let read = |text: &str| text.parse::<ConnectTo>().map(|to| (to.host, to.https, to.http));
        assert_eq!(read("x.elb.amazonaws.com"), Ok(("x.elb.amazonaws.com".to_owned(), 443, 80)));
        assert_eq!(read("127.0.0.1:8443"), Ok(("127.0.0.1".to_owned(), 8443, 80)));
        assert_eq!(read("127.0.0.1:8443:8080"), Ok(("127.0.0.1".to_owned(), 8443, 8080)));
        assert_eq!(read("[::1]:8443"), Ok(("::1".to_owned(), 8443, 80)));
        assert_eq!(read("[::1]"), Ok(("::1".to_owned(), 443, 80)));
        assert!(read("").is_err() && read("h:x").is_err() && read(":1").is_err());
    }
}
