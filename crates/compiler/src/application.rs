//! What was said, once it makes sense.

use crate::manifest::{Guarantee, Person, Target};
use crate::parameter::ParameterValue;
use components::component::ValidComponent;
use components::probes::ValidProbe;
use indexmap::IndexMap;
use model::{ComponentName, DeploymentName, Digest, ManifestPath};
use serde_json::{Value, json};

/// An application: only valid parts, each knowing where it was said.
pub struct Application {
    /// The deployment's name.
    pub name: DeploymentName,
    /// What it is, in one line.
    pub about: Option<String>,
    /// Where it runs.
    pub environment: Environment,
    /// The parameters that have a value.
    pub parameters: IndexMap<String, ParameterValue>,
    /// The components; each comes after those that it needs.
    pub components: Vec<Component>,
    /// The people.
    pub people: IndexMap<String, Person>,
    /// What must hold of the paths between components.
    pub guarantees: Vec<Guarantee>,
    /// The manifest's own probes.
    pub probes: Vec<Probe>,
    /// Changes when anything of what was said changes: the manifest, a parameter's value, a file
    /// that the manifest refers to.
    pub digest: Digest,
}

/// Where an application runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The environment's name.
    pub name: String,
    /// On this machine or in an account.
    pub target: Target,
    /// The account, where the target is one.
    pub account: Option<String>,
    /// The account's region.
    pub region: Option<String>,
}

/// A valid component.
pub struct Component {
    /// Its name.
    pub name: ComponentName,
    /// Its kind.
    pub kind: &'static str,
    /// Its path: `components.NAME`.
    pub at: ManifestPath,
    /// What was said, parameters replaced.
    pub said: Value,
    /// What it means.
    pub valid: ValidComponent,
}

/// A probe of the manifest that makes sense and whose conditions hold.
pub struct Probe {
    /// What was said, parameters replaced.
    pub said: Value,
    /// What it means.
    pub valid: ValidProbe,
}

impl Application {
    /// The application as versioned JSON, for `--emit application`. Holds no secret: parameters of
    /// that type say only where it is.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let parameters: serde_json::Map<String, Value> =
            self.parameters.iter().map(|(name, parameter)| (name.clone(), parameter.value.clone())).collect();
        let components: serde_json::Map<String, Value> =
            self.components.iter().map(|component| (component.name.to_string(), component.to_json())).collect();
        let probes: serde_json::Map<String, Value> =
            self.probes.iter().map(|probe| (probe.valid.id().to_string(), probe.said.clone())).collect();
        json!({
            "version": 1,
            "name": self.name,
            "about": self.about,
            "environment": {
                "name": self.environment.name,
                "target": self.environment.target,
                "account": self.environment.account,
                "region": self.environment.region,
            },
            "digest": self.digest,
            "parameters": parameters,
            "components": components,
            "people": self.people,
            "guarantees": self.guarantees,
            "probes": probes,
        })
    }
}

impl Component {
    fn to_json(&self) -> Value {
        let needs: Vec<String> = self.valid.requires().iter().map(|need| need.component.to_string()).collect();
        let exports: Vec<String> = self.valid.exports().into_iter().map(|export| export.name).collect();
        json!({ "kind": self.kind, "said": self.said, "needs": needs, "exports": exports })
    }
}
