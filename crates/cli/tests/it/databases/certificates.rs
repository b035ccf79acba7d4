//! A server's certificate is renewed while it runs: who connects afterwards sees the new one, who was there before goes on.

use super::notes::{ALL, Kind, Notes};
use crate::support::{eventually, signal, skip};
use nix::sys::signal::Signal;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_certificate_is_renewed_under_a_server_that_runs() {
    if Command::new("openssl").arg("version").output().is_err() {
        return skip("a certificate is renewed", "there is no openssl on this machine");
    }
    for kind in ALL {
        let Some(notes) = Notes::up(kind, "a certificate is renewed") else { continue };
        let folder = notes.home().join("certificates/db.server");
        let url = notes.url();
        let port = url.split([':', '/']).find_map(|part| part.parse::<u16>().ok()).expect("a port");
        let process = notes.process("db/program").expect("a server");
        let mut session = Session::open(&notes, &url);
        assert_eq!(session.ask("SELECT count(*) FROM notes;"), "3");
        let before = presented(kind, port);
        assert_eq!(before, serial(&folder.join("chain.pem")));

        // As after two months: one that ends in ten days.
        shorten(&notes, &folder);
        let short = serial(&folder.join("chain.pem"));
        assert!(short != before && short.starts_with("serial="), "{short}");
        signal(notes.supervisor(), Signal::SIGHUP);
        eventually("the server presents a new certificate", LIMIT, || {
            let now = presented(kind, port);
            (now != before && now != short && now == serial(&folder.join("chain.pem"))).then_some(())
        });
        assert_eq!(notes.login(&url, "SELECT count(*) FROM notes").as_deref(), Ok("3"));
        assert_eq!(session.ask("SELECT count(*) + 1 FROM notes;"), "4", "who was there before goes on");
        assert_eq!(notes.process("db/program"), Some(process), "nothing was restarted");
        assert!(notes.run(&["up"], 0).contains("Nothing to do"));
    }
}

/// The serial number of a certificate in a file.
fn serial(file: &Path) -> String {
    let said = Command::new("openssl").args(["x509", "-noout", "-serial", "-in"]).arg(file).output().expect("openssl");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// That of the certificate which a server presents.
fn presented(kind: Kind, port: u16) -> String {
    let protocol = if kind == Kind::Postgres { "postgres" } else { "mysql" };
    let dial = format!(
        "openssl s_client -connect 127.0.0.1:{port} -starttls {protocol} </dev/null 2>/dev/null | openssl x509 -noout -serial"
    );
    let said = Command::new("sh").args(["-c", &dial]).output().expect("a shell");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// Puts a certificate of the same authority there that ends soon.
fn shorten(notes: &Notes, folder: &Path) {
    let authority = notes.machine.path("data/landfall/authority");
    let names = notes.machine.path("names");
    fs::write(&names, "subjectAltName=DNS:localhost,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n").expect("a file");
    let script = format!(
        "openssl req -new -key '{folder}/key.pem' -subj /CN=localhost -out '{folder}/request' 2>/dev/null\n\
         openssl x509 -req -days 10 -in '{folder}/request' -CA '{authority}/authority.pem' -CAkey '{authority}/authority.key' \
         -set_serial 77 -extfile '{names}' -out '{folder}/chain.pem' 2>/dev/null\nrm '{folder}/request'",
        folder = folder.display(),
        authority = authority.display(),
        names = names.display(),
    );
    let status = Command::new("sh").args(["-ec", &script]).status().expect("a shell");
    assert!(status.success());
}

/// A connection of the engine's own client that stays open.
struct Session {
    process: std::process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    fn open(notes: &Notes, url: &str) -> Self {
        let mut client = notes.client_of(url);
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = client.spawn().expect("a client");
        let (input, output) = (process.stdin.take().expect("a pipe"), process.stdout.take().expect("a pipe"));
        Self { process, input, output: BufReader::new(output) }
    }

    /// The one value that a statement brings.
    fn ask(&mut self, statement: &str) -> String {
        writeln!(self.input, "{statement}").and_then(|()| self.input.flush()).expect("a client that reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("an answer");
        line.trim().to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
