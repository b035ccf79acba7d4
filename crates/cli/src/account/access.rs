//! Who really may use what of a deployment in an account: the roles in its databases, through a session; the keys on its bastions and the
//! logins of its applications, by what was deployed.

use crate::access::{Access, What};
use crate::account::cloud::Cloud;
use crate::account::databases::ThroughSessions;
use crate::account::running::{KnownStacks, is_made};
use crate::account::session::{Connected, Visit};
use crate::arguments::AccountArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use crate::verbs::who_can::wanted::Wanted;
use crate::verbs::who_can::world::World;
use model::cfn::Layer;
use model::process_graph::NodeSpec;
use model::{ComponentName, Fault, FaultKind, NodeId};
use stacks::Session;
use std::collections::{BTreeMap, BTreeSet};

const LAUNCH_TEMPLATE: &str = "AWS::EC2::LaunchTemplate";

/// What the manifest says, as it is in an account: no prober logs in at bastions there, and every way names the environment.
pub(crate) fn of(cloud: &Cloud, said: Vec<Access>) -> Vec<Access> {
    let environment = &cloud.application.environment.name;
    let is_there = |access: &Access| access.is_person || !matches!(access.what, What::Forwards(_));
    let named = |access: Access| match access.what {
        What::Database { .. } if access.is_person => {
            let way = format!("landfall connect {} -e {environment} --as {}", access.component, access.who);
            Access { way, ..access }
        }
        What::Forwards(_) => Access { way: "ssh -L with the own key".to_owned(), ..access },
        _ => access,
    };
    said.into_iter().filter(is_there).map(named).collect()
}

/// Looks at what is there; none when nothing is.
pub(crate) fn look(
    cloud: &Cloud,
    said: &[Access],
    wanted: &Wanted,
    account: &AccountArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<Option<World>, CommandError> {
    let visit = Visit::looking(cloud, account, surroundings, console);
    let contents = visit.contents()?;
    visit.run(async |session, _| {
        let world = session.observe().await.map_err(CommandError::Preflight)?;
        if world.stacks.is_empty() {
            return Ok(None);
        }
        let mut looking =
            Looking { session, cloud, world, known: KnownStacks::new(), access: Vec::new(), strange: Vec::new() };
        let meant = |kind: fn(&What) -> bool| -> Vec<Access> {
            said.iter()
                .filter(|access| wanted.names(access.component.as_str()) && kind(&access.what))
                .cloned()
                .collect()
        };
        looking.databases(&contents, meant(|what| matches!(what, What::Database { .. })), wanted).await?;
        looking.bastions(&meant(|what| matches!(what, What::Forwards(_))), wanted);
        looking.logins(meant(|what| matches!(what, What::Login { .. }))).await?;
        // The far end of a tunnel is somebody else's; this side is there when its host is.
        let has_host = |access: &Access| looking.deployed(&access.component).is_some();
        let far_ends = meant(|what| matches!(what, What::FarEnd)).into_iter().filter(has_host).collect::<Vec<_>>();
        looking.access.extend(far_ends);
        looking.access.retain(|access| wanted.fits(access));
        Ok(Some(World { access: looking.access, strange: looking.strange }))
    })
}

struct Looking<'a, 's, 'c> {
    session: &'a Session<'s, Connected<'c>>,
    cloud: &'a Cloud,
    world: stacks::World,
    known: KnownStacks,
    access: Vec<Access>,
    strange: Vec<String>,
}

impl Looking<'_, '_, '_> {
    /// The roles that servers let in.
    async fn databases(
        &mut self,
        contents: &ThroughSessions,
        said: Vec<Access>,
        wanted: &Wanted,
    ) -> Result<(), CommandError> {
        for place in &self.cloud.deployment.databases {
            let component = &place.component;
            if !wanted.names(component.as_str()) {
                continue;
            }
            // Whose password was never made has no login yet.
            let mut place = place.clone();
            let mut unmade = BTreeSet::new();
            for (name, role) in &place.content.roles {
                for node in role.logins.values() {
                    if !self.is_made(node).await? {
                        unmade.insert(name.clone());
                    }
                }
            }
            place.content.roles.retain(|name, _| !unmade.contains(name));
            let let_in = match self.session.database_work(&place, &self.world).await {
                Ok(work) => contents.let_in(&work).await,
                Err(fault) => Err(fault),
            };
            let let_in = let_in.map_err(|fault| self.not_asked(component, fault))?;
            self.strange.extend(let_in.differences.iter().map(|words| format!("{component}: {words}")));
            let really = |access: &&Access| access.component == *component && let_in.roles.contains(&access.who);
            self.access.extend(said.iter().filter(really).cloned());
        }
        Ok(())
    }

    /// That nobody could look is no answer, as it would be if nobody were let in.
    fn not_asked(&self, component: &ComponentName, fault: Fault) -> CommandError {
        let kind = if fault.kind == FaultKind::Permission { FaultKind::Permission } else { FaultKind::NeedsPerson };
        let help = fault.help.clone().unwrap_or_else(|| format!("`{}` says more", self.cloud.command("status")));
        CommandError::Preflight(Fault::new(kind, format!("looking who is let in to {component}"), fault).help(help))
    }

    /// The keys on bastions: what the deployed template writes there is what a host has, since every change of it makes another host.
    fn bastions(&mut self, said: &[Access], wanted: &Wanted) {
        let graph = &self.cloud.graph;
        let bastions: BTreeSet<&ComponentName> = said.iter().map(|access| &access.component).collect();
        let of_graph = graph.nodes.values().filter(|node| matches!(node.spec, NodeSpec::SshServer(_)));
        let bastions = of_graph.map(|node| &node.component).chain(bastions).collect::<BTreeSet<_>>();
        for bastion in bastions.into_iter().filter(|bastion| wanted.names(bastion.as_str())) {
            let Some(text) = self.deployed(bastion) else {
                self.strange.push(format!("{bastion} lets nobody in now: it was not deployed"));
                continue;
            };
            let keys: BTreeMap<String, String> = components::keys_on_bastion(text);
            let mut strange = Vec::new();
            for access in said.iter().filter(|access| access.component == *bastion) {
                let Some(key) = keys.get(&access.who) else { continue };
                let person = self.cloud.application.people.get(&access.who);
                if person.and_then(|person| person.ssh_key.as_ref()).is_none_or(|own| !is_same_key(own.as_str(), key)) {
                    strange.push(format!("{bastion}: the key of {} there is another one", access.who));
                }
                self.access.push(access.clone());
            }
            let is_said = |who: &String| said.iter().any(|one| one.component == *bastion && one.who == *who);
            let others = keys.keys().filter(|who| !is_said(who));
            strange.extend(others.map(|who| format!("{bastion}: {who} still logs in there")));
            self.strange.extend(strange);
        }
    }

    /// The logins of applications: those whose password the account keeps.
    async fn logins(&mut self, said: Vec<Access>) -> Result<(), CommandError> {
        for access in said {
            let node = NodeId::new(format!("{}/users/{}", access.component, access.who));
            if self.is_made(&node).await? {
                self.access.push(access);
            }
        }
        Ok(())
    }

    async fn is_made(&mut self, secret: &NodeId) -> Result<bool, CommandError> {
        let made = is_made(self.session.account, &self.cloud.deployment, secret, &mut self.known).await;
        made.map_err(CommandError::Preflight)
    }

    /// What the hosts of a component were deployed with.
    fn deployed(&self, component: &ComponentName) -> Option<&str> {
        let deployment = &self.cloud.deployment;
        let mut resources = deployment.graph.resources.iter();
        let (id, resource) =
            resources.find(|(_, one)| one.kind == LAUNCH_TEMPLATE && one.component.as_ref() == Some(component))?;
        let layer = resource.layer.unwrap_or(Layer::Service);
        section(self.world.stacks.get(&layer)?.template.as_deref()?, id)
    }
}

fn is_same_key(one: &str, other: &str) -> bool {
    // A comment may follow.
    let key = |text: &str| text.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
    key(one) == key(other)
}

/// The lines of a resource in a template that this command wrote.
fn section<'t>(template: &'t str, logical_id: &str) -> Option<&'t str> {
    let head = format!("\n  {logical_id}:\n");
    let begin = template.find(&head)? + head.len();
    let rest = &template[begin..];
    let is_end = |line: &str| !line.trim().is_empty() && !line.starts_with("   ");
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if is_end(line) {
            break;
        }
        end += line.len();
    }
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::{is_same_key, section};

    #[test]
    fn a_resource_ends_where_the_next_begins() {
        let template =
            "Resources:\n  A:\n    Type: x\n\n    More: y\n  B:\n    Type: z\nOutputs:\n  A:\n    Value: 1\n";
        assert_eq!(section(template, "A"), Some("    Type: x\n\n    More: y\n"));
        assert_eq!(section(template, "B"), Some("    Type: z\n"));
        assert_eq!(section(template, "C"), None);
    }

    #[test]
    fn a_comment_makes_no_other_key() {
        assert!(is_same_key("ssh-ed25519 AAAA alice@home", "ssh-ed25519 AAAA"));
        assert!(!is_same_key("ssh-ed25519 AAAA", "ssh-ed25519 BBBB"));
    }
}
