//! The real TabPy, as the blueprint runs it. One deployment serves all questions, in one sequence:
//! it takes seconds to start.

use crate::support::{LANDFALL, document, eventually, files, holds, kill, repository};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use testkit::TestEnvironment;

const SETTINGS: &[&str] = &[
    "--set",
    "domain=localhost",
    "--set",
    "evaluate-timeout=1s",
    "--set",
    "idle-timeout=8s",
    "--set",
    "request-limit=1MiB",
];

struct TabPy {
    machine: TestEnvironment,
    url: String,
    password: String,
    python: PathBuf,
}

impl TabPy {
    fn new() -> Self {
        // Installing takes minutes, so all tests share one cache beside the binary.
        let target = Path::new(LANDFALL).parent().and_then(Path::parent).expect("the target folder");
        let cache = target.join("test-cache");
        std::fs::create_dir_all(&cache).expect("a cache");
        let machine = TestEnvironment::new(LANDFALL).with_cache(cache).with_limit(Duration::from_secs(900));
        let blueprint = repository().join("blueprints/tabpy");
        for file in files(&blueprint) {
            machine.write(Path::new("tabpy").join(&file), std::fs::read(blueprint.join(&file)).expect("a file"));
        }
        Self { machine, url: String::new(), password: String::new(), python: PathBuf::new() }
    }

    #[track_caller]
    fn up(&mut self, more: &[&str], code: i32) -> testkit::Output {
        let said = self.machine.run(&[&["up", "tabpy"], SETTINGS, more].concat()).expect_code(code);
        self.url = self.output("web.url");
        self.password = self.output("tabpy.users.analyst.password");
        self.python = self.find_python();
        said
    }

    #[track_caller]
    fn output(&self, name: &str) -> String {
        let said = self.machine.run(&["outputs", "tabpy", "--only", name, "--reveal"]).expect_code(0);
        said.stdout.trim().to_owned()
    }

    fn home(&self) -> PathBuf {
        self.machine.path("state/landfall/tabpy")
    }

    #[track_caller]
    fn status(&self) -> Value {
        document(&self.machine.run(&["status", "tabpy", "--json"]).expect_code(0))["deployments"][0].clone()
    }

    #[track_caller]
    fn program(&self) -> u32 {
        let status = self.status();
        let pid = status["status"]["programs"]["tabpy/program"]["pid"].as_u64();
        pid.and_then(|pid| pid.try_into().ok()).unwrap_or_else(|| panic!("no TabPy in {status}"))
    }

    /// The interpreter that runs TabPy.
    #[track_caller]
    fn find_python(&self) -> PathBuf {
        let words = std::fs::read(format!("/proc/{}/cmdline", self.program())).expect("its arguments");
        let first = words.split(|byte| *byte == 0).next().expect("a program");
        PathBuf::from(String::from_utf8_lossy(first).into_owned())
    }

    /// Runs Python of TabPy's environment; the password comes by standard input.
    #[track_caller]
    fn python(&self, script: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.python);
        command.arg("-c").arg(script).args(arguments).env_clear();
        command.env("HOME", self.machine.path("home")).env("PATH", "/usr/bin:/bin").env("PASSWORD", &self.password);
        command.env("REQUESTS_CA_BUNDLE", self.authority()).env("URL", &self.url);
        let output = command.current_dir(self.machine.work()).output().expect("Python");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}\n{said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn authority(&self) -> PathBuf {
        self.machine.path("data/landfall/authority/authority.pem")
    }
}

#[test]
fn the_real_tabpy() {
    let mut tabpy = TabPy::new();
    let first = tabpy.up(&[], 0);
    assert!(first.stdout.contains("Proved: all 2"), "{}", first.stdout);

    its_own_client_deploys_and_queries_through_the_edge(&tabpy);
    the_password_file_is_what_its_own_tool_makes(&tabpy);
    bodies_over_the_limit_are_refused(&tabpy);
    no_other_address_answers(&tabpy);
    a_kill_is_survived_with_its_models(&tabpy);
    a_wedged_script_pool_is_noticed(&tabpy);
    a_second_user_changes_nothing_for_the_first(&mut tabpy);
    the_password_lies_where_it_must_only(&tabpy);

    let _ = tabpy.machine.run(&["down", "tabpy", "--yes"]).expect_code(0);
    assert_eq!(tabpy.machine.processes(), Vec::<u32>::new());
    assert_eq!(files(&tabpy.machine.path("state")), Vec::<PathBuf>::new());
}

const CLIENT: &str = "\
import os, sys
from tabpy.tabpy_tools.client import Client
# It joins addresses by plain concatenation.
client = Client(os.environ['URL'] + '/')
client.set_credentials('analyst', os.environ['PASSWORD'])
if sys.argv[1] == 'deploy':
    def double(numbers):
        return [2 * number for number in numbers]
    client.deploy('double', double, 'twice as much', override=True)
print(client.query('double', [1, 2, 21])['response'])
";

fn its_own_client_deploys_and_queries_through_the_edge(tabpy: &TabPy) {
    let said = tabpy.python(CLIENT, &["deploy"]);
    assert_eq!(said.lines().last(), Some("[2, 4, 42]"), "{said}");
}

fn a_kill_is_survived_with_its_models(tabpy: &TabPy) {
    let program = tabpy.program();
    kill(program);
    eventually("TabPy is back", Duration::from_secs(40), || {
        let status = tabpy.status();
        let pid = status["status"]["programs"]["tabpy/program"]["pid"].as_u64();
        pid.filter(|pid| *pid != u64::from(program) && status["healthy"] == true)
    });
    let said = eventually("TabPy answers", Duration::from_secs(40), || {
        let said = tabpy.machine.run(&["verify", "tabpy", "--only", "info-with-credentials"]);
        (said.code == Some(0)).then_some(said)
    });
    assert!(said.stdout.contains("1 claim") || said.stdout.contains("Proved"), "{}", said.stdout);
    assert_eq!(tabpy.python(CLIENT, &["query"]).lines().last(), Some("[2, 4, 42]"));
}

fn the_password_file_is_what_its_own_tool_makes(tabpy: &TabPy) {
    let ours = std::fs::read_to_string(tabpy.home().join("files/tabpy/file/passwords.txt")).expect("the file");
    let ours: Vec<&str> = ours.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let theirs = tabpy.python(
        "import os\nfrom tabpy.tabpy_server.handlers.util import hash_password\n\
         print('analyst', hash_password('analyst', os.environ['PASSWORD']))",
        &[],
    );
    assert_eq!(ours, [theirs.lines().last().expect("a line")]);
}

fn bodies_over_the_limit_are_refused(tabpy: &TabPy) {
    let script = "\
import os, requests
def post(size):
    body = '{\"data\": {\"_arg1\": [1]}, \"script\": \"return 1 #' + 'x' * size + '\"}'
    return requests.post(os.environ['URL'] + '/evaluate', data=body, auth=('analyst', os.environ['PASSWORD'])).status_code
print(post(1000), post(900 * 1024), post(1024 * 1024))
";
    assert_eq!(tabpy.python(script, &[]), "200 200 413");
}

fn no_other_address_answers(tabpy: &TabPy) {
    let plan = document(&tabpy.machine.run(&[&["plan", "tabpy", "--json"], SETTINGS].concat()).expect_code(0));
    let port = plan["ports"]["tabpy/http"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
    let reaches = |address: &str| {
        let all = (address, port).to_socket_addrs().expect("an address");
        all.into_iter().any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok())
    };
    assert!(reaches("127.0.0.1"));
    let listing = Command::new("hostname").arg("-I").output().map(|output| output.stdout).unwrap_or_default();
    let own = String::from_utf8_lossy(&listing).into_owned();
    for address in own.split_whitespace().chain(["127.0.0.2", "::1"]) {
        assert!(!reaches(address), "TabPy answers on {address}");
    }
    // Straight to the port, without the edge, it asks for credentials just the same.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.write_all(b"GET /info HTTP/1.0\r\n\r\n").expect("a request");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.contains(" 401 "), "{answer}");
}

fn a_wedged_script_pool_is_noticed(tabpy: &TabPy) {
    // As many endless scripts as there are threads, and one more.
    let script = "\
import os, requests, threading
def wedge():
    body = {'data': {'_arg1': [1]}, 'script': 'import time\\nwhile True:\\n    time.sleep(0.2)\\nreturn 1'}
    requests.post(os.environ['URL'] + '/evaluate', json=body, auth=('analyst', os.environ['PASSWORD']))
threads = [threading.Thread(target=wedge) for _ in range((os.cpu_count() or 1) + 1)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
";
    let _ = tabpy.python(script, &[]);
    let said = tabpy.machine.run(&["verify", "tabpy", "--gentle"]).expect_code(8);
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains("✗ web: an evaluation returns the right numbers"), "{all}");
    assert!(all.contains("✓ tabpy: tabpy answers GET on /info with 401"), "health is green: {all}");
    assert!(all.contains("TabPy answers, but evaluates nothing in time"), "{all}");
    kill(tabpy.program());
    eventually("TabPy evaluates again", Duration::from_secs(40), || {
        (tabpy.machine.run(&["verify", "tabpy", "--gentle"]).code == Some(0)).then_some(())
    });
}

fn a_second_user_changes_nothing_for_the_first(tabpy: &mut TabPy) {
    let before = tabpy.password.clone();
    tabpy.machine.write("users.yaml", "users: [analyst, boss]\n");
    let _ = tabpy.up(&["--values", "users.yaml"], 0);
    assert_eq!(tabpy.password, before);
    let boss = tabpy.output("tabpy.users.boss.password");
    assert!(boss.len() >= 20 && boss != before, "{boss}");
    assert_eq!(tabpy.python(CLIENT, &["query"]).lines().last(), Some("[2, 4, 42]"));
}

fn the_password_lies_where_it_must_only(tabpy: &TabPy) {
    let _ = tabpy.machine.run(&["verify", "tabpy", "--gentle", "--evidence", "proof"]).expect_code(0);
    let said = tabpy.machine.run(&["verify", "tabpy", "--gentle", "--json", "-v"]).expect_code(0);
    assert!(!said.stdout.contains(&tabpy.password));
    let root = tabpy.machine.path("");
    let holders: Vec<PathBuf> =
        files(&root).into_iter().filter(|path| holds(&root.join(path), &tabpy.password)).collect();
    assert!(!holders.is_empty());
    for path in holders {
        assert!(path.starts_with("state/landfall/tabpy/secrets"), "the password lies in {}", path.display());
        let mode = std::fs::metadata(root.join(&path)).expect("the file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    for pid in tabpy.machine.processes() {
        for facts in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{pid}/{facts}")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&bytes).contains(&tabpy.password), "{facts} of process {pid}");
        }
    }
    for arguments in [&["logs", "tabpy", "-n", "100000"][..], &["events", "tabpy"], &["outputs", "tabpy"]] {
        assert!(!tabpy.machine.run(arguments).expect_code(0).stdout.contains(&tabpy.password), "{arguments:?}");
    }
}
