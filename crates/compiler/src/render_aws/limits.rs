//! CloudFormation's limits, known before anything is sent. Source: AWS CloudFormation User Guide, "Understand CloudFormation
//! quotas", and the quotas of the services whose resources are made here, as of 20 November 2026.

use super::split::Part;
use model::cfn::{Kind, Layer, Resource, Value};
use model::{Finding, FindingCode, Findings, ManifestPath, Place, Severity};

/// The codes of this stage.
pub(crate) const CODES: &[&FindingCode] = &[&TPL001];

const TPL001: FindingCode = FindingCode {
    code: "TPL001",
    title: "a template over a limit of CloudFormation",
    explanation: "CloudFormation takes templates of at most 1 MB with at most 500 resources, 200 parameters and 200 \
                  outputs, and its services limit rules, tags and policies. A deployment over a limit would fail \
                  half-way, so it is refused before anything is made.",
    severity: Severity::Error,
};

const TEMPLATE_BYTES: usize = 1_000_000;
const RESOURCES: usize = 500;
const PARAMETERS: usize = 200;
const OUTPUTS: usize = 200;
const NAME_LENGTH: usize = 255;
const TAGS: usize = 50;
const ROLE_POLICY_BYTES: usize = 10_240;
const USER_DATA_BYTES: usize = 16 << 10;
/// Of one security group and direction.
const GROUP_RULES: usize = 60;
/// Of one load balancer, defaults not counted.
const LISTENER_RULES: usize = 100;

pub(super) fn check(part: &Part, layer: Layer, text: &str, findings: &mut Findings) {
    let mut over = |at: Option<&ManifestPath>, what: String, count: usize, limit: usize| {
        if count > limit {
            let place = Place::Key(at.cloned().unwrap_or_else(|| ManifestPath::root().key("components")));
            let summary = format!("the layer {}: {what}: {count}, AWS takes {limit}", layer.name());
            findings
                .push(Finding::new(&TPL001, place, summary).help("divide the deployment, or make this part smaller"));
        }
    };
    over(None, "bytes of the template".into(), text.len(), TEMPLATE_BYTES);
    over(None, "resources".into(), part.resources.len(), RESOURCES);
    over(None, "parameters".into(), part.parameters.len(), PARAMETERS);
    over(None, "outputs".into(), part.outputs.len(), OUTPUTS);
    let mut groups: indexmap::IndexMap<(&str, String), (usize, Option<&ManifestPath>)> = indexmap::IndexMap::new();
    let mut listener_rules = 0;
    for (id, resource) in &part.resources {
        let at = resource.origin.as_ref();
        over(at, format!("letters of the name {id}"), id.len(), NAME_LENGTH);
        over(at, format!("tags of {id}"), length(resource.properties.get("Tags")), TAGS);
        match resource.kind.as_str() {
            "AWS::EC2::SecurityGroupIngress" | "AWS::EC2::SecurityGroupEgress" => {
                let group = format!("{:?}", resource.properties.get("GroupId").map(|group| &group.kind));
                let entry = groups.entry((resource.kind.as_str(), group)).or_insert((0, at));
                entry.0 += 1;
            }
            "AWS::ElasticLoadBalancingV2::ListenerRule" => listener_rules += 1,
            "AWS::IAM::Role" => {
                over(at, format!("bytes of the policies of {id}"), policies(resource), ROLE_POLICY_BYTES);
            }
            "AWS::EC2::LaunchTemplate" => {
                let data = resource.properties.get("LaunchTemplateData").and_then(|data| data.get("UserData"));
                over(at, format!("bytes of the user data of {id}"), data.map_or(0, size), USER_DATA_BYTES);
            }
            _ => {}
        }
    }
    for (count, at) in groups.into_values() {
        over(at, "rules of one security group".into(), count, GROUP_RULES);
    }
    over(None, "rules of listeners".into(), listener_rules, LISTENER_RULES);
}

fn length(list: Option<&Value>) -> usize {
    match list.map(|list| &list.kind) {
        Some(Kind::List(items)) => items.len(),
        _ => 0,
    }
}

/// About how many bytes a value becomes: names stand for ARNs, which are longer.
fn size(value: &Value) -> usize {
    const ARN: usize = 120;
    let own = match &value.kind {
        Kind::Text(text) => text.len() + 4,
        Kind::Map(entries) => entries.keys().map(|key| key.len() + 4).sum(),
        Kind::Ref(_) | Kind::GetAtt(..) => ARN,
        Kind::Sub(parts, _) => parts
            .iter()
            .map(|part| match part {
                model::cfn::SubPart::Literal(text) => text.len(),
                _ => ARN,
            })
            .sum(),
        _ => 2,
    };
    own + value.children().into_iter().map(size).sum::<usize>()
}

fn policies(resource: &Resource) -> usize {
    resource.properties.get("Policies").map_or(0, size)
}
