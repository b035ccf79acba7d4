//! How a session behaves.

use std::time::Duration;

/// Whom a channel trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those in the file that `AWS_CA_BUNDLE` names, as AWS's own tools; without it, the authorities of this machine.
    #[default]
    Environment,
    /// These alone (PEM).
    Pem(Vec<u8>),
}

/// Whether there is a proxy between here and AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// What `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// This one, as `http://user:password@proxy.example.org:3128`.
    At(String),
}

/// How a session behaves. [`Options::default`] is what AWS's own client and agent do, where they do something.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whom to trust.
    pub trust: Trust,
    /// Whether to go through a proxy.
    pub proxy: Proxy,
    /// How many bytes of the stream a message carries. The agent and Amazon's client send 1,024.
    pub payload: usize,
    /// How many messages go in a second, at most; Amazon's client sends one a millisecond. `None`: as many as are acknowledged.
    pub per_second: Option<u32>,
    /// How many messages may be on their way without an acknowledgement.
    pub window: usize,
    /// How many bytes may wait for programs that do not read; then nothing is taken from the host, for no connection: smux has no window for
    /// each.
    pub unread: usize,
    /// How long a connection stays open to the host after the program here ended its side and while nothing comes back. The agent knows no
    /// half-closed connection: our end closes the other direction too.
    pub linger: Duration,
    /// How long the host's agent may take to answer at all.
    pub handshake: Duration,
    /// After how long without a word from AWS it is asked for one.
    pub ping: Duration,
    /// How often agents from before 3.1.1511.0 get a sign of life in the multiplexed stream; after 30 s without one they end it.
    pub sign_of_life: Duration,
    /// How long a path that is gone, or a host that acknowledges nothing, is waited for.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            trust: Trust::default(),
            proxy: Proxy::default(),
            payload: 1024,
            per_second: Some(1000),
            window: 1000,
            unread: 4 << 20,
            linger: Duration::from_secs(10),
            handshake: Duration::from_secs(30),
            ping: Duration::from_secs(50),
            sign_of_life: Duration::from_secs(10),
            patience: Duration::from_secs(300),
        }
    }
}
