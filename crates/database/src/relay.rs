//! A private socket that leads to a TCP address.
//!
//! The client library verifies a certificate against the host that it dials. Behind a forwarded port (127.0.0.1:15432)
//! stands a server with another name. So the library dials a socket in a folder of our own, where no host is
//! involved, is told the server's name, and this relay carries the bytes; TLS stays between the two ends.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinHandle;

/// One relayed connection; dropping it cuts the connection.
pub(crate) struct Relay {
    folder: PathBuf,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Relay")
    }
}

/// PostgreSQL's clients find sockets by this name alone.
const NAME: &str = ".s.PGSQL.5432";

static COUNT: AtomicU64 = AtomicU64::new(0);

impl Relay {
    /// Connects to the address and offers the connection, once, at [`Relay::socket`].
    pub(crate) async fn to(host: &str, port: u16) -> io::Result<Self> {
        let mut far = TcpStream::connect((host, port)).await?;
        far.set_nodelay(true)?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("landfall-db-{}-{number}", std::process::id()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        let listener = UnixListener::bind(folder.join(NAME)).inspect_err(|_| remove(&folder))?;
        let task = tokio::spawn(async move {
            let Ok((mut near, _)) = listener.accept().await else { return };
            drop(listener);
            // Either end says when it is over; there is nobody to tell besides them.
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
        Ok(Self { folder, task })
    }

    /// Where it waits for its one client.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// Takes the socket's name away once the client is there.
    pub(crate) fn hide(&self) {
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(NAME));
    let _ = std::fs::remove_dir(folder);
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
        remove(&self.folder);
    }
}
