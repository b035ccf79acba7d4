//! What the command finds around itself: environment variables, directories, the terminal, the
//! date. Read once, here; nothing else in the product reads the environment.

use etcetera::BaseStrategy as _;
use model::{Fault, FaultKind};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// The surroundings of one run of the command.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// All environment variables that are UTF-8 text.
    pub(crate) variables: BTreeMap<String, String>,
    /// `$XDG_STATE_HOME/landfall`: deployments.
    pub(crate) state: PathBuf,
    /// `$XDG_CACHE_HOME/landfall`: what can be made again.
    pub(crate) cache: PathBuf,
    /// `$XDG_DATA_HOME/landfall`: the local authority.
    pub(crate) data: PathBuf,
    /// `$XDG_RUNTIME_DIR`, where there is one.
    pub(crate) runtime: Option<PathBuf>,
    /// Whether a person reads standard error.
    pub(crate) stderr_is_terminal: bool,
    /// Whether a person could answer a question.
    pub(crate) can_ask: bool,
}

impl Surroundings {
    /// Reads them.
    pub(crate) fn read() -> Result<Self, Fault> {
        let base = etcetera::base_strategy::choose_base_strategy().map_err(|error| {
            Fault::new(FaultKind::NeedsPerson, "finding your home directory", error)
                .help("set HOME to a directory of yours")
        })?;
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let data = base.data_dir().join("landfall");
        let state = base.state_dir().map_or_else(|| data.join("state"), |state| state.join("landfall"));
        let is_ci = variables.get("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let stderr_is_terminal = std::io::stderr().is_terminal();
        Ok(Self {
            state,
            cache: base.cache_dir().join("landfall"),
            data,
            runtime: base.runtime_dir(),
            stderr_is_terminal: stderr_is_terminal && !is_ci,
            can_ask: stderr_is_terminal && std::io::stdin().is_terminal() && !is_ci,
            variables,
        })
    }

    /// Today, as `2026-11-20`.
    pub(crate) fn today() -> String {
        jiff::Zoned::now().date().to_string()
    }
}

/// A path as a person would write it: relative to where they stand when it is below, `~` for home.
pub(crate) fn readable(path: &Path) -> String {
    let below = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    match below {
        Some(below) if below.as_os_str().is_empty() => ".".into(),
        Some(below) => below.display().to_string(),
        None => path.display().to_string(),
    }
}
