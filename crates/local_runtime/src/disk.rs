//! Writing to disk so that a crash leaves the old or the new, never a half, and so that a refusal
//! names the operation and the path.

use model::{Fault, FaultKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Turns what the file system said into a fault.
pub(crate) fn io_fault(doing: &str, path: &Path, error: &io::Error) -> Fault {
    let operation = format!("{doing} {}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::new(
            FaultKind::NeedsPerson,
            operation,
            error,
        )
        .help(format!(
            "free some space on the file system of {} (`df -h` shows how full it is), then run the same command again",
            path.display()
        )),
        io::ErrorKind::ReadOnlyFilesystem => Fault::new(FaultKind::NeedsPerson, operation, error)
            .help("make the file system writable, or point the XDG variables at another place"),
        io::ErrorKind::PermissionDenied => Fault::new(FaultKind::Permission, operation, error)
            .help(format!("see who owns it with `ls -ld {}`; run as that user or give it back", path.display())),
        _ => Fault::new(FaultKind::Permanent, operation, error),
    }
}

/// Makes a folder that only its owner can enter, with its parents, and tightens one that is there.
pub(crate) fn private_folder(path: &Path) -> Result<(), Fault> {
    let make = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
        if mode != 0o700 {
            fs::set_permissions(path, Permissions::from_mode(0o700))?;
        }
        Ok(())
    };
    make().map_err(|error| io_fault("making the folder", path, &error))
}

/// Writes a file as a whole: temporary name in the same folder, sync, rename, sync of the folder.
///
/// # Errors
/// When the disk refuses; what was there stays then.
pub fn write_atomically(path: &Path, content: &[u8], mode: u32) -> Result<(), Fault> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(&format!("{TEMPORARY_PREFIX}{}-", std::process::id()))
            .suffix(TEMPORARY_SUFFIX)
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        sync_folder(folder)
    };
    write().map_err(|error| io_fault("writing", path, &error))
}

/// The name of a file before it is whole: prefix, the process that writes it, anything, suffix.
const TEMPORARY_PREFIX: &str = ".landfall-";
const TEMPORARY_SUFFIX: &str = ".new";

/// Removes the temporary files that killed processes left below a folder; `except` is not looked into.
pub(crate) fn sweep(folder: &Path, except: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && path != except {
            sweep(&path, except);
        } else if kind.is_file() && is_abandoned(&entry.file_name().to_string_lossy()) {
            // Somebody else may be sweeping too.
            let _ = fs::remove_file(&path);
        }
    }
}

fn is_abandoned(name: &str) -> bool {
    let inside = name.strip_prefix(TEMPORARY_PREFIX).and_then(|rest| rest.strip_suffix(TEMPORARY_SUFFIX));
    let writer = inside.and_then(|inside| inside.split('-').next()?.parse::<u32>().ok());
    writer.is_some_and(|writer| !Path::new("/proc").join(writer.to_string()).exists())
}

/// Makes renames and removals in a folder last.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes a value as JSON, readable by its owner only.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Fault> {
    let mut json = serde_json::to_vec_pretty(value)
        .map_err(|error| Fault::new(FaultKind::Bug, format!("writing {}", path.display()), error))?;
    json.push(b'\n');
    write_atomically(path, &json, 0o600)
}

/// Reads a value from JSON; none when the file is not there.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Fault> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Fault::new(FaultKind::IncompatibleState, format!("reading {}", path.display()), error)
            .help("the file was changed by hand or damaged; move it away and run the same command again")
    })
}

/// Reads a file; none when it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Fault> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_fault("reading", path, &error)),
    }
}

/// Removes a file, a link or a whole folder; nothing there is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Fault> {
    let gone = match fs::symlink_metadata(path) {
        Ok(facts) if facts.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match gone {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_fault("removing", path, &error)),
    }
}

/// Removes a file and then the folders above it that have become empty, up to `root`.
pub(crate) fn remove_with_empty_parents(path: &Path, root: &Path) -> Result<(), Fault> {
    remove(path)?;
    let mut folder = path.parent();
    while let Some(at) = folder.filter(|at| at.starts_with(root) && *at != root) {
        if fs::remove_dir(at).is_err() {
            break;
        }
        folder = at.parent();
    }
    Ok(())
}

/// Points a symbolic link at a target, replacing the one that is there in one step.
pub(crate) fn point(link: &Path, target: &Path) -> Result<(), Fault> {
    if fs::read_link(link).is_ok_and(|now| now == target) {
        return Ok(());
    }
    let mut fresh = link.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    let point = || -> io::Result<()> {
        let _ = fs::remove_file(fresh);
        std::os::unix::fs::symlink(target, fresh)?;
        fs::rename(fresh, link)
    };
    point().map_err(|error| io_fault("linking", link, &error))
}

/// Opens a file for locking, made when it is not there.
pub(crate) fn lock_file(path: &Path) -> Result<File, Fault> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
    }
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .read(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| io_fault("opening the lock", path, &error))
}
