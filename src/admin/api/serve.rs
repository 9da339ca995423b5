//! The connections of the administration API: HTTP/1.1 over TLS, each bounded in bytes and in time.

use std::sync::{Arc, OnceLock};

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;

use super::{Api, Config, router};
use crate::admin::Admin;
use crate::server::https::{self, Peer, SecureStream, Serving};
use crate::server::{Listener, TlsConfig};

use super::unhurried::Unhurried;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;

/// Serves the API until `stop` is true; requests under way then have a moment to end. Refusals that were counted are recorded at the end.
pub async fn serve(
    admin: Arc<Admin>,
    listener: Listener,
    tls: TlsConfig,
    config: Config,
    stop: watch::Receiver<bool>,
) {
    let serving = Serving {
        tls,
        connections_max: config.connections_max,
        connections_per_address_max: config.connections_per_address_max,
        handshake_timeout: config.handshake_timeout(),
    };
    let (api, stopping) = (
        Api::new(Arc::clone(&admin), config, stop.clone()),
        stop.clone(),
    );
    // Made when the first connection comes.
    let made = OnceLock::new();
    let handle = move |stream, peer| {
        let router: Router = made.get_or_init(|| router(&api)).clone();
        connection(Arc::clone(&api), router, stream, peer, stopping.clone())
    };
    let (finish, finished) = tokio::sync::oneshot::channel::<()>();
    let recorder = admin.record_refusals(async { drop(finished.await) });
    let listening = async {
        https::serve(listener, serving, stop, handle).await;
        // Whoever could tell it to finish is gone: that tells it too.
        drop(finish);
    };
    tokio::join!(listening, recorder);
}

async fn connection(
    api: Arc<Api>,
    router: Router,
    stream: SecureStream,
    peer: Arc<Peer>,
    mut stop: watch::Receiver<bool>,
) {
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<_>| {
        request.extensions_mut().insert(Arc::clone(&peer));
        service.call(request)
    });
    let stream = TokioIo::new(Unhurried::new(stream, api.config.body_timeout()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(api.config.header_timeout())
        .max_headers(HEADERS_MAX)
        .max_buf_size(api.config.header_bytes_max)
        .serve_connection(stream, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Whoever could stop us is gone: that is a stop too.
        () = async { drop(stop.wait_for(|stop| *stop).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "A connection of the administration API ended.");
    }
}
