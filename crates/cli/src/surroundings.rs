//! What the command finds around itself: environment variables, directories, the terminal, the
//! date. Read once, here; nothing else in the product reads the environment.

use local_runtime::{UserFolders, Variables};
use model::Fault;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::Path;

/// The surroundings of one run of the command.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// All environment variables that are UTF-8 text.
    pub(crate) variables: BTreeMap<String, String>,
    /// Whether a person reads standard error.
    pub(crate) stderr_is_terminal: bool,
    /// Whether a person could answer a question.
    pub(crate) can_ask: bool,
}

impl Surroundings {
    /// Reads them.
    pub(crate) fn read() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables: BTreeMap<String, String> = std::env::vars_os().filter_map(text).collect();
        let is_ci = variables.get("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let stderr_is_terminal = std::io::stderr().is_terminal() && !is_ci;
        let can_ask = stderr_is_terminal && std::io::stdin().is_terminal();
        Self { variables, stderr_is_terminal, can_ask }
    }

    /// All environment variables as the local runtime wants them.
    pub(crate) fn runtime_variables() -> Variables {
        Variables::new(std::env::vars_os())
    }

    /// The user's folders.
    ///
    /// # Errors
    /// When neither `HOME` nor the XDG variables say where they are.
    pub(crate) fn folders() -> Result<UserFolders, Fault> {
        UserFolders::new(&Self::runtime_variables())
    }

    /// Today, as `2026-11-20`.
    pub(crate) fn today() -> String {
        jiff::Zoned::now().date().to_string()
    }

    /// Who runs the command, for evidence.
    pub(crate) fn user(&self) -> String {
        let named = ["USER", "LOGNAME"].iter().find_map(|name| self.variables.get(*name));
        named.cloned().unwrap_or_else(|| "unknown".to_owned())
    }
}

/// The machine's name, for evidence and locks.
pub(crate) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "this machine".to_owned() } else { name.trim().to_owned() }
}

/// A path as a person would write it: relative when it is below where they stand.
pub(crate) fn readable(path: &Path) -> String {
    let below = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    match below {
        Some(below) if below.as_os_str().is_empty() => ".".into(),
        Some(below) => below.display().to_string(),
        None => path.display().to_string(),
    }
}
