//! The programs of a host, run for real in namespaces of their own against a stand-in for AWS that checks signatures.
#![expect(clippy::disallowed_types, reason = "a host's programs are programs")]

use crate::aws::{host_files, shapes, user_data};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Runs the programs of the blueprint's host; `None` where a kernel or a user may not make namespaces.
fn run(name: &str, status: u8) -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/host");
    let namespaces = ["--map-root-user", "--net", "--mount"];
    let probe = "ip link set lo up && curl --help all | grep -q aws-sigv4 && command -v openssl python3";
    let possible = Command::new("unshare").args(namespaces).args(["sh", "-c", probe]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        let _ = writeln!(std::io::stderr(), "skipped: no namespaces, or no ip, curl 7.75, openssl, python3");
        return None;
    }
    let (_, deployment, _) = shapes().swap_remove(0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("host-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    for (path, text) in host_files(&user_data(&deployment)[0].1) {
        let path = folder.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = text.replace("the-AWS-Region", "us-west-2").replace("the-AWS-URLSuffix", "amazonaws.com");
        // What would be written into memory is written beside the rest.
        std::fs::write(path, text.replace("/run/landfall/", &format!("{}/run/", folder.display()))).unwrap();
    }
    let output = Command::new("timeout")
        .args(["60", "unshare"])
        .args(namespaces)
        .arg("bash")
        .arg(here.join("run.sh"))
        .arg(&folder)
        .arg(here.join("stand_in.py"))
        .arg(status.to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let secret = folder.join("run/files/passwords.txt");
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "analyst \"x\" ü\nlast line\n");
    let journal = std::fs::read_to_string(folder.join("journal")).unwrap();
    let journal = journal.replace(&folder.display().to_string(), "");
    assert!(!journal.contains("NOT SIGNED"), "{journal}");
    Some(journal.lines().map(|line| format!("{}\n", without_time(line))).collect())
}

/// Moments are numbers of 13 digits.
fn without_time(line: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in line.chars().chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
        } else {
            out.push_str(if digits.len() == 13 { "[now]" } else { &digits });
            digits.clear();
            out.push(c);
        }
    }
    out.trim_end().to_owned()
}

#[test]
fn a_host_fetches_its_secrets_and_says_that_it_is_ready() {
    let Some(journal) = run("ready", 0) else { return };
    insta::assert_snapshot!(journal, @r#"
    secretsmanager secretsmanager.GetSecretValue signed {"SecretId": "the-TabpyFilePasswordsTxt"}
    chown landfall:landfall /run/files/passwords.txt.new
    logs Logs_20140328.CreateLogStream signed {"logGroupName": "the-TabpyLogs", "logStreamName": "set-up/i-0123456789abcdef0"}
    logs Logs_20140328.PutLogEvents signed {"logGroupName": "the-TabpyLogs", "logStreamName": "set-up/i-0123456789abcdef0", "logEvents": [{"timestamp": [now], "message": "== step \"one\""}, {"timestamp": [now], "message": " "}, {"timestamp": [now], "message": "trouble"}]}
    cloudformation  signed Action=SignalResource&Version=2010-05-15&StackName=the-AWS-StackId&LogicalResourceId=TabpyHosts&UniqueId=i-0123456789abcdef0&Status=SUCCESS
    first-boot ended with 0
    "#);
}

#[test]
fn a_host_that_fails_says_so_with_its_log() {
    let Some(journal) = run("failed", 7) else { return };
    let said: Vec<&str> =
        journal.lines().filter(|line| line.starts_with("logs") || !line.contains(" signed ")).collect();
    assert!(said.iter().any(|line| line.contains("PutLogEvents") && line.contains("trouble")), "{journal}");
    assert!(journal.contains("Status=FAILURE") && journal.contains("first-boot ended with 1"), "{journal}");
}
