//! The command line as types. Doc comments are the help texts.

use crate::account::running::ConnectTo;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Turns one manifest of a self-hosted data application into a running, private, proved deployment
#[derive(Debug, Parser)]
#[command(name = "landfall", version, max_term_width = 100, arg_required_else_help = true, propagate_version = true)]
#[command(
    after_help = "Start with `landfall up blueprints/tabpy`, or `landfall init tabpy` for a manifest of your own.\n\
                        Exit codes: 0 ok, 2 invalid, 5 refused before a change, 7 failed, 8 verification failed; \
                        all of them in docs/reference/commands.md."
)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// How to speak; every verb takes these.
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputArguments {
    /// Print JSON on standard output: one document, or one event a line for long work
    #[arg(long, global = true, display_order = 900)]
    pub(crate) json: bool,
    /// Never use colours (also: NO_COLOR)
    #[arg(long, global = true, display_order = 901)]
    pub(crate) no_color: bool,
    /// Print errors and results only
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 902)]
    pub(crate) quiet: bool,
    /// Print more: unchanged parts, reasons, what probes saw
    #[arg(short, long, global = true, display_order = 903)]
    pub(crate) verbose: bool,
    /// Work as if started in this directory
    #[arg(short = 'C', long, global = true, value_name = "DIR", display_order = 904)]
    pub(crate) directory: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Write a manifest of your own from a blueprint
    Init(InitArguments),
    /// Check a manifest; needs no network, no Python, no credentials
    Check(CheckArguments),
    /// Show what `up` would do and why; changes nothing
    Plan(PlanArguments),
    /// Make it so, and prove it; safe to repeat, safe to interrupt
    Up(UpArguments),
    /// Ask again whether everything promised is true
    Verify(VerifyArguments),
    /// Show where a deployment stands
    Status(DeploymentArguments),
    /// Show addresses and other results; secrets only with --reveal
    Outputs(OutputsArguments),
    /// Open a database's own client, logged in and encrypted
    Connect(ConnectArguments),
    /// Hold a way to something private open, or look at the tunnels that are kept open
    #[command(subcommand)]
    Tunnel(TunnelVerb),
    /// Show what the programs of a deployment print
    Logs(LogsArguments),
    /// Show what was done to a deployment, from its journal
    Events(DeploymentArguments),
    /// Replace generated secrets, two valid at once, and see which there are
    #[command(subcommand)]
    Secret(SecretVerb),
    /// Give people what the manifest says, everywhere at once, or take it away
    #[command(subcommand)]
    User(UserVerb),
    /// Show who can use a database, an application, a bastion or a tunnel: by the manifest, and really
    WhoCan(WhoCanArguments),
    /// Copy the databases of a deployment on this machine, and see which copies there are
    Backup(BackupArguments),
    /// Make a new database from a backup and check it: the rows of every table, and the roles
    Restore(RestoreArguments),
    /// Stop and remove a deployment, and prove that nothing is left
    Down(DownArguments),
    /// Compare what is there with what was deployed: resources of an account, or files, programs and grants here
    Drift(DeploymentArguments),
    /// Take the lease of a deployment in an account from a run that is gone
    Unlock(UnlockArguments),
    /// Explain a finding code, or where each parameter's value comes from
    Explain(ExplainArguments),
    /// Print the JSON Schema of the manifest, for editors
    Schema,
    /// Look at this machine: is everything there that deployments need?
    Doctor,
    /// Prove from a CloudFormation template who can reach whom
    Prove(ProveArguments),
    /// Write an environment in AWS as templates with a README that deploys them by hand
    Export(ExportArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
    /// Print codes, commands and schema for the generated reference
    #[command(hide = true)]
    Reference,
    /// Keep a deployment's programs running
    #[command(hide = true)]
    Supervise {
        /// The deployment's directory
        home: PathBuf,
        /// The directory of control sockets
        sockets: PathBuf,
    },
}

/// Which manifest, with which values.
#[derive(Debug, Clone, Args)]
pub(crate) struct ManifestArguments {
    /// The manifest, or a directory with a landfall.yaml
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) path: Option<PathBuf>,
    /// The manifest, when it has another name or place
    #[arg(short, long, value_name = "FILE", conflicts_with = "path", value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The environment to work on
    #[arg(short, long = "env", value_name = "NAME", default_value = "local", env = "LANDFALL_ENV")]
    pub(crate) environment: String,
    /// Give a parameter a value (can be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Take parameter values from a YAML or JSON file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) values: Option<PathBuf>,
}

/// Which deployment.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeploymentArguments {
    /// A deployment's name, its manifest, or the directory of its manifest
    #[arg(value_name = "DEPLOYMENT", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) deployment: Option<String>,
    /// The environment to look at
    #[arg(short, long = "env", value_name = "NAME", default_value = "local", env = "LANDFALL_ENV")]
    pub(crate) environment: String,
    /// The manifest of an environment in an account, when it has another name or place
    // No `-f`: that is `--follow` of `logs`.
    #[arg(long, value_name = "FILE", conflicts_with = "deployment", value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Give a parameter the value that `up` had, for an environment in an account (can be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Take the parameter values that `up` had from a YAML or JSON file, for an environment in an account
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) values: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) account: AccountArguments,
}

impl DeploymentArguments {
    /// The deployment of a manifest on this machine.
    pub(crate) fn of_manifest(manifest: &std::path::Path) -> Self {
        Self {
            deployment: Some(manifest.display().to_string()),
            environment: compiler::LOCAL.to_owned(),
            file: None,
            set: Vec::new(),
            values: None,
            account: AccountArguments::default(),
        }
    }
}

/// How to reach an account. Everything else is read as AWS's own tools read it: variables, profiles, SSO, assumed roles.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AccountArguments {
    /// The profile of the AWS configuration to use (also: AWS_PROFILE)
    #[arg(long, value_name = "NAME", display_order = 800)]
    pub(crate) profile: Option<String>,
    /// The region; refused when the environment names another one (also: AWS_REGION)
    #[arg(long, value_name = "REGION", display_order = 801)]
    pub(crate) region: Option<String>,
    /// Ask this name server for the delegation of zones instead of the machine's (in networks that have a DNS of their own)
    #[arg(long, value_name = "IP[:PORT]", value_parser = name_server, display_order = 802, env = "LANDFALL_NAME_SERVER")]
    pub(crate) name_server: Option<SocketAddr>,
}

fn name_server(text: &str) -> Result<SocketAddr, String> {
    const DNS: u16 = 53;
    let plain = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS));
    text.parse().or(plain).map_err(|_| "write an IP address, with a port where it is not 53".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The blueprint; without it, the list of blueprints is printed
    pub(crate) blueprint: Option<String>,
    /// The directory to write to [default: the blueprint's name]
    // An id of its own: `directory` is that of `-C`, and clap would take one for the other.
    #[arg(id = "new_directory", value_name = "DIRECTORY", value_hint = clap::ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// The name of the new deployment [default: the directory's name]
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    /// Refuse warnings too (exit code 3)
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the findings in another form
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "json")]
    pub(crate) format: Option<FindingsFormat>,
    /// Print a value of the chain as JSON instead of a verdict
    #[arg(long, value_enum, value_name = "VALUE")]
    pub(crate) emit: Option<Emit>,
    /// Write what is proved of an environment in AWS to this directory: a JSON record and an HTML page
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) evidence: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingsFormat {
    /// For people, with snippets
    Text,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emit {
    /// The valid application
    Application,
    /// The graph of local processes
    Processes,
    /// The CloudFormation templates, for an environment in AWS
    Templates,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    /// Say what an environment in AWS consists of, takes and costs, without asking the account
    #[arg(long)]
    pub(crate) offline: bool,
    /// Keep the plan for review in this file; `up FILE` runs exactly it, or nothing
    #[arg(short, long, value_name = "FILE", conflicts_with = "offline", value_hint = clap::ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) allowed: AllowedArguments,
    #[command(flatten)]
    pub(crate) account: AccountArguments,
}

/// What is refused unless it is named.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AllowedArguments {
    /// Let something of this component that cannot be made again be replaced or removed (can be repeated)
    #[arg(long, value_name = "COMPONENT")]
    pub(crate) allow_replace: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    /// Seconds to wait while another landfall works on the same deployment
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u64,
    /// Do not run the probes afterwards
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Do not ask before a missing database engine is installed by the system's package manager
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Read the secrets of an account again although nothing says that somebody changed them
    #[arg(long)]
    pub(crate) check_secrets: bool,
    /// Ask the probes at this address instead of the one that DNS knows, for an environment in an account
    #[arg(long, value_name = "HOST[:HTTPS[:HTTP]]")]
    pub(crate) connect_to: Option<ConnectTo>,
    /// Keep the evidence of failures in an account in this directory [default: below XDG_DATA_HOME]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) evidence: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) allowed: AllowedArguments,
    #[command(flatten)]
    pub(crate) account: AccountArguments,
}

impl UpArguments {
    /// An `up` that follows another verb.
    pub(crate) fn of(manifest: &ManifestArguments, account: &AccountArguments) -> Self {
        Self {
            manifest: manifest.clone(),
            wait: 0,
            no_verify: false,
            yes: false,
            check_secrets: false,
            connect_to: None,
            evidence: None,
            allowed: AllowedArguments::default(),
            account: account.clone(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretVerb {
    /// List the generated secrets: how old, which generation, who uses them; never their values
    Ls(DeploymentArguments),
    /// Make a new value, give it to everybody who uses it, prove that they work, then end the old one
    Rotate(RotateArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RotateArguments {
    /// Which secret, as COMPONENT.NAME: db.app, db.administrator, tabpy.analyst; `secret ls` shows all
    #[arg(value_name = "SECRET")]
    pub(crate) secret: String,
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    /// Seconds to wait while another landfall works on the same deployment
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u64,
    /// Ask the probes at this address instead of the one that DNS knows, for an environment in an account
    #[arg(long, value_name = "HOST[:HTTPS[:HTTP]]")]
    pub(crate) connect_to: Option<ConnectTo>,
    #[command(flatten)]
    pub(crate) account: AccountArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserVerb {
    /// List the people of a manifest, and what each has where
    Ls(ManifestArguments),
    /// Enter a person into the manifest, and bring the deployment to it
    Add(UserAddArguments),
    /// Take a person out of the manifest, and everything that the person had at once
    Remove(UserChangeArguments),
    /// Give a person new passwords everywhere; the old ones end when the new ones are proved
    Rotate(UserChangeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct UserAddArguments {
    /// The person's name: the user name on databases, bastions and applications
    #[arg(value_name = "PERSON")]
    pub(crate) person: String,
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    /// What the person may do: a role that components name (can be repeated)
    #[arg(long, value_name = "ROLE", required = true)]
    pub(crate) role: Vec<String>,
    /// The file of the person's public SSH key, as id_ed25519.pub; `-` reads it from standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) ssh_key: Option<PathBuf>,
    /// Where the person is reached
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,
    #[command(flatten)]
    pub(crate) then: ThenArguments,
}

#[derive(Debug, Args)]
pub(crate) struct UserChangeArguments {
    /// The person's name
    #[arg(value_name = "PERSON")]
    pub(crate) person: String,
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    #[command(flatten)]
    pub(crate) then: ThenArguments,
}

/// How a deployment is brought to a changed manifest.
#[derive(Debug, Clone, Args)]
pub(crate) struct ThenArguments {
    /// Change the manifest only; `landfall up` brings the deployment to it later
    #[arg(long)]
    pub(crate) no_up: bool,
    /// Seconds to wait while another landfall works on the same deployment
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u64,
    /// Do not run the probes afterwards
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Ask the probes at this address instead of the one that DNS knows, for an environment in an account
    #[arg(long, value_name = "HOST[:HTTPS[:HTTP]]")]
    pub(crate) connect_to: Option<ConnectTo>,
    #[command(flatten)]
    pub(crate) account: AccountArguments,
}

#[derive(Debug, Args)]
pub(crate) struct WhoCanArguments {
    /// What: a component, as db, app or jump; with a database, as db.teams; with what must be possible at least, as db:write
    /// (read, write, own). Without it, everything is shown
    #[arg(value_name = "ACCESS")]
    pub(crate) access: Option<String>,
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    #[command(flatten)]
    pub(crate) account: AccountArguments,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BackupArguments {
    #[command(subcommand)]
    pub(crate) verb: Option<BackupVerb>,
    /// The database component; may be left out where there is one only
    #[arg(value_name = "DB")]
    pub(crate) database: Option<String>,
    #[command(flatten)]
    pub(crate) deployment: DeploymentArguments,
    /// What it is for, shown by `backup ls`
    #[arg(long, value_name = "TEXT")]
    pub(crate) about: Option<String>,
    /// Seconds to wait while another landfall works on the same deployment
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupVerb {
    /// List the backups: when, of what, how large, what for
    Ls(DeploymentArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The backup, as `backup ls` names it, or `latest`
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: String,
    #[command(flatten)]
    pub(crate) deployment: DeploymentArguments,
    /// The new database, or server in an account; one that is there already is never touched
    #[arg(long, value_name = "NEW")]
    pub(crate) into: String,
    /// Which database of the backup, where it has several (on this machine)
    #[arg(long, value_name = "DATABASE")]
    pub(crate) database: Option<String>,
    /// Seconds to wait while another landfall works on the same deployment
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u64,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArguments,
    /// Write a JSON record and a self-contained HTML page to this directory
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) evidence: Option<PathBuf>,
    /// Ask only the probes whose name contains this text (can be repeated)
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Leave out probes that disturb people (those that kill a program)
    #[arg(long)]
    pub(crate) gentle: bool,
    /// Ask at this address instead of the one that DNS knows, for an environment in an account
    #[arg(long, value_name = "HOST[:HTTPS[:HTTP]]")]
    pub(crate) connect_to: Option<ConnectTo>,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectArguments {
    /// The database, as its component is named; may be left out when there is only one
    #[arg(value_name = "DATABASE")]
    pub(crate) component: Option<String>,
    #[command(flatten)]
    pub(crate) deployment: DeploymentArguments,
    /// Log in as this person or component [default: you, or the only person it can be]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) role: Option<String>,
    /// Which of its databases, when there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) database: Option<String>,
    /// Show what other programs need to connect, instead of connecting
    #[arg(long)]
    pub(crate) print: bool,
    /// Arguments for the client
    #[arg(last = true, value_name = "CLIENT ARGUMENTS")]
    pub(crate) arguments: Vec<String>,
}

/// Ways to something private.
#[derive(Debug, Subcommand)]
pub(crate) enum TunnelVerb {
    /// Hold a port of this machine open as a way to a database or service, until Ctrl-C
    Open(TunnelOpenArguments),
    /// Show how the tunnels are that a deployment keeps open
    Status(DeploymentArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TunnelOpenArguments {
    /// The database or service, as its component is named
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) deployment: DeploymentArguments,
    /// The port of this machine [default: any free one]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Log in at the bastion as this person [default: you, or the only person it can be]
    #[arg(long = "as", value_name = "PERSON")]
    pub(crate) person: Option<String>,
    /// The private key to log in with [default: those of the SSH agent, then ~/.ssh/id_*]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct OutputsArguments {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArguments,
    /// Print only this output's value
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Option<String>,
    /// Show secrets too
    #[arg(long)]
    pub(crate) reveal: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LogsArguments {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArguments,
    /// Only this component's log (can be repeated); `logs NAME` does the same for the deployment that is here
    #[arg(long, value_name = "NAME")]
    pub(crate) component: Vec<String>,
    /// Go on printing as lines come
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many of the last lines to print of each log
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub(crate) lines: usize,
}

#[derive(Debug, Args)]
pub(crate) struct DownArguments {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArguments,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Keep the data folders; in an account, what holds data is always kept
    #[arg(long)]
    pub(crate) keep_data: bool,
    /// In an account, delete for good what is kept otherwise: logs, secrets, keys, buckets with all that is in them
    #[arg(long, conflicts_with = "keep_data")]
    pub(crate) delete_kept: bool,
    /// Keep the evidence of failures in an account in this directory [default: below XDG_DATA_HOME]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) evidence: Option<PathBuf>,
    /// Seconds to wait while another landfall works on the same deployment
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u64,
}

#[derive(Debug, Args)]
pub(crate) struct UnlockArguments {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArguments,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// A finding code, as NET001; with --values, a manifest. Without it, all codes are listed
    #[arg(value_name = "CODE|PATH", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) subject: Option<String>,
    /// Show for each parameter of the manifest which value won and where it came from;
    /// with =FILE, parameter values are taken from that file as `up --values FILE` would
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "clap's form of a flag with an optional value")]
    pub(crate) values: Option<Option<PathBuf>>,
    /// The manifest, when it has another name or place
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The environment whose values are explained
    #[arg(short, long = "env", value_name = "NAME", default_value = "local", env = "LANDFALL_ENV")]
    pub(crate) environment: String,
    /// Give a parameter a value (can be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    /// A CloudFormation template in YAML or JSON
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub(crate) template: PathBuf,
    /// From whom: internet, a block as 203.0.113.0/24, or a resource's logical id
    #[arg(long, value_name = "SOURCE")]
    pub(crate) from: Option<String>,
    /// To whom: a resource's logical id, with :PORT for one port; internet; a block
    #[arg(long, value_name = "TARGET[:PORT]")]
    pub(crate) to: Option<String>,
    /// What the answer must be; anything else is exit code 3
    #[arg(long, value_enum, value_name = "ANSWER", requires = "to")]
    pub(crate) expect: Option<ProofExpectation>,
    /// Give a template parameter a value, or `?` for any value (can be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) parameter: Vec<String>,
    /// Print the report in another form
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "json")]
    pub(crate) format: Option<ProofFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProofExpectation {
    /// Every packet of the class gets through
    Reachable,
    /// No packet gets through
    Unreachable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProofFormat {
    /// For people
    Text,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// A picture of the matrix
    Svg,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The directory to write to
    // An id of its own: `directory` is that of `-C`.
    #[arg(id = "export_directory", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    /// The form of the files
    #[arg(long, value_enum, value_name = "FORM", default_value = "cloudformation")]
    pub(crate) format: ExportFormat,
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Templates in YAML, one a layer
    Cloudformation,
    /// The same templates as stacks of a Terraform configuration
    Terraform,
    /// The rights of whoever deploys it, as IAM policies
    Permissions,
}
