//! Shapes of networks that everybody knows, with the verdicts that they promise.

use analysis::reachability::{Options, prove, render};

#[test]
fn look() {
    let text = include_str!("../fixtures/three-tiers.yaml");
    let report = prove(text, "three-tiers.yaml", &Options::default()).unwrap();
    println!("{}", render::text(&report));
}
