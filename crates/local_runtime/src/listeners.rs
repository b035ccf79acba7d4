//! Who listens on a TCP port of this machine, from `/proc/net`, so that a person can be told.

use crate::processes::Process;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

/// The listening sockets of this machine: port to socket inodes.
pub(crate) struct Listeners(BTreeMap<u16, Vec<u64>>);

impl Listeners {
    /// Looks once.
    pub(crate) fn now() -> Self {
        let mut sockets: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            let text = fs::read_to_string(table).unwrap_or_default();
            for (port, inode) in text.lines().skip(1).filter_map(parse_line) {
                sockets.entry(port).or_default().push(inode);
            }
        }
        Self(sockets)
    }

    /// Whether somebody listens, on whatever address.
    pub(crate) fn has(&self, port: u16) -> bool {
        self.0.contains_key(&port)
    }

    /// Who listens, in words: `process 812 (user 1000): python3 -m http.server`.
    pub(crate) fn owner(&self, port: u16) -> String {
        match self.owners(port).first() {
            Some(pid) => {
                let user = fs::metadata(format!("/proc/{pid}")).map_or_else(
                    |_| "unknown user".to_owned(),
                    |facts| {
                        let id = facts.uid();
                        user_name(id).map_or_else(|| format!("user {id}"), |name| format!("user {name}"))
                    },
                );
                format!("process {pid} ({user}): {}", Process::command(*pid))
            }
            None => "a process of another user".to_owned(),
        }
    }

    /// The processes that hold a port's sockets, as far as we may see them.
    pub(crate) fn owners(&self, port: u16) -> Vec<i32> {
        let Some(inodes) = self.0.get(&port) else { return Vec::new() };
        let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
        // A machine with very many processes is not worth a long wait for a nicer message.
        let until = Instant::now() + Duration::from_millis(500);
        let mut found = Vec::new();
        for process in Process::all() {
            let Ok(files) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else { continue };
            let holds = files.flatten().any(|file| {
                fs::read_link(file.path())
                    .is_ok_and(|target| wanted.iter().any(|socket| target.as_os_str() == socket.as_str()))
            });
            if holds {
                found.push(process.pid);
            }
            if Instant::now() > until {
                break;
            }
        }
        found
    }
}

/// The user database's name for an id, from `/etc/passwd` alone.
fn user_name(id: u32) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

/// `sl local rem st ... inode`: local is `ADDRESS:PORT` in hexadecimal, state 0A is LISTEN.
fn parse_line(line: &str) -> Option<(u16, u64)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != "0A" {
        return None;
    }
    let (_, port) = fields.get(1)?.rsplit_once(':')?;
    Some((u16::from_str_radix(port, 16).ok()?, fields.get(9)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_owner_of_a_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let listeners = Listeners::now();
        assert!(listeners.has(port));
        let me = std::process::id();
        assert!(listeners.owner(port).starts_with(&format!("process {me} (user ")), "{}", listeners.owner(port));
        drop(listener);
        // Another program may have got the number meanwhile.
        let mine = format!("process {me} (user ");
        let after = Listeners::now();
        assert!(!after.has(port) || !after.owner(port).starts_with(&mine));
    }

    #[test]
    fn reads_only_listening_sockets() {
        let line =
            "   0: 0100007F:232C 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100";
        assert_eq!(parse_line(line), Some((9004, 4242)));
        assert_eq!(parse_line(&line.replace(" 0A ", " 01 ")), None);
    }
}
