//! What an account may refuse before anything is made: each with its exit code and a message that says what to do.

use crate::aws_verbs::tabpy;
use crate::support::{assert_civil, machine, signal};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use testkit::{Output, TestEnvironment};

const ACCOUNT: &str = "123456789012";
/// Never seen in anything that is written or printed.
const CANARY: &str = "wJalrCANARYKEYdoNotPrintMe";

/// A service of AWS that gives every call the same answer, and notes what was asked.
struct Stub {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// Answers with this status and body; calls for the caller's identity are answered with `account` where it is given.
    fn answering(account: Option<&'static str>, status: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || answer(stream, account, status, body, &notes));
            }
        });
        Self { address, asked }
    }

    fn identity(account: &'static str) -> Self {
        const DENIED: &str = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/me is not \
                              authorized to perform: cloudformation:DescribeStacks on resource: *</Message></Error></ErrorResponse>";
        Self::answering(Some(account), "403 Forbidden", DENIED)
    }

    fn used_by(&self, machine: TestEnvironment) -> TestEnvironment {
        with_keys(machine).with_variable("AWS_ENDPOINT_URL", &format!("http://{}", self.address))
    }
}

fn with_keys(machine: TestEnvironment) -> TestEnvironment {
    machine
        .with_variable("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .with_variable("AWS_SECRET_ACCESS_KEY", CANARY)
        .with_variable("AWS_EC2_METADATA_DISABLED", "true")
        .with_variable("NO_PROXY", "127.0.0.1")
}

fn answer(mut stream: TcpStream, account: Option<&str>, status: &str, body: &str, notes: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length) = stream.read(&mut buffer) {
        request.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, rest)) = text.split_once("\r\n\r\n") else {
            if length == 0 {
                return;
            }
            continue;
        };
        let length_said = head
            .to_ascii_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if rest.len() >= length_said.unwrap_or(0) || length == 0 {
            break;
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let identity = account.filter(|_| text.contains("GetCallerIdentity")).map(|account| {
        format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{account}:user/me</Arn><UserId>A</UserId>\
             <Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
    });
    notes.lock().expect("the notes").push(text);
    let (status, body) = identity.as_deref().map_or((status, body), |identity| ("200 OK", identity));
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}

const VERBS: &[&[&str]] = &[
    &["plan"],
    &["up"],
    &["status"],
    &["outputs"],
    &["events"],
    &["logs"],
    &["verify"],
    &["drift"],
    &["down", "--yes"],
    &["unlock", "--yes"],
];

fn run(machine: &TestEnvironment, verb: &[&str], more: &[&str]) -> Output {
    let words: Vec<&str> = verb.iter().copied().chain(["-e", "production"]).chain(more.iter().copied()).collect();
    let output = machine.run(&words);
    assert_civil(&output);
    let all = format!("{}{}", output.stdout, output.stderr);
    assert!(!all.contains(CANARY), "a key is printed: {all}");
    output
}

#[test]
fn no_credentials() {
    let machine = tabpy(machine()).with_variable("AWS_EC2_METADATA_DISABLED", "true");
    for verb in VERBS {
        let said = run(&machine, verb, &[]).expect_code(4);
        assert!(
            said.stderr.contains("credentials") && said.stderr.contains("aws sso login"),
            "{verb:?}: {}",
            said.stderr
        );
    }
}

#[test]
fn a_profile_that_does_not_exist() {
    let machine = tabpy(machine()).with_variable("AWS_EC2_METADATA_DISABLED", "true");
    let said = run(&machine, &["plan"], &["--profile", "nobody"]).expect_code(4);
    assert!(said.stderr.contains("nobody") && said.stderr.contains("do:"), "{}", said.stderr);
}

#[test]
fn expired_credentials() {
    let body = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in the request is \
                expired</Message></Error></ErrorResponse>";
    let stub = Stub::answering(None, "403 Forbidden", body);
    let machine = stub.used_by(tabpy(machine()));
    let said = run(&machine, &["up"], &[]).expect_code(4);
    assert!(said.stderr.contains("expired") && said.stderr.contains("aws sso login"), "{}", said.stderr);
}

#[test]
fn another_account_is_refused_before_anything_else_is_asked() {
    let stub = Stub::identity("999999999999");
    let machine = stub.used_by(tabpy(machine()));
    for verb in VERBS {
        let said = run(&machine, verb, &[]).expect_code(5);
        for word in [ACCOUNT, "999999999999", "AWS_PROFILE", "do:"] {
            assert!(said.stderr.contains(word), "{verb:?}: no {word} in {}", said.stderr);
        }
    }
    let asked = stub.asked.lock().expect("the notes");
    assert!(asked.iter().all(|request| request.contains("GetCallerIdentity")), "{asked:?}");
}

#[test]
fn another_region_is_refused_without_a_call() {
    let stub = Stub::identity(ACCOUNT);
    let machine = stub.used_by(tabpy(machine()));
    let said = run(&machine, &["up"], &["--region", "eu-west-1"]).expect_code(5);
    assert!(said.stderr.contains("us-west-2") && said.stderr.contains("--region"), "{}", said.stderr);
    let machine = machine.with_variable("AWS_REGION", "eu-west-1");
    let said = run(&machine, &["plan"], &[]).expect_code(5);
    assert!(said.stderr.contains("AWS_REGION") && said.stderr.contains("do:"), "{}", said.stderr);
    assert!(stub.asked.lock().expect("the notes").is_empty());
}

#[test]
fn a_missing_permission_is_named() {
    let stub = Stub::identity(ACCOUNT);
    let machine = stub.used_by(tabpy(machine()));
    let said = run(&machine, &["plan"], &[]).expect_code(4);
    assert!(said.stderr.contains("`cloudformation:DescribeStacks`"), "{}", said.stderr);
    let said = run(&machine, &["plan"], &["--json"]).expect_code(4);
    let last = said.json_lines().pop().expect("a line");
    assert_eq!(last["error"]["fault"]["kind"], "permission", "{last}");
}

#[test]
fn a_clock_that_is_wrong() {
    let body = "<ErrorResponse><Error><Code>RequestExpired</Code><Message>Signature expired: 20260101T000000Z is now earlier than \
                20261121T000000Z</Message></Error></ErrorResponse>";
    let stub = Stub::answering(None, "400 Bad Request", body);
    let machine = stub.used_by(tabpy(machine()));
    let said = run(&machine, &["plan"], &[]);
    let skewed = "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired: 20260101T000000Z is now \
                  earlier than 20261121T000000Z (20261121T000500Z - 5 min.)</Message></Error></ErrorResponse>";
    let stub = Stub::answering(None, "403 Forbidden", skewed);
    let machine = stub.used_by(tabpy(crate::support::machine()));
    let other = run(&machine, &["plan"], &[]);
    for said in [said, other] {
        assert!(said.stderr.contains("clock") && said.stderr.contains("do:"), "{}", said.stderr);
        assert_ne!(said.code, Some(0));
    }
}

/// A network that is gone is told within seconds, and Ctrl-C ends the wait.
fn waits_and_is_told(machine: &TestEnvironment, what: &str) {
    use std::io::BufRead as _;
    let mut child = machine
        .command(&["up", "-e", "production"])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the command");
    let lines = std::io::BufReader::new(child.stderr.take().expect("standard error")).lines();
    let mut said = String::new();
    let mut has_asked = false;
    for line in lines.map_while(Result::ok) {
        said.push_str(&line);
        said.push('\n');
        if line.contains("no answer to") && !has_asked {
            has_asked = true;
            // Nothing was begun, so once is enough.
            signal(child.id(), nix::sys::signal::Signal::SIGINT);
        }
    }
    let code = child.wait().expect("its end").code();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains(what) && said.contains("Interrupted"), "{said}");
}

#[test]
fn a_network_that_is_gone_is_told_and_ctrl_c_leaves() {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|it| it.local_addr()).expect("a port");
    let machine = with_keys(tabpy(machine())).with_variable("AWS_ENDPOINT_URL", &format!("http://{free}"));
    waits_and_is_told(&machine, &free.to_string());
}

#[test]
fn a_proxy_that_does_not_answer_is_told() {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|it| it.local_addr()).expect("a port");
    let machine = with_keys(tabpy(machine()))
        .with_variable("NO_PROXY", "")
        .with_variable("HTTPS_PROXY", &format!("http://{free}"))
        .with_variable("HTTP_PROXY", &format!("http://{free}"));
    waits_and_is_told(&machine, "no answer to");
}

#[test]
fn verbs_of_accounts_say_so_on_this_machine() {
    let machine = tabpy(machine());
    let said = machine.run(&["unlock"]).expect_code(2);
    assert!(said.stderr.contains("target: aws"), "{}", said.stderr);
    // `drift` looks at both; here nothing is up yet.
    let said = machine.run(&["drift"]).expect_code(5);
    assert!(said.stderr.contains("landfall up"), "{}", said.stderr);
    let said = machine.run(&["status", "elsewhere", "-e", "production"]).expect_code(2);
    assert!(said.stderr.contains("found by its manifest"), "{}", said.stderr);
    let said = machine.run(&["plan", "-o", "file"]).expect_code(2);
    assert!(said.stderr.contains("for accounts"), "{}", said.stderr);
    let said = machine.run(&["down", "--delete-kept"]).expect_code(2);
    assert!(said.stderr.contains("for accounts"), "{}", said.stderr);
    let said = machine.run(&["up", "-e", "production", "--connect-to", ":1"]).expect_code(2);
    assert!(said.stderr.contains("HOST"), "{}", said.stderr);
}
