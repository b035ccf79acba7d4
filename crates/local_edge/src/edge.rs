//! The edge as its owner sees it.

use crate::config::EdgeConfig;
use crate::error::EdgeError;
use crate::health;
use crate::listener::{Bound, Listener};
use crate::proxy::Proxy;
use crate::settings::Settings;
use crate::status::{BackendHealthState, BackendStatus, EdgeStatus, ListenerRole};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long answers that were cut off have to leave the machine.
const CUT_OFF: Duration = Duration::from_millis(500);

/// A running edge. Dropping it stops it at once; [`Edge::drain`] stops it politely.
pub struct Edge {
    proxy: Arc<Proxy>,
    permits: Arc<Semaphore>,
    /// Serializes reloads.
    reloading: tokio::sync::Mutex<()>,
    parts: Mutex<Parts>,
}

/// What a reload replaces.
struct Parts {
    https: Listener,
    redirect: Option<Listener>,
    _health: DropGuard,
}

impl Edge {
    /// Listens and serves. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When an address is taken or not allowed, the certificate is unusable, or the configuration contradicts itself.
    pub async fn start(config: EdgeConfig) -> Result<Self, EdgeError> {
        let https = Bound::new(config.https).await?;
        let redirect = bind_redirect(&config, None).await?;
        let settings = Settings::new(&config, https.address.port(), None)?;
        let proxy = Arc::new(Proxy::new(settings));
        let permits = Arc::new(Semaphore::new(config.maximum_connections.max(1)));
        let parts = Parts {
            https: https.accept(ListenerRole::Https, &proxy, &permits),
            redirect: redirect.map(|bound| bound.accept(ListenerRole::Redirect, &proxy, &permits)),
            _health: start_health(&proxy),
        };
        Ok(Self { proxy, permits, reloading: tokio::sync::Mutex::default(), parts: Mutex::new(parts) })
    }

    /// Takes a new configuration. Connections stay; requests in flight end as they began. The number of connections
    /// is taken from the first configuration.
    ///
    /// # Errors
    /// As for [`Edge::start`]; the edge then goes on with the configuration that it had.
    pub async fn reload(&self, config: EdgeConfig) -> Result<(), EdgeError> {
        let _one_at_a_time = self.reloading.lock().await;
        let (old_https, old_redirect, port) = {
            let parts = self.parts();
            let redirect = parts.redirect.as_ref().map(|listener| listener.configured);
            (parts.https.configured, redirect, parts.https.status.address.port())
        };
        let https = if config.https == old_https { None } else { Some(Bound::new(config.https).await?) };
        let redirect = bind_redirect(&config, old_redirect).await?;
        let port = https.as_ref().map_or(port, |bound| bound.address.port());
        let settings = Settings::new(&config, port, Some(&self.proxy.settings()))?;
        self.proxy.replace_settings(settings);
        let mut parts = self.parts();
        if let Some(bound) = https {
            parts.https = bound.accept(ListenerRole::Https, &self.proxy, &self.permits);
        }
        if config.redirect != old_redirect {
            parts.redirect = redirect.map(|bound| bound.accept(ListenerRole::Redirect, &self.proxy, &self.permits));
        }
        parts._health = start_health(&self.proxy);
        Ok(())
    }

    /// Stops to accept, lets requests in flight end within `grace` (HTTP/2 clients are told by GOAWAY), cuts off the
    /// rest, writes the access log. Says whether every request could end.
    pub async fn drain(&self, grace: Duration) -> bool {
        let proxy = &self.proxy;
        proxy.draining.cancel();
        proxy.tasks.close();
        let clean = tokio::time::timeout(grace, proxy.tasks.wait()).await.is_ok();
        proxy.ended.cancel();
        if !clean {
            let _ = tokio::time::timeout(CUT_OFF, proxy.tasks.wait()).await;
        }
        let log = proxy.settings().log.clone();
        log.flush().await;
        clean
    }

    /// Where HTTPS is served.
    #[must_use]
    pub fn https_address(&self) -> SocketAddr {
        self.parts().https.status.address
    }

    /// What there is to tell now.
    #[must_use]
    pub fn status(&self) -> EdgeStatus {
        let (proxy, settings) = (&self.proxy, self.proxy.settings());
        let draining = proxy.draining.is_cancelled();
        let listeners = {
            let parts = self.parts();
            let all = std::iter::once(&parts.https).chain(&parts.redirect);
            all.filter(|_| !draining).map(|listener| listener.status.clone()).collect()
        };
        let backends = settings.routes.backends().map(|backend| BackendStatus {
            port: backend.port.to_string(),
            route: backend.route.clone(),
            address: backend.address,
            requests_in_flight: backend.in_flight(),
            health: match (&backend.health, backend.checked()) {
                (None, _) => BackendHealthState::Unchecked,
                (Some(_), None) => BackendHealthState::Unknown,
                (Some(_), Some(Ok(()))) => BackendHealthState::Healthy,
                (Some(_), Some(Err(reason))) => BackendHealthState::Unhealthy { reason },
            },
        });
        EdgeStatus {
            listeners,
            connections: proxy.connections.load(Ordering::Relaxed),
            requests_in_flight: proxy.in_flight.load(Ordering::Relaxed),
            requests: proxy.requests.load(Ordering::Relaxed),
            log_lines_lost: settings.log.lost(),
            draining,
            backends: backends.collect(),
        }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.proxy.draining.cancel();
        self.proxy.ended.cancel();
    }
}

/// Binds the redirecting address unless it is the one that is bound already.
async fn bind_redirect(config: &EdgeConfig, bound: Option<SocketAddr>) -> Result<Option<Bound>, EdgeError> {
    match config.redirect {
        Some(address) if bound != Some(address) => Bound::new(address).await.map(Some),
        _ => Ok(None),
    }
}

/// Checks go on until the guard is dropped or the edge drains.
fn start_health(proxy: &Proxy) -> DropGuard {
    let stop: CancellationToken = proxy.draining.child_token();
    health::start(&proxy.settings(), &proxy.client, &proxy.tasks, &stop);
    stop.drop_guard()
}
