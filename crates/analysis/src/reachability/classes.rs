//! Sources that are alike: for a column of the matrix every source of a class has the same status, unless the groups of
//! the two ends name each other.

use super::bounded::Tri;
use super::ends::Destination;
use super::picture::{Component, Filter, Picture};
use super::road::Atlas;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// All of an interface that matters to what it sends: subnet, content of its rules, fixed address, public addresses.
type Alike<'p> = (usize, usize, Option<IpAddr>, &'p Tri, &'p Tri);

/// The sources of a picture, by class.
pub(super) struct Classes<'p> {
    atlas: &'p Atlas<'p>,
    /// The members of each class.
    pub(super) members: Vec<Vec<usize>>,
    /// Components that are like no other.
    alone: Vec<usize>,
    /// Components by the groups that they are in.
    by_group: HashMap<usize, Vec<usize>>,
    /// Components by the groups that their rules for outgoing connections name.
    naming: HashMap<usize, Vec<usize>>,
    /// Components in groups, and with rules that name groups, which are not of the template.
    in_external: Vec<usize>,
    naming_external: Vec<usize>,
}

impl<'p> Classes<'p> {
    pub(super) fn new(atlas: &'p Atlas<'p>) -> Self {
        let picture = atlas.picture;
        let mut classes = Self {
            atlas,
            members: Vec::new(),
            alone: Vec::new(),
            by_group: HashMap::new(),
            naming: HashMap::new(),
            in_external: Vec::new(),
            naming_external: Vec::new(),
        };
        let mut known: HashMap<(bool, Vec<Alike<'p>>), usize> = HashMap::new();
        for (index, component) in picture.components.iter().enumerate() {
            classes.groups(index, component);
            let keeps = component.forwards.iter().any(|forward| forward.keeps_client_address);
            let alike: Option<Vec<Alike<'p>>> = component
                .interfaces
                .iter()
                .map(|interface| {
                    let content = atlas.content(&interface.filter, &Filter::Open, false)?;
                    Some((interface.subnet, content, interface.address, &interface.public_v4, &interface.v6))
                })
                .collect();
            match alike.filter(|alike| !alike.is_empty() && !keeps && component.unknown.is_empty()) {
                Some(alike) => {
                    let class = *known.entry((component.is_relay, alike)).or_insert(classes.members.len());
                    if class == classes.members.len() {
                        classes.members.push(Vec::new());
                    }
                    classes.members[class].push(index);
                }
                None => classes.alone.push(index),
            }
        }
        classes
    }

    fn groups(&mut self, index: usize, component: &Component) {
        let picture = self.atlas.picture;
        for interface in &component.interfaces {
            let Filter::Groups(groups) = &interface.filter else { continue };
            for group in groups {
                self.by_group.entry(*group).or_default().push(index);
                if picture.groups[*group].is_external {
                    self.in_external.push(index);
                }
            }
            for group in self.atlas.named_groups(&interface.filter, false) {
                self.naming.entry(group).or_default().push(index);
                if picture.groups[group].is_external {
                    self.naming_external.push(index);
                }
            }
        }
    }

    /// The sources that must be asked one by one about a destination.
    pub(super) fn special(&self, picture: &'p Picture, to: &Destination) -> BTreeSet<usize> {
        let mut special: BTreeSet<usize> = self.alone.iter().copied().collect();
        for door in doors(picture, to) {
            special.insert(door);
            for interface in &picture.components[door].interfaces {
                let Filter::Groups(groups) = &interface.filter else { continue };
                for group in self.atlas.named_groups(&interface.filter, true) {
                    special.extend(self.by_group.get(&group).into_iter().flatten());
                    if picture.groups[group].is_external {
                        special.extend(&self.in_external);
                    }
                }
                for group in groups {
                    special.extend(self.naming.get(group).into_iter().flatten());
                    if picture.groups[*group].is_external {
                        special.extend(&self.naming_external);
                    }
                }
            }
        }
        special
    }
}

/// The components that are at the end of a way to a destination.
fn doors(picture: &Picture, to: &Destination) -> Vec<usize> {
    match to {
        Destination::Port { component, .. } => vec![*component],
        Destination::Service(service) => {
            let endpoints = picture.interface_endpoints.iter().filter(|(_, (known, _))| known == service);
            endpoints.filter_map(|(name, _)| picture.component(name)).collect()
        }
        Destination::Internet { .. } | Destination::Block { .. } => Vec::new(),
    }
}
