//! The folders that hosts run from, written into their bucket before hosts are made.

use crate::{Account, Notice, Session, World};
use model::cfn::Layer;
use model::{Fault, FaultKind};
use std::collections::BTreeSet;

impl<A: Account> Session<'_, A> {
    /// The layers whose stacks make places that are filled from here.
    pub(crate) fn content_layers(&self) -> BTreeSet<Layer> {
        let mut layers = self.secret_layers();
        layers.extend(self.layers_of(self.deployment.releases.iter().map(|release| &release.bucket)));
        layers
    }

    /// Fills the places of releases and secrets. Returns the logical ids of the secrets that were put.
    pub(crate) async fn fill(&self, world: &World) -> Result<Vec<String>, Fault> {
        self.upload_releases(world).await?;
        self.fill_secrets(world).await
    }

    /// Writes the releases. The name of one has its digest, so one that is there is the same.
    async fn upload_releases(&self, world: &World) -> Result<(), Fault> {
        for release in &self.deployment.releases {
            let doing = || format!("writing the release of {} ({})", release.folder, release.origin);
            let layers = self.layers_of(std::iter::once(&release.bucket));
            let stack = layers.into_iter().next().and_then(|layer| world.stack(layer));
            let told = stack.and_then(|stack| stack.outputs.get(&release.bucket)).cloned();
            let bucket = match (told, stack) {
                (Some(bucket), _) => Some(bucket),
                (None, Some(stack)) => {
                    let resources = self.account.resources(&stack.id).await.map_err(|error| error.fault(doing()))?;
                    resources.into_iter().find(|one| one.logical_id == release.bucket).and_then(|one| one.physical_id)
                }
                (None, None) => None,
            };
            let bucket = bucket.ok_or_else(|| {
                Fault::new(FaultKind::NeedsPerson, doing(), "its stack has no such bucket: somebody removed it")
            })?;
            let archive = self.sources.release(release)?;
            self.account.put_object(&bucket, &release.key, &archive).await.map_err(|error| error.fault(doing()))?;
            self.tell(Notice::Remark(format!("{} is in place ({} bytes)", release.folder, archive.len())));
        }
        Ok(())
    }
}
