//! Where things lie: the folders of a user, by the XDG rules, and of one deployment below them.

use crate::Variables;
use model::{ComponentName, DeploymentName, Digest, Fault, FaultKind, NodeId};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The folders of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFolders {
    /// Deployments: `$XDG_STATE_HOME/landfall`.
    pub state: PathBuf,
    /// What can be made again: `$XDG_CACHE_HOME/landfall`.
    pub cache: PathBuf,
    /// The authority that signs certificates: `$XDG_DATA_HOME/landfall`.
    pub data: PathBuf,
    /// Sockets: `$XDG_RUNTIME_DIR/landfall`, else `/tmp/landfall-<user id>`.
    pub runtime: PathBuf,
}

impl UserFolders {
    /// Finds the folders by the XDG variables and `HOME`.
    ///
    /// # Errors
    /// When neither an XDG variable nor `HOME` says where.
    pub fn new(variables: &Variables) -> Result<Self, Fault> {
        let absolute = |name: &str| variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = |name: &str, below_home: &str| {
            absolute(name)
                .or_else(|| Some(absolute("HOME")?.join(below_home)))
                .map(|base| base.join("landfall"))
                .ok_or_else(|| {
                    Fault::new(FaultKind::NeedsPerson, "finding the folder for deployments", "HOME is not set")
                        .help(format!("set HOME or {name} to an absolute path"))
                })
        };
        let runtime = absolute("XDG_RUNTIME_DIR")
            .filter(|path| is_own_folder(path))
            .map_or_else(temporary_sockets, |path| path.join("landfall"));
        Ok(Self {
            state: folder("XDG_STATE_HOME", ".local/state")?,
            cache: folder("XDG_CACHE_HOME", ".cache")?,
            data: folder("XDG_DATA_HOME", ".local/share")?,
            runtime,
        })
    }

    /// The folder of one deployment.
    #[must_use]
    pub fn home(&self, deployment: &DeploymentName) -> Home {
        Home { root: self.state.join(deployment.as_str()), sockets: self.runtime.clone() }
    }

    /// The folder of the authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.data.join("authority")
    }

    /// The lock that is held while ports are claimed.
    pub(crate) fn ports_lock(&self) -> PathBuf {
        self.cache.join(".ports.lock")
    }
}

/// The folder of one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
    sockets: PathBuf,
}

impl Home {
    /// A home at a path, with its control socket in another folder.
    pub(crate) fn at(root: PathBuf, sockets: PathBuf) -> Self {
        Self { root, sockets }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The engine's journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }

    /// The engine's lock.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The manifest that made the deployment, as far as that can be read.
    #[must_use]
    pub fn manifest(&self) -> Option<PathBuf> {
        crate::ownership::recorded_manifest(self).ok().flatten()
    }

    /// The version of the layout.
    pub(crate) fn version(&self) -> PathBuf {
        self.root.join("state-version")
    }

    /// Who made the deployment.
    pub(crate) fn owner(&self) -> PathBuf {
        self.root.join("owner.json")
    }

    /// The numbers of the deployment's ports.
    pub(crate) fn ports(&self) -> PathBuf {
        self.root.join("ports.json")
    }

    /// How far secrets are in being replaced.
    pub(crate) fn rotations(&self) -> PathBuf {
        self.root.join("rotations.json")
    }

    /// Backups of databases.
    #[must_use]
    pub fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    /// What the supervisor runs, for finding survivors.
    pub(crate) fn supervisor_record(&self) -> PathBuf {
        self.root.join("supervisor.json")
    }

    /// Held by the supervisor as long as it lives.
    pub(crate) fn supervisor_lock(&self) -> PathBuf {
        self.root.join("supervisor.lock")
    }

    /// What the supervisor itself says.
    pub(crate) fn supervisor_log(&self) -> PathBuf {
        self.logs().join("supervisor.log")
    }

    /// All log files.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The log file of a program or edge: `component.part.log`.
    pub(crate) fn log(&self, node: &NodeId, suffix: &str) -> PathBuf {
        self.logs().join(format!("{}{suffix}.log", node.as_str().replace('/', ".")))
    }

    /// The random seed from which templates draw salts, so that an unchanged file renders unchanged.
    pub(crate) fn seed(&self) -> PathBuf {
        self.root.join("secrets/.seed")
    }

    /// The folder of a secret.
    pub(crate) fn secret(&self, node: &NodeId) -> Result<PathBuf, Fault> {
        Ok(self.root.join("secrets").join(node_path(node)?))
    }

    /// All secrets.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// All rendered files.
    pub(crate) fn files(&self) -> PathBuf {
        self.root.join("files")
    }

    /// A rendered file.
    pub(crate) fn file(&self, node: &NodeId) -> Result<PathBuf, Fault> {
        Ok(self.files().join(node_path(node)?))
    }

    /// The folder that holds the copies of a source folder.
    pub(crate) fn source(&self, node: &NodeId) -> Result<PathBuf, Fault> {
        Ok(self.root.join("source").join(node_path(node)?))
    }

    /// The link to a Python environment in the cache.
    pub(crate) fn python(&self, node: &NodeId) -> PathBuf {
        self.root.join("python").join(node.as_str().replace('/', "."))
    }

    /// The folder of an edge's certificate and key.
    pub(crate) fn certificate(&self, node: &NodeId) -> PathBuf {
        self.root.join("certificates").join(node.as_str().replace('/', "."))
    }

    /// All data folders.
    #[must_use]
    pub fn all_data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// A component's data folder.
    pub(crate) fn data(&self, component: &ComponentName) -> PathBuf {
        self.all_data().join(component.as_str())
    }

    /// The control socket. Its path may have 107 bytes at most, so it is named by a digest.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket_in(&self.sockets)
    }

    /// The control socket in the folder that is always there.
    pub(crate) fn socket_of_last_resort(&self) -> PathBuf {
        self.socket_in(&temporary_sockets())
    }

    fn socket_in(&self, folder: &Path) -> PathBuf {
        let digest = Digest::of_bytes(self.root.as_os_str().as_encoded_bytes());
        folder.join(format!("{}.sock", digest.short()))
    }

    /// The folder of control sockets.
    pub(crate) fn sockets(&self) -> &Path {
        &self.sockets
    }
}

/// Whether a path is a folder of this user: root by way of `sudo` may have somebody else's variables.
pub(crate) fn is_own_folder(path: &Path) -> bool {
    let us = nix::unistd::geteuid().as_raw();
    std::fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir() && facts.uid() == us)
}

/// Where control sockets lie for users without a runtime folder.
fn temporary_sockets() -> PathBuf {
    PathBuf::from(format!("/tmp/landfall-{}", nix::unistd::geteuid()))
}

/// A node's id as a relative path. Ids hold names of the user's files, so they are checked once more.
fn node_path(node: &NodeId) -> Result<PathBuf, Fault> {
    let fits = node.as_str().split('/').all(|segment| {
        !segment.is_empty() && segment != "." && segment != ".." && segment.len() <= 200 && !segment.contains('\0')
    });
    if fits {
        Ok(PathBuf::from(node.as_str()))
    } else {
        Err(Fault::new(FaultKind::Bug, format!("placing {node}"), "the name leads out of the deployment's folder"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables::new(pairs.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn follow_the_xdg_rules() {
        let folders =
            UserFolders::new(&variables(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c"), ("XDG_DATA_HOME", "rel")]));
        let folders = folders.unwrap();
        assert_eq!(folders.state, Path::new("/h/.local/state/landfall"));
        assert_eq!(folders.cache, Path::new("/c/landfall"));
        assert_eq!(folders.data, Path::new("/h/.local/share/landfall"), "a relative path is to be ignored");
        assert!(UserFolders::new(&variables(&[])).is_err());
    }

    #[test]
    fn nodes_stay_below_the_home() {
        for bad in ["a/../b", "/etc/passwd", "a//b", "..", "a/./b"] {
            assert!(node_path(&NodeId::new(bad)).is_err(), "{bad}");
        }
        assert_eq!(node_path(&NodeId::new("tabpy/file/a b.conf")).unwrap(), Path::new("tabpy/file/a b.conf"));
    }

    #[test]
    fn a_deep_home_has_a_short_socket() {
        let home = Home::at(PathBuf::from(format!("/{}", "deep/".repeat(60))), PathBuf::from("/tmp/landfall-0"));
        assert!(home.socket().as_os_str().len() < 60);
    }
}
