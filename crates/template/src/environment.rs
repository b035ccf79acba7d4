//! The engine with our functions in it.

use crate::budget::Budget;
use crate::{digests, openssh, quoting, units, verifiers};
use aws_lc_rs::hkdf;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Instructions that one rendering may run.
const FUEL: u64 = 2_000_000;
/// How deep calls and blocks may nest.
const DEPTH: usize = 50;
/// A shorter seed could be guessed.
const SHORTEST_SEED: usize = 16;

/// What the functions share during one rendering.
pub(crate) struct Workshop {
    /// Where derived keys and salts come from; nothing while a template is only rehearsed.
    seed: Option<Zeroizing<Vec<u8>>>,
    pub(crate) budget: Budget,
}

impl Workshop {
    pub(crate) fn real(seed: &[u8]) -> Arc<Self> {
        Arc::new(Self { seed: Some(Zeroizing::new(seed.to_vec())), budget: Budget::full() })
    }

    pub(crate) fn rehearsal() -> Arc<Self> {
        Arc::new(Self { seed: None, budget: Budget::full() })
    }

    /// Whether only the form counts: expensive functions answer with filler of the right shape.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.seed.is_none()
    }

    /// Bytes that depend on the seed and the labels alone (HKDF-SHA256, RFC 5869).
    pub(crate) fn derive(&self, labels: &[&[u8]], length: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        struct Length(usize);
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                self.0
            }
        }
        let refuse = || Error::new(ErrorKind::InvalidOperation, "a key has 1 to 1024 bytes");
        if !(1..=1024).contains(&length) {
            return Err(refuse());
        }
        let mut bytes = Zeroizing::new(vec![0; length]);
        let Some(seed) = &self.seed else { return Ok(bytes) };
        if seed.len() < SHORTEST_SEED {
            return Err(Error::new(ErrorKind::InvalidOperation, "the seed for derived keys is too short"));
        }
        // Each label goes in with its length, so that no two lists of labels read the same.
        let mut info = Vec::new();
        for label in labels {
            info.extend((label.len() as u64).to_be_bytes());
            info.extend(*label);
        }
        let key = hkdf::Salt::new(hkdf::HKDF_SHA256, b"landfall template v1").extract(seed);
        let info = [info.as_slice()];
        let derived = key.expand(&info, Length(length)).map_err(|_| refuse())?;
        derived.fill(&mut bytes).map_err(|_| refuse())?;
        Ok(bytes)
    }
}

/// An engine without any template in it.
pub(crate) fn environment(workshop: &Arc<Workshop>) -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    // Tags on lines of their own leave no empty lines; the last line keeps its end.
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true).build();
    engine.set_syntax(syntax.expect("the usual delimiters"));
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(DEPTH);
    // Would write all variables, secrets too.
    engine.remove_global("debug");
    engine.remove_filter("pprint");
    digests::add_to(&mut engine, workshop);
    openssh::add_to(&mut engine, workshop);
    verifiers::add_to(&mut engine, workshop);
    quoting::add_to(&mut engine);
    units::add_to(&mut engine);
    engine
}
