//! Templates as files that anybody can deploy by hand, without this tool.

use crate::lower_to_aws::AwsDeployment;
use model::cfn::{ParameterSource, TemplateSet};
use model::cfn::{SecretContent, StoredSecret};
use model::process_graph::{KeyEncoding, SecretRecipe, SecretSource};
use std::fmt::Write as _;

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// Its path in the folder.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The templates and a README that says how to deploy them with the AWS command line alone.
#[must_use]
pub fn export_cloudformation(deployment: &AwsDeployment, templates: &TemplateSet) -> Vec<ExportedFile> {
    let mut files: Vec<ExportedFile> = templates
        .stacks
        .iter()
        .map(|stack| ExportedFile { path: format!("{}.yaml", stack.layer.name()), text: stack.text.clone() })
        .collect();
    for secret in &deployment.secrets {
        if let SecretContent::File(file) = &secret.content {
            files.push(ExportedFile { path: format!("secrets/{}.j2", secret.logical_id), text: file.template.clone() });
        }
    }
    files.push(ExportedFile { path: "README.md".to_owned(), text: readme(deployment, templates) });
    files
}

fn readme(deployment: &AwsDeployment, templates: &TemplateSet) -> String {
    let mut out = format!(
        "# {name}\n\n\
         CloudFormation templates, one a layer. They are all that is needed to deploy by hand:\n\
         the AWS command line, `python3` and rights to make the resources.\n\n\
         ```sh\nset -euo pipefail\n",
        name = deployment.name
    );
    match &deployment.region {
        Some(region) => {
            let _ = writeln!(out, "export AWS_REGION={region}");
        }
        None => out.push_str(": \"${AWS_REGION:?choose a region}\"\n"),
    }
    let tags: Vec<String> = deployment.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let _ = write!(
        out,
        "output() {{ # STACK NAME\n  aws cloudformation describe-stacks --stack-name \"$1\" \\\n    \
         --query \"Stacks[0].Outputs[?OutputKey=='$2'].OutputValue\" --output text\n}}\n\
         deploy() {{ # STACK FILE [OPTION...]\n  local stack=$1 file=$2\n  shift 2\n  \
         aws cloudformation deploy --stack-name \"$stack\" --template-file \"$file\" --no-fail-on-empty-changeset \\\n    \
         --tags {} \"$@\"\n  \
         aws cloudformation update-termination-protection --stack-name \"$stack\" --enable-termination-protection\n}}\n```\n",
        tags.join(" ")
    );
    for (index, stack) in templates.stacks.iter().enumerate() {
        let _ = write!(out, "\n## {}. The layer {}\n\n```sh\n", index + 1, stack.layer.name());
        let mut overrides = Vec::new();
        for (name, source) in &stack.parameters {
            match source {
                ParameterSource::Output { layer, name: output } => {
                    let from = format!("{}-{}", deployment.name, layer.name());
                    overrides.push(format!("{name}=\"$(output {from} {output})\""));
                }
                ParameterSource::HostedZone { domain } => {
                    let _ =
                        writeln!(out, "# The id of the hosted zone in which {domain} lies, as Z0123456789ABCDEFGHIJ:");
                    let _ =
                        writeln!(out, "aws route53 list-hosted-zones --query 'HostedZones[].[Id,Name]' --output text");
                    let _ = writeln!(out, "zone=...");
                    overrides.push(format!("{name}=\"$zone\""));
                }
                ParameterSource::Default => {}
            }
        }
        let _ = write!(out, "deploy {} {}.yaml", stack.name, stack.layer.name());
        if !stack.capabilities.is_empty() {
            let _ = write!(out, " --capabilities {}", stack.capabilities.join(" "));
        }
        if !overrides.is_empty() {
            let _ = write!(out, " \\\n  --parameter-overrides \\\n    {}", overrides.join(" \\\n    "));
        }
        out.push_str("\n```\n");
        if stack.layer == model::cfn::Layer::Data {
            secrets(deployment, &stack.name, &mut out);
        }
    }
    out.push_str(
        "\n## Removing it\n\nDelete the stacks from the last to the first, after taking away their termination protection and \
         the\nload balancer's deletion protection. Secrets, logs, the key and the bucket of access logs are kept on purpose:\n\
         delete them when nobody needs them any more.\n",
    );
    out
}

/// What is to be put into the empty places, before the next layer.
pub(super) fn secrets(deployment: &AwsDeployment, stack: &str, out: &mut String) {
    let to_fill: Vec<&StoredSecret> = deployment
        .secrets
        .iter()
        .filter(|secret| !matches!(secret.content, SecretContent::Made { drawn_by_stack: true, .. }))
        .collect();
    if to_fill.is_empty() {
        return;
    }
    out.push_str(
        "\nThe templates hold no secret. CloudFormation has drawn the passwords; the places below are still empty. Read a\n\
         password with `aws secretsmanager get-secret-value --secret-id NAME --query SecretString --output text`.\n",
    );
    for secret in to_fill {
        let _ = write!(out, "\n`{}` ({}): ", secret.logical_id, secret.origin);
        match &secret.content {
            SecretContent::Made { recipe, .. } => {
                let _ = writeln!(out, "{}", how_to_make(recipe));
            }
            SecretContent::Given(SecretSource::Environment(name)) => {
                let _ = writeln!(out, "the value of the environment variable `{name}`.");
            }
            SecretContent::Given(SecretSource::File(path)) => {
                let _ = writeln!(out, "the text of the file `{path}`.");
            }
            SecretContent::File(file) => {
                let _ = writeln!(
                    out,
                    "the file `{}`, written by the template `secrets/{}.j2` with these values:\n",
                    file.name, secret.logical_id
                );
                let said: serde_json::Map<String, serde_json::Value> =
                    file.context.iter().map(|(name, value)| (name.clone(), plain(value, deployment))).collect();
                let text = serde_json::to_string_pretty(&said).unwrap_or_default();
                let _ = writeln!(out, "```json\n{text}\n```");
            }
        }
        let _ = writeln!(
            out,
            "\n```sh\naws secretsmanager put-secret-value --secret-string file://VALUE \\\n  --secret-id \"$(aws cloudformation \
             describe-stack-resource --stack-name {stack} \\\n    --logical-resource-id {} --query \
             StackResourceDetail.PhysicalResourceId --output text)\"\n```",
            secret.logical_id
        );
    }
}

fn how_to_make(recipe: &SecretRecipe) -> String {
    match recipe {
        SecretRecipe::Password { length, .. } => format!("a password of {length} characters."),
        SecretRecipe::Key { bytes, encoding: KeyEncoding::Hex } => format!("what `openssl rand -hex {bytes}` prints."),
        SecretRecipe::Key { bytes, .. } => format!("what `openssl rand -base64 {bytes}` prints."),
        SecretRecipe::Ed25519 => "a private key: `openssl genpkey -algorithm ed25519`.".to_owned(),
        SecretRecipe::EcdsaP256 => {
            "a private key: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`.".to_owned()
        }
        SecretRecipe::Rsa { bits } => {
            format!("a private key: `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits}`.")
        }
    }
}

/// A variable of a template, with the names of secrets in the place of their values.
fn plain(value: &model::text::TemplateValue, deployment: &AwsDeployment) -> serde_json::Value {
    use model::text::{Part, TemplateValue};
    match value {
        TemplateValue::Plain(plain) => plain.clone(),
        TemplateValue::Text(text) => text
            .parts()
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.clone(),
                Part::Hole(atom) => {
                    let place = deployment.secrets.iter().find(|secret| secret.node.as_ref() == atom.node());
                    place.map_or_else(|| atom.to_string(), |secret| format!("<the secret {}>", secret.logical_id))
                }
            })
            .collect::<String>()
            .into(),
        TemplateValue::List(items) => items.iter().map(|item| plain(item, deployment)).collect(),
        TemplateValue::Map(entries) => serde_json::Value::Object(
            entries.iter().map(|(key, item)| (key.clone(), plain(item, deployment))).collect(),
        ),
    }
}
