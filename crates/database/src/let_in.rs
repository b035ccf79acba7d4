//! Who is let in to a server, beside who was declared.

use crate::change::{Change, What};
use crate::check::Passwords;
use crate::error::Result;
use crate::observed::{Observed, Strange};
use model::database::DatabaseContent;
use std::collections::BTreeSet;

/// Who is let in to a server, as it really is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetIn {
    /// The roles that have a login there and are managed.
    pub roles: BTreeSet<String>,
    /// What somebody may, or may not, otherwise than was declared; in words.
    pub differences: Vec<String>,
}

impl LetIn {
    /// Compares what was seen with what is declared.
    ///
    /// # Errors
    /// When the declaration cannot be, or a password is lacking.
    pub fn of(content: &DatabaseContent, observed: &Observed, passwords: &Passwords) -> Result<Self> {
        let strange = observed.strange(content);
        let mut differences: Vec<String> =
            strange.iter().filter(|it| is_about_access(it)).map(ToString::to_string).collect();
        let changes = crate::difference(content, observed, passwords)?;
        let is_of_logins = |what: &What| {
            matches!(
                what,
                What::CreateLogin { .. }
                    | What::AdoptLogin { .. }
                    | What::SetPassword { .. }
                    | What::ChangeLogin { .. }
                    | What::Grant { .. }
                    | What::Revoke { .. }
                    | What::DropLogin { .. }
            )
        };
        let open = untold(&changes, &strange).filter(|change| is_of_logins(&change.what));
        differences.extend(open.map(|change| format!("to be done: {change}")));
        Ok(Self { roles: observed.managed().into_values().collect(), differences })
    }
}

/// The changes that undo nothing of what is strange. What was done by hand says more than what will be done about it.
pub fn untold<'a>(changes: &'a [Change], strange: &'a [Strange]) -> impl Iterator<Item = &'a Change> {
    let is_told = |change: &&Change| {
        match &change.what {
        What::Revoke { from, .. } | What::MendGroup { group: from } => {
            strange.iter().any(|it| matches!(it, Strange::GrantByHand { to, .. } if to == from))
        }
        What::ChangeLogin { login, .. } => {
            strange.iter().any(|it| matches!(it, Strange::LoginChanged { login: told, .. } if told == login))
        }
        What::CloseDatabase { database } => strange.iter().any(
            |it| matches!(it, Strange::GrantByHand { to, what } if to == "everybody" && what.ends_with(&format!(" {database}"))),
        ),
        What::MendDatabase { .. } => strange.iter().any(|it| matches!(it, Strange::DatabaseChanged { .. })),
        _ => false,
    }
    };
    changes.iter().filter(move |change| !is_told(change))
}

fn is_about_access(strange: &Strange) -> bool {
    match strange {
        Strange::GrantByHand { .. }
        | Strange::LoginChanged { .. }
        | Strange::DatabaseChanged { .. }
        | Strange::UnmanagedLogin { .. }
        | Strange::UnmanagedGrant { .. }
        | Strange::WithoutTls { .. }
        | Strange::PublicConnect { .. } => true,
        Strange::UnmanagedDatabase { .. }
        | Strange::HalfRestored { .. }
        | Strange::DataChanged { .. }
        | Strange::DataHalfApplied { .. } => false,
    }
}
