//! What is asked for: `db`, `db.teams`, `db:write`.

use crate::access::{Access, What};
use crate::command_error::CommandError;
use compiler::Application;
use model::database::GrantLevel;

/// What is asked for.
pub(crate) struct Wanted {
    component: Option<String>,
    database: Option<String>,
    level: Option<GrantLevel>,
}

impl Wanted {
    pub(super) fn read(text: &str, application: &Application) -> Result<Self, CommandError> {
        if text.is_empty() {
            return Ok(Self { component: None, database: None, level: None });
        }
        let (place, level) = text.split_once(':').map_or((text, None), |(place, level)| (place, Some(level)));
        let (component, database) =
            place.split_once('.').map_or((place, None), |(component, database)| (component, Some(database)));
        let Some(found) = application.components.iter().find(|known| known.name.as_str() == component) else {
            let names: Vec<&str> = application.components.iter().map(|known| known.name.as_str()).collect();
            let help = match compiler::nearest(component, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("name one of: {}", names.join(", ")),
            };
            return Err(CommandError::usage(format!("{} has no component `{component}`", application.name), help));
        };
        let holds = found.valid.facts().holds;
        let level = match level {
            None => None,
            Some("read" | "read-only") => Some(GrantLevel::ReadOnly),
            Some("write" | "read-write") => Some(GrantLevel::ReadWrite),
            Some("own" | "owner") => Some(GrantLevel::Owner),
            Some(other) => {
                let help = format!("write {component}:read, {component}:write or {component}:own");
                return Err(CommandError::usage(format!("`{other}` is nothing that can be asked for"), help));
            }
        };
        let Some(holds) = holds else {
            if level.is_some() || database.is_some() {
                let message = format!("{component} is a {}, not a database", found.kind);
                return Err(CommandError::usage(message, format!("write `landfall who-can {component}`")));
            }
            return Ok(Self { component: Some(component.to_owned()), database: None, level: None });
        };
        if let Some(database) = database.filter(|database| !holds.databases.iter().any(|known| known == database)) {
            let help = format!("it has: {}", holds.databases.join(", "));
            return Err(CommandError::usage(format!("{component} has no database `{database}`"), help));
        }
        Ok(Self { component: Some(component.to_owned()), database: database.map(str::to_owned), level })
    }

    pub(crate) fn fits(&self, access: &Access) -> bool {
        let names_database = |wanted: &String| matches!(&access.what, What::Database { name, .. } if name == wanted);
        self.component.as_ref().is_none_or(|component| access.component.as_str() == component)
            && self.database.as_ref().is_none_or(names_database)
            && self.level.is_none_or(|level| access.what.level().is_some_and(|has| has >= level))
    }

    /// Whether a component is meant.
    pub(crate) fn names(&self, component: &str) -> bool {
        self.component.as_ref().is_none_or(|wanted| wanted == component)
    }
}
