//! One line for each request, in a file of bounded size.
//!
//! `2026-11-21T09:30:00.123Z 127.0.0.1 "POST /evaluate HTTP/2.0" 200 in=63 out=6 ms=12.4 to=tabpy/port`
//!
//! A query is shown as `?...` only; a note at the end says what went wrong.

use crate::error::EdgeError;
use crate::proxy::Exchange;
use crate::upload::UploadSource;
use http::{Method, Request, StatusCode, Version};
use jiff::Timestamp;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// A log file larger than this is set aside.
const ROTATE_AT: u64 = 10 << 20;
/// How many files are kept that were set aside.
const KEPT: u32 = 3;
/// Lines waiting to be written; more are dropped and counted, since a slow disk must not slow requests.
const WAITING: usize = 4096;
/// Longer paths are cut.
const LONGEST_PATH: usize = 512;

/// A handle on the thread that writes the log; the thread ends with the last handle.
#[derive(Clone)]
pub(crate) struct AccessLog {
    lines: SyncSender<Message>,
    lost: Arc<AtomicU64>,
    path: Arc<Path>,
}

enum Message {
    Line(String),
    /// Answered when all earlier lines are written.
    Flush(tokio::sync::oneshot::Sender<()>),
}

impl AccessLog {
    pub(crate) fn open(path: &Path) -> Result<Self, EdgeError> {
        let fault = |source| EdgeError::AccessLog { path: path.to_owned(), source };
        let file = LogFile::open(path).map_err(fault)?;
        let (lines, queue) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || write_lines(file, &queue, &counter))
            .map_err(fault)?;
        Ok(Self { lines, lost, path: path.into() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lines that could not be kept.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Returns when all lines so far are in the file.
    pub(crate) async fn flush(&self) {
        let (done, written) = tokio::sync::oneshot::channel();
        if self.lines.try_send(Message::Flush(done)).is_ok() {
            let _ = written.await;
        }
    }

    fn write(&self, line: String) {
        if self.lines.try_send(Message::Line(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_lines(mut file: LogFile, queue: &Receiver<Message>, lost: &AtomicU64) {
    let mut batch = String::new();
    while let Ok(first) = queue.recv() {
        // Under load, one write and one wake-up serve many lines.
        if matches!(first, Message::Line(_)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut count = 0;
        let mut waiting = Vec::new();
        for message in std::iter::once(first).chain(queue.try_iter()) {
            match message {
                Message::Line(line) => {
                    batch.push_str(&line);
                    count += 1;
                }
                Message::Flush(done) => waiting.push(done),
            }
        }
        if file.append(batch.as_bytes()).is_err() {
            lost.fetch_add(count, Ordering::Relaxed);
        }
        batch.clear();
        batch.shrink_to(64 * 1024);
        for done in waiting {
            let _ = done.send(());
        }
    }
}

/// An append-only file that is set aside when it gets large.
struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.size >= ROTATE_AT {
            for age in (1..KEPT).rev() {
                let _ = std::fs::rename(self.aged(age), self.aged(age + 1));
            }
            std::fs::rename(&self.path, self.aged(1))?;
            *self = Self::open(&self.path)?;
        }
        self.file.write_all(bytes)?;
        self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn aged(&self, age: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{age}"));
        name.into()
    }
}

/// What is to be said of one request; said when it is dropped.
pub(crate) struct Record {
    log: AccessLog,
    time: Timestamp,
    started: Instant,
    client: IpAddr,
    method: Method,
    path: String,
    version: Version,
    status: StatusCode,
    received: u64,
    sent: u64,
    upload: Option<Arc<UploadSource>>,
    backend: Option<String>,
    note: Option<&'static str>,
    complete: bool,
    /// The request counts as in flight until its record is written.
    _exchange: Option<Exchange>,
}

impl Record {
    pub(crate) fn new<B>(log: &AccessLog, client: IpAddr, request: &Request<B>, exchange: Option<Exchange>) -> Self {
        let uri = request.uri();
        let mut path: String = uri.path().chars().take(LONGEST_PATH).flat_map(escaped).collect();
        if uri.query().is_some() {
            path.push_str("?...");
        }
        Self {
            log: log.clone(),
            time: Timestamp::now(),
            started: Instant::now(),
            client,
            method: request.method().clone(),
            path,
            version: request.version(),
            status: StatusCode::OK,
            received: 0,
            sent: 0,
            upload: None,
            backend: None,
            note: None,
            complete: false,
            _exchange: exchange,
        }
    }

    pub(crate) fn status(&mut self, status: StatusCode) {
        self.status = status;
    }

    pub(crate) fn upload(&mut self, upload: Arc<UploadSource>) {
        self.upload = Some(upload);
    }

    pub(crate) fn backend(&mut self, name: &str) {
        self.backend = Some(name.to_owned());
    }

    pub(crate) fn sent(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
    }

    /// Bytes that came other than in the request's body.
    pub(crate) fn received(&mut self, bytes: u64) {
        self.received = bytes;
    }

    pub(crate) fn note(&mut self, note: &'static str) {
        self.note = Some(note);
    }

    pub(crate) fn complete(&mut self) {
        self.complete = true;
    }

    fn line(&self) -> String {
        let Self { time, client, method, path, version, sent, .. } = self;
        let status = self.status.as_u16();
        let received = self.received + self.upload.as_ref().map_or(0, |upload| upload.received());
        let milliseconds = self.started.elapsed().as_secs_f64() * 1000.0;
        let backend = self.backend.as_deref().unwrap_or("-");
        let mut line = format!(
            "{time:.3} {client} \"{method} {path} {version:?}\" {status} in={received} out={sent} ms={milliseconds:.1} to={backend}"
        );
        let note = self.note.or((!self.complete).then_some("broken-off-by-client"));
        if let Some(note) = note {
            let _ = write!(line, " {note}");
        }
        line.push('\n');
        line
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.log.write(self.line());
    }
}

/// Quotes, backslashes and all that is not printable ASCII are written as escapes: one request, one line.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let plain = (c.is_ascii_graphic() && c != '"' && c != '\\').then_some(c);
    plain.into_iter().chain(plain.is_none().then(|| c.escape_unicode()).into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_set_aside_and_the_oldest_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let mut file = LogFile::open(&path).unwrap();
        for round in 0..6_u8 {
            file.append(&[b'0' + round]).unwrap();
            file.size = ROTATE_AT;
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(
            [read("access.log"), read("access.log.1"), read("access.log.2"), read("access.log.3")].concat(),
            "5432"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[tokio::test]
    async fn lines_that_the_disk_does_not_take_are_counted() {
        let log = AccessLog::open(Path::new("/dev/full")).unwrap();
        log.write("a line\n".to_owned());
        log.flush().await;
        assert_eq!(log.lost(), 1);
    }

    #[test]
    fn nothing_in_a_path_breaks_the_line() {
        let text: String = "/a\"b\\c\nd é".chars().flat_map(escaped).collect();
        assert_eq!(text, "/a\\u{22}b\\u{5c}c\\u{a}d\\u{20}\\u{e9}");
    }
}
