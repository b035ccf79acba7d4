//! The blueprint `private-webapp` with real database servers: the application walked through as people and attackers do,
//! a report that refuses to have more than it needs, and nothing left behind.

use crate::support::{LANDFALL, document, eventually, files, kill, repository, skip};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use testkit::TestEnvironment;

struct Harbours {
    machine: TestEnvironment,
    settings: [String; 2],
}

impl Harbours {
    fn new(engine: &str) -> Self {
        // Installing takes a minute, so all tests share one cache beside the binary.
        let target = Path::new(LANDFALL).parent().and_then(Path::parent).expect("the target folder");
        let cache = target.join("test-cache");
        std::fs::create_dir_all(&cache).expect("a cache");
        let machine = TestEnvironment::new(LANDFALL).with_cache(cache).with_limit(Duration::from_secs(900));
        let blueprint = repository().join("blueprints/private-webapp");
        for file in files(&blueprint) {
            machine.write(Path::new("harbours").join(&file), std::fs::read(blueprint.join(&file)).expect("a file"));
        }
        Self { machine, settings: ["--set".to_owned(), format!("engine={engine}")] }
    }

    #[track_caller]
    fn up(&self) -> testkit::Output {
        let [set, engine] = &self.settings;
        self.machine.run(&["up", "harbours", "--yes", set, engine]).expect_code(0)
    }

    #[track_caller]
    fn output(&self, name: &str) -> String {
        let said = self.machine.run(&["outputs", "private-webapp", "--only", name, "--reveal"]).expect_code(0);
        said.stdout.trim().to_owned()
    }

    #[track_caller]
    fn status(&self) -> Value {
        document(&self.machine.run(&["status", "private-webapp", "--json"]).expect_code(0))["deployments"][0].clone()
    }

    #[track_caller]
    fn program(&self, node: &str) -> u32 {
        let status = self.status();
        let pid = status["status"]["programs"][node]["pid"].as_u64();
        pid.and_then(|pid| pid.try_into().ok()).unwrap_or_else(|| panic!("no {node} in {status}"))
    }

    fn authority(&self) -> PathBuf {
        self.machine.path("data/landfall/authority/authority.pem")
    }

    /// A variable of a running program.
    #[track_caller]
    fn variable(&self, node: &str, name: &str) -> String {
        let said = std::fs::read(format!("/proc/{}/environ", self.program(node))).expect("its environment");
        let said = String::from_utf8(said).expect("UTF-8");
        let found = said.split('\0').find_map(|line| line.strip_prefix(&format!("{name}=")));
        found.unwrap_or_else(|| panic!("no {name}")).to_owned()
    }

    /// The interpreter of the applications.
    #[track_caller]
    fn python(&self) -> PathBuf {
        let words = std::fs::read(format!("/proc/{}/cmdline", self.program("app/program"))).expect("its arguments");
        let first = words.split(|byte| *byte == 0).next().expect("a program");
        PathBuf::from(String::from_utf8_lossy(first).into_owned())
    }
}

fn missing(program: &str) -> bool {
    !["/usr/sbin", "/usr/bin", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).exists())
}

#[test]
fn harbours_on_mariadb() {
    if missing("mariadbd") {
        return skip("harbours_on_mariadb", "there is no mariadbd");
    }
    everything("mariadb");
}

#[test]
fn harbours_on_postgres() {
    if missing("postgres") {
        return skip("harbours_on_postgres", "there is no postgres");
    }
    everything("postgres");
}

fn everything(engine: &str) {
    let harbours = Harbours::new(engine);
    let first = harbours.up();
    assert!(first.stdout.contains("Proved: all "), "{}", first.stdout);
    let again = harbours.up();
    assert!(again.stdout.contains("Nothing to do") || !again.stdout.contains("to make"), "{}", again.stdout);

    it_is_walked_through(&harbours);
    a_killed_database_costs_nothing_that_lasts(&harbours);
    the_report_has_no_more_than_it_needs(&harbours);

    let _ = harbours.machine.run(&["down", "private-webapp", "--yes"]).expect_code(0);
    assert_eq!(harbours.machine.processes(), Vec::<u32>::new());
    assert_eq!(files(&harbours.machine.path("state")), Vec::<PathBuf>::new());
}

fn it_is_walked_through(harbours: &Harbours) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/harbour_log.py");
    let (editor, admin) = (harbours.output("app.users.grace.password"), harbours.output("app.users.ada.password"));
    let mut command = Command::new(harbours.python());
    command.arg(script).arg(harbours.output("web.url")).arg(harbours.authority());
    command.args(["grace", &editor, "ada", &admin]).env_clear().env("PATH", "/usr/bin:/bin");
    let said = run(&mut command);
    assert!(said.status.success() && said.stdout.ends_with(b"all well\n"), "{}", text(&said));
}

fn a_killed_database_costs_nothing_that_lasts(harbours: &Harbours) {
    let program = harbours.program("db/program");
    kill(program);
    eventually("the page shows rows again", Duration::from_secs(90), || {
        let said = harbours.machine.run(&["verify", "private-webapp", "--only", "page-shows-rows"]);
        (said.code == Some(0)).then_some(())
    });
    assert_ne!(harbours.program("db/program"), program);
}

/// It draws with the role of the tunnel, and refuses that of the application.
fn the_report_has_no_more_than_it_needs(harbours: &Harbours) {
    let report = harbours.machine.work().join("harbours/report/report.py");
    let page = harbours.machine.work().join("report.html");
    let draw = |url: &str| {
        let mut command = Command::new(harbours.python());
        run(command.arg(&report).arg(&page).env_clear().env("PATH", "/usr/bin:/bin").env("REPORT_URL", url))
    };
    let writes = draw(&harbours.variable("app/program", "DATABASE_URL"));
    assert_eq!(writes.status.code(), Some(3), "{}", text(&writes));
    assert!(text(&writes).contains("nothing is drawn: the role may") && !page.exists(), "{}", text(&writes));
    let reads = draw(&harbours.variable("report/program", "REPORT_URL"));
    assert!(reads.status.success(), "{}", text(&reads));
    let drawn = std::fs::read_to_string(&page).expect("a page");
    assert!(drawn.contains("<svg") && drawn.contains("Quillan Quay"), "{drawn}");
}

#[test]
fn the_data_is_what_its_program_makes() {
    let script = repository().join("blueprints/private-webapp/data/generate.py");
    let said = run(Command::new("python3").arg(script).arg("--check"));
    assert!(said.status.success(), "{}", text(&said));
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    command.output().expect("Python")
}

fn text(said: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr))
}
