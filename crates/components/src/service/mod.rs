//! A program that is kept running.

mod aws;
mod codes;
mod files;
mod local;
mod promises;
mod python;
mod schema;
mod users;
mod uses;
mod valid;
mod validate;

use crate::aws_context::AwsContext;
use crate::component::{Component, ExportName, Need};
use crate::context::{LocalContext, ValidationContext};
use crate::together::{Facts, PublicText};
use model::{FindingCode, Findings};
use schema::ServiceSpec;
use valid::ValidService;

pub(crate) struct Service;

impl Component for Service {
    const KIND: &'static str = "service";
    const ABOUT: &'static str = "A program that is kept running, with its environment, files, users and health.";
    const EXAMPLE: &'static str = include_str!("example.yaml");
    const CODES: &'static [&'static FindingCode] = codes::ALL;
    type Spec = ServiceSpec;
    type Valid = ValidService;

    fn validate(spec: ServiceSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidService> {
        validate::validate(spec, cx, findings)
    }

    fn requires(valid: &ValidService) -> Vec<Need> {
        let need = |(component, at): &(model::ComponentName, model::ManifestPath)| Need {
            component: component.clone(),
            kinds: &[],
            at: at.clone(),
        };
        let used = valid.uses.iter().map(|used| Need {
            component: used.said.component.clone(),
            kinds: &["database"],
            at: used.said.at.clone(),
        });
        valid.needs.iter().map(need).chain(used).collect()
    }

    fn exports(valid: &ValidService) -> Vec<ExportName> {
        let open = |name: &str, about| ExportName { name: name.to_owned(), about, secret: false };
        let mut exports =
            vec![open("address", "the address that it listens on"), open("data", "the folder for its data that stays")];
        if valid.port.is_some() {
            exports.push(open("port", "the number of its port"));
            exports.push(open("url", "where this machine reaches it"));
        }
        if valid.python.is_some() {
            exports.push(open("python", "the Python of its environment"));
            let programs = local::programs_named(valid);
            exports.extend(
                programs.iter().map(|name| open(&format!("bin.{name}"), "a program of its Python environment")),
            );
        }
        if valid.source.is_some() {
            exports.push(open("source", "the copy of its source folder"));
        }
        exports.extend(valid.files.iter().map(|file| open(&format!("file.{}", file.name), "the path of its file")));
        exports.extend(uses::exports(valid));
        for (index, user) in valid.users.iter().flat_map(|users| &users.all).enumerate() {
            let name = &user.name;
            let password = |name: String| ExportName { name, about: "the password of its user", secret: true };
            if index == 0 {
                exports.push(open("first-user.name", "the name of its first user"));
                exports.push(password("first-user.password".to_owned()));
            }
            exports.push(password(format!("users.{name}.password")));
        }
        exports
    }

    fn facts(valid: &ValidService) -> Facts {
        let at = &valid.at;
        let mut public_texts: Vec<PublicText> = Vec::new();
        for file in valid.files.iter().filter(|file| file.mode & 0o077 != 0) {
            public_texts.extend(files::references(&file.variables).into_iter().map(|text| PublicText {
                text: text.clone(),
                at: at.key("files").key(&file.name).key("with"),
                seen_by: "others may read this file",
                instead: "write `mode: \"0600\"`",
            }));
        }
        Facts {
            public_texts,
            listens: valid.port.is_some(),
            longest_request: valid.longest_request.map(|longest| (longest, at.key("longest-request"))),
            memory: valid.memory.clone(),
            uses: valid.uses.iter().map(|used| used.said.clone()).collect(),
            roles: valid.users.iter().flat_map(|users| users.roles.clone()).collect(),
            ..Facts::default()
        }
    }

    fn realise_locally(valid: &ValidService, cx: &mut LocalContext<'_>) {
        local::realise(valid, cx);
    }

    fn lower_to_aws(valid: &ValidService, cx: &mut AwsContext<'_>) {
        aws::lower(valid, cx);
    }
}
