//! What goes into the places that templates make for secrets: made once, brought, or rendered from the values of others. A
//! place is written only when its content would differ; a value is never shown.

mod record;

use record::Record;

use crate::account::{CallErrorKind, SecretVersion};
use crate::{Account, Notice, Session, World, token};
use futures_util::future::try_join_all;
use model::cfn::{Layer, SecretContent, StoredSecret};
use model::process_graph::{FileSpec, SecretRecipe};
use model::text::{Part, SecretPart};
use model::{Atom, Fault, FaultKind, ManifestPath, NodeId, Secret, Text};
use std::collections::{BTreeMap, BTreeSet};

/// How often it begins anew because somebody else was faster.
const ATTEMPTS: u32 = 4;

/// A content that is to be put into its place.
struct Filling {
    logical_id: String,
    arn: String,
    origin: ManifestPath,
    value: Secret,
    token: String,
    outcome: String,
    is_made: bool,
}

/// A value with what is needed to know its public half.
struct Known {
    value: Secret,
    recipe: Option<SecretRecipe>,
}

impl<A: Account> Session<'_, A> {
    /// The layers whose stacks make places for secrets.
    pub(crate) fn secret_layers(&self) -> BTreeSet<Layer> {
        self.layers_of(self.deployment.secrets.iter().map(|one| &one.logical_id))
    }

    /// The layers in which some resources are.
    pub(crate) fn layers_of<'r>(&self, logical_ids: impl Iterator<Item = &'r String>) -> BTreeSet<Layer> {
        logical_ids.filter_map(|id| self.deployment.graph.resources.get(id)?.layer).collect()
    }

    /// Whether every place was filled from what is wanted now. Reads no secret and writes nothing.
    pub(crate) async fn has_its_secrets(&self, world: &World) -> Result<bool, Fault> {
        if self.deployment.secrets.is_empty() {
            return Ok(true);
        }
        let record = self.secrets_record().await?;
        Ok(record.is_some_and(|record| self.is_filled(&record, world)))
    }

    /// The secrets whose content is not what is wanted. Reads them all and writes nothing.
    pub(crate) async fn wrong_secrets(&self, world: &World) -> Result<Vec<(String, ManifestPath)>, Fault> {
        let all = |one: &StoredSecret| (one.logical_id.clone(), one.origin.clone());
        if self.deployment.secrets.is_empty() {
            return Ok(Vec::new());
        }
        let Some(record) = self.secrets_record().await? else {
            return Ok(self.deployment.secrets.iter().map(all).collect());
        };
        let fillings =
            self.fillings(&self.places(world).await?, &record, &self.database_hosts(world), &BTreeSet::new()).await?;
        Ok(fillings.into_iter().map(|filling| (filling.logical_id, filling.origin)).collect())
    }

    /// Puts what is missing or different. Returns the logical ids of what was put.
    pub(crate) async fn fill_secrets(&self, world: &World) -> Result<Vec<String>, Fault> {
        if self.deployment.secrets.is_empty() {
            return Ok(Vec::new());
        }
        let places = self.places(world).await?;
        let record = self.secrets_record_made().await?;
        let put = self.put_secrets(&places, &record, &self.database_hosts(world)).await?;
        self.remember_filled(record, world).await?;
        Ok(put)
    }

    async fn put_secrets(
        &self,
        places: &BTreeMap<String, String>,
        record: &Record,
        hosts: &BTreeMap<NodeId, String>,
    ) -> Result<Vec<String>, Fault> {
        let mut settled = BTreeSet::new();
        let mut put = Vec::new();
        for _ in 0..ATTEMPTS {
            let fillings = self.fillings(places, record, hosts, &settled).await?;
            if fillings.is_empty() {
                return Ok(put);
            }
            let mut is_overtaken = false;
            for filling in fillings {
                match self.account.put_secret_value(&filling.arn, &filling.value, &filling.token).await {
                    Ok(()) => {
                        put.push(filling.logical_id.clone());
                        self.tell(Notice::Secret {
                            logical_id: filling.logical_id,
                            origin: filling.origin,
                            outcome: filling.outcome,
                        });
                    }
                    // This generation was made before: by another run, or before somebody wrote another value by hand. What
                    // is there counts, and what was rendered with our value is not.
                    Err(error) if error.kind == CallErrorKind::Exists && filling.is_made => {
                        settled.insert(filling.logical_id);
                        is_overtaken = true;
                        break;
                    }
                    Err(error) => {
                        return Err(
                            error.fault(format!("writing the secret {} ({})", filling.logical_id, filling.origin))
                        );
                    }
                }
            }
            if !is_overtaken {
                return Ok(put);
            }
        }
        Err(Fault::new(FaultKind::Transient, "writing the secrets", "somebody else writes them at the same time")
            .help("find out who, then run the command again"))
    }

    /// The addresses of databases, by the node of the server, as their stacks tell them.
    pub(crate) fn database_hosts(&self, world: &World) -> BTreeMap<NodeId, String> {
        let told = |output: &String| world.stacks.values().find_map(|seen| seen.stack.outputs.get(output).cloned());
        let databases = self.deployment.databases.iter();
        databases.filter_map(|one| Some((one.server.clone(), told(&one.address)?))).collect()
    }

    /// Where each secret is: an output of its stack, or asked for.
    pub(crate) async fn places(&self, world: &World) -> Result<BTreeMap<String, String>, Fault> {
        let mut places = BTreeMap::new();
        for layer in self.secret_layers() {
            let Some(stack) = world.stack(layer) else { continue };
            let here = |one: &&StoredSecret| {
                self.deployment.graph.resources.get(&one.logical_id).is_some_and(|it| it.layer == Some(layer))
            };
            let wanted: Vec<&StoredSecret> = self.deployment.secrets.iter().filter(here).collect();
            let told = |one: &&StoredSecret| stack.outputs.get(&one.logical_id).filter(|arn| arn.starts_with("arn:"));
            if wanted.iter().all(|one| told(one).is_some()) {
                places.extend(wanted.iter().filter_map(|one| Some((one.logical_id.clone(), told(one)?.clone()))));
                continue;
            }
            let resources = self.account.resources(&stack.id).await;
            let resources =
                resources.map_err(|error| error.fault(format!("looking for the secrets of {}", stack.name)))?;
            places.extend(resources.into_iter().filter_map(|one| Some((one.logical_id, one.physical_id?))));
        }
        Ok(places)
    }

    /// What is missing or different, in an order in which each comes after what it is rendered from.
    async fn fillings(
        &self,
        places: &BTreeMap<String, String>,
        record: &Record,
        hosts: &BTreeMap<NodeId, String>,
        settled: &BTreeSet<String>,
    ) -> Result<Vec<Filling>, Fault> {
        let used: BTreeSet<&NodeId> = self.deployment.secrets.iter().flat_map(nodes_used).collect();
        let mut known: BTreeMap<NodeId, Known> = BTreeMap::new();
        let mut fillings = Vec::new();
        let (files, values): (Vec<&StoredSecret>, Vec<&StoredSecret>) =
            self.deployment.secrets.iter().partition(|one| matches!(one.content, SecretContent::File(_)));
        // What CloudFormation drew and nobody here needs is not read.
        let is_needed = |one: &&StoredSecret| {
            one.node.as_ref().is_some_and(|node| used.contains(node))
                || !matches!(one.content, SecretContent::Made { generation: 0 | 1, drawn_by_stack: true, .. })
        };
        let reads = values.into_iter().chain(files).filter(is_needed).map(async |one| {
            let arn = places.get(&one.logical_id).ok_or_else(|| {
                Fault::new(
                    FaultKind::NeedsPerson,
                    format!("writing the secret {} ({})", one.logical_id, one.origin),
                    "its stack has no such resource: somebody removed it",
                )
            })?;
            let there = self.account.secret_value(arn).await;
            Ok((one, arn, there.map_err(|error| error.fault(format!("reading the secret {}", one.logical_id)))?))
        });
        for (one, arn, there) in try_join_all(reads).await? {
            let (value, outcome) = match &one.content {
                SecretContent::Made { recipe, generation, .. } => {
                    self.made(one, arn, recipe, *generation, there.as_ref(), settled)?
                }
                SecretContent::Given(source) => self.given(one, source, there.as_ref())?,
                SecretContent::File(file) => {
                    (self.rendered(one, file, hosts, &known, record.seed())?, Some("rendered".to_owned()))
                }
            };
            if let Some(node) = &one.node {
                let recipe = match &one.content {
                    SecretContent::Made { recipe, .. } => Some(recipe.clone()),
                    _ => None,
                };
                known.insert(node.clone(), Known { value: value.clone(), recipe });
            }
            let Some(outcome) = outcome.filter(|_| there.as_ref().is_none_or(|there| there.value != value)) else {
                continue;
            };
            let (token, is_made) = match &one.content {
                SecretContent::Made { generation, .. } => (generation_token(arn, *generation), true),
                // The value is compared before; a token made from it would say something about it.
                _ => (self.random_token(), false),
            };
            fillings.push(Filling {
                logical_id: one.logical_id.clone(),
                arn: arn.clone(),
                origin: one.origin.clone(),
                value,
                token,
                outcome,
                is_made,
            });
        }
        Ok(fillings)
    }

    /// A value made once for each generation. The version's id tells which generation it is.
    fn made(
        &self,
        one: &StoredSecret,
        arn: &str,
        recipe: &SecretRecipe,
        generation: u32,
        there: Option<&SecretVersion>,
        settled: &BTreeSet<String>,
    ) -> Result<(Secret, Option<String>), Fault> {
        if let Some(there) = there {
            let is_ours = there.version.starts_with(token::PREFIX);
            let is_current = if is_ours { there.version == generation_token(arn, generation) } else { generation <= 1 };
            if is_current || settled.contains(&one.logical_id) {
                return Ok((there.value.clone(), None));
            }
        }
        let value = self.generate(recipe, &format!("the secret {} ({})", one.logical_id, one.origin))?;
        Ok((value, Some(format!("generated (generation {generation})"))))
    }

    /// A value that the user gives. One that was given once is kept when this machine does not have it.
    fn given(
        &self,
        one: &StoredSecret,
        source: &model::process_graph::SecretSource,
        there: Option<&SecretVersion>,
    ) -> Result<(Secret, Option<String>), Fault> {
        let node = one.node.clone().unwrap_or_else(|| NodeId::new(one.logical_id.as_str()));
        match (self.sources.given(&node, source), there) {
            (Ok(value), _) => Ok((value, Some("given".to_owned()))),
            (Err(fault), Some(there)) => {
                self.tell(Notice::Remark(format!("{fault}; {} keeps the value that it has", one.logical_id)));
                Ok((there.value.clone(), None))
            }
            (Err(fault), None) => Err(fault),
        }
    }

    fn rendered(
        &self,
        one: &StoredSecret,
        file: &FileSpec,
        hosts: &BTreeMap<NodeId, String>,
        known: &BTreeMap<NodeId, Known>,
        seed: &[u8],
    ) -> Result<Secret, Fault> {
        let doing = || format!("rendering {} ({})", file.name, one.origin);
        let context = template::fill(&file.context, |text| fill(text, known, hosts, &doing()))?;
        template::render(&file.template_name, &file.template, &context, seed).map_err(|error| {
            Fault::new(FaultKind::Permanent, doing(), error).help("correct the template, or what `with` hands to it")
        })
    }

    fn generate(&self, recipe: &SecretRecipe, what: &str) -> Result<Secret, Fault> {
        template::generate(recipe, &mut |buffer| self.sources.random(buffer))
            .map(|made| made.value)
            .map_err(|error| Fault::new(FaultKind::Permanent, format!("generating {what}"), error))
    }

    fn random_token(&self) -> String {
        let mut bytes = [0; 16];
        self.sources.random(&mut bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}put-{hex}", token::PREFIX)
    }
}

/// The id of the version that holds a generation.
fn generation_token(arn: &str, generation: u32) -> String {
    // At most 64 characters.
    token::token("secret", &[arn, &generation.to_string()])
}

/// The secrets of which a content is made.
fn nodes_used(one: &StoredSecret) -> Vec<&NodeId> {
    match &one.content {
        SecretContent::File(file) => {
            file.context.values().flat_map(|value| value.atoms()).filter_map(Atom::node).collect()
        }
        SecretContent::Made { .. } | SecretContent::Given(_) => Vec::new(),
    }
}

/// Fills the holes of a text. All that are left are secrets and the addresses of databases.
fn fill(
    text: &Text,
    known: &BTreeMap<NodeId, Known>,
    hosts: &BTreeMap<NodeId, String>,
    doing: &str,
) -> Result<Secret, Fault> {
    let mut filled = zeroize::Zeroizing::new(String::new());
    for part in text.parts() {
        match part {
            Part::Literal(literal) => filled.push_str(literal),
            Part::Hole(Atom::Secret(node, part)) => {
                let missing = || Fault::new(FaultKind::Bug, doing, format!("nobody knows the secret {node}"));
                let known = known.get(node).ok_or_else(missing)?;
                match (part, &known.recipe) {
                    (SecretPart::Value, _) => filled.push_str(known.value.expose()),
                    (SecretPart::Public, Some(recipe)) => {
                        let half = template::public_half(recipe, &known.value)
                            .map_err(|error| Fault::new(FaultKind::NeedsPerson, doing, format!("{node}: {error}")))?;
                        filled.push_str(&half.unwrap_or_default());
                    }
                    (SecretPart::Public, None) => return Err(missing()),
                }
            }
            Part::Hole(Atom::DatabaseName(_, name)) => filled.push_str(name),
            Part::Hole(Atom::DatabaseHost(server)) => {
                let missing =
                    || Fault::new(FaultKind::NeedsPerson, doing, format!("no stack tells the address of {server}"));
                filled.push_str(hosts.get(server).ok_or_else(missing)?);
            }
            Part::Hole(other) => {
                return Err(Fault::new(FaultKind::Bug, doing, format!("{other} is not known in an account")));
            }
        }
    }
    Ok(Secret::new(filled.as_str()))
}
