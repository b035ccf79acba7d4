//! A deployment in an account as the prober sees it: public names, public authorities, secrets by reference.

use base64::Engine as _;
use engine::ports::{DatabaseEnd, FileFacts, Running, TunnelFacts};
use futures_util::future::try_join_all;
use model::process_graph::{Node, NodeSpec, SecretRecipe, SecretSpec};
use model::text::{Part, SecretPart};
use model::{Atom, Fault, FaultKind, NodeId, PortId, ProcessGraph, Secret, Text};
use stacks::account::{CallError, StackResource};
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
    /// Of each secret its value, or why there is none.
    secrets: BTreeMap<NodeId, Result<Secret, Fault>>,
    /// What generated secrets are.
    recipes: BTreeMap<NodeId, SecretRecipe>,
    /// The databases to which a way is open.
    databases: BTreeMap<PortId, DatabaseEnd>,
    /// How the tunnels are.
    tunnels: BTreeMap<NodeId, TunnelFacts>,
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
        let recipe = |(id, node): (&NodeId, &Node)| match &node.spec {
            NodeSpec::Secret(SecretSpec::Generated { recipe, .. }) => Some((id.clone(), recipe.clone())),
            _ => None,
        };
        let recipes = graph.nodes.iter().filter_map(recipe).collect();
        let secrets = read_secrets(account, deployment, needed).await?;
        let host = connect_to.map(|to| to.host.clone());
        let (databases, tunnels) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { ports, secrets, recipes, databases, tunnels, host, authorities: public_authorities() })
    }

    /// The same with ways to databases.
    pub(crate) fn with_databases(self, databases: BTreeMap<PortId, DatabaseEnd>) -> Self {
        Self { databases, ..self }
    }

    /// The same with what is known of tunnels.
    pub(crate) fn with_tunnels(self, tunnels: BTreeMap<NodeId, TunnelFacts>) -> Self {
        Self { tunnels, ..self }
    }

    fn hole(&self, atom: &Atom) -> Result<Secret, Fault> {
        match atom {
            Atom::Port(port) => self.port(port).map(|number| Secret::new(number.to_string())),
            Atom::Secret(node, part) => {
                let known = self.secrets.get(node).cloned();
                let value = known.unwrap_or_else(|| Err(elsewhere(reading(node))))?;
                match (part, self.recipes.get(node)) {
                    (SecretPart::Value, _) => Ok(value),
                    (SecretPart::Public, Some(recipe)) => {
                        let half = template::public_half(recipe, &value)
                            .map_err(|error| Fault::new(FaultKind::NeedsPerson, reading(node), error))?;
                        half.map(Secret::new).ok_or_else(|| elsewhere(reading(node)))
                    }
                    (SecretPart::Public, None) => Err(elsewhere(reading(node))),
                }
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

    fn database(&self, port: &PortId) -> Result<DatabaseEnd, Fault> {
        self.databases.get(port).cloned().ok_or_else(|| elsewhere(format!("looking for the way to {port}")))
    }

    fn file(&self, file: &NodeId) -> Result<FileFacts, Fault> {
        Err(elsewhere(format!("looking at {file}")))
    }

    async fn tunnel(&self, tunnel: &NodeId) -> Result<TunnelFacts, Fault> {
        self.tunnels.get(tunnel).cloned().ok_or_else(|| elsewhere(format!("looking at {tunnel}")))
    }

    async fn kill(&self, program: &NodeId) -> Result<(), Fault> {
        Err(elsewhere(format!("killing {program}")))
    }
}

/// The values of secrets of the deployment; of one that was never made, that.
pub(crate) async fn read_secrets(
    account: &impl Account,
    deployment: &Deployment,
    needed: &BTreeSet<NodeId>,
) -> Result<BTreeMap<NodeId, Result<Secret, Fault>>, Fault> {
    let mut places = BTreeMap::new();
    let mut known = BTreeMap::new();
    for node in needed {
        places.insert(node, place_of(account, deployment, node, &mut known).await?);
    }
    let read = places.into_iter().map(async |(node, place)| {
        let value = match place {
            Ok(id) => {
                let version = account.secret_value(&id).await.map_err(|error| error.fault(reading(node)))?;
                version.map(|version| version.value).ok_or_else(|| "it has no value yet".to_owned())
            }
            Err(what) => Err(what),
        };
        Ok::<_, Fault>((node.clone(), value.map_err(|what| never(node, what))))
    });
    Ok(try_join_all(read).await?.into_iter().collect())
}

/// The value of one secret of the deployment.
pub(crate) async fn read_secret(
    account: &impl Account,
    deployment: &Deployment,
    node: &NodeId,
) -> Result<Secret, Fault> {
    let mut read = read_secrets(account, deployment, &BTreeSet::from([node.clone()])).await?;
    read.remove(node).unwrap_or_else(|| Err(never(node, "the deployment keeps no such secret".to_owned())))
}

/// Resources of stacks that were asked for; none of a stack that is not there.
pub(crate) type KnownStacks = BTreeMap<String, Option<Vec<StackResource>>>;

/// Whether a secret was made.
pub(crate) async fn is_made(
    account: &impl Account,
    deployment: &Deployment,
    node: &NodeId,
    known: &mut KnownStacks,
) -> Result<bool, Fault> {
    Ok(place_of(account, deployment, node, known).await?.is_ok())
}

fn reading(node: &NodeId) -> String {
    format!("reading the secret {node}")
}

/// The fault of a secret that was never made.
fn never(node: &NodeId, what: String) -> Fault {
    Fault::new(FaultKind::NeedsPerson, reading(node), what).help("type `landfall up` first; it makes what is missing")
}

/// Where a secret is kept, or why it is nowhere. `known` are the resources of stacks that were asked for.
async fn place_of(
    account: &impl Account,
    deployment: &Deployment,
    node: &NodeId,
    known: &mut KnownStacks,
) -> Result<Result<String, String>, Fault> {
    let stored = deployment.secrets.iter().find(|stored| stored.node.as_ref() == Some(node));
    let Some(stored) = stored else { return Ok(Err("the deployment keeps no such secret".to_owned())) };
    let layer = deployment.graph.resources.get(&stored.logical_id).and_then(|resource| resource.layer);
    let Some(layer) = layer else { return Ok(Err("no stack holds it".to_owned())) };
    let stack = deployment.stack_name(layer);
    if !known.contains_key(&stack) {
        let failed = |error: CallError| error.fault(reading(node));
        let resources = match account.stack(&stack).await.map_err(failed)? {
            None => None,
            Some(_) => Some(account.resources(&stack).await.map_err(failed)?),
        };
        known.insert(stack.clone(), resources);
    }
    let Some(Some(resources)) = known.get(&stack) else {
        return Ok(Err(format!("there is no stack {stack} in {}", account.region())));
    };
    let made = resources.iter().find(|resource| resource.logical_id == stored.logical_id);
    let id = made.and_then(|resource| resource.physical_id.clone());
    Ok(id.ok_or_else(|| format!("the stack {stack} has not made it yet")))
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
