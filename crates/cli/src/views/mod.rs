//! How results look: for people on a terminal, as plain lines, as JSON. Views hold no rule.

pub(crate) mod evidence;
pub(crate) mod progress;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod verification;
