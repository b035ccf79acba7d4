//! What is kept for the hosts of a deployment: values that are drawn here, and files that are rendered from them.

use compiler::AwsDeployment;
use model::cfn::SecretContent;
use model::text::{Part, SecretPart};
use model::{Atom, NodeId, Secret, Text};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read as _;
use template::GeneratedSecret;

/// The name of the database server in this world.
pub(super) const SERVER: &str = "db.example.internal";

/// The values of a deployment's secrets.
pub(super) struct Kept {
    values: BTreeMap<NodeId, GeneratedSecret>,
}

impl Kept {
    /// Draws each value by its recipe.
    pub(super) fn of(deployment: &AwsDeployment) -> Self {
        let mut source = std::fs::File::open("/dev/urandom").unwrap();
        let mut values = BTreeMap::new();
        for secret in &deployment.secrets {
            if let (Some(node), SecretContent::Made { recipe, .. }) = (&secret.node, &secret.content) {
                let made = template::generate(recipe, &mut |bytes: &mut [u8]| source.read_exact(bytes).unwrap());
                values.insert(node.clone(), made.unwrap());
            }
        }
        Self { values }
    }

    /// A value.
    pub(super) fn value(&self, node: &str) -> &str {
        self.values[&NodeId::new(node)].value.expose()
    }

    /// The public half of a key pair.
    pub(super) fn public(&self, node: &str) -> &str {
        self.values[&NodeId::new(node)].public.as_deref().unwrap()
    }

    fn text(&self, text: &Text) -> String {
        let part = |part: &Part| match part {
            Part::Literal(literal) => literal.clone(),
            Part::Hole(Atom::Secret(node, SecretPart::Value)) => self.value(node.as_str()).to_owned(),
            Part::Hole(Atom::Secret(node, SecretPart::Public)) => self.public(node.as_str()).to_owned(),
            Part::Hole(Atom::DatabaseHost(_)) => SERVER.to_owned(),
            Part::Hole(other) => panic!("{other} is not known in an account"),
        };
        text.parts().iter().map(part).collect()
    }

    /// What is in each place of a file, by the name under which hosts ask for it in this world.
    pub(super) fn places(&self, deployment: &AwsDeployment) -> BTreeMap<String, String> {
        let mut places = BTreeMap::new();
        for secret in &deployment.secrets {
            let SecretContent::File(file) = &secret.content else { continue };
            let context =
                template::fill(&file.context, |text| Ok::<_, Infallible>(Secret::new(self.text(text).as_str())));
            let rendered = template::render(&file.template_name, &file.template, &context.unwrap(), &[7; 32]).unwrap();
            places.insert(format!("the-{}", secret.logical_id), rendered.expose().to_owned());
        }
        places
    }

    /// The lines by which a key would be found: both of its forms, without what every key has in common.
    pub(super) fn lines_of_key(&self, node: &str, place: &str, places: &BTreeMap<String, String>) -> Vec<String> {
        let lines = self.value(node).lines().chain(places[place].lines());
        let own =
            lines.filter(|line| line.len() > 30 && !line.starts_with('-') && !line.starts_with("b3BlbnNzaC1rZXkt"));
        let own: Vec<String> = own.map(str::to_owned).collect();
        assert!(own.len() > 2, "{own:?}");
        own
    }
}
