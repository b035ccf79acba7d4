//! What a MySQL or MariaDB server has that nobody asked for.

use super::difference::strays;
use super::shown;
use super::state::{Account, State};
use crate::observed::Strange;
use crate::quote::grant_pattern;
use model::database::{DatabaseContent, GrantLevel};

/// Logins that the servers keep for themselves.
const OWN: [&str; 7] =
    ["mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "rdsadmin", "rdsrepladmin", "PUBLIC"];

impl State {
    pub(crate) fn strange(&self, content: &DatabaseContent) -> Vec<Strange> {
        let mut strange = Vec::new();
        for database in self.databases.iter().cloned() {
            if self.half.contains(&database) {
                strange.push(Strange::HalfRestored { database });
            } else if !content.databases.contains_key(&database) {
                strange.push(Strange::UnmanagedDatabase { database });
            }
        }
        for (account, login) in &self.accounts {
            if login.is_role || OWN.contains(&account.0.as_str()) || account.0 == self.me {
                continue;
            }
            match self.recorded.get(account) {
                Some(_) => self.strange_login(account, &mut strange),
                // Nobody comes in by it: what it made runs in its name.
                None if login.is_locked => {}
                None => self.unmanaged(account, content, &mut strange),
            }
        }
        strange.extend(self.managed_orphans().map(|(account, what)| {
            let what = format!("{what} (an account of that host is not there)");
            Strange::GrantByHand { to: shown(&account.0, &account.1), what }
        }));
        for load in self.loads.iter().filter(|load| load.state == "part") {
            let (database, path) = (load.applied.database.clone(), load.applied.path.clone());
            strange.push(Strange::DataHalfApplied { database, path, statements: load.statements });
        }
        strange
    }

    /// What a managed login has besides what was last applied.
    fn strange_login(&self, account: &Account, strange: &mut Vec<Strange>) {
        let (Some(login), Some(recorded)) = (self.accounts.get(account), self.recorded.get(account)) else { return };
        let granted = recorded.grants.iter().filter_map(|grant| {
            let (database, level) = grant.rsplit_once('=')?;
            let levels = [GrantLevel::ReadOnly, GrantLevel::ReadWrite, GrantLevel::Owner];
            Some((database, levels.into_iter().find(|one| one.to_string() == level)?))
        });
        let to = shown(&account.0, &account.1);
        let by_hand = strays(granted, login).into_iter();
        strange.extend(by_hand.map(|(what, _)| Strange::GrantByHand { to: to.clone(), what }));
        let changed = |what: &str| Strange::LoginChanged { login: to.clone(), what: what.to_owned() };
        strange.extend((!login.needs_tls).then(|| changed("it needs no TLS")));
        strange.extend(login.is_locked.then(|| changed("it is locked")));
    }

    fn unmanaged(&self, account: &Account, content: &DatabaseContent, strange: &mut Vec<Strange>) {
        let Some(login) = self.accounts.get(account) else { return };
        let name = match account.0.as_str() {
            "" => format!("anybody@{}", account.1),
            _ => format!("{}@{}", account.0, account.1),
        };
        let what = match login.global.len() {
            0..=3 => login.global.iter().cloned().collect::<Vec<_>>().join(", "),
            _ => "nearly everything".to_owned(),
        };
        strange.push(Strange::UnmanagedLogin { login: name.clone(), what });
        if !login.needs_tls && !login.stored.is_empty() && account.1 != "localhost" {
            strange.push(Strange::WithoutTls { who: name.clone() });
        }
        for database in content.databases.keys() {
            let matching = login.grants.iter().filter(|(pattern, _)| covers(pattern, database));
            for (_, privileges) in matching {
                let what = privileges.iter().cloned().collect::<Vec<_>>().join(", ");
                let (login, database) = (name.clone(), database.clone());
                strange.push(Strange::UnmanagedGrant { login, database, what });
            }
        }
    }
}

/// Whether a pattern of a grant covers a database, as the server matches.
fn covers(pattern: &str, database: &str) -> bool {
    if pattern == grant_pattern(database) {
        return true;
    }
    let (pattern, database): (Vec<char>, Vec<char>) = (pattern.chars().collect(), database.chars().collect());
    matches(&pattern, &database)
}

fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
        ['\\', exact, rest @ ..] => text.first() == Some(exact) && matches(rest, &text[1..]),
        ['_', rest @ ..] => !text.is_empty() && matches(rest, &text[1..]),
        [exact, rest @ ..] => text.first() == Some(exact) && matches(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn patterns_match_as_the_server_does() {
        for (pattern, database, is_covered) in [
            ("te%", "teams", true),
            ("te\\%", "teams", false),
            ("team_", "teams", true),
            ("a\\_b", "a_b", true),
            ("a\\_b", "axb", false),
        ] {
            assert_eq!(covers(pattern, database), is_covered, "{pattern} {database}");
        }
    }
}
