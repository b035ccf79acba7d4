//! A full disk: a fault that names the operation, and nothing half-written.

use crate::world::World;
use model::{Action, FaultKind};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system that is unmounted again.
pub(crate) struct TinyDisk(PathBuf);

impl TinyDisk {
    pub(crate) fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_leaves_the_old_file_whole() {
    let world = World::new();
    let Some(disk) = TinyDisk::mount(&world.folder.path().join("state"), "1m") else {
        eprintln!("SKIPPED: a small file system can be mounted by root only");
        return;
    };
    let mut it = world.deployment("full");
    let node = it.file("app/file/f", &"old\n".repeat(10_000));
    it.up().await.unwrap();
    let path = it.target.home().root().join("files/app/file/f");
    let old = fs::read_to_string(&path).unwrap();

    fs::write(disk.0.join("filler"), vec![0; 2 << 20]).unwrap_err();
    it.file("app/file/f", &"new\n".repeat(20_000));
    let fault = it.perform(&node, Action::Update).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
    assert_eq!(fault.operation, format!("writing {}", path.display()));
    assert!(fault.help.unwrap().contains("free some space"));
    assert_eq!(fs::read_to_string(&path).unwrap(), old);
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["f"], "no temporary file stays");

    fs::remove_file(disk.0.join("filler")).unwrap();
    it.perform(&node, Action::Update).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().len(), 80_000);
}
