//! A machine in a container, looked at from outside.

use super::world::{output, wait};
use std::path::PathBuf;
use std::process::{Child, Command};

/// A running machine; switched off when it is dropped.
pub(super) struct Machine {
    child: Child,
    folder: PathBuf,
}

impl Machine {
    /// A machine whose container is a process, and whose disk and log are in a folder.
    pub(super) fn new(child: Child, folder: PathBuf) -> Self {
        Self { child, folder }
    }

    /// The first process of the machine, as this system counts.
    fn leader(&self) -> Option<u32> {
        let child = |id: u32| -> Option<u32> {
            let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
            children.split_whitespace().next()?.parse().ok()
        };
        child(child(self.child.id())?)
    }

    fn enter(&self) -> Command {
        let leader = wait("the machine", || self.leader());
        let mut command = Command::new("nsenter");
        command.args(["--target", &leader.to_string(), "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
        command
    }

    /// Runs a line of shell on the machine.
    pub(super) fn run(&self, script: &str) -> String {
        output(self.enter().args(["bash", "-c", script]))
    }

    /// Runs a line of shell where the service is: its user, its view of the file system, its rights.
    pub(super) fn inside_the_service(&self, script: &str) -> String {
        let service = self.run("systemctl show --value --property MainPID landfall-tabpy.service");
        let mut command = self.enter();
        command.args(["nsenter", "--target", &service, "--mount", "setpriv", "--reuid=landfall", "--regid=landfall"]);
        output(command.args(["--clear-groups", "--no-new-privs", "--bounding-set=-all", "bash", "-c", script]))
    }

    /// What the machine and its set-up said.
    pub(super) fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let tail = |text: String| {
            text.lines().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        format!("{}\n{}", tail(read("console.log")), tail(read("upper/var/log/cloud-init-output.log")))
    }

    /// The files on the machine's disk that hold a text.
    pub(super) fn on_disk(&self, text: &str) -> Vec<String> {
        let found = Command::new("grep")
            .args(["--recursive", "--files-with-matches", "--fixed-strings", "-e", text])
            .arg(self.folder.join("upper"))
            .output()
            .unwrap();
        String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
    }

    /// Starts the machine again, as an operator would.
    pub(super) fn reboot(&mut self) {
        let before = self.leader();
        self.run("systemctl reboot");
        wait("another start", || self.leader().filter(|leader| Some(*leader) != before));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The kernel ends everything in it with its first process; the loop around it ends first.
        let leader = self.leader();
        let _ = self.child.kill();
        if let Some(leader) = leader {
            let _ = Command::new("kill").args(["-KILL", &leader.to_string()]).status();
        }
        let _ = self.child.wait();
    }
}
