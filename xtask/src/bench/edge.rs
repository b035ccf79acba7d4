//! The TLS edge beside nginx, on the same machine, before the same backend. Reported, not tuned for.

use super::Report;
use super::measure::{memory, middle, once, wait_until};
use super::running::Ended;
use super::table::{Figures, Promise, Row};
use crate::Result;
use crate::sandbox::Sandbox;
use crate::shell::Shell;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

const RUNS: usize = 3;
const BODY: usize = 70_000_000;

pub(super) fn measure(sandbox: &Sandbox, target: &Path, report: &mut Report) -> Result {
    for program in ["nginx", "wrk", "curl", "openssl"] {
        if program_path(program).is_none() {
            report.skip(format!(
                "the edge beside nginx: {program} is not installed (Debian: nginx-light wrk curl openssl)"
            ));
            return Ok(());
        }
    }
    let words = ["build", "--release", "--locked", "--quiet", "-p", "landfall-local-edge", "--example", "edge_bench"];
    Shell::cargo(words).run()?;

    let folder = sandbox.aside("edge");
    std::fs::create_dir_all(&folder)?;
    let (backend, proxy) = (free_port()?, free_port()?);
    let _backend = nginx(&folder, "backend", &backend_settings(backend), backend)?;
    certificate(&folder)?;
    let _proxy = nginx(&folder, "proxy", &proxy_settings(&folder, proxy, backend), proxy)?;
    let edge = Edge::start(target, backend)?;

    for (name, port) in [("our edge", edge.port), ("nginx as TLS proxy", proxy)] {
        let loads: Result<Vec<Load>> = (0..RUNS).map(|_| load(port)).collect();
        let loads = match loads {
            Ok(loads) => loads,
            Err(fault) => {
                report.skip(format!("{name}: {fault}"));
                continue;
            }
        };
        let figures = Figures {
            requests_per_second: Some(middle(loads.iter().map(|load| load.requests_per_second).collect())),
            p99_ms: Some(middle(loads.iter().map(|load| load.p99_ms).collect())),
            ..Figures::default()
        };
        let name = format!("{name}, HTTP/1.1, 32 connections");
        report.row(Row { group: "edge", name, runs: RUNS, figures, promise: None });
    }

    let before = memory(edge.process.0.id(), "VmHWM")?;
    let body = folder.join("body");
    std::fs::File::create(&body)?.set_len(BODY as u64)?;
    for (name, port) in [("our edge", edge.port), ("nginx as TLS proxy", proxy)] {
        let mut command = sandbox.command("curl")?;
        command.args(["--silent", "--show-error", "--fail", "--insecure", "--http1.1", "--output", "/dev/null"]);
        command
            .args(["--upload-file", &body.to_string_lossy(), "--request", "POST"])
            .arg(format!("https://localhost:{port}/upload"));
        let cost = once(sandbox, &command)?;
        let (peak_mb, promise) = if port == edge.port {
            let peak = memory(edge.process.0.id(), "VmHWM")?;
            (Some(peak), Some(Promise::at_most(peak - before, 16.0, format!("16 MB above the {before:.0} before"))))
        } else {
            (None, None)
        };
        let figures = Figures { wall_ms: Some(cost.wall_ms), peak_mb, ..Figures::default() };
        report.row(Row { group: "body", name: format!("{name}, a body of 70 MB"), runs: 1, figures, promise });
    }
    Ok(())
}

/// Our edge before a backend; the example says where it listens and serves until its input ends.
struct Edge {
    process: Ended,
    port: u16,
    /// Kept open: a program whose words nobody takes any more may end because of that.
    _words: BufReader<ChildStdout>,
}

impl Edge {
    fn start(target: &Path, backend: u16) -> Result<Self> {
        let mut command = Command::new(target.join("release/examples/edge_bench"));
        command.arg(format!("127.0.0.1:{backend}")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Ended(command.spawn()?);
        let mut words = BufReader::new(process.0.stdout.take().ok_or("no output of edge_bench")?);
        let mut line = String::new();
        while words.read_line(&mut line)? > 0 {
            if let Some(url) = line.trim_end().strip_prefix("url=") {
                let port = url.rsplit(':').next().unwrap_or_default().parse();
                let port = port.map_err(|_| format!("edge_bench says `{line}`"))?;
                return Ok(Self { process, port, _words: words });
            }
            line.clear();
        }
        Err("edge_bench ended without saying where it listens".into())
    }
}

/// What wrk saw.
#[derive(Debug, PartialEq)]
struct Load {
    requests_per_second: f64,
    p99_ms: f64,
}

fn load(port: u16) -> Result<Load> {
    let words = ["--threads=1", "--connections=32", "--duration=4s", "--latency"];
    let text = Shell::new("wrk", words.into_iter().map(str::to_owned).chain([format!("https://localhost:{port}/")]))
        .output()?;
    read_load(&text).ok_or_else(|| format!("not what wrk should say:\n{text}").into())
}

/// Reads wrk's words; answers other than 2xx and broken connections make them worthless.
fn read_load(text: &str) -> Option<Load> {
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return None;
    }
    let value = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let p99 = value("99%")?;
    let unit = p99.find(|letter: char| letter.is_alphabetic())?;
    let scale = match &p99[unit..] {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        _ => return None,
    };
    let requests_per_second = value("Requests/sec:")?.parse().ok()?;
    Some(Load { requests_per_second, p99_ms: p99[..unit].parse::<f64>().ok()? * scale })
}

fn backend_settings(port: u16) -> String {
    let answer = "x".repeat(1000);
    format!(
        "server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000; client_max_body_size 0; \
         location / {{ proxy_pass http://127.0.0.1:{port}/answer; proxy_request_buffering on; }} \
         location = /answer {{ return 200 '{answer}'; }} location = / {{ return 200 '{answer}'; }} }}"
    )
}

fn proxy_settings(folder: &Path, port: u16, backend: u16) -> String {
    let at = folder.display();
    format!(
        "upstream backend {{ server 127.0.0.1:{backend}; keepalive 64; }} \
         server {{ listen 127.0.0.1:{port} ssl; server_name localhost; keepalive_requests 1000000; \
         ssl_certificate {at}/certificate.pem; ssl_certificate_key {at}/key.pem; ssl_protocols TLSv1.2 TLSv1.3; \
         client_max_body_size 0; location / {{ proxy_pass http://backend; proxy_http_version 1.1; \
         proxy_set_header Connection ''; proxy_request_buffering off; \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto https; }} }}"
    )
}

/// An nginx of our own: in the foreground, everything it writes in the folder, with an access log as
/// our edge has one.
fn nginx(folder: &Path, name: &str, server: &str, port: u16) -> Result<Ended> {
    let at = folder.join(name);
    std::fs::create_dir_all(&at)?;
    let here = at.display();
    let workers = if name == "proxy" { "auto" } else { "1" };
    let user = if nix::unistd::geteuid().is_root() { "user root;" } else { "" };
    let text = format!(
        "daemon off; {user} worker_processes {workers}; pid {here}/pid; error_log {here}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log {here}/access.log; client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; \
         fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n{server}\n}}\n"
    );
    let file = at.join("nginx.conf");
    std::fs::write(&file, text)?;
    let program = program_path("nginx").ok_or("no nginx")?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&file).arg("-e").arg(at.join("error.log")).stdin(Stdio::null());
    let process = Ended(command.spawn()?);
    wait_until(name, Duration::from_secs(5), || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
    Ok(process)
}

/// A certificate of the same kind as ours: P-256, since signing is most of a handshake.
fn certificate(folder: &Path) -> Result {
    let (key, file) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost";
    let mut shell = Shell::new("openssl", words.split(' '));
    shell.0.arg("-keyout").arg(key).arg("-out").arg(file);
    shell.output().map(drop)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Where a program lies; Debian keeps nginx where only root looks.
fn program_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    path.split(':').map(|folder| Path::new(folder).join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "  Latency Distribution\n     50%  410.00us\n     99%    3.21ms\n  5 requests in 4.0s\nRequests/sec:  12345.67\n";

    #[test]
    fn the_words_of_wrk_are_read() {
        assert_eq!(read_load(SAID), Some(Load { requests_per_second: 12345.67, p99_ms: 3.21 }));
    }

    #[test]
    fn refused_requests_are_no_load() {
        assert_eq!(read_load(&format!("{SAID}  Non-2xx or 3xx responses: 4\n")), None);
    }
}
