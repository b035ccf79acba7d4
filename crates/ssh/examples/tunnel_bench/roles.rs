//! Our side of a tunnel as a process that lives until its input ends.

use crate::Outcome;
use ssh::{
    Account, ClientConfig, ClientLimits, Forward, HostKeys, Identity, LocalForward, Pauses, PrivateKey, Server,
    ServerConfig, Tunnel, TunnelConfig, Way,
};
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

pub(crate) fn run(words: &[&str]) -> Outcome {
    // As many threads as the supervisor gives it.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        match words {
            ["server", folder, host, port, target] => {
                let _server =
                    Server::start(server(Path::new(folder), host.parse()?, port.parse()?, target.parse()?)?).await?;
                until_the_input_ends().await
            }
            ["forward", folder, host, port, listen, target] => {
                let client = client(Path::new(folder), host, port.parse()?)?;
                let _forward = LocalForward::open(&client, listen.parse()?, "127.0.0.1", target.parse()?).await?;
                until_the_input_ends().await
            }
            ["reverse", folder, host, port, listen, target] => {
                let way = Way::Reverse {
                    listen: listen.parse()?,
                    target: SocketAddr::from((Ipv4Addr::LOCALHOST, target.parse()?)),
                };
                let server = client(Path::new(folder), host, port.parse()?)?;
                let _tunnel =
                    Tunnel::start(TunnelConfig { server, way, health: None, pauses: Pauses::default() }).await?;
                until_the_input_ends().await
            }
            other => Err(format!("not a role: {other:?}").into()),
        }
    })
}

async fn until_the_input_ends() -> Outcome {
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

fn key(folder: &Path, name: &str) -> Outcome<PrivateKey> {
    Ok(PrivateKey::from_file(&folder.join(name), &|_| None)?)
}

fn server(folder: &Path, host: IpAddr, port: u16, target: u16) -> Outcome<ServerConfig> {
    let mut config = ServerConfig::new(SocketAddr::from((host, port)), key(folder, "host")?);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, target));
    let forward = Forward { name: "target".to_owned(), said_port: None, address };
    let keys = vec![key(folder, "id")?.public()];
    config.accounts.insert("root".to_owned(), Account { keys, forwards: vec![forward], listens: Vec::new() });
    Ok(config)
}

fn client(folder: &Path, host: &str, port: u16) -> Outcome<ClientConfig> {
    Ok(ClientConfig {
        host: host.to_owned(),
        port,
        user: "root".to_owned(),
        host_keys: HostKeys::pinned(&key(folder, "host")?.public().to_string(), "the measurement")?,
        identities: vec![Identity::Key { key: key(folder, "id")?, origin: "the measurement".to_owned() }],
        // The same as OpenSSH is given here.
        limits: ClientLimits { keep_alive: Duration::from_secs(10), keep_alive_misses: 3, ..ClientLimits::default() },
    })
}
