//! A backend, what is known of its health, and how one is chosen.

use model::process_graph::BackendHealth;
use model::{Digest, PortId};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a backend that refused a connection is passed over while another one can be asked.
const PASSED_OVER: Duration = Duration::from_secs(2);

/// A server that requests are passed on to.
pub(crate) struct Backend {
    pub(crate) port: PortId,
    pub(crate) address: SocketAddr,
    /// The prefix of the route that it serves, for the status.
    pub(crate) route: String,
    pub(crate) health: Option<BackendHealth>,
    /// What the cookie says of it: opaque, the same after a restart.
    pub(crate) token: String,
    in_flight: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the last health check said; `None` before the first.
    checked: Option<Result<(), String>>,
    passed_over_until: Option<Instant>,
}

impl Backend {
    pub(crate) fn new(route: &str, port: PortId, address: SocketAddr, health: Option<BackendHealth>) -> Self {
        let token = Digest::of(&port).short().to_owned();
        let (route, state) = (route.to_owned(), Mutex::default());
        Self { port, address, route, health, token, in_flight: AtomicUsize::new(0), state }
    }

    pub(crate) fn is_same(&self, port: &PortId, address: SocketAddr, health: Option<&BackendHealth>) -> bool {
        self.port == *port && self.address == address && self.health.as_ref() == health
    }

    /// Counts a request until the lease is dropped.
    pub(crate) fn lease(self: &Arc<Self>) -> Lease {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Lease(Arc::clone(self))
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// What the last health check said; `None` when there was none yet.
    pub(crate) fn checked(&self) -> Option<Result<(), String>> {
        self.state().checked.clone()
    }

    pub(crate) fn set_checked(&self, result: Result<(), String>) {
        let mut state = self.state();
        if result.is_ok() {
            state.passed_over_until = None;
        }
        state.checked = Some(result);
    }

    /// Notes that a connection was refused: others are preferred for a while.
    pub(crate) fn pass_over(&self) {
        self.state().passed_over_until = Some(Instant::now() + PASSED_OVER);
    }

    /// Whether its health check does not forbid to ask it.
    fn is_usable(&self) -> bool {
        !matches!(self.state().checked, Some(Err(_)))
    }

    fn is_passed_over(&self) -> bool {
        self.state().passed_over_until.is_some_and(|until| Instant::now() < until)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request counted as in flight at a backend.
pub(crate) struct Lease(Arc<Backend>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The backends of one route.
pub(crate) struct BackendGroup {
    backends: Vec<Arc<Backend>>,
    sticky: bool,
    turn: AtomicUsize,
}

impl BackendGroup {
    pub(crate) fn new(backends: Vec<Arc<Backend>>, sticky: bool) -> Self {
        Self { backends, sticky, turn: AtomicUsize::new(0) }
    }

    pub(crate) fn backends(&self) -> &[Arc<Backend>] {
        &self.backends
    }

    pub(crate) fn is_sticky(&self) -> bool {
        self.sticky
    }

    /// The backend for a request: the one that a token names while it can be used, otherwise the one with the fewest
    /// requests in flight, in turn among equals. Backends that refused a moment ago come last; those whose health
    /// check fails, and those already tried, never.
    pub(crate) fn choose<'a>(
        &'a self,
        tokens: impl Fn(&str) -> bool,
        tried: &[Arc<Backend>],
    ) -> Option<&'a Arc<Backend>> {
        let candidates = || {
            let untried = |backend: &&Arc<Backend>| !tried.iter().any(|other| Arc::ptr_eq(other, backend));
            self.backends.iter().filter(untried).filter(|backend| backend.is_usable())
        };
        if self.sticky
            && let Some(known) = candidates().find(|backend| !backend.is_passed_over() && tokens(&backend.token))
        {
            return Some(known);
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = candidates().count().max(1);
        let place = |index: usize| (index + count - turn % count) % count;
        candidates()
            .enumerate()
            .min_by_key(|(index, backend)| (backend.is_passed_over(), backend.in_flight(), place(*index)))
            .map(|(_, backend)| backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(sticky: bool) -> BackendGroup {
        let backend = |name: &str| Arc::new(Backend::new("/", PortId::new(name), ([127, 0, 0, 1], 1).into(), None));
        BackendGroup::new(vec![backend("a"), backend("b"), backend("c")], sticky)
    }

    fn chosen(group: &BackendGroup) -> String {
        group.choose(|_| false, &[]).unwrap().port.to_string()
    }

    #[test]
    fn equals_are_asked_in_turn_and_the_least_busy_first() {
        let group = group(false);
        assert_eq!([chosen(&group), chosen(&group), chosen(&group), chosen(&group)].concat(), "abca");
        let _busy = [group.backends[0].lease(), group.backends[1].lease()];
        assert_eq!([chosen(&group), chosen(&group)].concat(), "cc");
    }

    #[test]
    fn a_failed_check_forbids_and_a_refusal_only_postpones() {
        let group = group(false);
        group.backends[0].set_checked(Err("down".to_owned()));
        group.backends[1].pass_over();
        assert_eq!([chosen(&group), chosen(&group)].concat(), "cc");
        group.backends[2].set_checked(Err("down".to_owned()));
        assert_eq!(chosen(&group), "b");
        group.backends[1].set_checked(Err("down".to_owned()));
        assert!(group.choose(|_| false, &[]).is_none());
    }

    #[test]
    fn a_client_stays_while_its_backend_lives() {
        let group = group(true);
        let token = group.backends[1].token.clone();
        for _ in 0..5 {
            assert_eq!(group.choose(|t| t == token, &[]).unwrap().port.as_str(), "b");
        }
        group.backends[1].pass_over();
        assert_ne!(group.choose(|t| t == token, &[]).unwrap().port.as_str(), "b");
    }
}
