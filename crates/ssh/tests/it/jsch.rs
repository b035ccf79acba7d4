//! JSch 0.1, the SSH client inside many database tools written in Java, at our server.

use crate::support::{SshFolder, bastion, greeter, key, need, output, words};
use model::Secret;
use ssh::{PrivateKey, Server, ServerConfig};
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/jsch/Forward.java");

/// Java with its compiler and the library, where Debian's `libjsch-java` puts it; or a visible note that they are missing.
macro_rules! need_java {
    () => {{
        need!("javac");
        Java { program: need!("java"), library: need!("/usr/share/java/jsch.jar") }
    }};
}

struct Java {
    program: PathBuf,
    library: PathBuf,
}

/// A key made by `ssh-keygen`, which is asked for the form that JSch 0.1 reads.
fn key_file(keygen: &Path, path: &Path, words: &[&str]) -> PrivateKey {
    let made = Command::new(keygen).args(["-q", "-N", "", "-m", "PEM"]).args(words).arg("-f").arg(path).status();
    assert!(made.unwrap().success());
    PrivateKey::from_text(&Secret::new(std::fs::read_to_string(path).unwrap()), None, "a test's key").unwrap()
}

struct Scene {
    server: Server,
    folder: SshFolder,
    java: Java,
}

impl Scene {
    /// A server that knows the keys of a folder's user, and its `known_hosts`.
    async fn new(java: Java, keygen: &Path, further: &[PrivateKey]) -> Self {
        let user = key();
        let mut config: ServerConfig = bastion(&user, greeter("welcome").await);
        config.further_host_keys = further.to_vec();
        let server = Server::start(config.clone()).await.unwrap();
        let folder = SshFolder::new(server.address(), &config.host_key, &user);
        let hosts = [&config.host_key].into_iter().chain(further);
        let port = server.address().port();
        let known: String = hosts.map(|key| format!("[127.0.0.1]:{port} {}\n", key.public())).collect();
        folder.write("known_hosts", &known, 0o600);
        let account = config.accounts.get_mut("alice").unwrap();
        for (file, words) in [("ecdsa", &["-t", "ecdsa", "-b", "256"][..]), ("rsa", &["-t", "rsa", "-b", "2048"])] {
            account.keys.push(key_file(keygen, &folder.path(file), words).public());
        }
        server.reload(config).await.unwrap();
        Self { server, folder, java }
    }

    /// What the program says that forwards to `to` with the key of a file.
    async fn forward(&self, key: &str, to: &str) -> String {
        let (host, port) = to.split_once(':').unwrap();
        let mut command = Command::new(&self.java.program);
        command
            .arg("-cp")
            .arg(&self.java.library)
            .arg(SOURCE)
            .arg(self.server.address().port().to_string())
            .arg("alice");
        command.arg(self.folder.path(key)).arg(self.folder.path("known_hosts")).args([host, port]);
        words(&output(command).await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ecdsa_host_key_lets_it_in_with_an_ecdsa_key() {
    let java = need_java!();
    let keygen = need!("ssh-keygen");
    let folder = tempfile::tempdir().unwrap();
    let host = key_file(&keygen, &folder.path().join("host"), &["-t", "ecdsa", "-b", "256"]);
    let scene = Scene::new(java, &keygen, &[host]).await;
    assert_eq!(scene.forward("ecdsa", "db:5432").await, "welcome");
    // It is led nowhere else: the connection to the local port ends with nothing.
    assert_eq!(scene.forward("ecdsa", "db:22").await, "");
    // It signs with RSA keys by SHA-1 alone, and reads ed25519 keys not at all.
    let said = scene.forward("rsa", "db:5432").await;
    assert!(said.contains("JSchException: Auth fail"), "{said}");
    let said = scene.forward("id", "db:5432").await;
    assert!(said.contains("JSchException: invalid privatekey"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ed25519_host_key_alone_is_none_to_it() {
    let java = need_java!();
    let keygen = need!("ssh-keygen");
    let scene = Scene::new(java, &keygen, &[]).await;
    let said = scene.forward("ecdsa", "db:5432").await;
    assert!(said.contains("JSchException: Algorithm negotiation fail"), "{said}");
}
