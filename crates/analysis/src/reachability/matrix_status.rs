//! Statuses without reasons, each kind of pair asked once: the fast way for large matrices.

use super::bounded::Tri;
use super::ends::{Destination, Source};
use super::judge::{Judge, Ports, Profile};
use super::packets::{Family, TCP};
use super::picture::{Component, Filter, Interface};
use super::verdict::{Status, every_status, status};

impl<'p> Judge<'p> {
    fn is_plain(&self, component: &Component) -> bool {
        component.unknown.is_empty()
            && component.public_endpoint.is_none()
            && !component.interfaces.is_empty()
            && self.picture.unknown.is_empty()
    }

    /// The status alone, equal questions answered once: the fast way for large matrices.
    #[must_use]
    pub fn status(&self, source: &Source, destination: &Destination) -> Status {
        match (source, destination) {
            (Source::Component(from), Destination::Port { component, protocol, ports }) => {
                self.status_between(*from, *component, *protocol, *ports)
            }
            (Source::Internet(family), Destination::Port { component, protocol, ports })
                if self.is_plain(&self.picture.components[*component]) =>
            {
                self.status_outside(*component, *family, true, (*protocol, *ports))
            }
            (Source::Component(component), Destination::Internet { family, ports })
                if self.is_plain(&self.picture.components[*component]) =>
            {
                self.status_outside(*component, *family, false, (TCP, *ports))
            }
            _ => self.verdict(source, destination).status,
        }
    }

    fn status_between(&self, from: usize, to: usize, protocol: u8, ports: (u16, u16)) -> Status {
        let (from, to) = (&self.picture.components[from], &self.picture.components[to]);
        let keeps = from.forwards.iter().any(|forward| forward.keeps_client_address);
        // Load balancers choose the family by their target groups.
        let chooses = from.is_relay && from.interfaces.iter().any(|interface| interface.v6.is_possible());
        if !self.is_plain(from) || !self.is_plain(to) || keeps || chooses {
            return self.doubted(self.between(from, to, protocol, ports)).status;
        }
        let mut statuses = Vec::with_capacity(from.interfaces.len() * to.interfaces.len());
        for a in &from.interfaces {
            for b in &to.interfaces {
                statuses.push(self.status_of_profiles((from, a), (to, b), (protocol, ports)));
            }
        }
        match every_status(&statuses) {
            Some(Status::Unreachable) => {
                self.over_the_internet(from, to, protocol, ports).map_or(Status::Unreachable, |verdict| verdict.status)
            }
            Some(status) => status,
            None => Status::Unreachable,
        }
    }

    /// `None` when the groups of the two name each other, so that the pair is like no other.
    fn profile(&self, interface: &Interface, other: &Filter, is_ingress: bool) -> Option<Profile> {
        if matches!(interface.public_v4, Tri::Unknown(_)) || matches!(interface.v6, Tri::Unknown(_)) {
            return None;
        }
        let content = self.atlas.content(&interface.filter, other, is_ingress)?;
        let (public, v6) = (interface.public_v4 == Tri::Yes, interface.v6 == Tri::Yes);
        Some((interface.subnet, content, interface.address, public, v6, interface.is_internal))
    }

    fn status_of_profiles(
        &self,
        (from, a): (&'p Component, &'p Interface),
        (to, b): (&'p Component, &'p Interface),
        (protocol, ports): Ports,
    ) -> Status {
        let profiles = self.profile(a, &b.filter, false).zip(self.profile(b, &a.filter, true));
        let key = profiles.map(|(a, b)| (a, b, (protocol, ports)));
        if let Some(known) = key.as_ref().and_then(|key| self.statuses.borrow().get(key).copied()) {
            return known;
        }
        let mut best = Status::Unreachable;
        for family in Self::families(from, to, a, b) {
            for road in self.atlas.between(a, b, family) {
                best = best.max(status(&road, protocol, ports));
            }
        }
        if let Some(key) = key {
            self.statuses.borrow_mut().insert(key, best);
        }
        best
    }

    fn status_outside(&self, component: usize, family: Family, is_inward: bool, (protocol, ports): Ports) -> Status {
        let internet = self.atlas.internet(family);
        let statuses: Vec<Status> = self.picture.components[component]
            .interfaces
            .iter()
            .map(|interface| {
                let profile = self.profile(interface, &Filter::Open, is_inward);
                let key = profile.map(|profile| (family, is_inward, profile, (protocol, ports)));
                if let Some(known) = key.as_ref().and_then(|key| self.outside.borrow().get(key).copied()) {
                    return known;
                }
                let roads = if is_inward {
                    self.atlas.outside_to(internet, interface, family)
                } else {
                    self.atlas.to_outside(interface, internet, family)
                };
                let statuses: Vec<Status> = roads.iter().map(|road| status(road, protocol, ports)).collect();
                let mut found = every_status(&statuses).unwrap_or(Status::Unreachable);
                let is_v4_outwards = family == Family::V4 && !is_inward;
                if is_v4_outwards && found == Status::Unreachable && self.translated(interface).is_some() {
                    found = Status::Unknown;
                }
                if let Some(key) = key {
                    self.outside.borrow_mut().insert(key, found);
                }
                found
            })
            .collect();
        every_status(&statuses).unwrap_or(Status::Unreachable)
    }
}
