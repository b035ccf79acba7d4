//! The command as its users use it: as a program, in an environment of its own, with real processes.

mod account_access;
mod aws_backups;
mod aws_emulator;
mod aws_operations;
mod aws_permissions;
mod aws_refusals;
mod aws_verbs;
mod bad_input;
mod connect;
mod database_sessions;
mod databases;
mod life;
mod namespaces;
mod offline;
mod people;
mod private_access;
mod private_webapp;
mod proof;
mod rds;
mod small;
mod stopped;
mod support;
mod tabpy;
