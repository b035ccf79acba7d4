//! Accounts to call: emulators, and a server that says what it is told to.

use aws_cloud::{CloudAccount, ConnectOptions, Keys};
use model::Secret;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

/// An account at an address.
pub(crate) async fn account(url: &str) -> CloudAccount {
    let options = ConnectOptions {
        region: "us-west-2".to_owned(),
        endpoint_url: Some(url.to_owned()),
        keys: Some(Keys { id: testkit::emulator::ACCOUNT.to_owned(), secret: Secret::new("not-a-secret") }),
        ..ConnectOptions::default()
    };
    CloudAccount::connect(options).await.unwrap()
}

/// What a scripted server answers.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Status, headers, body.
    Says(u16, &'static str, String),
    /// The connection ends without an answer.
    HangsUp,
}

/// An answer in XML.
pub(crate) fn xml(status: u16, body: &str) -> Reply {
    Reply::Says(status, "content-type: text/xml\r\n", body.to_owned())
}

/// An answer in JSON.
pub(crate) fn json(status: u16, body: &str) -> Reply {
    Reply::Says(status, "content-type: application/x-amz-json-1.1\r\n", body.to_owned())
}

/// A server that gives the scripted replies one after the other, and the last one for ever.
pub(crate) struct Scripted {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub(crate) fn new(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            let mut replies = replies.into_iter().peekable();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let request = request(&mut stream);
                seen.lock().unwrap().push(request.clone());
                let reply = if replies.len() > 1 { replies.next() } else { replies.peek().cloned() };
                if let Some(Reply::Says(status, headers, body)) = reply {
                    let body = if request.starts_with("HEAD") { String::new() } else { body };
                    let length = if headers.contains("content-length") {
                        String::new()
                    } else {
                        format!("content-length: {}\r\n", body.len())
                    };
                    let head = format!("HTTP/1.1 {status} X\r\n{headers}{length}connection: close\r\n\r\n");
                    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
                }
            }
        });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A request as it came, head and body.
fn request(stream: &mut std::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).unwrap_or(0);
        bytes.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length_of_body = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned))
                .and_then(|length| length.parse().ok())
                .unwrap_or(0);
            if body.len() >= length_of_body {
                return text;
            }
        }
        if length == 0 {
            return text;
        }
    }
}
