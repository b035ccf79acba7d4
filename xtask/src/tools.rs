//! What the tests need from the machine, installed where that is possible without asking.

use crate::Result;
use crate::shell::Shell;
use crate::suite::Tally;

/// Looks for git, a Python that can make environments; installs the latter's package on Debian as root.
pub(crate) fn ensure() -> Result<Tally> {
    let mut tally = Tally::default();
    if can_make_environments() || install_python() {
        println!("python3 with venv: there");
        tally.passed += 1;
    } else {
        println!(
            "skipped: no Python 3 that can make a virtual environment, so every test of a running TabPy fails here.\n\
             Install it, on Debian or Ubuntu with: sudo apt-get install python3 python3-venv"
        );
        tally.skipped += 1;
    }
    Ok(tally)
}

/// `python3-venv` without `ensurepip` makes environments that have no pip: both are asked for.
fn can_make_environments() -> bool {
    Shell::new("python3", ["-c", "import venv, ensurepip"]).succeeds() || Shell::new("uv", ["--version"]).succeeds()
}

fn install_python() -> bool {
    let debian = Shell::new("apt-get", ["--version"]).succeeds();
    if !debian || !nix::unistd::geteuid().is_root() {
        return false;
    }
    println!("installing python3-venv by apt-get");
    let install = || {
        let mut shell =
            Shell::new("apt-get", ["install", "-y", "-q", "--no-install-recommends", "python3", "python3-venv"]);
        shell.0.env("DEBIAN_FRONTEND", "noninteractive");
        shell.run().is_ok()
    };
    let installed = install() || (Shell::new("apt-get", ["update", "-q"]).run().is_ok() && install());
    installed && can_make_environments()
}
