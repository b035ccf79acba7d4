//! Asks backends how they are.

use crate::backend::Backend;
use crate::proxy::Client;
use crate::settings::Settings;
use crate::upload::Upload;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use model::process_graph::BackendHealth;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Starts the checks of all backends that have one; they end when the token is cancelled.
pub(crate) fn start(settings: &Settings, client: &Client, tasks: &TaskTracker, stop: &CancellationToken) {
    let host = HeaderValue::from_str(settings.name()).unwrap_or(HeaderValue::from_static("localhost"));
    for backend in settings.routes.backends() {
        let Some(health) = backend.health.clone() else { continue };
        let stop = stop.clone();
        let check = Check { backend: Arc::clone(backend), health, client: client.clone(), host: host.clone() };
        tasks.spawn(async move {
            stop.run_until_cancelled(check.repeat()).await;
        });
    }
}

/// The repeated question to one backend.
struct Check {
    backend: Arc<Backend>,
    health: BackendHealth,
    client: Client,
    /// The name that real requests are for: many applications answer for no other.
    host: HeaderValue,
}

enum Unwell {
    Refused(String),
    Answer(String),
}

impl Check {
    /// One bad answer can be chance and is asked for again soon; a second one counts. A refused connection counts at once.
    async fn repeat(&self) {
        let interval = Duration::from_secs(self.health.interval_seconds.max(1).into());
        let patience = interval.clamp(Duration::from_secs(2), Duration::from_secs(10));
        loop {
            let mut result = self.ask(patience).await;
            if matches!(result, Err(Unwell::Answer(_))) && !matches!(self.backend.checked(), Some(Err(_))) {
                tokio::time::sleep(interval / 4).await;
                result = self.ask(patience).await;
            }
            self.backend.set_checked(result.map_err(|(Unwell::Answer(reason) | Unwell::Refused(reason))| reason));
            tokio::time::sleep(interval).await;
        }
    }

    async fn ask(&self, patience: Duration) -> Result<(), Unwell> {
        let path = &self.health.path;
        let status = tokio::time::timeout(patience, self.status())
            .await
            .map_err(|_| Unwell::Answer(format!("GET {path} was not answered within {} s", patience.as_secs())))??;
        if self.health.statuses.contains(&status.as_u16()) {
            Ok(())
        } else {
            Err(Unwell::Answer(format!("GET {path} was answered with {}", status.as_u16())))
        }
    }

    async fn status(&self) -> Result<StatusCode, Unwell> {
        let (address, path) = (self.backend.address, &self.health.path);
        let request = Request::get(format!("http://{address}{path}"))
            .header(header::HOST, &self.host)
            .header(header::USER_AGENT, "landfall-health")
            .header("x-forwarded-proto", "https")
            .body(Upload::empty())
            .map_err(|error| Unwell::Answer(format!("{path:?} is no path: {error}")))?;
        let response = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                Unwell::Refused(format!("{address} refuses connections"))
            } else {
                Unwell::Answer(format!("{address} does not answer as HTTP/1.1: {error}"))
            }
        })?;
        let status = response.status();
        // Read a little, so that the connection can be used again; a long answer is cut off.
        let _ = Limited::new(response.into_body(), 64 * 1024).collect().await;
        Ok(status)
    }
}
