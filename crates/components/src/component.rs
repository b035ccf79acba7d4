//! What a component kind is.

use crate::aws_context::AwsContext;
use crate::context::{LocalContext, ValidationContext};
use crate::together::Facts;
use model::{ComponentName, FindingCode, Findings, ManifestPath};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::any::Any;

/// A kind of component. One implementation per folder; [`crate::registry`] lists them all.
///
/// Everything here is pure: no file, network, clock or randomness. Files of the user come through
/// [`ValidationContext::files`].
pub trait Component: 'static {
    /// The word after `kind:`.
    const KIND: &'static str;
    /// One line for reference and completion.
    const ABOUT: &'static str;
    /// A fragment of a manifest that works: doc example, test case and `init` template.
    const EXAMPLE: &'static str;
    /// The codes of this kind's own findings, sorted.
    const CODES: &'static [&'static FindingCode];
    /// What may be said. Its doc comments are the reference; `deny_unknown_fields` throughout.
    type Spec: DeserializeOwned + JsonSchema;
    /// What makes sense; made only by `validate`.
    type Valid: Send + Sync;

    /// Checks what was said. Reports every problem, not only the first; returns the valid form
    /// when there was no error.
    fn validate(spec: Self::Spec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<Self::Valid>;

    /// The components that this one needs, with the kinds that will do.
    fn requires(valid: &Self::Valid) -> Vec<Need>;

    /// The names of what others may refer to as `${component.export}`.
    fn exports(valid: &Self::Valid) -> Vec<ExportName>;

    /// What rules between components need to know of it; [`crate::together`] holds these rules.
    fn facts(_valid: &Self::Valid) -> Facts {
        Facts::default()
    }

    /// Adds nodes, ports, exports, outputs and probes to the process graph.
    fn realise_locally(valid: &Self::Valid, cx: &mut LocalContext<'_>);

    /// Adds resources of an AWS account. The process graph is made before; it says what runs.
    fn lower_to_aws(valid: &Self::Valid, cx: &mut AwsContext<'_>);
}

/// Another component that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub component: ComponentName,
    /// The kinds that will do; empty when any will.
    pub kinds: &'static [&'static str],
    /// Where it was named.
    pub at: ManifestPath,
}

/// Something that others may refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportName {
    /// The part after the dot in `${component.export}`; may itself have dots.
    pub name: String,
    /// What it is, for help texts.
    pub about: &'static str,
    /// Whether it is a secret: then it may stand in files and environment variables only.
    pub secret: bool,
}

/// A component kind with its types erased, so that the compiler can hold a list of them.
pub trait ErasedComponent: Sync {
    /// [`Component::KIND`].
    fn kind(&self) -> &'static str;
    /// [`Component::ABOUT`].
    fn about(&self) -> &'static str;
    /// [`Component::EXAMPLE`].
    fn example(&self) -> &'static str;
    /// [`Component::CODES`].
    fn codes(&self) -> &'static [&'static FindingCode];
    /// The JSON Schema of [`Component::Spec`] (without the key `kind`).
    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema;
    /// Reads and checks what was said.
    ///
    /// # Errors
    /// When the value does not have the shape of the schema; the shape check comes first and
    /// says it better, so this is rare.
    fn validate(
        &self,
        said: serde_json::Value,
        cx: &ValidationContext<'_>,
        findings: &mut Findings,
    ) -> Result<Option<ValidComponent>, serde_path_to_error::Error<serde_json::Error>>;
}

/// A valid component of some kind.
pub struct ValidComponent {
    valid: Box<dyn Any + Send + Sync>,
    requires: fn(&(dyn Any + Send + Sync)) -> Vec<Need>,
    exports: fn(&(dyn Any + Send + Sync)) -> Vec<ExportName>,
    facts: fn(&(dyn Any + Send + Sync)) -> Facts,
    realise_locally: fn(&(dyn Any + Send + Sync), &mut LocalContext<'_>),
    lower_to_aws: fn(&(dyn Any + Send + Sync), &mut AwsContext<'_>),
}

impl ValidComponent {
    /// [`Component::requires`].
    #[must_use]
    pub fn requires(&self) -> Vec<Need> {
        (self.requires)(&*self.valid)
    }

    /// [`Component::exports`].
    #[must_use]
    pub fn exports(&self) -> Vec<ExportName> {
        (self.exports)(&*self.valid)
    }

    /// [`Component::facts`].
    #[must_use]
    pub fn facts(&self) -> Facts {
        (self.facts)(&*self.valid)
    }

    /// [`Component::realise_locally`].
    pub fn realise_locally(&self, cx: &mut LocalContext<'_>) {
        (self.realise_locally)(&*self.valid, cx);
    }

    /// [`Component::lower_to_aws`].
    pub fn lower_to_aws(&self, cx: &mut AwsContext<'_>) {
        (self.lower_to_aws)(&*self.valid, cx);
    }
}

/// The one place where types are erased.
pub(crate) struct Erased<C>(pub(crate) std::marker::PhantomData<fn() -> C>);

fn downcast<C: Component>(valid: &(dyn Any + Send + Sync)) -> &C::Valid {
    valid.downcast_ref().expect("a valid component is handed back to its own kind")
}

impl<C: Component> ErasedComponent for Erased<C> {
    fn kind(&self) -> &'static str {
        C::KIND
    }
    fn about(&self) -> &'static str {
        C::ABOUT
    }
    fn example(&self) -> &'static str {
        C::EXAMPLE
    }
    fn codes(&self) -> &'static [&'static FindingCode] {
        C::CODES
    }
    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<C::Spec>()
    }
    fn validate(
        &self,
        said: serde_json::Value,
        cx: &ValidationContext<'_>,
        findings: &mut Findings,
    ) -> Result<Option<ValidComponent>, serde_path_to_error::Error<serde_json::Error>> {
        let spec: C::Spec = serde_path_to_error::deserialize(said)?;
        Ok(C::validate(spec, cx, findings).map(|valid| ValidComponent {
            valid: Box::new(valid),
            requires: |valid| C::requires(downcast::<C>(valid)),
            exports: |valid| C::exports(downcast::<C>(valid)),
            facts: |valid| C::facts(downcast::<C>(valid)),
            realise_locally: |valid, cx| C::realise_locally(downcast::<C>(valid), cx),
            lower_to_aws: |valid, cx| C::lower_to_aws(downcast::<C>(valid), cx),
        }))
    }
}
