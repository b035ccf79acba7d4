//! A copy of a folder of the user, so that an edit does not reach a running program before `up`.

use crate::disk::{self, io_fault};
use crate::folders::Home;
use model::process_graph::SourceSpec;
use model::{Digest, DigestWriter, Fault, FaultKind, NodeId};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What is never copied: histories, caches, environments that are of no use elsewhere.
const SKIPPED: &[&str] = &[".git", ".hg", ".svn", "__pycache__", ".venv", "node_modules", ".DS_Store"];

/// The digest of a folder's archive, which sees names, modes and contents of its files, as far as they are copied.
///
/// # Errors
/// When something cannot be read, or is neither file, folder nor a link inside the folder.
pub fn folder_digest(folder: &Path) -> Result<Digest, Fault> {
    Ok(archive(folder, DigestWriter::default())?.finish())
}

/// A folder as it is brought to hosts: its archive, compressed. Before compression its digest is [`folder_digest`].
///
/// # Errors
/// When something cannot be read, or is neither file, folder nor a link inside the folder.
pub fn release(folder: &Path) -> Result<Vec<u8>, Fault> {
    // Neither a name nor a time stands in the head: the same folder gives the same bytes.
    let packed = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::default());
    let packed = archive(folder, packed)?;
    packed.finish().map_err(|error| io_fault("packing", folder, &error))
}

/// Writes a folder as a tar file: entries in the order of their names, without times and owners.
fn archive<W: io::Write>(folder: &Path, to: W) -> Result<W, Fault> {
    let mut archive = tar::Builder::new(to);
    for entry in entries(folder)? {
        let path = folder.join(&entry.name);
        let mut header = tar::Header::new_gnu();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        let added = match &entry.kind {
            Kind::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                archive.append_data(&mut header, &entry.name, io::empty())
            }
            Kind::Link(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                archive.append_link(&mut header, &entry.name, target)
            }
            Kind::File { executable } => fs::File::open(&path).and_then(|file| {
                let size = file.metadata()?.size();
                header.set_entry_type(tar::EntryType::Regular);
                header.set_mode(if *executable { 0o755 } else { 0o644 });
                header.set_size(size);
                let mut read = io::Read::take(file, size);
                archive.append_data(&mut header, &entry.name, &mut read)?;
                if read.limit() > 0 {
                    return Err(io::Error::other("it became shorter while it was read"));
                }
                Ok(())
            }),
        };
        added.map_err(|error| io_fault("reading", &path, &error))?;
    }
    archive.into_inner().map_err(|error| io_fault("packing", folder, &error))
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

    /// What other programs read from an archive is the folder.
    #[test]
    fn a_release_is_a_tar_file_with_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("{}/{}", "deep".repeat(20), "name".repeat(30));
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (name, text) in [("run", "#!/bin/sh"), (long.as_str(), "long"), ("empty/x", ""), (".git/config", "no")] {
            write(name, text);
        }
        fs::set_permissions(folder.path().join("run"), Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink("../run", folder.path().join("empty/link")).unwrap();
        let packed = release(folder.path()).unwrap();
        assert_eq!(packed, release(folder.path()).unwrap());
        let there = tempfile::tempdir().unwrap();
        fs::write(there.path().join("a.tar.gz"), &packed).unwrap();
        let run = |script: &str| {
            let mut command = std::process::Command::new("sh");
            let output = command.args(["-euc", script]).current_dir(there.path()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let digest = run("gunzip a.tar.gz; sha256sum a.tar");
        assert_eq!(&digest[..64], folder_digest(folder.path()).unwrap().as_str());
        run("mkdir out; tar -xf a.tar -C out");
        let names = run("cd out; find . -type f -printf '%P %m\\n' | sort; readlink empty/link");
        assert_eq!(names, format!("{long} 644\nempty/x 644\nrun 755\n../run\n"));
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
