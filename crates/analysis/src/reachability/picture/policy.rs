//! The network part of an endpoint's policy: from where something may be asked for.
//!
//! Who asks, for what, and by which right is no matter of packets: such limits are noted, not judged.

use super::Policy;
use super::build::Builder;
use super::network::block;
use super::value::{own_name, why_not};
use crate::reachability::bounded::{Bounded, Whys, why};
use crate::reachability::intervals::SetAlgebra as _;
use crate::reachability::packets::AddressSet;
use model::cfn::Evaluated;

/// What a statement is about.
struct Statement {
    sources: Bounded<AddressSet>,
    vpcs: Option<Vec<usize>>,
    /// Whether it says more than from where.
    is_limited: bool,
}

impl Builder<'_> {
    pub(super) fn endpoint_policy(&mut self, name: &str) -> Policy {
        let document = self.get(name, "PolicyDocument").clone();
        let everyone = Bounded::known(AddressSet::everything());
        if document.is_absent() {
            return Policy { sources: everyone, vpcs: None, line: 0 };
        }
        let line = document.line;
        let statements = document.get("Statement");
        if let Some(whys) = document.why().or_else(|| statements.why()) {
            return Policy { sources: Bounded::at_most(AddressSet::everything(), whys.clone()), vpcs: None, line };
        }
        let mut sources: Bounded<AddressSet> = Bounded::none();
        let mut vpcs: Option<Vec<usize>> = Some(Vec::new());
        let mut denied: Vec<Statement> = Vec::new();
        let mut is_limited = false;
        for statement in statements.items() {
            let made = self.statement(statement);
            match statement.get("Effect").as_text() {
                Some("Deny") => denied.push(made),
                Some("Allow") => {
                    is_limited |= made.is_limited;
                    sources.add(&made.sources);
                    vpcs = vpcs.zip(made.vpcs).map(|(all, more)| all.into_iter().chain(more).collect());
                }
                _ => sources.add(&Bounded::at_most(
                    AddressSet::everything(),
                    why_not(statement.get("Effect"), "effect of a policy"),
                )),
            }
        }
        for statement in denied {
            if statement.is_limited || statement.vpcs.is_some() {
                is_limited = true;
                continue;
            }
            sources.certain = sources.certain.difference(&statement.sources.possible);
            sources.possible = sources.possible.difference(&statement.sources.certain);
            sources.whys.extend(statement.sources.whys);
        }
        if is_limited {
            let note = format!("the policy of {name} also limits who may ask for what; that is not judged here");
            self.picture.notes.push(note);
        }
        Policy { sources, vpcs, line }
    }

    fn statement(&mut self, statement: &Evaluated) -> Statement {
        let is_any = |property: &str, wanted: &[&str]| {
            let value = statement.get(property);
            let value = if value.get("AWS").is_absent() { value } else { value.get("AWS") };
            value.items().iter().any(|item| item.as_text().is_some_and(|text| wanted.contains(&text)))
        };
        let mut made = Statement {
            sources: Bounded::known(AddressSet::everything()),
            vpcs: None,
            is_limited: !is_any("Principal", &["*"]) || !is_any("Action", &["*"]) || !is_any("Resource", &["*"]),
        };
        let condition = statement.get("Condition");
        let model::cfn::Is::Map(operators) = &condition.is else {
            if let Some(whys) = condition.why() {
                made.sources = Bounded::at_most(AddressSet::everything(), whys.clone());
            }
            return made;
        };
        for (operator, keys) in operators {
            let model::cfn::Is::Map(keys) = &keys.is else { continue };
            for (key, values) in keys {
                match (operator.as_str(), key.to_ascii_lowercase().as_str()) {
                    ("IpAddress" | "NotIpAddress", "aws:vpcsourceip" | "aws:sourceip") => {
                        // Requests over an endpoint carry no public source address.
                        let is_public = key.eq_ignore_ascii_case("aws:SourceIp");
                        let listed = if is_public { Bounded::none() } else { blocks(values) };
                        let listed = if operator == "IpAddress" { listed } else { complement(&listed) };
                        made.sources = both(&made.sources, &listed);
                    }
                    ("StringEquals" | "StringLike" | "ForAnyValue:StringEquals", "aws:sourcevpc") => {
                        let mut named = Vec::new();
                        for item in values.items() {
                            match own_name(item).and_then(|name| self.vpcs.get(name)) {
                                Some(vpc) => named.push(*vpc),
                                None => made.sources = doubtful(&made.sources, why_not(item, "VPC of this template")),
                            }
                        }
                        made.vpcs = Some(named).filter(|named| !named.is_empty());
                    }
                    _ => made.is_limited = true,
                }
            }
        }
        made
    }
}

fn blocks(values: &Evaluated) -> Bounded<AddressSet> {
    let mut all = Bounded::none();
    for item in values.items() {
        all.add(&match block(item) {
            Some(block) => Bounded::known(block),
            None => Bounded::at_most(AddressSet::everything(), why_not(item, "block of addresses")),
        });
    }
    all
}

fn complement(set: &Bounded<AddressSet>) -> Bounded<AddressSet> {
    let all = AddressSet::everything();
    Bounded { certain: all.difference(&set.possible), possible: all.difference(&set.certain), whys: set.whys.clone() }
}

fn both(one: &Bounded<AddressSet>, other: &Bounded<AddressSet>) -> Bounded<AddressSet> {
    Bounded {
        certain: one.certain.intersection(&other.certain),
        possible: one.possible.intersection(&other.possible),
        whys: one.whys.union(&other.whys).cloned().collect(),
    }
}

fn doubtful(set: &Bounded<AddressSet>, whys: Whys) -> Bounded<AddressSet> {
    let whys = if whys.is_empty() { why("the policy is not known") } else { whys };
    Bounded { certain: AddressSet::empty(), possible: set.possible.clone(), whys }
}
