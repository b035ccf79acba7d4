//! A machine with the small application's manifest on it.

use crate::support::{self, machine};
use serde_json::Value;
use std::ops::Deref;
use std::path::PathBuf;
use testkit::{Output, TestEnvironment};

/// The manifest of the small application.
pub(crate) const MANIFEST: &str = include_str!("small.yaml");
const PROGRAM: &str = include_str!("small.py");

/// A machine; `landfall.yaml` lies where commands run.
pub(crate) struct Small(TestEnvironment);

impl Deref for Small {
    type Target = TestEnvironment;
    fn deref(&self) -> &TestEnvironment {
        &self.0
    }
}

impl Small {
    /// The application on a machine of its own.
    pub(crate) fn new() -> Self {
        Self::on(machine())
    }

    /// The application on a machine.
    pub(crate) fn on(machine: TestEnvironment) -> Self {
        machine.write("app/small.py", PROGRAM);
        machine.write("landfall.yaml", MANIFEST);
        Self(machine)
    }

    /// Replaces a text of the manifest.
    #[track_caller]
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let path = self.work().join("landfall.yaml");
        let text = std::fs::read_to_string(&path).expect("the manifest");
        assert!(text.contains(from), "`{from}` is not in the manifest");
        std::fs::write(path, text.replace(from, to)).expect("the manifest is written");
    }

    /// Brings it up; everything must hold.
    #[track_caller]
    pub(crate) fn up(&self) {
        let _ = self.up_output();
    }

    /// Brings it up, for tests that look at what is said.
    #[track_caller]
    pub(crate) fn up_output(&self) -> Output {
        self.run(&["up"]).expect_code(0)
    }

    /// What `status --json` says of the only deployment.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        let output = self.run(&["status", "--json"]).expect_code(0);
        support::document(&output)["deployments"][0].clone()
    }

    /// The process of the program.
    #[track_caller]
    pub(crate) fn program(&self) -> u32 {
        let status = self.status();
        let pid = status["status"]["programs"]["app/program"]["pid"].as_u64();
        pid.and_then(|pid| pid.try_into().ok()).unwrap_or_else(|| panic!("no program in {status}"))
    }

    /// The process of the supervisor.
    #[track_caller]
    pub(crate) fn supervisor(&self) -> u32 {
        let status = self.status();
        let pid = status["status"]["supervisor"]["pid"].as_u64();
        pid.and_then(|pid| pid.try_into().ok()).unwrap_or_else(|| panic!("no supervisor in {status}"))
    }

    /// The generated token.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.home().join("secrets/token/value/value")).expect("the token")
    }

    /// Where the deployment lies.
    pub(crate) fn home(&self) -> PathBuf {
        self.path("state/landfall/small")
    }

    /// Takes it down and looks whether anything is left.
    #[track_caller]
    pub(crate) fn down(&self) {
        let _ = self.run(&["down", "--yes"]).expect_code(0);
        self.assert_gone();
    }

    /// No process and no file but what is kept for others.
    #[track_caller]
    pub(crate) fn assert_gone(&self) {
        assert_eq!(self.processes(), Vec::<u32>::new(), "processes are left");
        assert_eq!(support::files(&self.path("state")), Vec::<PathBuf>::new());
        assert_eq!(support::files(&self.path("runtime")), Vec::<PathBuf>::new());
        assert!(!self.home().exists());
    }
}

/// The ids of the steps that a plan has.
pub(crate) fn steps(plan: &Value) -> Vec<String> {
    let steps = plan["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["id"].as_str().unwrap_or_default().to_owned()).collect()
}
