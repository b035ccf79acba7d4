//! From the text of a manifest to an application that makes sense, and from that to the graph of
//! processes on this machine. Pure: files, variables and the date come in through [`Options`].
//!
//! The stages can be called one by one; [`compile`] runs them all and keeps what a report needs.

mod application;
mod codes;
mod compilation;
mod component_stage;
mod editor_schema;
mod environment;
mod guarantee;
mod lower_to_aws;
mod manifest;
mod nearest;
mod options;
mod order;
mod overlay;
mod parameter;
mod parse;
mod party;
mod people;
mod prove;
mod realise;
mod recorded_files;
mod reference;
mod relations;
mod render_aws;
pub mod report;
mod resolve;
mod schema;
mod section;
mod shape;
mod substitute;

pub use application::{Application, Component, Environment, Probe};
pub use compilation::{Compilation, codes, compile};
pub use components::people::{ADMINISTRATOR, People};
pub use editor_schema::json_schema;
pub use lower_to_aws::{AwsDeployment, lower_to_aws};
pub use manifest::{Guarantee, Parties, Person, Target};
pub use nearest::nearest;
pub use options::{LOCAL, Options};
pub use parameter::{Overridden, ParameterType, ParameterValue, ValueExplanation, ValueSource, ValuesFile};
pub use parse::{ParsedManifest, deployment_name, parse};
pub use people::{NotEdited, PeopleEdit, edit_people};
pub use prove::prove;
pub use realise::realise_locally;
pub use render_aws::{ExportedFile, export_cloudformation, export_terraform, render_templates};
pub use resolve::{Resolution, resolve};
