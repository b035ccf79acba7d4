//! A deployment of a manifest in an account, before the account is asked.

use crate::account::session::Visit;
use crate::arguments::{AccountArguments, DeploymentArguments, ManifestArguments};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::project::Project;
use crate::rotation::{self, Replaceable};
use crate::surroundings::{Surroundings, readable};
use analysis::reachability::ProofReport;
use compiler::Application;
use compiler::report::Sources;
use model::cfn::TemplateSet;
use model::{Findings, ProcessGraph, Rotations};
use stacks::Deployment;
use std::path::{Path, PathBuf};

/// A manifest with an environment in an account.
pub(crate) struct Cloud {
    /// The manifest's file, absolute.
    pub(crate) manifest: PathBuf,
    /// What was said.
    pub(crate) application: Application,
    /// The texts that it was said in, for snippets.
    pub(crate) sources: Sources,
    /// What runs: outputs and probes are the same wherever it runs.
    pub(crate) graph: ProcessGraph,
    /// What is wanted in the account.
    pub(crate) deployment: Deployment,
    /// What was proved of it.
    proof: Option<ProofReport>,
}

/// What a manifest's environment is.
pub(crate) enum Opened {
    /// On this machine.
    Local(Box<Project>),
    /// In an account.
    Cloud(Box<Cloud>),
}

impl Cloud {
    /// Compiles the manifest for the environment. Warnings are told on the way.
    pub(crate) fn open(
        arguments: &ManifestArguments,
        surroundings: &Surroundings,
        console: &Console,
    ) -> Result<Opened, CommandError> {
        let mut project = Project::load(arguments, surroundings)?;
        let Some((lowered, templates)) = project.lowered.take() else {
            return Ok(Opened::Local(Box::new(project)));
        };
        let sources = project.compilation.sources.clone();
        let proof = project.proof.clone();
        let (manifest, application) = project.application(console)?;
        let rotations = Rotations::default();
        let graph = compiler::realise_locally(&application, &rotations);
        let deployment = wanted(&application, lowered, templates, rotations);
        Ok(Opened::Cloud(Box::new(Self { manifest, application, sources, graph, deployment, proof })))
    }

    /// The deployment that is meant, when its environment is in an account; none when it is on this machine.
    pub(crate) fn find(
        arguments: &DeploymentArguments,
        surroundings: &Surroundings,
        console: &Console,
    ) -> Result<Option<Self>, CommandError> {
        if arguments.environment == compiler::LOCAL {
            return Ok(None);
        }
        let path = arguments.deployment.as_ref().map(PathBuf::from);
        if let Some(named) = path.as_deref().filter(|path| !path.exists()) {
            return Err(CommandError::usage(
                format!("there is no manifest `{}`", named.display()),
                format!(
                    "an environment in an account is found by its manifest: name that, or its directory, with -e {}",
                    arguments.environment
                ),
            ));
        }
        let manifest = ManifestArguments {
            path,
            file: arguments.file.clone(),
            environment: arguments.environment.clone(),
            set: arguments.set.clone(),
            values: arguments.values.clone(),
        };
        match Self::open(&manifest, surroundings, console)? {
            Opened::Cloud(cloud) => cloud.with_current_secrets(&arguments.account, surroundings, console).map(Some),
            Opened::Local(project) => project.application(console).map(|_| None),
        }
    }

    /// The same with the secrets that the account has now: it alone remembers how far they are in being replaced.
    pub(crate) fn with_current_secrets(
        self,
        account: &AccountArguments,
        surroundings: &Surroundings,
        console: &Console,
    ) -> Result<Self, CommandError> {
        let rotations = Visit::looking(&self, account, surroundings, console)
            .run(async |session, _| session.rotations().await.map_err(CommandError::Preflight))?;
        self.rotated(rotations)
    }

    /// The same with other secrets.
    pub(crate) fn rotated(mut self, rotations: Rotations) -> Result<Self, CommandError> {
        if rotations == self.deployment.rotations {
            return Ok(self);
        }
        let mut findings = Findings::new();
        let lowered = compiler::lower_to_aws(&self.application, &rotations, &mut findings).and_then(|lowered| {
            let templates = compiler::render_templates(&lowered, &mut findings);
            (!findings.has_errors()).then_some((lowered, templates))
        });
        let Some((lowered, templates)) = lowered else {
            return Err(CommandError::Findings(findings, Box::new(self.sources)));
        };
        self.graph = compiler::realise_locally(&self.application, &rotations);
        self.deployment = wanted(&self.application, lowered, templates, rotations);
        Ok(self)
    }

    /// The generated secrets that the deployment keeps; what a service of AWS keeps by itself is not among them.
    pub(crate) fn replaceable(&self) -> Vec<Replaceable> {
        let mut secrets = rotation::replaceable(&self.graph);
        secrets.retain(|secret| self.deployment.secrets.iter().any(|kept| kept.node.as_ref() == Some(&secret.node)));
        secrets
    }

    /// The region that the environment pins.
    pub(crate) fn region(&self) -> &str {
        self.application.environment.region.as_deref().unwrap_or_default()
    }

    /// What was proved, as JSON.
    pub(crate) fn proof_json(&self) -> serde_json::Value {
        self.proof.as_ref().map(analysis::reachability::render::json).into()
    }

    /// What was proved, for people; ends with a line feed.
    pub(crate) fn proof_section(&self, verbose: bool) -> String {
        self.proof.as_ref().map(|proof| crate::views::proof::section(proof, verbose)).unwrap_or_default()
    }

    /// `landfall VERB PATH -e ENVIRONMENT`, as a person would type it.
    pub(crate) fn command(&self, verb: &str) -> String {
        let folder = self.manifest.parent().unwrap_or(Path::new("/"));
        let is_usual = self.manifest.file_name().is_some_and(|name| name == crate::project::MANIFEST);
        let place = match readable(if is_usual { folder } else { &self.manifest }) {
            here if here == "." => String::new(),
            place => format!(" {place}"),
        };
        format!("landfall {verb}{place} -e {}", self.application.environment.name)
    }
}

fn wanted(
    application: &Application,
    lowered: compiler::AwsDeployment,
    templates: TemplateSet,
    rotations: Rotations,
) -> Deployment {
    Deployment {
        name: lowered.name,
        deployment: application.name.to_string(),
        environment: application.environment.name.clone(),
        account: application.environment.account.clone(),
        region: application.environment.region.clone(),
        templates,
        graph: lowered.graph,
        secrets: lowered.secrets,
        releases: lowered.releases,
        databases: lowered.databases,
        rotations,
        digest: lowered.digest,
    }
}
