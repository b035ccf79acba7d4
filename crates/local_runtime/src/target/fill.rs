//! Filling the holes of texts with what this machine knows: ports, paths, secrets.

use crate::authority;
use crate::certificate::Certificate;
use crate::database::Record;
use crate::disk;
use crate::python;
use crate::source;
use crate::target::LocalTarget;
use indexmap::IndexMap;
use model::text::{DatabaseFile, DatabaseProgram, Part};
use model::{Atom, Fault, FaultKind, PortId, Secret, Text};
use std::path::{Component, Path, PathBuf};
use zeroize::Zeroizing;

/// Fills a text.
pub(crate) fn fill(target: &LocalTarget, ports: &IndexMap<PortId, u16>, text: &Text) -> Result<Secret, Fault> {
    fill_with(text, |atom| value(target, ports, atom))
}

/// Fills a text with what somebody says of each hole.
pub(crate) fn fill_with(text: &Text, value: impl Fn(&Atom) -> Result<Secret, Fault>) -> Result<Secret, Fault> {
    let mut filled = Zeroizing::new(String::new());
    for part in text.parts() {
        match part {
            Part::Literal(literal) => filled.push_str(literal),
            Part::Hole(atom) => filled.push_str(value(atom)?.expose()),
        }
    }
    Ok(Secret::new(filled.as_str()))
}

/// The number of a port.
pub(crate) fn number(ports: &IndexMap<PortId, u16>, port: &PortId) -> Result<u16, Fault> {
    ports.get(port).copied().ok_or_else(|| {
        Fault::new(FaultKind::Permanent, format!("looking up the port {port}"), "it has no number yet")
            .help("run `landfall up` first")
    })
}

/// What fills a hole.
pub(crate) fn value(target: &LocalTarget, ports: &IndexMap<PortId, u16>, atom: &Atom) -> Result<Secret, Fault> {
    let home = &target.home;
    match atom {
        Atom::Port(port) => Ok(Secret::new(number(ports, port)?.to_string())),
        Atom::File(node) => path(&home.file(node)?),
        Atom::Source(node) => path(&source::current(home, node)?),
        Atom::Data(component, below) => path(&data_folder(target, component, below)?),
        Atom::PythonProgram(node, program) => path(&python::program(home, node, program)?),
        Atom::Secret(node, part) => target.secrets().value(node, *part),
        Atom::DatabaseName(_, name) => Ok(Secret::new(name.as_str())),
        Atom::Loopback | Atom::DatabaseHost(_) => Ok(Secret::new("127.0.0.1")),
        Atom::DatabaseProgram(node, DatabaseProgram::Server) => path(&Record::read(home, node)?.programs.server),
        Atom::DatabaseFile(node, DatabaseFile::Data) => path(&Record::read(home, node)?.data),
        Atom::DatabaseFile(node, DatabaseFile::Run) => path(&Record::read(home, node)?.run),
        Atom::DatabaseFile(node, DatabaseFile::Certificate) => {
            path(&Certificate::in_folder(home.certificate(node)).chain())
        }
        Atom::DatabaseFile(node, DatabaseFile::Key) => path(&Certificate::in_folder(home.certificate(node)).key()),
        Atom::AuthorityFile | Atom::DatabaseFile(_, DatabaseFile::Authority) => {
            path(&authority::certificate_file(&target.setup.folders))
        }
    }
}

/// A folder of persistent data, made when it is not there.
pub(super) fn data_folder(
    target: &LocalTarget,
    component: &model::ComponentName,
    below: &str,
) -> Result<PathBuf, Fault> {
    let below = Path::new(below);
    if !below.components().all(|step| matches!(step, Component::Normal(_))) {
        let operation = format!("finding a data folder of {component}");
        return Err(Fault::new(FaultKind::Permanent, operation, format!("`{}` leads out of it", below.display())));
    }
    let mut folder = target.home.data(component);
    folder.extend(below);
    if !folder.is_dir() {
        disk::private_folder(&folder)?;
    }
    Ok(folder)
}

/// A path as a text.
pub(crate) fn path(path: &Path) -> Result<Secret, Fault> {
    let text = path.to_str().ok_or_else(|| {
        Fault::new(FaultKind::Permanent, format!("using the path {}", path.display()), "it is no UTF-8 text")
            .help("point the XDG variables at a folder with a plain name")
    })?;
    Ok(Secret::new(text))
}
