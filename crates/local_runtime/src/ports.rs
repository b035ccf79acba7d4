//! The numbers of ports: chosen so that no two deployments of a user collide, claimed in a file of
//! the deployment under a lock of the user.

use crate::disk;
use crate::folders::{Home, UserFolders};
use crate::listeners::Listeners;
use indexmap::IndexMap;
use model::process_graph::{PortRequest, PortWish};
use model::{Digest, Fault, FaultKind, PortId};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// Where numbers are taken from when nothing else is said: above the well-known ones, below the
/// range from which the kernel takes the client side of connections.
const POOL: std::ops::Range<u16> = 20_000..32_000;

/// Finds a number for each port.
pub(crate) fn choose(
    folders: &UserFolders,
    home: &Home,
    wanted: &IndexMap<PortId, PortRequest>,
    given: &IndexMap<PortId, u16>,
) -> Result<IndexMap<PortId, u16>, Fault> {
    let mut taken =
        Taken { claims: claims_of_others(folders, home)?, ours: given.clone(), listeners: Listeners::now() };
    let mut chosen = IndexMap::new();
    // Exact wishes first, so that nobody else's preference takes their number.
    let rank = |request: &PortRequest| match request.wish {
        PortWish::Exactly(_) => 0,
        PortWish::Preferably(_) => 1,
        PortWish::Any => 2,
    };
    let mut order: Vec<_> = wanted.iter().collect();
    order.sort_by_key(|(_, request)| rank(request));
    for (port, request) in order {
        let number = match request.wish {
            PortWish::Exactly(number) => match taken.why_not(number) {
                None => number,
                Some(reason) => return Err(refusal(port, request, number, reason)),
            },
            PortWish::Preferably(number) if taken.why_not(number).is_none() => number,
            PortWish::Preferably(_) | PortWish::Any => taken.derive(home.root(), port)?,
        };
        taken.ours.insert(port.clone(), number);
        chosen.insert(port.clone(), number);
    }
    Ok(wanted.keys().filter_map(|port| Some((port.clone(), *chosen.get(port)?))).collect())
}

/// Claims numbers for a deployment. Two deployments may have chosen the same one at the same time;
/// the lock makes one of them the first.
pub(crate) fn claim(folders: &UserFolders, home: &Home, ports: &IndexMap<PortId, u16>) -> Result<(), Fault> {
    if claimed(home)? == *ports {
        return Ok(());
    }
    let lock = disk::lock_file(&folders.ports_lock())?;
    lock.lock().map_err(|error| disk::io_fault("locking", &folders.ports_lock(), &error))?;
    let others = claims_of_others(folders, home)?;
    for (port, number) in ports {
        if let Some(other) = others.get(number) {
            return Err(Fault::new(
                FaultKind::Transient,
                format!("claiming port {number} for {port}"),
                format!("the deployment `{other}` has just claimed it"),
            )
            .help("run the same command again; it chooses another number"));
        }
    }
    disk::write_json(&home.ports(), ports)
}

/// The numbers that a deployment has claimed.
pub(crate) fn claimed(home: &Home) -> Result<IndexMap<PortId, u16>, Fault> {
    Ok(disk::read_json(&home.ports())?.unwrap_or_default())
}

/// Refuses to start something on a port that somebody else listens on.
pub(crate) fn check_free(port: &PortId, number: u16) -> Result<(), Fault> {
    let taken = Taken { claims: BTreeMap::new(), ours: IndexMap::new(), listeners: Listeners::now() };
    match taken.why_not(number) {
        None => Ok(()),
        Some(reason) => Err(stranger(port, number, reason)),
    }
}

/// The numbers that were preferred, or had until now, and are not granted: each with who has it, in words.
pub(crate) fn refused_wishes(
    folders: &UserFolders,
    home: &Home,
    ports: &IndexMap<PortId, u16>,
    wishes: &IndexMap<PortId, PortWish>,
) -> Result<Vec<String>, Fault> {
    let taken = Taken { claims: claims_of_others(folders, home)?, ours: IndexMap::new(), listeners: Listeners::now() };
    let before = claimed(home)?;
    let told = wishes.iter().filter_map(|(port, wish)| match (wish, before.get(port), ports.get(port)) {
        (PortWish::Preferably(wished), _, Some(given)) | (PortWish::Any, Some(wished), Some(given))
            if wished != given && before.get(port) != Some(given) =>
        {
            let why = match taken.why_not(*wished)? {
                Reason::Deployment(other) => format!("belongs to the deployment `{other}`"),
                Reason::Ours(other) => format!("is given to {other}"),
                Reason::Stranger(owner) => format!("is taken by {owner}"),
                Reason::NotAllowed => "is for root only".to_owned(),
            };
            Some(format!("port {wished} {why}; {port} gets {given}"))
        }
        _ => None,
    });
    Ok(told.collect())
}

enum Reason {
    Deployment(String),
    Ours(PortId),
    Stranger(String),
    NotAllowed,
}

struct Taken {
    claims: BTreeMap<u16, String>,
    ours: IndexMap<PortId, u16>,
    listeners: Listeners,
}

impl Taken {
    fn why_not(&self, number: u16) -> Option<Reason> {
        if let Some((port, _)) = self.ours.iter().find(|(_, ours)| **ours == number) {
            return Some(Reason::Ours(port.clone()));
        }
        if let Some(other) = self.claims.get(&number) {
            return Some(Reason::Deployment(other.clone()));
        }
        if self.listeners.has(number) {
            return Some(Reason::Stranger(self.listeners.owner(number)));
        }
        // The table does not show what the kernel forbids (numbers below 1024) or hides (another namespace's view).
        match TcpListener::bind((Ipv4Addr::LOCALHOST, number)) {
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Some(Reason::NotAllowed),
            Err(error) => Some(Reason::Stranger(error.to_string())),
        }
    }

    /// Derived from the deployment and the port's name, so that it stays the same from one `down`
    /// and `up` to the next, as long as nobody takes it.
    fn derive(&self, home: &Path, port: &PortId) -> Result<u16, Fault> {
        let digest = Digest::of(&(home.as_os_str().to_string_lossy(), port));
        let start = digest.as_str().get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or(0);
        let size = u32::from(POOL.end - POOL.start);
        (0..size)
            .filter_map(|step| u16::try_from(u32::from(POOL.start) + (start % size + step) % size).ok())
            .find(|number| self.why_not(*number).is_none())
            .ok_or_else(|| {
                Fault::new(FaultKind::NeedsPerson, format!("choosing a number for {port}"), "no port is free")
                    .help("see what listens with `ss -ltnp`")
            })
    }
}

fn refusal(port: &PortId, request: &PortRequest, number: u16, reason: Reason) -> Fault {
    let operation = format!("choosing a number for {port} ({})", request.origin);
    match reason {
        Reason::Deployment(other) => {
            Fault::new(FaultKind::NeedsPerson, operation, format!("port {number} belongs to the deployment `{other}`"))
                .help(format!("take `{other}` down, or give {} another number", request.origin))
        }
        Reason::Ours(other) => {
            Fault::new(FaultKind::NeedsPerson, operation, format!("port {number} is already given to {other}"))
                .help(format!("give one of them another number at {}", request.origin))
        }
        other => stranger(port, number, other),
    }
}

fn stranger(port: &PortId, number: u16, reason: Reason) -> Fault {
    let operation = format!("taking port {number} for {port}");
    match reason {
        Reason::Stranger(owner) => Fault::new(FaultKind::NeedsPerson, operation, format!("it is taken by {owner}"))
            .help("stop that process, or choose another number in the manifest"),
        Reason::NotAllowed => {
            Fault::new(FaultKind::Permission, operation, "only root may listen on numbers below 1024 here")
                .help("choose a number from 1024 on, or allow it with `sysctl net.ipv4.ip_unprivileged_port_start`")
        }
        Reason::Deployment(other) => {
            Fault::new(FaultKind::NeedsPerson, operation, format!("it belongs to the deployment `{other}`"))
        }
        Reason::Ours(other) => Fault::new(FaultKind::NeedsPerson, operation, format!("it is given to {other}")),
    }
}

/// What the user's other deployments have claimed: number to deployment.
fn claims_of_others(folders: &UserFolders, home: &Home) -> Result<BTreeMap<u16, String>, Fault> {
    let mut claims = BTreeMap::new();
    let entries = match fs::read_dir(&folders.state) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(claims),
        Err(error) => return Err(disk::io_fault("looking into", &folders.state, &error)),
    };
    for entry in entries.flatten().filter(|entry| entry.path() != home.root()) {
        let other = Home::at(entry.path(), folders.runtime.clone());
        // Another deployment's damaged file must not stop this one; its listeners are seen anyway.
        let Ok(ports) = claimed(&other) else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        claims.extend(ports.into_values().map(|number| (number, name.clone())));
    }
    Ok(claims)
}
