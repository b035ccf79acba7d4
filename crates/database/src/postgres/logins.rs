//! Logins: their passwords, limits and groups, and their end.

use super::difference::Plan;
use super::state::{Recorded, Role, State};
use super::strange::in_database;
use super::{group, name, text};
use crate::change::{DropReason, Form, Place, Step, What};
use crate::check::password;
use crate::error::Result;
use crate::server::LEDGER;
use crate::verifier::{self, Scram};
use model::database::{DatabaseContent, GrantLevel, RoleDeclaration};
use model::{NodeId, Secret};
use std::collections::BTreeSet;

impl Plan<'_> {
    pub(super) fn logins(&mut self) -> Result<()> {
        for (role, declared) in &self.content.roles {
            for (login, node) in &declared.logins {
                let record = self.login(role, declared, login, node)?;
                let before = self.changes.len();
                self.memberships(declared, login);
                // Written down in the transaction of the first grant that is changed.
                match (record, self.changes.get_mut(before)) {
                    (Some(record), Some(change)) => change.steps.insert(0, record),
                    (Some(record), None) => {
                        let what =
                            What::ChangeLogin { login: login.clone(), what: "what the ledger says of it".to_owned() };
                        self.push(what, vec![record]);
                    }
                    (None, _) => {}
                }
            }
        }
        Ok(())
    }

    /// Returns what is to be written down with its grants.
    fn login(&mut self, role: &str, declared: &RoleDeclaration, login: &str, node: &NodeId) -> Result<Option<Step>> {
        let secret = password(self.passwords, node)?;
        let limit = declared.connections.map_or(-1, i64::from);
        let quoted = name(login);
        let password_step = |before: String| Step::Password {
            login: login.to_owned(),
            host: None,
            node: node.clone(),
            form: Form::Scram,
            before,
            after: ";".to_owned(),
        };
        let record = || {
            let grants: Vec<String> = recorded_grants(declared).into_iter().collect();
            let values = [role, &grants.join("\n")].map(text);
            Step::home(format!(
                "UPDATE landfall.login SET role = {}, grants = {} WHERE login = {};",
                values[0],
                values[1],
                text(login)
            ))
        };
        let (login_name, role_name) = (login.to_owned(), role.to_owned());
        let Some(there) = self.state.roles.get(login) else {
            let sql = format!("CREATE ROLE {quoted} LOGIN CONNECTION LIMIT {limit} PASSWORD ");
            let what = What::CreateLogin { login: login_name, role: role_name };
            self.push(what, vec![password_step(sql)]);
            return Ok(Some(record()));
        };
        let recorded = self.state.recorded.get(login);
        let set_password = password_step(format!("ALTER ROLE {quoted} PASSWORD "));
        let is_recorded = match recorded {
            None => {
                self.push(What::AdoptLogin { login: login_name.clone(), role: role_name }, vec![set_password]);
                false
            }
            Some(recorded) => {
                if !self.fits(there, recorded, secret) {
                    self.push(What::SetPassword { login: login_name.clone() }, vec![set_password]);
                }
                recorded.role == role && recorded.grants == recorded_grants(declared)
            }
        };
        self.attributes(there, login_name, limit);
        self.own_settings(login);
        Ok((!is_recorded).then(record))
    }

    /// Settings that somebody gave a login, or it gave itself, would stay with it and change what its programs see.
    fn own_settings(&mut self, login: &str) {
        for (database, setting) in self.state.own_settings(self.content, login) {
            let parameter = setting.split('=').next().unwrap_or(setting);
            let place = if database.is_empty() { String::new() } else { format!(" IN DATABASE {}", name(database)) };
            // Extensions have names with a point, each part of which is a name.
            let quoted: Vec<String> = parameter.split('.').map(name).collect();
            let sql = format!("ALTER ROLE {}{place} RESET {};", name(login), quoted.join("."));
            let what = format!("no {parameter} of its own{}", in_database(database));
            self.push(What::ChangeLogin { login: login.to_owned(), what }, vec![Step::home(sql)]);
        }
    }

    fn attributes(&mut self, there: &Role, login: String, limit: i64) {
        let mut words = surplus_attributes(there);
        let mut said: Vec<String> = there.attributes.iter().map(|word| format!("no {word}")).collect();
        if there.limit != limit {
            words.push_str(&format!(" CONNECTION LIMIT {limit}"));
            said.push(if limit < 0 { "any number of connections".to_owned() } else { format!("{limit} connections") });
        }
        if !there.can_login {
            words.push_str(" LOGIN");
            said.push("it may log in".to_owned());
        }
        if !there.inherits {
            words.push_str(" INHERIT");
            said.push("its groups' rights are its own".to_owned());
        }
        if there.has_expiry {
            words.push_str(" VALID UNTIL 'infinity'");
            said.push("its password does not end".to_owned());
        }
        if !words.is_empty() {
            let sql = format!("ALTER ROLE {}{words};", name(&login));
            self.push(What::ChangeLogin { login, what: said.join(", ") }, vec![Step::home(sql)]);
        }
    }

    fn fits(&self, there: &Role, recorded: &Recorded, secret: &Secret) -> bool {
        if self.state.shows_verifiers {
            let stored = there.verifier.as_deref().and_then(Scram::parse);
            return stored.is_some_and(|stored| stored.fits(secret.expose()));
        }
        let salt = verifier::from_hex(&recorded.salt).and_then(|salt| <[u8; 16]>::try_from(salt).ok());
        salt.is_some_and(|salt| verifier::fingerprint(secret.expose(), &salt) == recorded.fingerprint)
    }

    fn memberships(&mut self, declared: &RoleDeclaration, login: &str) {
        let wanted: BTreeSet<String> =
            declared.grants.iter().map(|(database, level)| group(database, *level)).collect();
        let there = self.state.memberships(login);
        for (database, level) in &declared.grants {
            let group = group(database, *level);
            if !there.contains_key(group.as_str()) {
                let sql = format!("GRANT {} TO {};", name(&group), name(login));
                let what = What::Grant { login: login.to_owned(), database: database.clone(), level: *level };
                self.push(what, vec![Step::home(sql)]);
            }
        }
        for (group, by) in there {
            if !wanted.contains(group) {
                self.leave_group(login, group, by, true);
            }
        }
        let of_login = self.state.roles.get(login).map(|role| role.member_of.as_slice()).unwrap_or_default();
        for membership in of_login.iter().filter(|one| one.may_give && wanted.contains(&one.group)) {
            let sql = format!(
                "REVOKE ADMIN OPTION FOR {} FROM {}{} CASCADE;",
                name(&membership.group),
                name(login),
                self.granted_by(&membership.by)
            );
            let what = format!("the right to make others members of {}", membership.group);
            self.push(What::Revoke { from: login.to_owned(), what }, vec![Step::home(sql)]);
        }
    }

    /// Who gave a membership is part of its name from PostgreSQL 16 on.
    fn granted_by(&self, by: &str) -> String {
        if self.state.number >= 160_000 && !by.is_empty() && by != self.state.me {
            format!(" GRANTED BY {}", name(by))
        } else {
            String::new()
        }
    }

    /// Takes a member out of a group. A session that acts for the group would go on doing so: it ends.
    pub(super) fn leave_group(&mut self, member: &str, group: &str, by: &str, is_login: bool) {
        let granted_by = self.granted_by(by);
        let mut steps = vec![Step::alone(format!("REVOKE {} FROM {}{granted_by} CASCADE;", name(group), name(member)))];
        if is_login {
            steps.extend(self.with_power_over(member, vec![Step::EndSessions { login: member.to_owned() }], true));
        }
        self.push(What::Revoke { from: member.to_owned(), what: format!("membership in {group}") }, steps);
    }

    /// Steps for which an administrator that is no superuser must be a member of the login for a while.
    pub(super) fn with_power_over(&self, login: &str, steps: Vec<Step>, is_alone: bool) -> Vec<Step> {
        if self.state.is_superuser {
            return steps;
        }
        let step = |sql: String| if is_alone { Step::alone(sql) } else { Step::home(sql) };
        let mut all = vec![step(format!("GRANT {} TO CURRENT_USER;", name(login)))];
        all.extend(steps);
        all.push(step(format!("REVOKE {} FROM CURRENT_USER;", name(login))));
        all
    }

    pub(super) fn drops(&mut self) {
        let wanted: BTreeSet<&String> = self.content.roles.values().flat_map(|role| role.logins.keys()).collect();
        for (login, recorded) in &self.state.recorded {
            if wanted.contains(login) {
                continue;
            }
            let why = if self.content.roles.contains_key(&recorded.role) {
                DropReason::RotationOver
            } else {
                DropReason::RoleGone
            };
            let forget = Step::home(format!("DELETE FROM landfall.login WHERE login = {};", text(login)));
            let Some(there) = self.state.roles.get(login) else {
                self.push(What::DropLogin { login: login.clone(), why }, vec![forget]);
                continue;
            };
            let quoted = name(login);
            let mut steps = vec![Step::alone(format!("ALTER ROLE {quoted} NOLOGIN;"))];
            if !self.state.is_superuser {
                steps.push(Step::alone(format!("GRANT {quoted} TO CURRENT_USER;")));
            }
            steps.push(Step::EndSessions { login: login.clone() });
            for database in there.depends.iter().filter(|database| *database != LEDGER) {
                let heir = match self.content.databases.contains_key(database) {
                    true => name(&group(database, GrantLevel::Owner)),
                    false => "CURRENT_USER".to_owned(),
                };
                steps.push(Step::Alone {
                    place: Place::In(database.clone()),
                    sql: format!("REASSIGN OWNED BY {quoted} TO {heir}; DROP OWNED BY {quoted};"),
                });
            }
            let sql =
                format!("REASSIGN OWNED BY {quoted} TO CURRENT_USER; DROP OWNED BY {quoted}; DROP ROLE {quoted};");
            steps.extend([Step::home(sql), forget]);
            self.push(What::DropLogin { login: login.clone(), why }, steps);
        }
    }
}

impl State {
    /// Settings that a login has besides the one by which owners act as their group.
    pub(super) fn own_settings(&self, content: &DatabaseContent, login: &str) -> Vec<(&str, &str)> {
        let all = self.roles.get(login).map(|role| role.settings.as_slice()).unwrap_or_default();
        let is_ours =
            |database: &str, setting: &str| content.databases.contains_key(database) && setting.starts_with("role=");
        let own = all.iter().filter(|(database, setting)| !is_ours(database, setting));
        own.map(|(database, setting)| (database.as_str(), setting.as_str())).collect()
    }
}

/// What a login's grants are written down as.
pub(super) fn recorded_grants(declared: &RoleDeclaration) -> BTreeSet<String> {
    declared.grants.iter().map(|(database, level)| format!("{database}={level}")).collect()
}

pub(super) fn surplus_attributes(role: &Role) -> String {
    role.attributes.iter().map(|word| format!(" NO{word}")).collect()
}
