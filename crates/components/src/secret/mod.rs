//! A value that must not be seen: generated once and kept, or given by reference.

mod aws;
mod codes;
pub(crate) mod password;
mod schema;

use crate::aws_context::AwsContext;
use crate::component::{Component, ExportName, Need};
use crate::context::{LocalContext, ValidationContext};
use crate::said::report;
use codes::{SEC001, SEC002, SEC005, SEC006, SEC007, SEC008};
use model::process_graph::{KeyEncoding, SecretRecipe, SecretSource, SecretSpec};
use model::text::{Atom, SecretPart};
use model::{FindingCode, Findings, ManifestPath, Text};
use schema::{Encoding, Generate, GenerateKind, GenerateRecipe};

pub(crate) use codes::{SEC003, SEC004};
pub(crate) use password::PasswordSpec;
pub(crate) use schema::SecretComponentSpec;

/// A secret that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValidSecret(SecretSpec);

pub(crate) struct SecretComponent;

impl Component for SecretComponent {
    const KIND: &'static str = "secret";
    const ABOUT: &'static str = "A value that must not be seen: generated once and kept, or given by reference.";
    const EXAMPLE: &'static str = include_str!("example.yaml");
    const CODES: &'static [&'static FindingCode] = codes::ALL;
    type Spec = SecretComponentSpec;
    type Valid = ValidSecret;

    fn validate(spec: Self::Spec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidSecret> {
        match (spec.generate, spec.given) {
            (Some(generate), None) => {
                let recipe = recipe(generate, &cx.at.key("generate"), findings);
                let generation = spec.generation.unwrap_or(1);
                Some(ValidSecret(SecretSpec::Generated { recipe: recipe?, generation }))
            }
            (None, Some(given)) => {
                if spec.generation.is_some() {
                    let at = cx.at.key("generation");
                    let help = "remove `generation`; change the value where it is kept, then run `landfall up`";
                    report(findings, &SEC008, &at, "a given secret has no generation", help);
                }
                let source = source(&given, &cx.at.key("given"), findings)?;
                (spec.generation.is_none()).then_some(ValidSecret(SecretSpec::Given { source }))
            }
            (generate, _) => {
                let problem =
                    if generate.is_some() { "both generated and given" } else { "neither generated nor given" };
                let help = "write `generate: { password: {} }`, or `given: env:NAME`, or `given: file:PATH`";
                report(findings, &SEC001, cx.at, format!("the secret `{}` is {problem}", cx.name), help);
                None
            }
        }
    }

    fn requires(_: &ValidSecret) -> Vec<Need> {
        Vec::new()
    }

    fn exports(valid: &ValidSecret) -> Vec<ExportName> {
        let value =
            ExportName { name: "value".into(), about: "the secret; of a key pair the private key", secret: true };
        let public = ExportName { name: "public".into(), about: "the public half of the key pair", secret: false };
        if valid.is_key_pair() { vec![public, value] } else { vec![value] }
    }

    fn realise_locally(valid: &ValidSecret, cx: &mut LocalContext<'_>) {
        let origin = cx.at.clone();
        let node = cx.secret("value", origin, valid.0.clone());
        cx.export("value", Text::hole(Atom::Secret(node.clone(), SecretPart::Value)));
        if valid.is_key_pair() {
            let public = Text::hole(Atom::Secret(node, SecretPart::Public));
            cx.export("public", public.clone());
            cx.output(format!("{}.public", cx.name), "the public half of the key pair", public);
        }
    }

    fn lower_to_aws(valid: &ValidSecret, cx: &mut AwsContext<'_>) {
        aws::lower(valid, cx);
    }
}

impl ValidSecret {
    fn is_key_pair(&self) -> bool {
        use SecretRecipe::{EcdsaP256, Ed25519, Rsa};
        matches!(self.0, SecretSpec::Generated { recipe: Ed25519 | EcdsaP256 | Rsa { .. }, .. })
    }
}

fn recipe(said: Generate, at: &ManifestPath, findings: &mut Findings) -> Option<SecretRecipe> {
    let said = match said {
        Generate::Recipe(recipe) => recipe,
        Generate::Kind(GenerateKind::Password) => GenerateRecipe::of_password(),
        Generate::Kind(GenerateKind::Key) => GenerateRecipe::of_key(),
        Generate::Kind(GenerateKind::Ed25519) => return Some(SecretRecipe::Ed25519),
        Generate::Kind(GenerateKind::Rsa) => return Some(SecretRecipe::Rsa { bits: 3072 }),
    };
    match (said.password, said.key, said.ed25519, said.rsa) {
        (Some(password), None, None, None) => password.recipe(&at.key("password"), findings),
        (None, Some(key), None, None) => {
            let encoding = match key.encoding {
                Encoding::Hex => KeyEncoding::Hex,
                Encoding::Base64 => KeyEncoding::Base64,
                Encoding::Base64url => KeyEncoding::Base64Url,
            };
            Some(SecretRecipe::Key { bytes: key.bytes, encoding })
        }
        (None, None, Some(_), None) => Some(SecretRecipe::Ed25519),
        (None, None, None, Some(rsa)) => {
            if ![2048, 3072, 4096].contains(&rsa.bits) {
                let summary = format!("an RSA key of {} bits is not made", rsa.bits);
                report(findings, &SEC005, &at.key("rsa").key("bits"), summary, "write 2048, 3072 or 4096");
                return None;
            }
            Some(SecretRecipe::Rsa { bits: rsa.bits })
        }
        _ => {
            let help = "name exactly one of `password`, `key`, `ed25519`, `rsa`";
            report(findings, &SEC002, at, "it must be clear what to generate", help);
            None
        }
    }
}

/// Messages never repeat what was said: it may be the secret itself, written here by mistake.
fn source(said: &str, at: &ManifestPath, findings: &mut Findings) -> Option<SecretSource> {
    if let Some(name) = said.strip_prefix("env:") {
        let mut letters = name.chars();
        let fits = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if fits {
            return Some(SecretSource::Environment(name.to_owned()));
        }
        let help = "write the name of an environment variable, as `env:DATABASE_PASSWORD`";
        report(findings, &SEC006, at, "the text after `env:` is no name of a variable", help);
        return None;
    }
    if let Some(path) = said.strip_prefix("file:") {
        let leaves = path.split('/').any(|part| part == "..") || path.starts_with('~');
        if !path.is_empty() && !leaves && !path.contains('\0') {
            return Some(SecretSource::File(path.to_owned()));
        }
        let help = "write a path beside the manifest, as `file:secrets/licence.txt`, or an absolute one";
        report(findings, &SEC007, at, "the path after `file:` is empty, or leaves its folder with `..` or `~`", help);
        return None;
    }
    let help = "write `env:NAME` or `file:PATH`; a secret itself never stands in a manifest";
    report(findings, &SEC006, at, "a given secret is a reference to where it is kept", help);
    None
}
