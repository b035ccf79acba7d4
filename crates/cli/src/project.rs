//! A manifest with the values chosen for it, found, read and compiled.

use crate::arguments::ManifestArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::files::FilesBeside;
use crate::surroundings::{Surroundings, readable};
use analysis::reachability::ProofReport;
use compiler::{Application, AwsDeployment, Compilation, Options, Target, ValuesFile};
use model::Rotations;
use model::cfn::TemplateSet;
use std::path::{Path, PathBuf};

/// The name of a manifest in its directory.
pub(crate) const MANIFEST: &str = "landfall.yaml";

/// A compiled manifest.
pub(crate) struct Project {
    /// The manifest's file, absolute.
    pub(crate) manifest: PathBuf,
    /// What came of it.
    pub(crate) compilation: Compilation,
    /// The resources and templates, for an environment in AWS.
    pub(crate) lowered: Option<(AwsDeployment, TemplateSet)>,
    /// What was proved of the resources; when something does not hold, there is no application.
    pub(crate) proof: Option<ProofReport>,
}

impl Project {
    /// Finds, reads and compiles the manifest that the arguments name.
    pub(crate) fn load(arguments: &ManifestArguments, surroundings: &Surroundings) -> Result<Self, CommandError> {
        let manifest = find(arguments.file.as_deref().or(arguments.path.as_deref()))?;
        let bytes = read(&manifest)?;
        Self::compile(manifest, &bytes, arguments, surroundings)
    }

    /// Compiles a manifest's text, which need not be what its file holds.
    pub(crate) fn compile(
        manifest: PathBuf,
        bytes: &[u8],
        arguments: &ManifestArguments,
        surroundings: &Surroundings,
    ) -> Result<Self, CommandError> {
        let values = match &arguments.values {
            Some(path) => Some(ValuesFile { name: path.display().to_string(), bytes: read(path)? }),
            None => None,
        };
        let files = FilesBeside::new(manifest.parent().unwrap_or(Path::new("/")));
        let options = Options {
            environment: arguments.environment.clone(),
            set: arguments.set.clone(),
            values,
            variables: surroundings.variables.clone(),
            today: Surroundings::today(),
            files: &files,
        };
        let mut compilation = compiler::compile(&readable(&manifest), bytes, &options);
        let lowered = lower(&mut compilation);
        let proof = lowered.as_ref().and_then(|(deployment, _)| prove(&mut compilation, deployment));
        Ok(Self { manifest, compilation, lowered, proof })
    }

    /// The application, when the manifest makes sense; warnings are told on the way.
    pub(crate) fn application(self, console: &Console) -> Result<(PathBuf, Application), CommandError> {
        let Self { manifest, compilation, proof, .. } = self;
        let Compilation { application, findings, sources, .. } = compilation;
        match application {
            Some(application) => {
                if !findings.is_empty() && !console.json {
                    let style = crate::views::findings::stderr_style();
                    console.tell(&compiler::report::to_text(&findings, &sources, style));
                }
                Ok((manifest, application))
            }
            None if proof.is_some() => Err(CommandError::Refuted(findings, Box::new(sources))),
            None => Err(CommandError::Findings(findings, Box::new(sources))),
        }
    }
}

/// Lowers an application that is for an account. What cannot run there makes the manifest invalid.
fn lower(compilation: &mut Compilation) -> Option<(AwsDeployment, TemplateSet)> {
    let application =
        compilation.application.as_ref().filter(|application| application.environment.target == Target::Aws)?;
    let deployment = compiler::lower_to_aws(application, &Rotations::default(), &mut compilation.findings);
    let lowered = deployment.map(|deployment| {
        let templates = compiler::render_templates(&deployment, &mut compilation.findings);
        (deployment, templates)
    });
    if compilation.findings.has_errors() {
        compilation.application = None;
        return None;
    }
    lowered
}

/// Proves what was lowered. A manifest whose guarantees do not hold is valid, but not deployed.
fn prove(compilation: &mut Compilation, deployment: &AwsDeployment) -> Option<ProofReport> {
    let application = compilation.application.as_ref()?;
    let report = compiler::prove(application, deployment, &compilation.sources, &mut compilation.findings);
    if compilation.findings.has_errors() {
        compilation.application = None;
    }
    Some(report)
}

/// The manifest's absolute path, from what the user wrote.
pub(crate) fn find(path: Option<&Path>) -> Result<PathBuf, CommandError> {
    let wanted = path.unwrap_or(Path::new("."));
    let file = if wanted.is_dir() { wanted.join(MANIFEST) } else { wanted.to_path_buf() };
    if !file.exists() {
        let shown = wanted.display();
        let message = match path {
            Some(_) if wanted.is_dir() => format!("there is no {MANIFEST} in {shown}"),
            Some(_) => format!("there is no manifest {shown}"),
            None => format!("there is no {MANIFEST} here"),
        };
        let help = match path.and_then(Path::to_str).and_then(crate::deployment::manifest_of) {
            Some(manifest) => {
                format!("{shown} is a deployment; name its manifest, which this command reads: {}", readable(&manifest))
            }
            None => "name a manifest or its directory, or write one with `landfall init tabpy`".to_owned(),
        };
        return Err(CommandError::usage(message, help));
    }
    std::path::absolute(&file)
        .map_err(|error| CommandError::usage(format!("{}: {error}", file.display()), "name another"))
}

/// Files larger than this are not read at all; the compiler's own limit is far lower and says more.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Reads a file that the user named.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let refuse = |why: String| CommandError::usage(format!("cannot read {}: {why}", path.display()), "name a file");
    let facts = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
    if !facts.is_file() {
        return Err(refuse("it is no file".into()));
    }
    if facts.len() > LARGEST {
        return Err(refuse(format!("it has {} bytes", facts.len())));
    }
    std::fs::read(path).map_err(|error| refuse(error.to_string()))
}
