//! A copy of a folder of the user, so that an edit does not reach a running program before `up`.

use crate::disk::{self, io_fault};
use crate::folders::Home;
use model::process_graph::SourceSpec;
use model::{Digest, Fault, FaultKind, NodeId};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What is never copied: histories, caches, environments that are of no use elsewhere.
const SKIPPED: &[&str] = &[".git", ".hg", ".svn", "__pycache__", ".venv", "node_modules", ".DS_Store"];

/// The digest over names, modes and contents of a folder's files, as far as they are copied.
///
/// # Errors
/// When something cannot be read, or is neither file, folder nor a link inside the folder.
pub fn folder_digest(folder: &Path) -> Result<Digest, Fault> {
    let mut described = Vec::new();
    for entry in entries(folder)? {
        let path = folder.join(&entry.name);
        let content = match &entry.kind {
            Kind::File { executable } => {
                let bytes = fs::read(&path).map_err(|error| io_fault("reading", &path, &error))?;
                format!("{}{}", if *executable { "x " } else { "f " }, Digest::of_bytes(&bytes))
            }
            Kind::Link(target) => format!("l {}", target.display()),
            Kind::Folder => "d".to_owned(),
        };
        described.push((entry.name.to_string_lossy().into_owned(), content));
    }
    Ok(Digest::of(&described))
}

/// Where the copy lies that is in use.
pub(crate) fn current(home: &Home, node: &NodeId) -> Result<PathBuf, Fault> {
    let link = home.source(node)?.join("current");
    fs::read_link(&link).map_err(|error| {
        Fault::new(FaultKind::Permanent, format!("finding the copy of {node}"), error)
            .help("run `landfall up` again; it makes what is missing")
    })
}

/// Copies the folder and makes the copy the current one. Returns the evidence to compare with.
pub(crate) fn ensure(home: &Home, node: &NodeId, spec: &SourceSpec, manifest_folder: &Path) -> Result<Digest, Fault> {
    let from = manifest_folder.join(&spec.folder);
    let copies = home.source(node)?;
    disk::private_folder(&copies)?;
    let to = copies.join(spec.content.short());
    let building = copies.join("incomplete");
    disk::remove(&building)?;
    copy(&from, &building)?;
    // A program may run from this very folder, so it is replaced only when it differs.
    if let Some(found) = evidence(&to)
        && folder_digest(&to)? == folder_digest(&building)?
    {
        disk::remove(&building)?;
        disk::point(&copies.join("current"), &to)?;
        return Ok(found);
    }
    disk::remove(&to)?;
    fs::rename(&building, &to).map_err(|error| io_fault("putting in place", &to, &error))?;
    let before = fs::read_link(copies.join("current")).ok();
    disk::point(&copies.join("current"), &to)?;
    // The copy before stays for the program that still runs from it; older ones go.
    for entry in fs::read_dir(&copies).map_err(|error| io_fault("looking into", &copies, &error))?.flatten() {
        let path = entry.path();
        if path != to && Some(&path) != before.as_ref() && entry.file_name() != "current" {
            disk::remove(&path)?;
        }
    }
    evidence(&to).ok_or_else(|| {
        Fault::new(
            FaultKind::Transient,
            format!("copying {}", from.display()),
            "the copy disappeared while it was made",
        )
    })
}

/// What is wrong with the copy; none when it is as it was left.
pub(crate) fn wrong(home: &Home, node: &NodeId, expected: Option<&Digest>) -> Option<String> {
    match current(home, node).ok().and_then(|copy| evidence(&copy)) {
        None => Some("the copy is gone".to_owned()),
        found if found.as_ref() == expected => None,
        Some(_) => Some("the copy was changed".to_owned()),
    }
}

/// Removes all copies.
pub(crate) fn remove(home: &Home, node: &NodeId) -> Result<(), Fault> {
    disk::remove_with_empty_parents(&home.source(node)?, home.root())
}

/// A digest over names, sizes, modes and times: enough to see that a copy was touched, without
/// reading it. What a running program adds beside (`__pycache__`) does not count.
fn evidence(copy: &Path) -> Option<Digest> {
    let facts: Option<Vec<_>> = entries(copy)
        .ok()?
        .into_iter()
        .map(|entry| {
            let facts = fs::symlink_metadata(copy.join(&entry.name)).ok()?;
            let when = if facts.is_dir() { (0, 0, 0) } else { (facts.size(), facts.mtime(), facts.mtime_nsec()) };
            Some((entry.name.to_string_lossy().into_owned(), facts.mode(), when))
        })
        .collect();
    Some(Digest::of(&facts?))
}

struct Entry {
    name: PathBuf,
    kind: Kind,
}

enum Kind {
    File { executable: bool },
    Link(PathBuf),
    Folder,
}

/// Everything below a folder, sorted, folders before what they hold.
fn entries(folder: &Path) -> Result<Vec<Entry>, Fault> {
    let mut found = Vec::new();
    walk(folder, Path::new(""), &mut found)?;
    Ok(found)
}

fn walk(root: &Path, below: &Path, found: &mut Vec<Entry>) -> Result<(), Fault> {
    let here = if below.as_os_str().is_empty() { root.to_owned() } else { root.join(below) };
    let list = || -> io::Result<Vec<fs::DirEntry>> { fs::read_dir(&here)?.collect() };
    let mut list = list().map_err(|error| {
        let fault = io_fault("looking into", &here, &error);
        if error.kind() == io::ErrorKind::NotFound { fault.help("correct `source` in the manifest") } else { fault }
    })?;
    list.sort_by_key(fs::DirEntry::file_name);
    for entry in list {
        let name = entry.file_name();
        if SKIPPED.iter().any(|skipped| name == *skipped) || Path::new(&name).extension().is_some_and(|it| it == "pyc")
        {
            continue;
        }
        let name = below.join(name);
        let path = root.join(&name);
        let facts = fs::symlink_metadata(&path).map_err(|error| io_fault("looking at", &path, &error))?;
        if facts.is_dir() {
            found.push(Entry { name: name.clone(), kind: Kind::Folder });
            walk(root, &name, found)?;
        } else if facts.is_symlink() {
            let target = fs::read_link(&path).map_err(|error| io_fault("looking at", &path, &error))?;
            if !stays_inside(below, &target) {
                return Err(Fault::new(
                    FaultKind::NeedsPerson,
                    format!("copying {}", root.display()),
                    format!("the link {} leads out of the folder, to {}", path.display(), target.display()),
                )
                .help("put the file itself into the folder, or remove the link"));
            }
            found.push(Entry { name, kind: Kind::Link(target) });
        } else if facts.is_file() {
            found.push(Entry { name, kind: Kind::File { executable: facts.mode() & 0o111 != 0 } });
        } else {
            return Err(Fault::new(
                FaultKind::NeedsPerson,
                format!("copying {}", root.display()),
                format!("{} is neither a file nor a folder", path.display()),
            )
            .help("remove sockets, pipes and devices from the source folder"));
        }
    }
    Ok(())
}

/// Whether a link in folder `below` leads to a place inside the root.
fn stays_inside(below: &Path, target: &Path) -> bool {
    use std::path::Component;
    let mut depth = below.components().count();
    for step in target.components() {
        match step {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

fn copy(from: &Path, to: &Path) -> Result<(), Fault> {
    let list = entries(from)?;
    disk::private_folder(to)?;
    for entry in list {
        let (source, target) = (from.join(&entry.name), to.join(&entry.name));
        let copied = match &entry.kind {
            Kind::Folder => {
                fs::create_dir(&target).and_then(|()| fs::set_permissions(&target, Permissions::from_mode(0o700)))
            }
            Kind::Link(to) => std::os::unix::fs::symlink(to, &target),
            Kind::File { executable } => fs::copy(&source, &target).and_then(|_| {
                fs::set_permissions(&target, Permissions::from_mode(if *executable { 0o700 } else { 0o600 }))
            }),
        };
        if let Err(error) = copied {
            let fault = io_fault("copying", &source, &error);
            // What was copied so far may be what filled the disk.
            let _ = disk::remove(to);
            return Err(fault);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_inside() {
        assert!(stays_inside(Path::new("a/b"), Path::new("../c")));
        assert!(!stays_inside(Path::new("a"), Path::new("../../c")));
        assert!(!stays_inside(Path::new(""), Path::new("/etc/passwd")));
    }

    #[test]
    fn a_digest_sees_names_modes_and_contents_and_no_caches() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.py");
        fs::write(&file, "one").unwrap();
        let first = folder_digest(folder.path()).unwrap();
        fs::create_dir(folder.path().join("__pycache__")).unwrap();
        assert_eq!(folder_digest(folder.path()).unwrap(), first);
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        let second = folder_digest(folder.path()).unwrap();
        fs::write(&file, "two").unwrap();
        let third = folder_digest(folder.path()).unwrap();
        assert!(first != second && second != third);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("leak")).unwrap();
        assert!(folder_digest(folder.path()).unwrap_err().cause.contains("leads out of the folder"));
    }
}
