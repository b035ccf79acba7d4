//! Environments in an AWS account: what the verbs do there.
//!
//! Nothing that a verb needs is kept on this machine: it reads the manifest and asks the account. So another machine, or this
//! one after its disk was lost, goes on where the last run stopped.

pub(crate) mod access;
pub(crate) mod askable;
pub(crate) mod backup;
pub(crate) mod bastions;
pub(crate) mod cloud;
pub(crate) mod codes;
pub(crate) mod connect;
pub(crate) mod databases;
pub(crate) mod down;
pub(crate) mod drift;
pub(crate) mod events;
pub(crate) mod evidence;
pub(crate) mod facts;
pub(crate) mod forecast;
pub(crate) mod logs;
pub(crate) mod open_ways;
pub(crate) mod outputs;
pub(crate) mod plan;
pub(crate) mod plan_file;
pub(crate) mod restore;
pub(crate) mod running;
pub(crate) mod session;
pub(crate) mod status;
pub(crate) mod tunnel_open;
pub(crate) mod tunnels;
pub(crate) mod unlock;
pub(crate) mod up;
pub(crate) mod verify;
pub(crate) mod way;
