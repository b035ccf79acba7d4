//! Who can reach whom, proved from resources alone: ours or those of any CloudFormation template.
//!
//! [`prove()`] reads a template, draws a [`Picture`] of its network for every combination of
//! conditions, and gives each pair of source and listening port a three-valued [`Verdict`] that holds for
//! *all* packets of the class. A thing that is not known makes a verdict unknown, never proved.

mod between;
pub mod bounded;
pub mod chains;
mod classes;
pub mod ends;
mod explain;
pub mod guarantee;
pub mod hints;
pub mod intervals;
pub mod judge;
mod matrix_status;
mod outside;
pub mod packets;
pub mod picture;
pub mod prove;
mod question;
pub mod render;
pub mod report;
pub mod road;
pub mod stated;
mod transit;
pub mod verdict;

pub use guarantee::{Guarantee, GuaranteeReport, Outcome, Reaches};
pub use picture::Picture;
pub use prove::{Expectation, Options, Problem, prove, prove_graph};
pub use question::Question;
pub use report::ProofReport;
pub use stated::StatedEdge;
pub use verdict::{Status, Verdict};
