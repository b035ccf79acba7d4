//! The hosts through which people get at a database: a bastion, and a host that has sessions alone.

use super::database::Database;
use super::kept::{Kept, SERVER};
use super::world::{Door, World, output, wait};
use crate::aws::{RECORDS, compiled, user_data, webapp};
use compiler::AwsDeployment;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The user data of one host, with what is known when its stack is made.
pub(super) fn user_data_of(deployment: &AwsDeployment, template: &str) -> String {
    let (_, text) = user_data(deployment).into_iter().find(|(id, _)| id == template).unwrap();
    let known = [("the-AWS-Region", "us-west-2"), ("the-AWS-URLSuffix", "amazonaws.com"), ("the-DbServer", SERVER)];
    known.iter().fold(text, |text, (name, value)| text.replace(name, value))
}

/// Makes a key pair as OpenSSH writes it; returns where the private half is, and the public one.
pub(super) fn key_pair(folder: &Path, name: &str) -> (PathBuf, String) {
    let file = folder.join(name);
    let mut making = std::process::Command::new("ssh-keygen");
    output(making.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&file));
    let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
    (file, public.trim().to_owned())
}

/// The key of `ada` in the blueprint.
const ADA: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG7iI/PA4lbcp8Yks+cZpr3l2Omy3nXc1QbUlic/nAr8";

#[test]
fn a_bastion_forwards_and_does_nothing_else() {
    let Some(mut world) = World::new("jump", &BTreeMap::new(), Door::Ssh) else { return };
    let Some(database) = Database::mariadb(&mut world) else { return };
    let (key, public) = key_pair(world.folder(), "ada");
    let (deployment, _) = webapp(&[(ADA, &public)]);
    let kept = Kept::of(&deployment);
    world.keep(&kept.places(&deployment));
    world.add_agent();
    let password = kept.value("db/roles/ada");
    database.run(&format!(
        "CREATE DATABASE harbours; CREATE USER ada@'10.64.64.%' IDENTIFIED BY '{password}' REQUIRE SSL; GRANT ALL ON harbours.* TO ada@'10.64.64.%'"
    ));
    let mut machine = world.boot(&user_data_of(&deployment, "JumpTemplate"));
    let journal = world.wait_for_signal();
    assert!(journal.contains("Status=SUCCESS"), "{journal}\n{}", machine.log());
    assert!(!journal.contains("NOT SIGNED"), "{journal}");

    // Somebody on the internet with the key that the manifest names, who knows the bastion by the key that is kept.
    let known = world.folder().join("known_hosts");
    std::fs::write(&known, format!("10.64.0.10 {}\n", kept.public("jump/host-key"))).unwrap();
    let ssh = |arguments: &[&str], then: &[&str]| {
        let mut client = world.in_namespace("inet", "timeout");
        client.args(["20", "ssh", "-F", "/dev/null", "-i"]).arg(&key);
        for option in [
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "BatchMode=yes",
            "ExitOnForwardFailure=yes",
            "StrictHostKeyChecking=yes",
        ] {
            client.args(["-o", option]);
        }
        client.arg("-o").arg(format!("UserKnownHostsFile={}", known.display())).args(arguments).args(then);
        let output = client.stdin(std::process::Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let ada = "ada@10.64.0.10";
    let reaches = || ssh(&["-W", &format!("{SERVER}:3306"), ada], &[]).contains("MariaDB").then_some(());
    wait("the bastion behind its balancer", reaches);
    // As a program with pictures does it: a port of its own machine, and the person's own role behind it.
    let query = format!(
        "ssh -F /dev/null -N -i {} -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o UserKnownHostsFile={} -L 127.0.0.1:13306:{SERVER}:3306 {ada} & \
         for attempt in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/13306) 2>/dev/null && break; sleep 0.1; done; \
         mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port=13306 --ssl-ca={}/authority.pem --user=ada --batch --skip-column-names \
             -e 'SELECT CURRENT_USER(), VARIABLE_VALUE <> \"\" FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = \"Ssl_cipher\"' harbours; \
         kill %1",
        key.display(),
        known.display(),
        world.folder().display()
    );
    let mut client = world.in_namespace("inet", "bash");
    assert_eq!(output(client.args(["-c", &query]).env("MYSQL_PWD", password)), "ada@10.64.64.%\t1");

    for (what, said) in [
        (vec![ada, "id"], "open failed"),
        (vec!["-s", ada, "sftp"], "open failed"),
        (vec!["-W", "127.0.0.1:22", ada], "administratively prohibited"),
        (vec!["-W", "10.64.128.10:22", ada], "administratively prohibited"),
        (vec!["-W", "169.254.169.254:80", ada], "administratively prohibited"),
        (vec!["-W", "198.51.100.10:443", ada], "administratively prohibited"),
        (vec!["-N", "-R", "127.0.0.1:3401:127.0.0.1:22", ada], "remote port forwarding failed"),
        (vec!["-N", "-R", "3402", ada], "remote port forwarding failed"),
        (vec!["-N", "-w", "0:0", ada], "unnel"),
        (vec!["-N", "grace@10.64.0.10"], "Permission denied"),
        (vec!["-N", "nobody@10.64.0.10"], "Permission denied"),
        (vec!["-N", "root@10.64.0.10"], "Permission denied"),
        (vec!["-N", "ubuntu@10.64.0.10"], "Permission denied"),
        (vec!["-N", "landfall@10.64.0.10"], "Permission denied"),
    ] {
        let answer = ssh(&what, &[]);
        assert!(answer.contains(said), "{what:?}: {answer}");
        assert!(!answer.contains("uid=") && !answer.contains("SSH-2.0"), "{what:?}: {answer}");
    }
    // A SOCKS proxy asks for each way by itself, and is told no.
    let proxy = format!(
        "ssh -F /dev/null -N -i {} -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o UserKnownHostsFile={} -D 127.0.0.1:11080 {ada} 2>&1 & \
         for attempt in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/11080) 2>/dev/null && break; sleep 0.1; done; \
         curl -sS --max-time 10 --socks5-hostname 127.0.0.1:11080 http://169.254.169.254/ 2>&1; kill %1; true",
        key.display(),
        known.display()
    );
    let answer = output(world.in_namespace("inet", "bash").args(["-c", &proxy]));
    assert!(answer.contains("administratively prohibited"), "{answer}");
    assert!(world.is_closed("10.64.64.10", 22), "the host is open to the internet past its balancer");
    assert_eq!(machine.run("systemctl is-enabled ssh.socket ssh.service || true"), "masked\nmasked");
    let role = "curl -sS --max-time 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token";
    assert_eq!(machine.run(role), "token", "the host itself reaches its role");
    world.wait_for_request(&["PutLogEvents signed", "Accepted publickey for ada"]);
    world.wait_for_request(&["PutLogEvents signed", "to connect to host 169.254.169.254 port 80"]);
    world.wait_for_request(&["PutLogEvents signed", "User root"]);
    for line in kept.lines_of_key("jump/host-key", "the-JumpFileHostKey", &kept.places(&deployment)) {
        assert!(machine.on_disk(&line).is_empty(), "the host key is on the disk");
    }

    // It stays the same one after a start, and comes back when it is killed.
    machine.reboot();
    wait("the bastion after a start", reaches);
    machine.run("kill -9 $(systemctl show --value --property MainPID landfall-bastion.service)");
    wait("the bastion after it was killed", reaches);
    assert_eq!(world.journal().matches("SignalResource").count(), 1, "set up once");
}

#[test]
fn a_host_of_sessions_listens_to_nobody() {
    let Some(world) = World::new("access", &BTreeMap::new(), Door::Closed) else { return };
    let (_, deployment) = compiled(RECORDS);
    world.add_agent();
    let mut machine = world.boot(&user_data_of(&deployment, "DbAccessTemplate"));
    let journal = world.wait_for_signal();
    assert!(journal.contains("Status=SUCCESS"), "{journal}\n{}", machine.log());
    assert!(!journal.contains("NOT SIGNED"), "{journal}");
    for _ in 0..2 {
        // What answers for AWS's metadata in this world is not the machine's own.
        let open =
            "ss -Hltnu | awk '{print $5}' | grep -v -e '^127[.]' -e '^169[.]254[.]169[.]254:80$' -e '^\\[::1\\]'; true";
        assert_eq!(machine.run(open), "");
        assert_eq!(machine.run("systemctl is-active snap.amazon-ssm-agent.amazon-ssm-agent.service"), "active");
        assert_eq!(machine.run("systemctl is-enabled ssh.socket ssh.service || true"), "masked\nmasked");
        let logins = "awk -F: '$2 !~ /^[!*]/ {print $1}' /etc/shadow; find / -xdev -name authorized_keys -size +0 2>/dev/null; true";
        assert_eq!(machine.run(logins), "", "somebody has a password or a key");
        machine.reboot();
        machine.run("until systemctl is-active --quiet multi-user.target; do sleep 0.5; done");
    }
    assert!(world.is_closed("10.64.64.10", 22));
    world.wait_for_request(&["PutLogEvents signed", "set-up/"]);
}
