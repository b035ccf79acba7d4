//! What the product promises about time, measured and printed: `cargo test -p landfall-database --test it figures -- --nocapture`.
//! Nothing here is asserted about time.

use crate::servers::{ALL, turn};
use crate::world::{content, converge, look, passwords, role};
use database::{Given, Server, apply};
use model::database::GrantLevel::{Owner, ReadOnly, ReadWrite};
use std::time::Instant;

#[tokio::test]
async fn fifty_roles_in_twenty_databases() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let databases: Vec<String> = (0..20).map(|number| format!("d{number}")).collect();
        let names: Vec<&str> = databases.iter().map(String::as_str).collect();
        let mut wanted = content(&server, &names);
        for number in 0..50 {
            let grants: Vec<_> = names
                .iter()
                .enumerate()
                .map(|(index, name)| (*name, [ReadOnly, ReadWrite, Owner][(number + index) % 3]))
                .collect();
            role(&mut wanted, &format!("r{number}"), &grants);
        }
        let (begun, before) = (Instant::now(), server.processor_time());
        let mut administrator = Server::new(server.administrator());
        let (_, changes) = look(&mut administrator, &wanted).await;
        let passwords = passwords(&wanted);
        apply(&mut administrator, &changes, Given { passwords: &passwords, folder: folder.path() }, &mut |_| Ok(()))
            .await
            .unwrap();
        let (bootstrap, work) = (begun.elapsed(), server.processor_time() - before);
        let begun = Instant::now();
        let mut fresh = Server::new(server.administrator());
        let observed = database::observe(&mut fresh, &wanted).await.unwrap();
        let observe = begun.elapsed();
        let begun = Instant::now();
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        let left = database::difference(&wanted, &observed, &passwords).unwrap();
        println!(
            "{kind:?}: bootstrap of 50 roles x 20 databases ({} changes) {bootstrap:.0?} (the server worked {work:.1} s, load {load}), observe {observe:.1?}, difference {:.1?}",
            changes.len(),
            begun.elapsed()
        );
        assert!(left.is_empty());
    }
}

#[tokio::test]
async fn one_small_deployment() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        for name in ["app", "bi", "alice"] {
            role(&mut wanted, name, &[("teams", ReadOnly)]);
        }
        converge(&mut Server::new(server.administrator()), &wanted, folder.path()).await.unwrap();
        let mut times = Vec::new();
        for _ in 0..11 {
            let begun = Instant::now();
            let mut fresh = Server::new(server.administrator());
            let (_, changes) = look(&mut fresh, &wanted).await;
            times.push(begun.elapsed());
            assert!(changes.is_empty());
        }
        times.sort();
        println!("{kind:?}: connect, observe and compare a small deployment: median {:.1?}", times[5]);
    }
}
