//! One folder per component kind. Pure: a component turns what was said into what makes sense,
//! and that into nodes of a process graph and probes. Components meet only through exports.

#[macro_use]
mod finding_code;

mod allow_list;
pub mod aws_context;
mod aws_host;
mod bastion;
mod command_line;
pub mod component;
pub mod context;
pub mod database;
pub mod database_use;
mod edge;
mod network;
mod path_rules;
pub mod people;
pub mod probes;
pub mod reference;
pub mod registry;
pub mod said;
mod secret;
mod service;
pub mod ssh_key;
pub mod together;
mod tunnel;

pub use bastion::keys_on_bastion;
pub use component::Component;
pub use tunnel::TunnelAnswer;
