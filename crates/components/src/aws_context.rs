//! What a component sees while it is lowered to resources of an AWS account.
//!
//! What runs is described once, as the process graph: a program, its files, its secrets are the same on this machine and on
//! a host in an account. Lowering reads that graph and adds what an account needs around it. Components meet through
//! typed exports only: [`NetworkInAws`], [`BackendInAws`], secrets by the node whose value they hold.

mod bucket;
mod codes;
mod database;
mod foundation;
mod naming;
mod rule;
mod tags;
mod ways;

pub use codes::CODES;
pub(crate) use codes::{AWS002, AWS003, AWS004, AWS005, AWS006, AWS007, AWS008, AWS009};
pub use database::{Caller, DatabaseInAws};
pub use foundation::AlarmSpec;
pub use naming::pascal;
pub use rule::{IpVersion, Other, Rule};
pub(crate) use tags::tag_list;
pub use ways::{Party, StatedWay, WayStated};

use crate::context::Whole;
use crate::database_use::DatabaseUse;
use indexmap::IndexMap;
use model::cfn::types::{
    Bucket, Key, LogGroup, Secret, SecurityGroup, SecurityGroupEgress, SecurityGroupIngress, Subnet, TargetGroup,
    Topic, Vpc,
};
use model::cfn::{
    DatabasePlace, Kind, Layer, Output, Parameter, Ref, Release, Resource, ResourceGraph, ResourceType, SecretContent,
    StoredSecret, Value,
};
use model::process_graph::{FileSpec, ProcessGraph, SecretSpec};
use model::scalar::Cidr;
use model::{ComponentName, Finding, FindingCode, Findings, ManifestPath, NodeId, Place};
use std::collections::BTreeSet;

/// A literal mapping of properties.
macro_rules! object {
    () => {
        ::model::cfn::Value::map::<String>([])
    };
    ($($key:literal : $value:expr),* $(,)?) => {
        ::model::cfn::Value::map([$(($key, ::model::cfn::Value::from($value))),*])
    };
}
/// A literal list of values.
macro_rules! list {
    ($($value:expr),* $(,)?) => {
        ::model::cfn::Value::list([$(::model::cfn::Value::from($value)),*] as [::model::cfn::Value; _])
    };
}
pub(crate) use {list, object};

/// The network in an account.
#[derive(Debug, Clone)]
pub struct NetworkInAws {
    /// Where it was said.
    pub at: ManifestPath,
    /// The network itself.
    pub vpc: Ref<Vpc>,
    /// Its addresses.
    pub block: Value,
    /// Reached from the internet when a rule says so; one subnet a zone.
    pub public: Vec<Ref<Subnet>>,
    /// Not reached from the internet, reaches it as `egress` says.
    pub private: Vec<Ref<Subnet>>,
    /// Neither reaches nor is reached.
    pub isolated: Vec<Ref<Subnet>>,
    /// Whether the public subnets have IPv6 addresses.
    pub has_ipv6: bool,
    /// Whether storage is reached without leaving the network.
    pub has_storage_endpoint: bool,
    /// How the private subnets reach what is outside.
    pub egress: EgressInAws,
}

impl NetworkInAws {
    /// Whether a block has addresses of the network; where those are not known, it may.
    #[must_use]
    pub fn has_addresses_of(&self, block: &Cidr) -> bool {
        let own = match &self.block.kind {
            Kind::Text(own) => own.parse::<ipnet::IpNet>().ok(),
            _ => None,
        };
        own.is_none_or(|own| own.contains(&block.net()) || block.net().contains(&own))
    }
}

/// How private subnets reach what is outside.
#[derive(Debug, Clone)]
pub enum EgressInAws {
    /// The internet, through address translation.
    Internet,
    /// Services of AWS, through interfaces of the network.
    Endpoints {
        /// The group of the interfaces.
        group: Ref<SecurityGroup>,
        /// The interfaces by logical id, each with its service.
        services: Vec<(String, String)>,
    },
    /// Nothing.
    Nothing,
}

/// What a load balancer needs of a program that it sends requests to.
#[derive(Debug, Clone)]
pub struct BackendInAws {
    /// The component.
    pub component: ComponentName,
    /// The group of its hosts.
    pub group: Ref<SecurityGroup>,
    /// What its hosts are called in a proof.
    pub hosts: String,
    /// Where its hosts are registered.
    pub targets: Ref<TargetGroup>,
    /// The number of its port.
    pub port: u16,
}

/// What has been lowered so far.
#[derive(Debug, Default)]
pub struct AwsGraph {
    /// The resources.
    pub graph: ResourceGraph,
    /// What goes into the secrets.
    pub secrets: Vec<StoredSecret>,
    /// Whom alarms are told: people and their e-mail addresses.
    pub told: IndexMap<String, String>,
    /// What hosts run from.
    pub releases: Vec<Release>,
    /// Where its databases are and what must be in them.
    pub places_of_databases: Vec<DatabasePlace>,
    /// What has an address of its own: hosts, load balancers, endpoints; by logical id.
    pub interfaces: Vec<String>,
    /// The ways that the manifest states.
    pub ways_stated: Vec<WayStated>,
    network: Option<NetworkInAws>,
    backends: IndexMap<ComponentName, BackendInAws>,
    databases: IndexMap<ComponentName, DatabaseInAws>,
    /// Parameters that are the hosted zone of a domain, looked up before the stack is made.
    pub zones: IndexMap<String, String>,
    ways: BTreeSet<(String, ComponentName)>,
    places: IndexMap<NodeId, Ref<Secret>>,
    key: Option<Ref<Key>>,
    topic: Option<Ref<Topic>>,
    bucket_of_releases: Option<Ref<Bucket>>,
}

/// What a component sees while it is lowered.
pub struct AwsContext<'a> {
    /// Its own name.
    pub name: &'a ComponentName,
    /// Its path: `components.NAME`.
    pub at: &'a ManifestPath,
    /// The environment's name.
    pub environment: &'a str,
    /// What runs, and what belongs to it.
    pub processes: &'a ProcessGraph,
    /// What has been lowered so far.
    pub aws: &'a mut AwsGraph,
    /// What is known of the whole application.
    pub whole: &'a Whole,
    /// What cannot be lowered.
    pub findings: &'a mut Findings,
}

impl AwsContext<'_> {
    /// Adds a resource named after the component and its part; tags it where its type has tags.
    pub fn add<T: ResourceType>(
        &mut self,
        layer: Layer,
        part: &str,
        origin: &ManifestPath,
        properties: Value,
    ) -> Ref<T> {
        let id = self.next_id(part, origin);
        let properties = tags::with_tags(T::NAME, properties, &self.tags(part));
        let resource = Resource {
            kind: T::NAME.to_owned(),
            condition: None,
            properties,
            attributes: IndexMap::new(),
            layer: Some(layer),
            component: Some(self.name.clone()),
            origin: Some(origin.clone()),
            line: 0,
        };
        self.aws.graph.resources.insert(id.clone(), resource);
        Ref::to(id)
    }

    /// Adds a resource that outlives its stack: losing it loses something that cannot be made again.
    pub fn add_retained<T: ResourceType>(
        &mut self,
        layer: Layer,
        part: &str,
        origin: &ManifestPath,
        properties: Value,
    ) -> Ref<T> {
        let added = self.add::<T>(layer, part, origin, properties);
        // A creation that is rolled back takes it along: nobody would ever use it again.
        self.set(&added, "DeletionPolicy", Value::text("RetainExceptOnCreate"));
        self.set(&added, "UpdateReplacePolicy", Value::text("Retain"));
        added
    }

    /// Sets what stands beside the properties of a resource that was added before.
    pub fn set<T: ResourceType>(&mut self, of: &Ref<T>, attribute: &str, value: Value) {
        let resource = of.logical_id().and_then(|id| self.aws.graph.resources.get_mut(id));
        if let Some(resource) = resource {
            resource.attributes.insert(attribute.to_owned(), value);
        }
    }

    /// Makes a resource wait for another one that it does not refer to.
    pub fn after<T: ResourceType, U: ResourceType>(&mut self, of: &Ref<T>, other: &Ref<U>) {
        if let Some(id) = other.logical_id() {
            self.set(of, "DependsOn", Value::text(id));
        }
    }

    /// The logical id that the next resource of that part gets. Two different parts may have the same name in letters alone; the second gets its origin's digest.
    pub(crate) fn next_id(&self, part: &str, origin: &ManifestPath) -> String {
        let id = format!("{}{}", pascal(self.name.as_str()), pascal(part));
        if !self.aws.graph.resources.contains_key(&id) {
            return id;
        }
        let digest = model::Digest::of_bytes(format!("{} {part} {origin}", self.name).as_bytes());
        format!("{id}{}", pascal(digest.short()))
    }

    /// The tags of what this component makes.
    pub(crate) fn tags(&self, part: &str) -> Vec<(&'static str, String)> {
        let deployment = self.processes.deployment.as_str();
        vec![
            ("Name", format!("{deployment}-{}-{}-{}", self.environment, self.name, naming::kebab(part))),
            (tags::DEPLOYMENT, deployment.to_owned()),
            (tags::ENVIRONMENT, self.environment.to_owned()),
            (tags::COMPONENT, self.name.to_string()),
        ]
    }

    /// Adds a parameter of the template.
    pub fn parameter(&mut self, name: &str, kind: &str, default: Option<&str>) -> Value {
        let id = format!("{}{name}", pascal(self.name.as_str()));
        let parameter =
            Parameter { kind: kind.to_owned(), default: default.map(str::to_owned), allowed: Vec::new(), line: 0 };
        self.aws.graph.parameters.insert(id.clone(), parameter);
        Value::reference(id)
    }

    /// Adds something that people and programs want to know afterwards.
    pub fn output(&mut self, layer: Layer, name: &str, about: impl Into<String>, value: Value) {
        let id = format!("{}{name}", pascal(self.name.as_str()));
        self.aws.graph.outputs.insert(id, Output { about: about.into(), value, layer });
    }

    /// Who uses the databases of this component, besides people.
    pub fn uses_of_this(&self) -> impl Iterator<Item = &DatabaseUse> {
        self.whole.uses_of(self.name)
    }

    /// Reports what cannot be lowered.
    pub fn refuse(&mut self, code: &'static FindingCode, at: &ManifestPath, summary: impl Into<String>, help: &str) {
        self.findings.push(Finding::new(code, Place::Value(at.clone()), summary).help(help));
    }

    /// Says what the network of the deployment is.
    pub fn export_network(&mut self, network: NetworkInAws) {
        self.aws.network = Some(network);
    }

    /// The network of the deployment.
    #[must_use]
    pub fn network(&self) -> Option<NetworkInAws> {
        self.aws.network.clone()
    }

    /// Says what a load balancer needs of this component.
    pub fn export_backend(&mut self, backend: BackendInAws) {
        self.aws.backends.insert(self.name.clone(), backend);
    }

    /// What a load balancer needs of a component.
    #[must_use]
    pub fn backend(&self, component: &ComponentName) -> Option<BackendInAws> {
        self.aws.backends.get(component).cloned()
    }

    /// Whether no way from a group to a component was opened before; one is enough for all routes.
    pub fn first_way(&mut self, from: &Ref<SecurityGroup>, to: &BackendInAws) -> bool {
        let from = from.logical_id().unwrap_or_default().to_owned();
        self.aws.ways.insert((from, to.component.clone()))
    }

    /// The hosted zone of a domain: the one that was said, or a parameter that is looked up before the stack is made.
    pub fn zone(&mut self, domain: &str, said: Option<&str>) -> Value {
        let zone = self.parameter("Zone", "AWS::Route53::HostedZone::Id", said);
        if let (None, Kind::Ref(name)) = (said, &zone.kind) {
            self.aws.zones.insert(name.clone(), domain.to_owned());
        }
        zone
    }

    /// Says that a resource has an address of its own.
    pub fn interface<T: ResourceType>(&mut self, resource: &Ref<T>) -> String {
        let id = resource.logical_id().unwrap_or_default().to_owned();
        self.aws.interfaces.push(id.clone());
        id
    }

    /// Says that the manifest states a way.
    pub fn way(&mut self, from: Party, to: impl Into<String>, because: &ManifestPath) {
        self.aws.ways_stated.push(WayStated { from, to: to.into(), because: because.clone() });
    }

    /// Adds the place of a secret. What goes into it never stands in a template.
    pub fn secret(
        &mut self,
        part: &str,
        origin: &ManifestPath,
        about: String,
        node: &NodeId,
        spec: &SecretSpec,
    ) -> Ref<Secret> {
        let (content, drawing) = match spec {
            SecretSpec::Generated { recipe, generation } => {
                let drawing = naming::drawing(recipe);
                let drawn_by_stack = drawing.is_some();
                (SecretContent::Made { recipe: recipe.clone(), generation: *generation, drawn_by_stack }, drawing)
            }
            SecretSpec::Given { source } => (SecretContent::Given(source.clone()), None),
        };
        let place = self.place(part, origin, about, drawing, Some(node), content);
        self.aws.places.insert(node.clone(), place.clone());
        place
    }

    /// Adds the place of the password of a login. It goes with the login: nothing else needs it.
    pub fn password(&mut self, part: &str, origin: &ManifestPath, about: String, node: &NodeId, spec: &SecretSpec) {
        let place = self.secret(part, origin, about, node, spec);
        self.goes_with_its_stack(&place);
    }

    /// Adds the place of a file with secrets in it: a secret itself, rendered when their values are known. It goes with who reads it:
    /// it is rendered anew from what is kept elsewhere.
    pub fn sealed_file(&mut self, part: &str, origin: &ManifestPath, about: String, file: FileSpec) -> Ref<Secret> {
        let place = self.place(part, origin, about, None, None, SecretContent::File(file));
        self.goes_with_its_stack(&place);
        place
    }

    fn goes_with_its_stack(&mut self, place: &Ref<Secret>) {
        self.set(place, "DeletionPolicy", Value::text("Delete"));
        self.set(place, "UpdateReplacePolicy", Value::text("Delete"));
    }

    fn place(
        &mut self,
        part: &str,
        origin: &ManifestPath,
        about: String,
        drawing: Option<Value>,
        node: Option<&NodeId>,
        content: SecretContent,
    ) -> Ref<Secret> {
        let key = self.key();
        let mut properties = object! { "Description": about, "KmsKeyId": &key };
        if let (Some(drawing), Kind::Map(entries)) = (drawing, &mut properties.kind) {
            entries.insert("GenerateSecretString".to_owned(), drawing);
        }
        let secret = self.add_retained::<Secret>(Layer::Data, part, origin, properties);
        let logical_id = secret.logical_id().unwrap_or_default().to_owned();
        self.aws.secrets.push(StoredSecret { logical_id, origin: origin.clone(), node: node.cloned(), content });
        secret
    }

    /// Where the value of a secret's node is kept.
    #[must_use]
    pub fn place_of(&self, node: &NodeId) -> Option<Ref<Secret>> {
        self.aws.places.get(node).cloned()
    }

    /// A group of interfaces with no rule at all: each rule is added by the edge that needs it.
    pub fn group(
        &mut self,
        layer: Layer,
        part: &str,
        origin: &ManifestPath,
        about: &str,
        vpc: &Ref<Vpc>,
    ) -> Ref<SecurityGroup> {
        // Without a rule of its own AWS would let everything out.
        let nothing = object! {
            "IpProtocol": "-1", "CidrIp": "127.0.0.1/32", "Description": "Nothing but what further rules say",
        };
        self.add::<SecurityGroup>(
            layer,
            part,
            origin,
            object! { "GroupDescription": about, "VpcId": vpc, "SecurityGroupEgress": list![nothing] },
        )
    }

    /// Lets a port be reached: from other interfaces or from a block of addresses.
    pub fn let_in(&mut self, layer: Layer, part: &str, rule: &Rule<'_>) {
        let properties = rule.properties("SourceSecurityGroupId");
        self.add::<SecurityGroupIngress>(layer, part, rule.because, properties);
    }

    /// Lets a port of others be reached.
    pub fn let_out(&mut self, layer: Layer, part: &str, rule: &Rule<'_>) {
        let properties = rule.properties("DestinationSecurityGroupId");
        self.add::<SecurityGroupEgress>(layer, part, rule.because, properties);
    }

    /// A place for logs of the component, kept for a while and then forgotten.
    pub fn log_group(&mut self, layer: Layer, part: &str, origin: &ManifestPath) -> Ref<LogGroup> {
        let key = self.key();
        let properties = object! { "RetentionInDays": LOG_RETENTION_DAYS, "KmsKeyId": &key };
        self.add_retained::<LogGroup>(layer, part, origin, properties)
    }
}

/// How long logs are kept. A year is what auditors ask for.
const LOG_RETENTION_DAYS: u32 = 365;
