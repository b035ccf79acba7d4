//! One file a verb: arguments in, one call to the crates below, a view out.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod drift;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod init;
pub(crate) mod logs;
pub(crate) mod outputs;
pub(crate) mod plan;
pub(crate) mod prove;
pub(crate) mod reference;
pub(crate) mod secret;
pub(crate) mod status;
pub(crate) mod supervise;
pub(crate) mod tunnel;
pub(crate) mod unlock;
pub(crate) mod up;
pub(crate) mod user;
pub(crate) mod verify;
pub(crate) mod version;
pub(crate) mod who_can;
