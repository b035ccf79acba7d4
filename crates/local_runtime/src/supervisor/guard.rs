//! A second, sleeping process beside the supervisor. When the supervisor is killed, the kernel ends
//! the programs it had started, but not what those have started; the guard does.

use crate::disk;
use crate::folders::Home;
use crate::supervisor::record;
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, PipeWriter, Read as _};
use std::time::Duration;

/// The guard of this process.
pub(crate) struct Guard {
    process: Pid,
    /// Never written to: it closes when this process ends, however it ends.
    _alive: PipeWriter,
}

impl Guard {
    /// Starts the guard. To be called before this process has threads, locks or programs.
    #[expect(
        unsafe_code,
        reason = "the guard is this very program with its memory shared, so it costs next to nothing"
    )]
    pub(crate) fn start(home: &Home) -> io::Result<Self> {
        let (mut watched, alive) = io::pipe()?;
        // SAFETY: no other thread of ours runs, so the child finds no lock held by nobody.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Ok(Self { process: child, _alive: alive }),
            ForkResult::Child => {
                drop(alive);
                // Signals for the supervisor's group are for the supervisor; the guard outlives it by a moment.
                for ignored in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
                    // SAFETY: ignoring a signal runs no code of ours.
                    let _ = unsafe { signal(ignored, SigHandler::SigIgn) };
                }
                let _ = nix::sys::prctl::set_name(c"landfall-guard");
                let _ = watched.read(&mut [0]);
                end_what_is_left(home);
                // SAFETY: leaves without running what the supervisor has registered for its own end.
                unsafe { libc::_exit(0) }
            }
        }
    }
}

impl Drop for Guard {
    /// An orderly end leaves nothing to guard.
    fn drop(&mut self) {
        let _ = kill(self.process, Signal::SIGKILL);
        let _ = waitpid(self.process, None);
    }
}

/// Holding the supervisor's lock, so that a successor does not start programs meanwhile. When the
/// successor was faster, it ends the survivors itself.
fn end_what_is_left(home: &Home) {
    let path = home.supervisor_lock();
    if !path.exists() {
        return;
    }
    let Ok(lock) = disk::lock_file(&path) else { return };
    // The kernel closes a dying process's files one by one: its lock may go after its end of the pipe.
    for _ in 0..100 {
        if lock.try_lock().is_ok() {
            record::end_survivors(home);
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
