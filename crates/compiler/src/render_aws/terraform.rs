//! The same templates in Terraform's hands: one `aws_cloudformation_stack` a layer.

use super::export::{ExportedFile, export_cloudformation, secrets};
use crate::lower_to_aws::AwsDeployment;
use model::cfn::Layer;
use model::cfn::{ParameterSource, TemplateSet};
use std::fmt::Write as _;

/// The templates, and a `main.tf` that makes their stacks in order.
#[must_use]
pub fn export_terraform(deployment: &AwsDeployment, templates: &TemplateSet) -> Vec<ExportedFile> {
    let mut files: Vec<ExportedFile> = export_cloudformation(deployment, templates)
        .into_iter()
        .filter(|file| file.path.ends_with(".yaml") || file.path.starts_with("secrets/"))
        .collect();
    files.push(ExportedFile { path: "main.tf".to_owned(), text: main(deployment, templates) });
    files.push(ExportedFile { path: "README.md".to_owned(), text: readme(deployment, templates) });
    files
}

/// How to apply it: the places of secrets are filled between two layers.
fn readme(deployment: &AwsDeployment, templates: &TemplateSet) -> String {
    let mut out = format!("# {}\n\nCloudFormation templates, made into stacks by Terraform.\n", deployment.name);
    let data = templates.stacks.iter().find(|stack| stack.layer == Layer::Data);
    let mut to_fill = String::new();
    if let Some(data) = data {
        secrets(deployment, &data.name, &mut to_fill);
    }
    out.push_str("\n```sh\nterraform init\n");
    if to_fill.is_empty() {
        out.push_str("terraform apply\n```\n");
    } else {
        let _ = write!(
            out,
            "terraform apply -target=aws_cloudformation_stack.data\n```\n{to_fill}\nThen the rest:\n\n```sh\nterraform apply\n```\n"
        );
    }
    out
}

fn main(deployment: &AwsDeployment, templates: &TemplateSet) -> String {
    let mut out = String::from(
        "terraform {\n  required_version = \">= 1.5\"\n  required_providers {\n    aws = {\n      source  = \
         \"hashicorp/aws\"\n      version = \">= 5.0\"\n    }\n  }\n}\n",
    );
    match &deployment.region {
        Some(region) => {
            let _ = write!(out, "\nprovider \"aws\" {{\n  region = {}\n}}\n", quoted(region));
        }
        None => out.push_str("\nprovider \"aws\" {}\n"),
    }
    for (name, domain) in &deployment.zones {
        let about = format!("The id of the hosted zone in which {domain} lies, as Z0123456789ABCDEFGHIJ.");
        let _ = write!(
            out,
            "\nvariable \"{}\" {{\n  type        = string\n  description = {}\n}}\n",
            snake(name),
            quoted(&about)
        );
    }
    let mut before: Option<&str> = None;
    for stack in &templates.stacks {
        let layer = stack.layer.name();
        let mut arguments = vec![
            ("name".to_owned(), quoted(&stack.name)),
            ("template_body".to_owned(), format!("file(\"${{path.module}}/{layer}.yaml\")")),
        ];
        if !stack.capabilities.is_empty() {
            let all: Vec<String> = stack.capabilities.iter().map(|one| quoted(one)).collect();
            arguments.push(("capabilities".to_owned(), format!("[{}]", all.join(", "))));
        }
        let parameters: Vec<(String, String)> = stack
            .parameters
            .iter()
            .filter_map(|(name, source)| match source {
                ParameterSource::Output { layer, name: output } => {
                    let from = format!("aws_cloudformation_stack.{}.outputs[{}]", layer.name(), quoted(output));
                    Some((name.clone(), from))
                }
                ParameterSource::HostedZone { .. } => Some((name.clone(), format!("var.{}", snake(name)))),
                ParameterSource::Default => None,
            })
            .collect();
        if !parameters.is_empty() {
            arguments.push(("parameters".to_owned(), mapping(&parameters)));
        }
        let tags: Vec<_> = stack.tags.iter().map(|(key, value)| (quoted(key), quoted(value))).collect();
        arguments.push(("tags".to_owned(), mapping(&tags)));
        if let Some(before) = before {
            arguments.push(("depends_on".to_owned(), format!("[aws_cloudformation_stack.{before}]")));
        }
        let _ = write!(out, "\nresource \"aws_cloudformation_stack\" \"{layer}\" {{\n");
        // As `terraform fmt` wants it: neighbours of one line are aligned.
        for run in arguments.chunk_by(|(_, one), (_, other)| !one.contains('\n') && !other.contains('\n')) {
            let width = run.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, value) in run {
                let _ = writeln!(out, "  {name:width$} = {value}");
            }
        }
        out.push_str("}\n");
        before = Some(layer);
    }
    out
}

fn mapping(entries: &[(String, String)]) -> String {
    let width = entries.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let lines: String = entries.iter().map(|(key, value)| format!("    {key:width$} = {value}\n")).collect();
    format!("{{\n{lines}  }}")
}

/// A text in Terraform's language.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{}\"", text.replace("${", "$${").replace("%{", "%%{"))
}

/// `WebZone` as `web_zone`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{quoted, snake};

    #[test]
    fn texts_stay_texts() {
        assert_eq!(quoted(r#"a"${b}%{c}\"#), r#""a\"$${b}%%{c}\\""#);
        assert_eq!(snake("WebZone"), "web_zone");
    }
}
