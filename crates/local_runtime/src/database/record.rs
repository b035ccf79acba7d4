//! Where the parts of a database server are, written down last: what is in it is there.

use crate::database::guise::Guise;
use crate::database::programs::Programs;
use crate::disk;
use crate::folders::Home;
use model::database::Engine;
use model::{ComponentName, Digest, Fault, FaultKind, NodeId};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A database server of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its programs.
    pub(crate) programs: Programs,
    /// How they differ from what is wanted, for people.
    pub(crate) difference: Option<String>,
    /// Its data.
    pub(crate) data: PathBuf,
    /// Where its socket is.
    pub(crate) run: PathBuf,
    /// The node of the administrator's password.
    pub(crate) administrator: NodeId,
    /// The fingerprint of the password that the server was told.
    pub(crate) password: Digest,
    /// The names on its certificate.
    pub(crate) names: Vec<String>,
    /// As whom its programs run.
    pub(crate) guise: Guise,
}

impl Record {
    /// The record of a server that was made.
    ///
    /// # Errors
    /// When it was not made, or its record cannot be read.
    pub(crate) fn read(home: &Home, node: &NodeId) -> Result<Self, Fault> {
        disk::read_json(&path(home, node))?.ok_or_else(|| {
            Fault::new(FaultKind::Permanent, format!("looking for the server {node}"), "it was not made yet")
                .help("run `landfall up` again; it makes what is missing")
        })
    }

    /// As [`Self::read`]; none when it was not made.
    pub(crate) fn find(home: &Home, node: &NodeId) -> Result<Option<Self>, Fault> {
        disk::read_json(&path(home, node))
    }

    pub(crate) fn write(&self, home: &Home, node: &NodeId) -> Result<(), Fault> {
        disk::private_folder(&folder(home))?;
        disk::write_json(&path(home, node), self)
    }

    /// The socket on which the administrator is heard.
    pub(crate) fn socket(&self, port: u16) -> PathBuf {
        socket_in(&self.run, self.programs.engine, port)
    }
}

/// The socket of a server whose run folder is this one; both configurations name it so.
fn socket_in(run: &Path, engine: Engine, port: u16) -> PathBuf {
    match engine {
        Engine::Postgres => run.join(format!(".s.PGSQL.{port}")),
        Engine::Mysql | Engine::Mariadb => run.join("server.sock"),
    }
}

/// A unix socket's path has at most 107 bytes.
const LONGEST_SOCKET: usize = 107;

/// A private folder for a server's socket: in the deployment's folder, which lasts; where its path is too long, among the control sockets.
pub(super) fn run_folder(home: &Home, node: &NodeId) -> PathBuf {
    let fits = |folder: &PathBuf| socket_in(folder, Engine::Postgres, u16::MAX).as_os_str().len() <= LONGEST_SOCKET;
    let name = node.as_str().replace('/', ".");
    let digest = Digest::of_bytes(home.root().join(&name).as_os_str().as_encoded_bytes());
    let short = [home.root().join("run").join(&name), home.sockets().join(digest.short())];
    short.into_iter().find(fits).unwrap_or_else(|| home.socket_of_last_resort().with_file_name(digest.short()))
}

/// Where a server's data is.
pub(super) fn data_folder(home: &Home, component: &ComponentName) -> PathBuf {
    home.data(component).join("server")
}

fn folder(home: &Home) -> PathBuf {
    home.root().join("databases")
}

pub(super) fn path(home: &Home, node: &NodeId) -> PathBuf {
    folder(home).join(format!("{}.json", node.as_str().replace('/', ".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_has_a_short_path_however_deep_the_deployment_lies() {
        let node = NodeId::new("db/server");
        let near =
            Home::at(PathBuf::from("/home/ada/.local/state/landfall/web"), PathBuf::from("/run/user/0/landfall"));
        assert_eq!(run_folder(&near, &node), Path::new("/home/ada/.local/state/landfall/web/run/db.server"));
        let deep = PathBuf::from(format!("/{}", "deep/".repeat(60)));
        let by_runtime = run_folder(&Home::at(deep.clone(), PathBuf::from("/run/user/0/landfall")), &node);
        assert!(by_runtime.starts_with("/run/user/0/landfall"));
        let by_tmp = run_folder(&Home::at(deep.clone(), deep), &node);
        assert!(by_tmp.starts_with("/tmp"), "{}", by_tmp.display());
        for folder in [by_runtime, by_tmp] {
            assert!(socket_in(&folder, Engine::Postgres, 65_535).as_os_str().len() <= LONGEST_SOCKET);
        }
    }
}
