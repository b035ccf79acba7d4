//! An environment in AWS against an emulator (ministack), beside the AWS command line and Terraform with the same stacks. An emulator makes everything at
//! once: the figures say what the client costs, nothing about AWS.

use super::Report;
use super::measure::{Cost, median, middle, once, wait_until};
use super::running::Ended;
use super::table::{Figures, Promise, Row};
use crate::sandbox::Sandbox;
use crate::{Result, workspace};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FIRST: usize = 5;
const AGAIN: usize = 11;
const AT_ONCE: usize = 20;
const STACKS: usize = 4;
const LAYERS: [&str; STACKS] = ["network", "data", "service", "edge"];
/// What `aws cloudformation deploy` of one stack takes is the measure.
const TIMES_LESS: f64 = 5.0;

pub(super) fn measure(sandbox: &Sandbox, report: &mut Report) -> Result {
    let Some(python) = python() else {
        report.skip("an environment in AWS: no emulators (LANDFALL_INSTALL_GATES=1 cargo test -p landfall-aws-cloud installs them)");
        return Ok(());
    };
    let emulator = Emulator::start(sandbox, &python)?;

    let mut firsts = Vec::new();
    for number in 0..FIRST {
        firsts.push(once(sandbox, &emulator.up(sandbox, &format!("first{number}"), number)?)?);
    }
    let first = middles(&firsts);
    let row = |name: &str, runs, cost: Cost, promise| Row {
        group: if name.contains("again") { "aws again" } else { "aws first" },
        name: name.to_owned(),
        runs,
        figures: cost.into(),
        promise,
    };
    let again = median(AGAIN, sandbox, || emulator.up(sandbox, "first0", 0))?;
    let calls = emulator.calls_of(|| once(sandbox, &emulator.up(sandbox, "first0", 0)?).map(drop))?;

    // The peer has the same templates, deployed by hand as the README of an export says.
    let peer = aws_deploy(sandbox, &emulator, report)?;
    let promise = peer.map(|(one, _)| {
        Promise::at_most(
            again.cpu_ms,
            one.cpu_ms / TIMES_LESS,
            "1/5 of the CPU of `aws cloudformation deploy` of one stack",
        )
    });
    report.row(row("up, first, 4 stacks", FIRST, first, None));
    report.row(row("up again, 4 stacks, nothing to change", AGAIN, again, promise));
    if let Some((one, all)) = peer {
        report.row(row("aws cloudformation deploy again, one stack", AGAIN, one, None));
        report.row(row("aws cloudformation deploy again, 4 stacks", FIRST, all, None));
    }
    let figures = Figures::default();
    let per_stack = calls as f64 / STACKS as f64;
    let promise = Some(Promise::at_most(per_stack, 4.0, "4 calls a stack"));
    let name = format!("calls of a no-change up: {calls}, {per_stack:.2} a stack");
    report.row(Row { group: "aws calls", name, runs: 1, figures, promise });

    at_once(sandbox, &emulator, report)?;
    terraform(sandbox, &emulator, report)
}

/// Deployments side by side, each in an account of its own.
fn at_once(sandbox: &Sandbox, emulator: &Emulator, report: &mut Report) -> Result {
    let began = Instant::now();
    let mut running = Vec::new();
    for number in 0..AT_ONCE {
        let mut command = emulator.up(sandbox, &format!("side{number}"), 100 + number)?;
        running.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    }
    for child in &mut running {
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("one of {AT_ONCE} deployments at once ended with {status}").into());
        }
    }
    let figures = Figures { wall_ms: Some(began.elapsed().as_secs_f64() * 1e3), ..Figures::default() };
    let name = format!("up, first, {AT_ONCE} deployments at once, {} stacks", AT_ONCE * STACKS);
    report.row(Row { group: "aws at once", name, runs: 1, figures, promise: None });
    Ok(())
}

/// `aws cloudformation deploy` of what is there: of one stack, and of all four in a row.
fn aws_deploy(sandbox: &Sandbox, emulator: &Emulator, report: &mut Report) -> Result<Option<(Cost, Cost)>> {
    let Some(aws) = program("aws") else {
        report.skip("aws cloudformation deploy: there is no `aws`");
        return Ok(None);
    };
    let folder = sandbox.here().join("first0");
    once(sandbox, &{
        let mut command = sandbox.landfall(["export", "-e", "production", "--format", "cloudformation", "out"])?;
        command.current_dir(&folder);
        command
    })?;
    let deploy = |layer: &str| -> Result<Command> {
        // It names its change sets by the second; two in one second collide. The pause is not measured.
        std::thread::sleep(Duration::from_secs(1));
        let mut command = sandbox.command(&aws)?;
        emulator.surround(&mut command, 0);
        command.current_dir(folder.join("out")).args(["cloudformation", "deploy", "--no-fail-on-empty-changeset"]);
        command.args(["--capabilities", "CAPABILITY_IAM", "--template-file", &format!("{layer}.yaml")]);
        command.args(["--stack-name", &format!("first0-production-{layer}")]);
        Ok(command)
    };
    // The first time it changes the stacks' tags, which it does not know.
    for layer in LAYERS {
        once(sandbox, &deploy(layer)?)?;
    }
    let one = median(AGAIN, sandbox, || deploy("service"))?;
    let mut all = Vec::new();
    for _ in 0..FIRST {
        let mut sum = Cost { wall_ms: 0.0, cpu_ms: 0.0, peak_mb: 0.0 };
        for layer in LAYERS {
            let cost = once(sandbox, &deploy(layer)?)?;
            sum.wall_ms += cost.wall_ms;
            sum.cpu_ms += cost.cpu_ms;
            sum.peak_mb = sum.peak_mb.max(cost.peak_mb);
        }
        all.push(sum);
    }
    Ok(Some((one, middles(&all))))
}

/// Terraform with the same stacks, where its provider can be had.
fn terraform(sandbox: &Sandbox, emulator: &Emulator, report: &mut Report) -> Result {
    let Some(terraform) = program("terraform") else {
        report.skip("terraform: it is not installed");
        return Ok(());
    };
    let folder = sandbox.here().join("first0");
    let mut export = sandbox.landfall(["export", "-e", "production", "--format", "terraform", "tf"])?;
    export.current_dir(&folder);
    once(sandbox, &export)?;
    let run = |words: &[&str]| -> Result<Command> {
        let mut command = sandbox.command(&terraform)?;
        emulator.surround(&mut command, 900);
        command.current_dir(folder.join("tf")).args(words).arg("-input=false");
        Ok(command)
    };
    if once(sandbox, &run(&["init"])?).is_err() {
        report.skip("terraform plan: `terraform init` cannot fetch the provider hashicorp/aws here");
        return Ok(());
    }
    let plan = median(3, sandbox, || run(&["plan"]))?;
    let name = "terraform plan, first, 4 stacks".to_owned();
    report.row(Row { group: "aws first", name, runs: 3, figures: plan.into(), promise: None });
    Ok(())
}

fn middles(costs: &[Cost]) -> Cost {
    let of = |figure: fn(&Cost) -> f64| middle(costs.iter().map(figure).collect());
    Cost { wall_ms: of(|cost| cost.wall_ms), cpu_ms: of(|cost| cost.cpu_ms), peak_mb: of(|cost| cost.peak_mb) }
}

/// A program itself, not a shim that starts it.
fn program(name: &str) -> Option<PathBuf> {
    let script = format!("pyenv which {name} 2>/dev/null || command -v {name}");
    let output = Command::new("sh").args(["-c", &script]).output().ok()?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!path.is_empty()).then(|| PathBuf::from(path))
}

/// The Python that has the emulators; see `testkit`.
fn python() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(base.join("landfall-gates/emulators/bin/python")).filter(|python| python.exists())
}

struct Emulator {
    _process: Ended,
    url: String,
    address: String,
}

impl Emulator {
    fn start(sandbox: &Sandbox, python: &Path) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let folder = sandbox.aside("emulator");
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new(python);
        command.arg(workspace::root().join("crates/testkit/src/emulator/cloud.py")).current_dir(&folder);
        command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1");
        command.env("IOT_MTLS_ENABLED", "0").env("PERSIST_STATE", "0").env("STATE_DIR", &folder).env("TMPDIR", &folder);
        let process = Ended(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        wait_until("the emulator", Duration::from_secs(60), || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        })?;
        let address = format!("127.0.0.1:{port}");
        Ok(Self { _process: process, url: format!("http://{address}"), address })
    }

    /// An account of its own for each deployment.
    fn surround(&self, command: &mut Command, number: usize) {
        command.env("AWS_ENDPOINT_URL", &self.url).env("AWS_ACCESS_KEY_ID", account(number));
        command.env("AWS_SECRET_ACCESS_KEY", "not-a-secret").env("AWS_DEFAULT_REGION", "us-west-2");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("LANDFALL_NAME_SERVER", &self.address);
        command.env("NO_PROXY", "127.0.0.1");
    }

    /// `up` of the blueprint under another name.
    fn up(&self, sandbox: &Sandbox, name: &str, number: usize) -> Result<Command> {
        let folder = sandbox.here().join(name);
        if !folder.exists() {
            copy(&sandbox.here().join("blueprints/tabpy"), &folder)?;
            let manifest = folder.join("landfall.yaml");
            let text = std::fs::read_to_string(&manifest)?
                .replacen("name: tabpy", &format!("name: {name}"), 1)
                .replacen("domain: tabpy.example.org", &format!("domain: {name}.example.org"), 1)
                .replacen("account: \"123456789012\"", &format!("account: \"{}\"", account(number)), 1);
            std::fs::write(&manifest, text)?;
            self.zone(&account(number))?;
        }
        let mut command = sandbox.landfall(["up", "-e", "production", "--no-verify"])?;
        command.current_dir(folder);
        self.surround(&mut command, number);
        Ok(command)
    }

    /// A zone in an account. The emulator reads no signatures, only whose key it is.
    fn zone(&self, account: &str) -> Result {
        let body = "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>example.org</Name>\
                    <CallerReference>1</CallerReference></CreateHostedZoneRequest>";
        let header = format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=0"
        );
        self.http("POST", "/2013-04-01/hostedzone", &header, body).map(drop)
    }

    /// How many calls something makes.
    fn calls_of(&self, work: impl FnOnce() -> Result) -> Result<usize> {
        self.http("DELETE", "/_landfall/calls", "", "")?;
        work()?;
        let calls = self.http("GET", "/_landfall/calls", "", "")?;
        let calls: Vec<String> = serde_json::from_str(&calls)?;
        Ok(calls.len())
    }

    fn http(&self, method: &str, path: &str, header: &str, body: &str) -> Result<String> {
        use std::io::{Read as _, Write as _};
        let mut stream = TcpStream::connect(&self.address)?;
        let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{header}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }
}

fn account(number: usize) -> String {
    format!("{:012}", 100_000_000_000_usize + number)
}

fn copy(from: &Path, to: &Path) -> Result {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)?.flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
