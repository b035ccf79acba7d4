//! What is proved of our own manifests before anything of them exists.

use crate::aws::compiled_shapes;
use analysis::reachability::render;
use compiler::prove;
use compiler::report::{Style, to_text};
use model::Findings;

#[test]
fn shapes_hold() {
    for (name, compilation, deployment) in compiled_shapes() {
        let application = compilation.application.as_ref().unwrap();
        let mut findings = Findings::new();
        let report = prove(application, &deployment, &compilation.sources, &mut findings);
        println!("=== {name}\n{}", to_text(&findings, &compilation.sources, Style::Plain));
        println!("{}", render::text(&report));
    }
}
