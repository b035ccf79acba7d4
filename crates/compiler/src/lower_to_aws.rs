//! From an application to the resources of an AWS account.

use crate::application::Application;
use crate::realise::{realise_locally, whole};
use components::aws_context::{AwsContext, AwsGraph, StatedWay};
use components::context::Whole;
use components::people::ADMINISTRATOR;
use components::registry;
use model::{ComponentName, Digest, Findings, ManifestPath, Rotations, cfn};

/// The order in which kinds are lowered: what others stand on comes first.
const ORDER: [&str; 7] = ["network", "secret", "database", "bastion", "service", "tunnel", "edge"];
/// The name of the network of an application that says none.
const IMPLIED_NETWORK: &str = "net";

/// An application in an account.
#[derive(Debug)]
pub struct AwsDeployment {
    /// The name of its first stack and the beginning of the others': deployment and environment.
    pub name: String,
    /// The resources, each with the line of the manifest that caused it.
    pub graph: cfn::ResourceGraph,
    /// What goes into its secrets.
    pub secrets: Vec<cfn::StoredSecret>,
    /// The folders that its hosts run from; written when the data layer is there, before the service layer.
    pub releases: Vec<cfn::Release>,
    /// Its databases; what is in them is applied when the access layer is there, before the service layer.
    pub databases: Vec<cfn::DatabasePlace>,
    /// Each way that the manifest states, by the names that a proof of the resources gives its ends. Nothing else may be open.
    pub stated_ways: Vec<StatedWay>,
    /// What has an address of its own: hosts, load balancers, endpoints; by logical id.
    pub interfaces: Vec<String>,
    /// Parameters that are the hosted zone of a domain, looked up before the stack is made.
    pub zones: indexmap::IndexMap<String, String>,
    /// What every stack is tagged with; CloudFormation hands it on to the resources.
    pub tags: Vec<(String, String)>,
    /// The account, where the manifest pins one.
    pub account: Option<String>,
    /// The region, where the manifest pins one.
    pub region: Option<String>,
    /// What it was made from.
    pub digest: Digest,
}

/// Lowers an application. `rotations`: how far its secrets are in being replaced by new ones; the account keeps it. `None` when a
/// part of it cannot run in an account; the findings say which and why.
#[must_use]
pub fn lower_to_aws(
    application: &Application,
    rotations: &Rotations,
    findings: &mut Findings,
) -> Option<AwsDeployment> {
    let before = findings.error_count();
    let processes = realise_locally(application, rotations);
    let whole = whole(application, rotations.clone());
    let environment = application.environment.name.as_str();
    let mut aws = AwsGraph::default();
    aws.told = told(application);
    if !application.components.iter().any(|component| component.kind == ORDER[0]) {
        imply_network(&processes, environment, &mut aws, &whole, findings);
    }
    for kind in ORDER {
        for component in application.components.iter().filter(|component| component.kind == kind) {
            component.valid.lower_to_aws(&mut AwsContext {
                name: &component.name,
                at: &component.at,
                environment,
                processes: &processes,
                aws: &mut aws,
                whole: &whole,
                findings,
            });
        }
    }
    if findings.error_count() > before {
        return None;
    }
    let tag = |key: &str, value: &str| (format!("landfall:{key}"), value.to_owned());
    Some(AwsDeployment {
        name: format!("{}-{environment}", application.name),
        stated_ways: aws.stated(),
        interfaces: aws.interfaces,
        graph: aws.graph,
        secrets: aws.secrets,
        releases: aws.releases,
        databases: aws.places_of_databases,
        zones: aws.zones,
        tags: vec![
            tag("deployment", application.name.as_str()),
            tag("environment", environment),
            tag("manifest", application.digest.short()),
        ],
        account: application.environment.account.clone(),
        region: application.environment.region.clone(),
        digest: application.digest.clone(),
    })
}

/// Whom alarms are told.
fn told(application: &Application) -> indexmap::IndexMap<String, String> {
    let people = application.people.iter().filter(|(_, person)| person.roles.iter().any(|role| role == ADMINISTRATOR));
    people.filter_map(|(name, person)| Some((name.clone(), person.email.clone()?))).collect()
}

/// A network as one gets it with `kind: network` and nothing else.
fn imply_network(
    processes: &model::ProcessGraph,
    environment: &str,
    aws: &mut AwsGraph,
    whole: &Whole,
    findings: &mut Findings,
) {
    let name = ComponentName::new(IMPLIED_NETWORK).expect("a name");
    let at = ManifestPath::root().key("components");
    let kind = registry::find(ORDER[0]).expect("the network is a kind");
    let files = NoFiles;
    let parameters = serde_json::Map::new();
    let cx = components::context::ValidationContext {
        name: &name,
        at: &at,
        files: &files,
        parameters: &parameters,
        people: &whole.people,
        is_local: false,
        today: "",
    };
    if let Ok(Some(valid)) = kind.validate(serde_json::json!({}), &cx, findings) {
        valid.lower_to_aws(&mut AwsContext { name: &name, at: &at, environment, processes, aws, whole, findings });
    }
}

/// A network asks for no file.
struct NoFiles;

impl components::context::Files for NoFiles {
    fn text(&self, _: &str) -> Result<String, String> {
        Err("there is no such file".to_owned())
    }
    fn folder_digest(&self, _: &str) -> Result<Digest, String> {
        Err("there is no such folder".to_owned())
    }
}
