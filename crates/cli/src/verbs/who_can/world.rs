//! What is really so, beside what the manifest says.

use crate::access::Access;

/// Where somebody's access stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody looked.
    Unknown,
    /// Said, and so.
    Agreed,
    /// Said, and not so.
    OnlySaid,
    /// So, although it is not said.
    OnlyThere,
}

impl Standing {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Agreed => "yes",
            Self::OnlySaid => "no",
            Self::OnlyThere => "yes, but not by the manifest",
        }
    }
}

/// What was found.
pub(crate) struct World {
    /// What is so.
    pub(crate) access: Vec<Access>,
    /// What a look at servers brought besides, in words.
    pub(crate) strange: Vec<String>,
}

impl World {
    /// Each that is said, and each that is so although it is not said, with how it stands.
    pub(super) fn compare(&self, said: Vec<Access>) -> Vec<(Access, Standing)> {
        let is_same = |a: &Access, b: &Access| (&a.who, &a.component, &a.what) == (&b.who, &b.component, &b.what);
        let only_there: Vec<Access> =
            self.access.iter().filter(|real| !said.iter().any(|said| is_same(said, real))).cloned().collect();
        let standing = |said: &Access| match self.access.iter().any(|real| is_same(said, real)) {
            true => Standing::Agreed,
            false => Standing::OnlySaid,
        };
        let said = said.into_iter().map(|said| {
            let standing = standing(&said);
            (said, standing)
        });
        said.chain(only_there.into_iter().map(|real| (real, Standing::OnlyThere))).collect()
    }

    /// What is not as the manifest says, in words.
    pub(super) fn differences(&self, rows: &[(Access, Standing)]) -> Vec<String> {
        let line = |(access, standing): &(Access, Standing)| {
            let Access { who, component, what, .. } = access;
            match standing {
                Standing::OnlySaid => Some(format!("{who} does not have {} at {component} yet", what.describe())),
                Standing::OnlyThere => Some(format!("{who} still has {} at {component}", what.describe())),
                Standing::Unknown | Standing::Agreed => None,
            }
        };
        rows.iter().filter_map(line).chain(self.strange.iter().cloned()).collect()
    }
}
