//! A place to run the command as a stranger would: an empty home, the blueprints beside it.

use crate::{Result, binary, workspace};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Variables that lead to package mirrors; without them a machine behind one has no packages.
const KEPT: [&str; 8] = [
    "PIP_INDEX_URL",
    "PIP_CONFIG_FILE",
    "PIP_CERT",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "HTTPS_PROXY",
    "https_proxy",
    "SSL_CERT_FILE",
];

/// An empty home with the command on the path. What was left running in it is taken down at the end.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    binary: PathBuf,
    path: String,
}

impl Sandbox {
    /// A new one around a built command.
    pub(crate) fn new(binary: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("landfall-").tempdir()?;
        std::fs::create_dir_all(folder.path().join("home"))?;
        std::fs::create_dir_all(folder.path().join("here"))?;
        for file in workspace::files()?.iter().filter(|file| file.starts_with("blueprints")) {
            let target = folder.path().join("here").join(file);
            std::fs::create_dir_all(target.parent().unwrap_or(folder.path()))?;
            std::fs::copy(workspace::root().join(file), target)?;
        }
        let bin = binary.parent().ok_or("the command lies in no folder")?.display();
        let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
        Ok(Self { folder, binary: binary.to_owned(), path })
    }

    /// Where the reader stands; `blueprints/` is there.
    pub(crate) fn here(&self) -> PathBuf {
        self.folder.path().join("here")
    }

    /// The home.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A name for a file that lies neither here nor in the home.
    pub(crate) fn aside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program in the sandbox's surroundings, without standard input.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let mut command = Command::new(program);
        command.current_dir(self.here()).stdin(Stdio::null()).env_clear();
        command.env("HOME", self.home()).env("PATH", &self.path).env("LANG", "C.UTF-8");
        command.env("XDG_CACHE_HOME", cache()?);
        for kept in KEPT {
            command.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }
        Ok(command)
    }

    /// Our command with arguments.
    pub(crate) fn landfall<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Command> {
        let mut command = self.command(&self.binary)?;
        command.args(arguments);
        Ok(command)
    }

    /// The deployments that were made here and not taken down.
    fn deployments(&self) -> Vec<String> {
        let states = std::fs::read_dir(self.home().join(".local/state/landfall"));
        let names =
            states.into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for name in self.deployments() {
            let ended = self.landfall(["down", &name, "--yes"]).and_then(|mut command| Ok(command.output()?));
            if !ended.as_ref().is_ok_and(|output| output.status.success()) {
                println!("note: {name} was left running and could not be taken down: {ended:?}");
            }
        }
    }
}

/// One cache of Python environments for all tests: packages are fetched once.
pub(crate) fn cache() -> Result<PathBuf> {
    let cache = binary::target_directory()?.join("test-cache");
    std::fs::create_dir_all(&cache)?;
    Ok(cache)
}
