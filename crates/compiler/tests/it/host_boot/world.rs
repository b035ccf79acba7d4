//! A host's surroundings: namespaces, the balancer, the stand-in for AWS, and the machine itself.

use super::machine::Machine;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Nothing that is waited for takes as long.
const PATIENCE: Duration = Duration::from_secs(240);
const TOOLS: [&str; 8] = ["systemd-nspawn", "ip", "nft", "haproxy", "openssl", "python3", "curl", "nsenter"];
const DOMAIN: &str = "tabpy.example.org";
/// What is answered by the stand-in.
const NAMES: &str = "198.51.100.10 pypi.org files.pythonhosted.org secretsmanager.us-west-2.amazonaws.com \
    logs.us-west-2.amazonaws.com cloudformation.us-west-2.amazonaws.com s3.us-west-2.amazonaws.com \
    monitoring.us-west-2.amazonaws.com truststore.pki.rds.amazonaws.com\n\
    10.64.128.10 db.example.internal\n192.0.2.10 ssh.vendor.example\n127.0.0.1 localhost\n";

/// What the balancer before a host does.
#[derive(Clone, Copy)]
pub(super) enum Door {
    /// Ends TLS, and sends requests to a port once a path answers as it should.
    Web { port: u16, path: &'static str, status: u16 },
    /// Hands connections to a port on.
    Ssh,
    /// There is none.
    Closed,
}

impl Door {
    /// Where hosts listen.
    fn port(self) -> u16 {
        match self {
            Self::Web { port, .. } => port,
            Self::Ssh | Self::Closed => 22,
        }
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it")
}

pub(super) fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

pub(super) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}\n{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Waits until something is there.
pub(super) fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what} was not there after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What was made once: the root file system, and what a manifest installs.
struct Parts {
    root: PathBuf,
    wheels: PathBuf,
}

/// The root file system and the wheels, made once; none when they cannot be.
fn parts(files: &BTreeMap<String, String>) -> Option<Parts> {
    static MADE: Mutex<()> = Mutex::new(());
    let _one = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let folder = base.join("landfall-ci/host");
    let make = |script: &str, files: &[&Path]| {
        let log = folder.with_extension("log");
        std::fs::create_dir_all(&folder).ok()?;
        let to = std::fs::File::create(&log).ok()?;
        let script = scripts().join("boot").join(script);
        let mut command = Command::new("bash");
        command.arg(&script).arg(&folder).args(files).stdin(Stdio::null()).stdout(to.try_clone().ok()?).stderr(to);
        let made = command.status().is_ok_and(|status| status.success());
        if !made {
            skipped(&format!("{} failed, see {}", script.display(), log.display()));
        }
        made.then_some(())
    };
    if !folder.join("root").is_dir() {
        make("make-root.sh", &[])?;
    }
    let root = folder.join("root");
    let wanted =
        ["requirements.txt", "constraints.txt"].map(|name| (name, files.get(&format!("/etc/landfall/{name}"))));
    let [(first, Some(requirements)), (second, Some(constraints))] = wanted else {
        return Some(Parts { root, wheels: folder.join("none") });
    };
    // Wheels of other versions than the manifest's are of no use: their folder has the name of what is wanted.
    let name = format!("wheels-{}", model::Digest::of(&(requirements, constraints)).short());
    let wheels = folder.join(&name);
    if !wheels.is_dir() {
        let files = [(folder.join(first), requirements), (folder.join(second), constraints)];
        for (path, text) in &files {
            std::fs::write(path, text).ok()?;
        }
        make("fetch-wheels.sh", &[Path::new(&name), &files[0].0, &files[1].0])?;
    }
    Some(Parts { root, wheels })
}

/// Everything around the host; gone when it is dropped.
pub(super) struct World {
    name: String,
    folder: PathBuf,
    root: PathBuf,
    programs: Vec<Child>,
    password: String,
    verifier: String,
    seen: Arc<Mutex<BTreeSet<String>>>,
    ended: Arc<AtomicBool>,
}

impl World {
    /// Makes the namespaces and starts what is in them; `None` where that is not possible, with the reason said.
    pub(super) fn new(name: &str, files: &BTreeMap<String, String>, door: Door) -> Option<Self> {
        if output(Command::new("id").arg("-u")) != "0" {
            skipped("only root can start a machine in a container");
            return None;
        }
        let has = |tool: &&str| {
            Command::new("sh")
                .args(["-c", &format!("command -v {tool}")])
                .output()
                .is_ok_and(|found| found.status.success())
        };
        if let Some(missing) = TOOLS.iter().find(|tool| !has(tool)) {
            skipped(&format!(
                "there is no {missing} here (packages systemd-container, iproute2, nftables, haproxy, mmdebstrap)"
            ));
            return None;
        }
        let parts = parts(files)?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("boot-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let name = format!("lf{}-{name}", std::process::id());
        let password = output(Command::new("openssl").args(["rand", "-hex", "16"]));
        let salt = "_$salt@tabpy:analyst$_";
        let digest =
            format!("import hashlib; print(hashlib.pbkdf2_hmac('sha512', b'{password}', b'{salt}', 10000, 64).hex())");
        let verifier = output(Command::new("python3").args(["-c", &digest]));
        let secrets = json!({ "the-TabpyFilePasswordsTxt": format!("analyst {verifier}\n") });
        std::fs::write(folder.join("secrets.json"), secrets.to_string()).unwrap();
        std::os::unix::fs::symlink(parts.wheels, folder.join("wheels")).unwrap();
        let mut world = Self {
            name,
            folder,
            root: parts.root,
            programs: Vec::new(),
            password,
            verifier,
            seen: Arc::default(),
            ended: Arc::default(),
        };
        world.certificates();
        output(Command::new("bash").arg(scripts().join("boot/network.sh")).args([
            "up",
            &world.name,
            &door.port().to_string(),
        ]));
        world.start(door);
        world.watch();
        Some(world)
    }

    fn certificates(&self) {
        let script = format!(
            "set -eu; cd {}
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Landfall test authority' \
                -addext keyUsage=critical,keyCertSign,digitalSignature -keyout authority.key -out authority.pem
            for name in alb aws db; do
                openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name.key -out $name.csr
                names=DNS:{DOMAIN}
                test $name != db || names=DNS:db.example.internal
                test $name != aws || names='DNS:pypi.org,DNS:files.pythonhosted.org,DNS:*.us-west-2.amazonaws.com,DNS:*.s3.us-west-2.amazonaws.com,DNS:truststore.pki.rds.amazonaws.com'
                printf 'subjectAltName=%s\\nextendedKeyUsage=serverAuth\\nbasicConstraints=critical,CA:FALSE\\n' \"$names\" >ext
                openssl x509 -req -in $name.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile ext -out $name.crt
                cat $name.crt $name.key >$name.pem
            done",
            self.folder.display()
        );
        output(Command::new("bash").args(["-c", &script]));
    }

    pub(super) fn in_namespace(&self, part: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}-{part}", self.name), program]);
        command.env_remove("CURL_CA_BUNDLE").env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
        command
    }

    fn start(&mut self, door: Door) {
        let folder = self.folder.display();
        let before = match door {
            Door::Web { port, path, status } => format!(
                "  mode http\nfrontend web\n  bind 10.64.0.10:443 ssl crt {folder}/alb.pem ssl-min-ver TLSv1.2\n  default_backend hosts\n\
                 backend hosts\n  option httpchk GET {path}\n  http-check expect status {status}\n  server host 10.64.64.10:{port} check inter 1s\n",
            ),
            Door::Ssh => {
                "  mode tcp\nlisten ssh\n  bind 10.64.0.10:22\n  server host 10.64.64.10:22 check inter 1s\n".to_owned()
            }
            Door::Closed => "  mode tcp\nlisten nothing\n  bind 127.0.0.1:1\n".to_owned(),
        };
        let settings = format!(
            "global\n  maxconn 100\ndefaults\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n{before}"
        );
        let file = self.folder.join("haproxy.cfg");
        std::fs::write(&file, settings).unwrap();
        let stand_in = scripts().join("host/stand_in.py");
        let mut balancer = self.in_namespace("alb", "haproxy");
        balancer.arg("-db").arg("-f").arg(&file);
        let mut metadata = self.in_namespace("host", "python3");
        metadata.arg(&stand_in).arg("metadata");
        let mut services = self.in_namespace("aws", "python3");
        services.arg(&stand_in).args(["services", "198.51.100.10"]);
        services.arg(self.folder.join("aws.pem")).arg(self.folder.join("journal")).arg(&self.folder);
        std::fs::write(self.folder.join("journal"), "").unwrap();
        self.run("balancer", balancer);
        for (name, command) in [("metadata", metadata), ("services", services)] {
            let log = self.run(name, command);
            wait(name, || std::fs::read_to_string(&log).ok().filter(|text| text.contains("ready")));
        }
    }

    /// Keeps a program running as long as there is this world; returns where its log is.
    pub(super) fn run(&mut self, name: &str, mut command: Command) -> PathBuf {
        let log = self.folder.join(format!("{name}.log"));
        let to = std::fs::File::create(&log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(to.try_clone().unwrap()).stderr(to).spawn().unwrap();
        self.programs.push(child);
        log
    }

    /// Looks at the arguments of every process of machines until the end.
    fn watch(&self) {
        let (seen, ended) = (Arc::clone(&self.seen), Arc::clone(&self.ended));
        let here = std::fs::read_link("/proc/self/ns/pid").unwrap();
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                    // The questions of this test hold the password; they are asked from here.
                    let is_inside = std::fs::read_link(entry.path().join("ns/pid")).is_ok_and(|there| there != here);
                    if let Some(line) = is_inside.then(|| std::fs::read(entry.path().join("cmdline")).ok()).flatten() {
                        let line = String::from_utf8_lossy(&line).replace('\0', " ");
                        seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(line);
                    }
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        });
    }

    pub(super) fn arguments_seen(&self) -> BTreeSet<String> {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(super) fn password(&self, _user: &str) -> String {
        self.password.clone()
    }

    pub(super) fn verifier(&self) -> String {
        self.verifier.clone()
    }

    /// What AWS was asked.
    pub(super) fn journal(&self) -> String {
        std::fs::read_to_string(self.folder.join("journal")).unwrap()
    }

    pub(super) fn wait_for_signal(&self) -> String {
        wait("the signal", || Some(self.journal()).filter(|journal| journal.contains("Action=SignalResource")))
    }

    /// Asks through the balancer from the internet; 0 when there is no answer.
    pub(super) fn ask(&self, options: &[&str], path: &str) -> u16 {
        let mut command = self.client();
        command.args(options).args(["-o", "/dev/null", "-w", "%{http_code}"]).arg(format!("https://{DOMAIN}{path}"));
        String::from_utf8_lossy(&command.output().unwrap().stdout).parse().unwrap_or(0)
    }

    /// What a path answers with, from the internet.
    pub(super) fn page(&self, path: &str) -> String {
        output(self.client().arg(format!("https://{DOMAIN}{path}")))
    }

    fn client(&self) -> Command {
        let mut command = self.in_namespace("inet", "curl");
        command.args(["-sS", "--max-time", "30", "--resolve", &format!("{DOMAIN}:443:10.64.0.10"), "--cacert"]);
        command.arg(self.folder.join("authority.pem"));
        command
    }

    /// What a script answers, without spaces.
    pub(super) fn evaluate(&self, user: &str, password: &str, script: &str) -> String {
        let body = json!({ "data": { "_arg1": [1, 2] }, "script": script });
        let mut command = self.client();
        command.args(["--user", &format!("{user}:{password}"), "-H", "Content-Type: application/json"]);
        command.args(["-d", &body.to_string()]);
        output(command.arg(format!("https://{DOMAIN}/evaluate"))).replace(' ', "")
    }

    pub(super) fn wait_until_balanced(&self, path: &str, status: u16) {
        wait("the balancer's answer", || (self.ask(&[], path) == status).then_some(()));
    }

    /// Waits until a request was made whose line has all these parts.
    pub(super) fn wait_for_request(&self, parts: &[&str]) {
        let has_all = |line: &str| parts.iter().all(|part| line.contains(part));
        wait(&format!("a request with {parts:?}"), || self.journal().lines().any(has_all).then_some(()));
    }

    /// Gives an object another name.
    pub(super) fn rename(&self, from: &str, to: &str) {
        let objects = self.folder.join("objects");
        std::fs::rename(objects.join(from), objects.join(to)).unwrap();
    }

    /// Puts an object into storage; returns the digest of what it holds unpacked.
    pub(super) fn store(&self, path: &str, folder: &Path) -> String {
        let object = self.folder.join("objects").join(path);
        std::fs::create_dir_all(object.parent().unwrap()).unwrap();
        let pack = "tar --sort=name --mtime=@0 --owner=0 --group=0 -C \"$1\" -cf \"$2.tar\" . && gzip -nc \"$2.tar\" >\"$2\" && sha256sum \"$2.tar\"";
        let said = output(Command::new("sh").args(["-euc", pack, "pack"]).arg(folder).arg(&object));
        said[..64].to_owned()
    }

    pub(super) fn wait_until_answered(&self, user: &str, password: &str) {
        let known = format!("{user}:{password}");
        wait("TabPy's answer", || (self.ask(&["--user", &known], "/info") == 200).then_some(()));
    }

    /// The processes in a namespace.
    pub(super) fn inside(&self, part: &str) -> Vec<String> {
        let listed = Command::new("ip").args(["netns", "pids", &format!("{}-{part}", self.name)]).output().unwrap();
        String::from_utf8_lossy(&listed.stdout).split_whitespace().map(str::to_owned).collect()
    }

    /// Whether the internet cannot connect.
    pub(super) fn is_closed(&self, address: &str, port: u16) -> bool {
        let script = format!("exec 3<>/dev/tcp/{address}/{port}");
        let mut command = self.in_namespace("inet", "timeout");
        !command.args(["3", "bash", "-c", &script]).output().unwrap().status.success()
    }

    /// Keeps secrets where hosts ask for them.
    pub(super) fn keep(&self, secrets: &BTreeMap<String, String>) {
        std::fs::write(self.folder.join("secrets.json"), json!(secrets).to_string()).unwrap();
    }

    /// What is around is kept there.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives the machine what the image of Canonical has, and the file system of this test has not: an agent that starts with it.
    pub(super) fn add_agent(&self) {
        const UNIT: &str = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n";
        const NAME: &str = "snap.amazon-ssm-agent.amazon-ssm-agent.service";
        let units = self.folder.join("upper/etc/systemd/system");
        let wanted = units.join("multi-user.target.wants");
        std::fs::create_dir_all(&wanted).unwrap();
        std::fs::write(units.join(NAME), UNIT).unwrap();
        std::os::unix::fs::symlink(Path::new("/etc/systemd/system").join(NAME), wanted.join(NAME)).unwrap();
    }

    /// Starts the machine with user data.
    pub(super) fn boot(&self, user_data: &str) -> Machine {
        let seed = self.folder.join("upper/var/lib/cloud/seed/nocloud");
        std::fs::create_dir_all(&seed).unwrap();
        std::fs::write(seed.join("user-data"), user_data).unwrap();
        std::fs::write(seed.join("meta-data"), "instance-id: i-0123456789abcdef0\nlocal-hostname: host\n").unwrap();
        let write = |path: &str, text: &str| {
            let path = self.folder.join("upper").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("etc/hosts", NAMES);
        let settings = "datasource_list: [NoCloud, None]\nnetwork: { config: disabled }\n";
        write("etc/cloud/cloud.cfg.d/99-test.cfg", settings);
        let authority = std::fs::read_to_string(self.folder.join("authority.pem")).unwrap();
        write("usr/local/share/ca-certificates/test.crt", &authority);
        for name in ["work", "machine"] {
            std::fs::create_dir_all(self.folder.join(name)).unwrap();
        }
        let log = self.folder.join("console.log");
        let to = std::fs::File::create(&log).unwrap();
        let script = format!(
            "mount -t overlay overlay -o lowerdir={0},upperdir=upper,workdir=work machine
             chroot machine update-ca-certificates >/dev/null 2>&1
             # It ends with 133 when the machine wants to start again.
             code=133
             while test $code = 133; do
                 code=0
                 systemd-nspawn --quiet --directory machine --machine {1} --boot --register=no --keep-unit \
                     --resolv-conf=off --console=pipe --capability=CAP_BPF,CAP_NET_ADMIN --system-call-filter=bpf \
                     --network-namespace-path=/run/netns/{1}-host || code=$?
             done",
            self.root.display(),
            self.name
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "bash", "-euc", &script]).current_dir(&self.folder);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
        let child = command.stdin(Stdio::null()).stdout(to.try_clone().unwrap()).stderr(to).spawn().unwrap();
        Machine::new(child, self.folder.clone())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for child in &mut self.programs {
            let _ = child.kill();
            let _ = child.wait();
        }
        // What they left behind, as sessions of an SSH server.
        for part in ["vendor", "db"] {
            for id in self.inside(part) {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        }
        let _ = Command::new("bash").arg(scripts().join("boot/network.sh")).args(["down", &self.name]).status();
    }
}
