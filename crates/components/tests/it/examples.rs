//! Each kind's example as processes.

use crate::registry::below_components;
use crate::support::validated;
use components::registry::find;

fn check(kind: &str) {
    let graph = validated(&below_components(find(kind).unwrap().example())).graph();
    insta::assert_json_snapshot!(format!("{kind}-example"), graph);
}

#[test]
fn edge() {
    check("edge");
}

#[test]
fn network() {
    check("network");
}

#[test]
fn secret() {
    check("secret");
}

#[test]
fn service() {
    check("service");
}

#[test]
fn database() {
    check("database");
}
