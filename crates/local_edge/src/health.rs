//! Asks backends how they are.

use crate::backend::Backend;
use crate::proxy::Client;
use crate::settings::Settings;
use crate::upload::Upload;
use http::{Request, Uri};
use http_body_util::BodyExt;
use model::process_graph::BackendHealth;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Starts the checks of all backends that have one; they end when the token is cancelled.
pub(crate) fn start(settings: &Settings, client: &Client, tasks: &TaskTracker, stop: &CancellationToken) {
    for backend in settings.routes.backends() {
        let Some(health) = backend.health.clone() else { continue };
        let (backend, client, stop) = (Arc::clone(backend), client.clone(), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(watch(&backend, &health, &client)).await;
        });
    }
}

/// One failed answer can be chance and is asked again at once; a second one counts. A refused connection counts at once.
async fn watch(backend: &Backend, health: &BackendHealth, client: &Client) {
    let interval = Duration::from_secs(health.interval_seconds.max(1).into());
    loop {
        let mut result = ask(backend, health, client, interval).await;
        if matches!(result, Err(Unwell::Answer(_))) && !matches!(backend.checked(), Some(Err(_))) {
            tokio::time::sleep(interval / 4).await;
            result = ask(backend, health, client, interval).await;
        }
        backend.set_checked(result.map_err(|(Unwell::Answer(reason) | Unwell::Refused(reason))| reason));
        tokio::time::sleep(interval).await;
    }
}

enum Unwell {
    Refused(String),
    Answer(String),
}

async fn ask(backend: &Backend, health: &BackendHealth, client: &Client, interval: Duration) -> Result<(), Unwell> {
    let address = backend.address;
    let path = if health.path.starts_with('/') { &health.path } else { "/" };
    let uri: Uri = format!("http://{address}{path}")
        .parse()
        .map_err(|error| Unwell::Answer(format!("{path:?} is no path: {error}")))?;
    let mut request = Request::new(Upload::empty());
    *request.uri_mut() = uri;
    let exchange = async {
        let response = client.request(request).await.map_err(|error| {
            if error.is_connect() {
                Unwell::Refused(format!("{address} refuses connections"))
            } else {
                Unwell::Answer(format!("{address} does not answer as HTTP/1.1: {error}"))
            }
        })?;
        let status = response.status();
        // Read a little, so that the connection can be used again; a long answer is cut off.
        let _ = http_body_util::Limited::new(response.into_body(), 64 * 1024).collect().await;
        Ok(status)
    };
    let allowed = interval.clamp(Duration::from_secs(2), Duration::from_secs(10));
    let status = tokio::time::timeout(allowed, exchange)
        .await
        .map_err(|_| Unwell::Answer(format!("GET {path} was not answered within {} s", allowed.as_secs())))??;
    if health.statuses.contains(&status.as_u16()) {
        Ok(())
    } else {
        Err(Unwell::Answer(format!("GET {path} was answered with {}", status.as_u16())))
    }
}
