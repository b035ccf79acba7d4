//! CloudFormation as data: values with intrinsic functions as an expression type, the graph of
//! resources, and the reader of templates in YAML and JSON.
//!
//! A [`Value`] is never a string with `${}` inside. [`Evaluator`] says what a value is under a
//! choice of parameters and conditions, or why that cannot be known.

mod cidr;
mod database_place;
mod evaluated;
mod evaluation;
mod functions;
mod graph;
mod loops;
mod reader;
mod reference;
mod release;
mod scenario;
mod stored_secret;
mod template_set;
mod value;

pub use database_place::DatabasePlace;
pub use evaluated::{Evaluated, Is, Why};
pub use evaluation::Evaluator;
pub use graph::{Layer, Output, Parameter, Resource, ResourceGraph};
pub use reader::{CODES, Template, read};
pub use reference::{Ref, ResourceType, types};
pub use release::Release;
pub use scenario::{Given, Scenario, Scenarios, scenarios};
pub use stored_secret::{SecretContent, StoredSecret};
pub use template_set::{ParameterSource, StackTemplate, TemplateSet};
pub use value::{Kind, SubPart, Value};

#[cfg(test)]
mod tests;
