//! What may be said of a service.

use crate::database::GrantsWord;
use crate::said::{OneOrMany, PortSaid, Scalar};
use crate::secret::PasswordSpec;
use indexmap::IndexMap;
use model::scalar::{Duration, Size};
use schemars::JsonSchema;
use serde::Deserialize;

/// A program that is kept running: made of Python packages, of a source folder, or of what the machine has.
///
/// Texts may refer to what it exports itself: `${self.port}`, `${self.address}`, `${self.url}`,
/// `${self.data}` (its folder for data that stays), `${self.python}`, `${self.bin.NAME}`,
/// `${self.source}`, `${self.file.NAME}`, `${self.users.NAME.password}`, `${self.uses.NAME.url}`; and to what other
/// components export.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ServiceSpec {
    /// Where it runs.
    #[serde(default)]
    #[expect(dead_code, reason = "there is one platform so far; the shape check holds it")]
    pub on: Platform,
    /// How large the machine is that it needs; on this machine, how much memory it may use:
    /// small 1 GiB, medium 2 GiB, large 4 GiB.
    pub size: Option<ServiceSize>,
    /// How many machines run it; on this machine always one program.
    #[schemars(range(min = 1, max = 20))]
    #[serde(default = "one")]
    pub instances: u8,
    /// A Python environment for it.
    pub python: Option<PythonSpec>,
    /// A folder beside the manifest that it runs from; a copy is made, `${self.source}` is its path.
    pub source: Option<String>,
    /// The program and its arguments: a list, or one text that is split as a shell would. No
    /// shell runs, so there are no pipes and no variables. Secrets may not stand here.
    pub command: OneOrMany<String>,
    /// Where it runs: the absolute path of a folder, as `${self.source}`. By default its data folder.
    pub working_directory: Option<String>,
    /// Environment variables on top of a small clean environment. Secrets may stand here.
    #[serde(default)]
    pub environment: IndexMap<String, Scalar>,
    /// Files that are written before it starts, by name; `${self.file.NAME}` is the path.
    #[serde(default)]
    pub files: IndexMap<String, FileSaid>,
    /// People or programs that log in to it; each gets a generated password.
    pub users: Option<UsersSpec>,
    /// The databases that it uses, by the component that has them. Each gives it a role of its own there, and
    /// `${self.uses.NAME.url}`, `.host`, `.port`, `.database`, `.user`, `.password` and `.ca` (the file of the authority that
    /// the server's certificate is checked with). There is no other way to a database.
    #[serde(default)]
    pub uses: IndexMap<String, UseSpec>,
    /// The port that it listens on: a number, or `any`. On this machine another one is taken when
    /// the number is not free. Without a port it listens nowhere.
    pub port: Option<PortSaid>,
    /// How one knows that it can be used. By default: its port accepts connections.
    pub health: Option<HealthSpec>,
    /// The longest that a request may take; the `idle-timeout` of every edge before it must be longer.
    pub longest_request: Option<Duration>,
    /// When it is started again after it ended.
    #[serde(default)]
    pub restart: Restart,
    /// Resident memory of all its processes above which it is restarted. By default what `size` says.
    pub memory: Option<Size>,
    /// How long it may take to stop before it is killed.
    #[serde(default = "ten_seconds")]
    pub stop_grace: Duration,
    /// Components that must be ready before it starts.
    #[serde(default)]
    pub needs: Vec<String>,
}

fn one() -> u8 {
    1
}

fn ten_seconds() -> Duration {
    Duration::from_seconds(10)
}

/// Where a service runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Platform {
    /// As a process on a machine; locally, on this one.
    #[default]
    Instance,
}

/// How large a machine a service needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ServiceSize {
    /// 1 GiB of memory.
    Small,
    /// 2 GiB of memory.
    Medium,
    /// 4 GiB of memory.
    Large,
}

impl ServiceSize {
    pub(super) fn memory(self) -> Size {
        let gibibytes: u64 = match self {
            Self::Small => 1,
            Self::Medium => 2,
            Self::Large => 4,
        };
        Size::from_bytes(gibibytes << 30)
    }
}

/// When a program that ended is started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Restart {
    /// Always, with growing pauses.
    #[default]
    Always,
    /// Only when it ended with an error.
    OnFailure,
    /// Never.
    Never,
}

/// A Python environment. It is made once, kept in a cache and shared by all deployments that say the same.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PythonSpec {
    /// The lowest Python that will do, as `"3.10"`.
    pub minimum: Option<String>,
    /// Requirements as pip reads them, as `tabpy==2.16.0`.
    #[serde(default)]
    pub packages: Vec<String>,
    /// More requirements, for example from a parameter.
    #[serde(default)]
    pub extra: Vec<String>,
    /// A file beside the manifest that pins everything that the packages bring.
    pub constraints: Option<String>,
    /// Modules that must import afterwards.
    #[serde(default)]
    pub imports: Vec<String>,
}

/// A file that is written before the service starts. Say either `template` or `text`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct FileSaid {
    /// A template beside the manifest.
    pub template: Option<String>,
    /// The template itself.
    pub text: Option<String>,
    /// Permission bits in octal, as `"0600"`, which is the default.
    #[schemars(regex(pattern = r"^0?[0-7]{3}$"))]
    pub mode: Option<String>,
    /// More variables for the template; texts may hold references.
    #[serde(default)]
    pub with: IndexMap<String, serde_json::Value>,
}

/// How a service uses a database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct UseSpec {
    /// Which of the server's databases; may be left out when it has only one.
    pub database: Option<String>,
    /// What it may do there.
    pub grants: GrantsWord,
    /// How many connections it may hold, 1 to 1000. By default 20.
    #[schemars(range(min = 1, max = 1000))]
    pub connections: Option<u32>,
    /// The word for SQLAlchemy's driver in the URL, as `pymysql` in `mysql+pymysql://`. The URL has the TLS settings that the
    /// driver knows.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,31}$"))]
    pub driver: Option<String>,
}

/// Who logs in to a service: names, people by their roles, or both. Templates see them as `users`, each with `name`, `password`
/// and `roles`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct UsersSpec {
    /// Their names: letters, digits, `.`, `_` and `-`.
    #[serde(default)]
    pub names: Vec<String>,
    /// Roles: each person under `people` who has one of them may log in, under the person's name.
    #[serde(default)]
    pub people: Vec<String>,
    /// How their passwords are drawn.
    #[serde(default)]
    pub password: PasswordSpec,
    /// Raise it to give all of them new passwords.
    #[schemars(range(min = 1))]
    #[serde(default = "first")]
    pub generation: u32,
}

fn first() -> u32 {
    1
}

/// How one knows that a service can be used.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct HealthSpec {
    /// The path to ask for.
    pub path: String,
    /// The statuses that count. `401` is a good one for a service with authentication: `200` would mean it is off.
    #[serde(default = "ok")]
    pub status: OneOrMany<u16>,
    /// How long it may take until it answers for the first time.
    #[serde(default = "a_minute")]
    pub timeout: Duration,
    /// How often it is asked.
    #[serde(default = "five_seconds")]
    pub interval: Duration,
}

fn ok() -> OneOrMany<u16> {
    OneOrMany::One(200)
}

fn a_minute() -> Duration {
    Duration::from_seconds(60)
}

fn five_seconds() -> Duration {
    Duration::from_seconds(5)
}
