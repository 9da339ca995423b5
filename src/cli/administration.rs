//! The administration API of a server: its certificate, its address, its task.
//!
//! An address that cannot be had keeps no server from serving keys: it is said, and tried again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admin::Admin;
use crate::admin::api;
use crate::config::Settings;
use crate::config::layout::{read_private, read_public};
use crate::server::{ListenError, Listener, Presented, ServerPair, TlsFiles, https};

/// How long to wait before an address that could not be had is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// The certificate and key that the API has of its own, if it has.
///
/// # Errors
/// A file is missing, or they are no pair.
pub(super) fn own_pair(settings: &Settings) -> anyhow::Result<Option<ServerPair>> {
    let advice = "restore it, or write another path at [admin] certificate and key";
    let Some((certificate, key)) = &settings.administration.certificate else {
        return Ok(None);
    };
    let files = TlsFiles {
        certificate_name: &certificate.display().to_string(),
        certificate_pem: &read_public(certificate, advice)?,
        key_name: &key.display().to_string(),
        key_pem: &read_private(key, advice)?,
    };
    Ok(Some(ServerPair::read(&files)?))
}

/// Serves the API until `stop` is true; where none is to be served, that is done at once; `presented` is what KMIP presents.
///
/// # Errors
/// Its certificate cannot be used.
pub(super) async fn start(
    settings: &Settings,
    admin: &Arc<Admin>,
    presented: &Arc<Presented>,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<()>> {
    let Some(address) = settings.administration.listen else {
        return Ok(tokio::spawn(async {}));
    };
    // The server's own is replaced here too when it is replaced there.
    let presented = own_pair(settings)?.map_or_else(|| Arc::clone(presented), Presented::new);
    let (admin, stop) = (Arc::clone(admin), stop.clone());
    let tls = https::server_config(presented, settings.tls_policy)?;
    let config = settings.administration.config.clone();
    let address = address.to_string();
    let bound = bind(&address).await;
    match &bound {
        Ok(listener) => admin.served_at(listener.address()),
        Err(error) => {
            tracing::error!(%error, "The administration API is not served; keys are. It is tried again.");
        }
    }
    Ok(tokio::spawn(async move {
        let listener = match bound {
            Ok(listener) => Some(listener),
            Err(_) => bind_later(&address, stop.clone()).await,
        };
        let Some(listener) = listener else { return };
        admin.served_at(listener.address());
        tracing::info!(address = %listener.address(), "Serving the administration API.");
        api::serve(admin, listener, tls, config, stop).await;
    }))
}

async fn bind(address: &str) -> Result<Listener, ListenError> {
    Listener::bind_for(address, "[admin] listen").await
}

/// The address once it can be had; none: the server stops before that.
async fn bind_later(address: &str, mut stop: watch::Receiver<bool>) -> Option<Listener> {
    loop {
        tokio::select! {
            // Whoever could stop us is gone: that is a stop too.
            () = async { drop(stop.wait_for(|stop| *stop).await) } => return None,
            () = tokio::time::sleep(AGAIN) => {}
        }
        if let Ok(listener) = bind(address).await {
            return Some(listener);
        }
    }
}
