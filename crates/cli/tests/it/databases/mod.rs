//! Databases on this machine with the verbs that change them, each engine with its real server.

mod certificates;
mod copies;
mod cuts;
mod interrupted;
mod notes;
mod rotation;
