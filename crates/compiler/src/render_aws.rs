//! From resources to templates: one stack a layer, in text that people like to read.
//!
//! A value goes from one stack to another as an output there and a parameter here, which the deployment hands over. There are
//! no exports: an exported value could not be changed as long as anybody imports it.

mod export;
mod limits;
mod split;
mod terraform;
mod tree;

pub use export::{ExportedFile, export_cloudformation};
pub use terraform::export_terraform;

use crate::lower_to_aws::AwsDeployment;
use model::cfn::{Layer, StackTemplate, TemplateSet};
use model::{Digest, Findings};

/// Renders templates. Reports each limit of CloudFormation that one of them is over.
#[must_use]
pub fn render_templates(deployment: &AwsDeployment, findings: &mut Findings) -> TemplateSet {
    let graph = &deployment.graph;
    let stacks: Vec<StackTemplate> = Layer::ALL
        .into_iter()
        .filter(|layer| graph.resources.values().any(|resource| resource.layer == Some(*layer)))
        .map(|layer| {
            let part = split::part(graph, layer, &deployment.zones);
            let text = tree::template(&part, &format!("{}: the layer {}", deployment.name, layer.name()));
            limits::check(&part, layer, &text, findings);
            let has_roles = part.resources.values().any(|resource| resource.kind.starts_with("AWS::IAM::"));
            StackTemplate {
                layer,
                name: format!("{}-{}", deployment.name, layer.name()),
                digest: Digest::of_bytes(text.as_bytes()),
                text,
                parameters: part.sources,
                capabilities: if has_roles { vec!["CAPABILITY_IAM"] } else { Vec::new() },
                tags: deployment.tags.clone(),
                resource_count: part.resources.len(),
            }
        })
        .collect();
    TemplateSet { stacks }
}

/// The codes of what cannot be rendered.
pub(crate) use limits::CODES;
