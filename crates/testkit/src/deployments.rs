//! Deployments to try things on: the blueprint and an application of several services, lowered as the command lowers them.

use compiler::{Options, compile, lower_to_aws, render_templates};
use components::context::Files;
use model::{Digest, Findings, Rotations};
use stacks::Deployment;
use std::path::PathBuf;

const BLUEPRINT: &str = include_str!("../../../blueprints/tabpy/landfall.yaml");

const SHOP: &str = r#"
landfall: 1
name: shop
environments:
  production: { target: aws, account: "123456789012", region: us-west-2 }
components:
  net: { kind: network, zones: 3, egress: nat-per-zone, block: 10.20.0.0/20 }
  key: { kind: secret, generate: { key: { bytes: 32, encoding: hex } } }
  licence: { kind: secret, given: "env:LICENCE" }
  signing: { kind: secret, generate: ed25519 }
  app:
    kind: service
    size: large
    instances: 2
    command: [/usr/bin/shop, --port, "${self.port}"]
    environment: { KEY: "${key.value}", LICENCE: "a ${licence.value}" }
    files:
      public.pem: { text: "{{ pem }}", with: { pem: "${signing.public}" }, mode: "0644" }
    port: 8000
  api: { kind: service, command: [/usr/bin/api], port: 8001, needs: [app] }
  job: { kind: service, command: [/usr/bin/job], restart: on-failure }
  web:
    kind: edge
    domain: shop.example.org
    also: [www.shop.example.org, a.example.org]
    exposure: internet
    routes: { /: { to: [app, api], sticky: true }, /api: { to: api, health: { path: /ok, status: [200, 204] } } }
  inside:
    kind: edge
    domain: inside.example.org
    exposure: internal
    redirect: false
    routes: { /: api }
"#;

const RECORDS: &str = r#"
landfall: 1
name: records
people:
  alice: { roles: [admin], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz" }
environments:
  production: { target: aws, account: "123456789012", region: us-west-2 }
components:
  net: { kind: network }
  db: { kind: database, engine: postgres, version: "17", databases: [records], people: { admin: read-only } }
  app:
    kind: service
    command: [/usr/bin/app]
    uses: { db: { grants: read-write } }
    environment: { DATABASE_URL: "${self.uses.db.url}" }
    port: 8000
"#;

/// The given secret of the shop.
pub const LICENCE: &str = "licence-4f1c2b-of-the-shop";

/// The files of the blueprint.
struct OfBlueprint;

impl Files for OfBlueprint {
    fn text(&self, path: &str) -> Result<String, String> {
        let blueprint = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../blueprints/tabpy");
        std::fs::read_to_string(blueprint.join(path)).map_err(|error| error.to_string())
    }
    fn folder_digest(&self, path: &str) -> Result<Digest, String> {
        Err(format!("{path} is no folder of the blueprint"))
    }
}

/// The blueprint for TabPy in production.
#[must_use]
pub fn tabpy() -> Deployment {
    tabpy_with(&[])
}

/// The same with texts of its manifest replaced.
#[must_use]
pub fn tabpy_with(replaced: &[(&str, &str)]) -> Deployment {
    lowered(BLUEPRINT, replaced, &Rotations::default())
}

/// An application of three services, two edges, and secrets of every kind.
#[must_use]
pub fn shop() -> Deployment {
    shop_with(&[])
}

/// A service on a database.
#[must_use]
pub fn records() -> Deployment {
    records_with(&[])
}

/// The same with texts of its manifest replaced.
#[must_use]
pub fn records_with(replaced: &[(&str, &str)]) -> Deployment {
    records_rotated(replaced, &Rotations::default())
}

/// The same, with secrets that are being replaced by new ones.
#[must_use]
pub fn records_rotated(replaced: &[(&str, &str)], rotations: &Rotations) -> Deployment {
    lowered(RECORDS, replaced, rotations)
}

/// The same with texts of its manifest replaced.
#[must_use]
pub fn shop_with(replaced: &[(&str, &str)]) -> Deployment {
    lowered(SHOP, replaced, &Rotations::default())
}

fn lowered(manifest: &str, replaced: &[(&str, &str)], rotations: &Rotations) -> Deployment {
    let mut manifest = manifest.to_owned();
    for (old, new) in replaced {
        assert!(manifest.contains(old), "the manifest does not say {old}");
        manifest = manifest.replace(old, new);
    }
    let mut options = Options::new(&OfBlueprint, "2026-11-21");
    "production".clone_into(&mut options.environment);
    let compilation = compile("landfall.yaml", manifest.as_bytes(), &options);
    let Some(application) = &compilation.application else { panic!("{:?}", compilation.findings) };
    let mut findings = Findings::new();
    let lowered = lower_to_aws(application, rotations, &mut findings).unwrap_or_else(|| panic!("{findings:?}"));
    let templates = render_templates(&lowered, &mut findings);
    Deployment {
        name: lowered.name,
        deployment: application.name.to_string(),
        environment: application.environment.name.clone(),
        account: application.environment.account.clone(),
        region: lowered.region,
        templates,
        graph: lowered.graph,
        secrets: lowered.secrets,
        releases: lowered.releases,
        databases: lowered.databases,
        rotations: rotations.clone(),
        digest: lowered.digest,
    }
}
