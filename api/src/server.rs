//! Owns the listening side: connections with bounded number and header time, and an end with a deadline.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{routes::router, state::ApiState};

/// How long a client may take to send a request's head, and how long a kept connection may be idle.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);
/// How much of a request is held at once: the longest head, and pieces of a body.
const MAX_BUFFER: usize = 64 * 1024;
/// How long requests in hand may take after the end was asked for.
const DRAIN_DEADLINE: Duration = Duration::from_secs(20);
/// The pause after the system refused a connection, for lack of files for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the API on `listener` until `shutdown` is cancelled, then finishes what is in hand, at most 20 s long.
///
/// # Errors
/// When requests were still at work after that time.
pub async fn serve(listener: TcpListener, state: ApiState, shutdown: CancellationToken) -> anyhow::Result<()> {
    let app = router(state.clone());
    let connections = Arc::new(Semaphore::new(state.config.max_connections.min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    loop {
        // Beyond the limit nobody is accepted: new connections wait in the system's short line.
        let place = tokio::select! {
            () = shutdown.cancelled() => break,
            place = connections.clone().acquire_owned() => place?,
        };
        let (stream, peer) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        tokio::spawn(connection(stream, peer, app.clone(), graceful.watcher(), place));
    }
    drop(listener);
    let drained = tokio::time::timeout(DRAIN_DEADLINE, async {
        graceful.shutdown().await;
        // Work whose client has gone is finished too.
        state.tasks.close();
        state.tasks.wait().await;
    });
    match drained.await {
        Ok(()) => Ok(()),
        Err(_) => anyhow::bail!("requests were still at work {} s after the end", DRAIN_DEADLINE.as_secs()),
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: axum::Router,
    watcher: hyper_util::server::graceful::Watcher,
    place: OwnedSemaphorePermit,
) {
    // Answers are small and written at once: waiting to fill a packet only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "can't set nodelay");
    }
    let service = app.map_request(move |mut request: axum::http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE).max_buf_size(MAX_BUFFER);
    let serving = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(serving).await {
        tracing::debug!(%error, "a connection ended badly");
    }
    drop(place);
}
