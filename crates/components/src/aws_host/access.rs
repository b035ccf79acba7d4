//! A host that runs nothing but the agent of Systems Manager: sessions lead through it to what it reaches.

use super::cloud_config::{self, Content, HostFile};
use super::{Sealed, unit};
use crate::aws_context::DatabaseInAws;
use model::cfn::types::LogGroup;
use model::cfn::{Kind, Ref};

/// The unit of the agent in Canonical's images.
pub(crate) const AGENT: &str = "snap.amazon-ssm-agent.amazon-ssm-agent.service";

/// What is written on it.
pub(crate) fn files(about: &str, group: &str, logs: &Ref<LogGroup>) -> Vec<HostFile> {
    let mut set_up = include_str!("host/set-up.sh").to_owned();
    set_up.push_str(include_str!("host/no-ssh.sh"));
    set_up.push_str(include_str!("host/agent.sh"));
    set_up.push_str(include_str!("host/log.sh"));
    let mut files = vec![
        settings(group, logs, AGENT, ""),
        HostFile::plain(&cloud_config::unit_path(unit::JOURNAL), unit::journal(&format!("Log of {about}"), AGENT)),
    ];
    files.extend(cloud_config::programs(&set_up, false));
    files
}

/// The settings that the programs of every host read; `more` are lines of the host's own.
pub(crate) fn settings(group: &str, logs: &Ref<LogGroup>, unit: &str, more: &str) -> HostFile {
    let logs = logs.logical_id().unwrap_or_default();
    let text = format!(
        "REGION=${{AWS::Region}}\nDOMAIN=${{AWS::URLSuffix}}\nSTACK=${{AWS::StackId}}\nGROUP={group}\nLOGS=${{{logs}}}\nUNIT={unit}\n\
         HEALTH_SECONDS=120\n{more}"
    );
    HostFile { path: "/etc/landfall/host.env".to_owned(), mode: 0o644, content: Content::Filled(text) }
}

/// How a host comes by the authorities of databases: from files of the manifest where each database has one, otherwise from RDS. Returns
/// the file, or the step of its set-up.
pub(crate) fn authorities(databases: &[DatabaseInAws]) -> Result<HostFile, &'static str> {
    let mut said: Vec<&str> = Vec::new();
    for database in databases {
        let Some(text) = database.authorities.as_deref() else { return Err(include_str!("host/rds-ca.sh")) };
        if !said.contains(&text) {
            said.push(text);
        }
    }
    let all: String = said.iter().map(|text| format!("{}\n", text.trim_end())).collect();
    Ok(HostFile::plain(super::DATABASE_AUTHORITIES, all))
}

/// Which secrets the host fetches, where they go, and what they are made of.
pub(crate) fn secrets(sealed: &[Sealed]) -> HostFile {
    let line = |one: &Sealed| {
        let place = one.place.logical_id().unwrap_or_default();
        format!("{} {:04o} ${{{place}}} {}\n", one.path, one.mode, one.content.short())
    };
    let content = Content::Filled(sealed.iter().map(line).collect());
    HostFile { path: "/etc/landfall/secrets".to_owned(), mode: 0o644, content }
}

/// The name and port of a database, filled in when the stack is made.
pub(crate) fn end(database: &DatabaseInAws) -> String {
    let host = match &database.address.kind {
        Kind::GetAtt(id, attribute) => format!("${{{id}.{attribute}}}"),
        Kind::Text(text) => text.clone(),
        _ => String::new(),
    };
    format!("{host}:{}", database.port)
}
