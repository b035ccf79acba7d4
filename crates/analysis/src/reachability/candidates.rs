//! Whom the groups of a component may let in, found without asking everyone.

use super::intervals::SetAlgebra;
use super::packets::AddressSet;
use super::picture::{Filter, Interface, Peer, Picture};
use std::collections::{BTreeMap, BTreeSet};

/// Which components may come through the groups of which others: everyone else stops there.
pub(super) struct Candidates {
    by_group: BTreeMap<usize, BTreeSet<usize>>,
    by_subnet: BTreeMap<usize, BTreeSet<usize>>,
    external: BTreeSet<usize>,
    always: BTreeSet<usize>,
}

impl Candidates {
    pub(super) fn new(picture: &Picture) -> Self {
        let mut all = Self {
            by_group: BTreeMap::new(),
            by_subnet: BTreeMap::new(),
            external: BTreeSet::new(),
            always: BTreeSet::new(),
        };
        for (index, component) in picture.components.iter().enumerate() {
            if !component.unknown.is_empty() || component.forwards.iter().any(|forward| forward.keeps_client_address) {
                all.always.insert(index);
            }
            for interface in &component.interfaces {
                all.by_subnet.entry(interface.subnet).or_default().insert(index);
                let Filter::Groups(groups) = &interface.filter else { continue };
                for group in groups {
                    all.by_group.entry(*group).or_default().insert(index);
                    if picture.groups[*group].is_external {
                        all.external.insert(index);
                    }
                }
            }
        }
        all
    }

    /// The sources that an ingress rule of a component may let in; `None` means everyone.
    pub(super) fn of(&self, picture: &Picture, component: usize) -> Option<BTreeSet<usize>> {
        let component = &picture.components[component];
        if !component.unknown.is_empty() || component.public_endpoint.is_some() || !picture.unknown.is_empty() {
            return None;
        }
        let mut known = self.always.clone();
        for interface in &component.interfaces {
            let Filter::Groups(groups) = &interface.filter else { return None };
            for group in groups {
                let group = &picture.groups[*group];
                if !group.unknown.is_empty() {
                    return None;
                }
                for rule in &group.ingress {
                    match &rule.peer {
                        Peer::Unknown => return None,
                        Peer::Group(peer) => {
                            known.extend(self.by_group.get(peer).into_iter().flatten());
                            if picture.groups[*peer].is_external {
                                known.extend(&self.external);
                            }
                        }
                        Peer::Addresses(addresses) => self.add_by_address(picture, addresses, interface, &mut known)?,
                    }
                }
            }
        }
        Some(known)
    }

    fn add_by_address(
        &self,
        picture: &Picture,
        addresses: &AddressSet,
        to: &Interface,
        known: &mut BTreeSet<usize>,
    ) -> Option<()> {
        let is_wide = addresses.count() >= 1 << 24;
        if is_wide && to.public_v4.is_possible() {
            return None;
        }
        for (subnet, members) in &self.by_subnet {
            let subnet = &picture.subnets[*subnet];
            if !addresses.intersection(&subnet.v4).is_empty() || !addresses.intersection(&subnet.v6).is_empty() {
                known.extend(members);
            }
        }
        Some(())
    }
}
