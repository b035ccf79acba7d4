//! Bulk and small questions through forwards: OpenSSH on both ends, ours on one, ours on both.

use crate::peers::{Keys, Running, cpu_s, free_port, listens, local, summary, wait_until};
use crate::recovery::rounded;
use crate::{Outcome, say};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A path through which bytes go: who serves, who connects.
const PATHS: [(&str, &str, &str); 4] = [
    ("ssh -L, sshd", "sshd", "ssh"),
    ("landfall, sshd", "sshd", "landfall"),
    ("ssh -L, landfall", "landfall", "ssh"),
    ("landfall, landfall", "landfall", "landfall"),
];
const QUESTIONS: usize = 5_000;

struct Path {
    name: &'static str,
    port: u16,
    /// Whose, which side, and the process.
    processes: Vec<(&'static str, &'static str, Running)>,
}

/// What was measured of one path, a figure a round.
#[derive(Default)]
struct Figures {
    down: Vec<f64>,
    up: Vec<f64>,
    questions: Vec<f64>,
    pgbench: Vec<f64>,
    sysbench: Vec<f64>,
    /// Processor time of both ends for one gigabyte each way.
    bulk_cpu: Vec<f64>,
    /// The same for a thousand queries of pgbench.
    query_cpu: Vec<f64>,
}

pub(crate) fn run(megabytes: usize, rounds: usize) -> Outcome {
    let keys = Keys::new()?;
    let (target, postgres) = (target()?, Postgres::start()?);
    let mut paths = Vec::new();
    for path in PATHS {
        let questions = Path::open(&keys, path, target)?;
        let database = postgres.as_ref().map(|postgres| Path::open(&keys, path, postgres.port)).transpose()?;
        paths.push((questions, database, Figures::default()));
    }
    // One round of all, then the next: what else the machine does meets all alike.
    for _ in 0..rounds {
        for (path, database, figures) in &mut paths {
            let before = path.cpu_s();
            figures.down.push(bulk(path.port, b'd', megabytes)?);
            figures.up.push(bulk(path.port, b'u', megabytes)?);
            figures.bulk_cpu.push((path.cpu_s() - before) * 512.0 / megabytes as f64);
            figures.questions.push(small_questions(path.port)?);
            if let Some(database) = database {
                let before = database.cpu_s();
                let (tps, queries) = pgbench(database.port)?;
                figures.pgbench.push(tps);
                figures.query_cpu.push((database.cpu_s() - before) * 1000.0 / queries);
                figures.sysbench.extend(sysbench(database.port)?);
            }
        }
    }
    for (path, database, figures) in &paths {
        let middle = |figures: &[f64]| (!figures.is_empty()).then(|| rounded(summary(figures.to_vec()).0));
        let mut peaks = path.peaks()?;
        for (side, peak) in database.iter().map(Path::peaks).collect::<Outcome<Vec<_>>>()?.into_iter().flatten() {
            peaks.insert(format!("{side} of queries"), peak);
        }
        say(&json!({
            "path": path.name,
            "down_mb_s": middle(&figures.down),
            "up_mb_s": middle(&figures.up),
            "questions_s": middle(&figures.questions),
            "pgbench_tps": middle(&figures.pgbench),
            "sysbench_tps": middle(&figures.sysbench),
            "cpu_s_a_gb": middle(&figures.bulk_cpu),
            "cpu_ms_a_query": middle(&figures.query_cpu),
            "peak_mb": peaks,
        }));
    }
    Ok(())
}

/// The most memory after one gigabyte, and after more and more up to so many, with ours on both ends.
pub(crate) fn memory(gigabytes: usize) -> Outcome {
    let keys = Keys::new()?;
    let path = Path::open(&keys, PATHS[3], target()?)?;
    let mut carried = 0;
    for after in [1, gigabytes / 4, gigabytes / 2, gigabytes] {
        let amount = after.saturating_sub(carried);
        if amount == 0 {
            continue;
        }
        bulk(path.port, b'd', amount * 512)?;
        bulk(path.port, b'u', amount * 512)?;
        carried = after;
        say(&json!({ "path": path.name, "after_gb": after, "peak_mb": path.peaks()? }));
    }
    Ok(())
}

impl Path {
    fn open(
        keys: &Keys,
        (name, serving, connecting): (&'static str, &'static str, &'static str),
        target: u16,
    ) -> Outcome<Self> {
        let (server_port, port) = (free_port()?, free_port()?);
        let words = [server_port, port, target].map(|port| port.to_string());
        let server = match serving {
            "sshd" => keys.sshd("127.0.0.1", server_port)?,
            _ => keys.ours("server", &["127.0.0.1".to_owned(), words[0].clone(), words[2].clone()])?,
        };
        let server = Running::start(server, keys, "server")?;
        wait_until("the server listens", Duration::from_secs(10), || listens(server_port))?;
        let client = match connecting {
            "ssh" => {
                let mut command = Command::new("/usr/bin/ssh");
                let way = format!("127.0.0.1:{port}:127.0.0.1:{target}");
                command.args(keys.ssh("127.0.0.1", server_port, &["-L", &way])?);
                command
            }
            _ => {
                let [server_port, port, target] = words;
                keys.ours("forward", &["127.0.0.1".to_owned(), server_port, port, target])?
            }
        };
        let client = Running::start(client, keys, "client")?;
        wait_until("the forward listens", Duration::from_secs(10), || listens(port))?;
        Ok(Self { name, port, processes: vec![(serving, "server", server), (connecting, "client", client)] })
    }

    /// The processor time of both ends until now, with what they have started.
    fn cpu_s(&self) -> f64 {
        self.processes.iter().map(|(.., process)| cpu_s(process.id())).sum()
    }

    /// The most memory of those that are ours.
    fn peaks(&self) -> Outcome<serde_json::Map<String, serde_json::Value>> {
        let ours = self.processes.iter().filter(|(whose, ..)| *whose == "landfall");
        ours.map(|(_, side, process)| Ok(((*side).to_owned(), json!(process.peak_mb()?.round())))).collect()
    }
}

/// A PostgreSQL of its own with pgbench's tables; none where it is not installed.
struct Postgres {
    port: u16,
    /// Ended before its folder goes.
    _server: Running,
    _folder: tempfile::TempDir,
}

const POSTGRES: &str = "/usr/lib/postgresql/15/bin";

impl Postgres {
    fn start() -> Outcome<Option<Self>> {
        if !std::path::Path::new(POSTGRES).exists() || !std::path::Path::new("/usr/bin/pgbench").exists() {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        // It refuses root; in a user namespace of its own it sees none.
        let unshared = |program: &str| {
            let mut command = Command::new("/usr/bin/unshare");
            command.args(["--user", "--map-user=1000", "--map-group=1000", "--"]).arg(format!("{POSTGRES}/{program}"));
            command
        };
        let made = unshared("initdb").args(["-A", "trust", "-U", "bench", "--no-sync", "-D"]).arg(&data).output()?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)).into());
        }
        let port = free_port()?;
        let mut command = unshared("postgres");
        command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-k", "", "-c", "listen_addresses=127.0.0.1"]);
        command.args(["-c", "fsync=off"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Running::begin(command)?;
        wait_until("PostgreSQL listens", Duration::from_secs(30), || listens(port))?;
        let filled = wait_until("pgbench's tables are there", Duration::from_secs(60), || {
            let mut command = Command::new("/usr/bin/pgbench");
            command.args([
                "-i",
                "-q",
                "-s",
                "2",
                "-h",
                "127.0.0.1",
                "-U",
                "bench",
                "-p",
                &port.to_string(),
                "postgres",
            ]);
            command.output().is_ok_and(|output| output.status.success())
        });
        filled?;
        Ok(Some(Self { port, _server: server, _folder: folder }))
    }
}

/// Small queries a second, of eight clients, and how many there were.
fn pgbench(port: u16) -> Outcome<(f64, f64)> {
    let mut command = Command::new("/usr/bin/pgbench");
    command.args(["-n", "-S", "-c", "8", "-j", "2", "-T", "3", "-h", "127.0.0.1", "-U", "bench"]);
    let output = command.args(["-p", &port.to_string(), "postgres"]).env("PGSSLMODE", "disable").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let after = |start: &str| -> Outcome<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(start)).ok_or("pgbench says something else")?;
        Ok(line.split_whitespace().next().ok_or("pgbench says no number")?.parse()?)
    };
    Ok((after("tps = ")?, after("number of transactions actually processed: ")?))
}

/// The same by sysbench, where it is installed.
fn sysbench(port: u16) -> Outcome<Option<f64>> {
    let program = "/usr/bin/sysbench";
    if !std::path::Path::new(program).exists() {
        return Ok(None);
    }
    let run = |what: &str, seconds: &str| -> Outcome<String> {
        let mut command = Command::new(program);
        command.args(["oltp_point_select", "--db-driver=pgsql", "--pgsql-host=127.0.0.1", "--pgsql-user=bench"]);
        command.args([
            "--pgsql-db=postgres",
            "--tables=1",
            "--table-size=10000",
            "--threads=8",
            "--db-ps-mode=disable",
        ]);
        command.arg(format!("--pgsql-port={port}")).arg(format!("--time={seconds}")).env("PGSSLMODE", "disable");
        let output = command.arg(what).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    // The table may be there from another path; then nothing is made.
    run("prepare", "0")?;
    let text = run("run", "3")?;
    let line = text.lines().find(|line| line.trim().starts_with("transactions:")).ok_or(text.clone())?;
    let rate =
        line.split('(').nth(1).and_then(|rest| rest.split_whitespace().next()).ok_or("sysbench says no number")?;
    Ok(Some(rate.parse()?))
}

/// A target that does as the first byte says: sends, takes, or answers each block of 100 bytes.
fn target() -> Outcome<u16> {
    let listener = TcpListener::bind(local(0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        while let Ok((mut socket, _)) = listener.accept() {
            std::thread::spawn(move || {
                let _ = socket.set_nodelay(true);
                let (mut what, mut amount) = ([0], [0; 8]);
                if socket.read_exact(&mut what).is_err() || socket.read_exact(&mut amount).is_err() {
                    return;
                }
                let mut left = u64::from_be_bytes(amount);
                let mut block = vec![7; 256 * 1024];
                match what[0] {
                    b'd' => {
                        while left > 0 {
                            let count = usize::try_from(left).unwrap_or(block.len()).min(block.len());
                            if socket.write_all(&block[..count]).is_err() {
                                return;
                            }
                            left -= count as u64;
                        }
                    }
                    b'u' => {
                        while left > 0 {
                            match socket.read(&mut block) {
                                Ok(0) | Err(_) => return,
                                Ok(count) => left -= count as u64,
                            }
                        }
                        let _ = socket.write_all(b"!");
                    }
                    _ => {
                        let mut question = [0; 100];
                        while socket.read_exact(&mut question).is_ok() && socket.write_all(&question).is_ok() {}
                    }
                }
            });
        }
    });
    Ok(port)
}

fn begin(port: u16, what: u8, amount: u64) -> Outcome<TcpStream> {
    let mut socket = TcpStream::connect(local(port))?;
    socket.set_nodelay(true)?;
    let mut words = vec![what];
    words.extend(amount.to_be_bytes());
    socket.write_all(&words)?;
    Ok(socket)
}

/// Megabytes a second.
fn bulk(port: u16, what: u8, megabytes: usize) -> Outcome<f64> {
    let amount = (megabytes as u64) << 20;
    let mut socket = begin(port, what, amount)?;
    let mut block = vec![7; 256 * 1024];
    let began = Instant::now();
    if what == b'd' {
        let mut left = amount;
        while left > 0 {
            match socket.read(&mut block)? {
                0 => return Err("the bulk ended early".into()),
                count => left -= count as u64,
            }
        }
    } else {
        for _ in 0..megabytes * 4 {
            socket.write_all(&block)?;
        }
        socket.read_exact(&mut [0])?;
    }
    socket.shutdown(Shutdown::Both)?;
    Ok(megabytes as f64 / began.elapsed().as_secs_f64())
}

/// Questions a second, one after the other, as a small query is.
fn small_questions(port: u16) -> Outcome<f64> {
    let mut socket = begin(port, b'q', 0)?;
    let mut block = [7; 100];
    let began = Instant::now();
    for _ in 0..QUESTIONS {
        socket.write_all(&block)?;
        socket.read_exact(&mut block)?;
    }
    Ok(QUESTIONS as f64 / began.elapsed().as_secs_f64())
}
