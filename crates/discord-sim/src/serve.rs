//! Serving a router on a loopback port, over plain TCP or TLS, so that every connection ends when the simulator does.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::{Extension, Router};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::core::{Core, State};

/// Ends the connection a request came on, without an answer.
#[derive(Clone)]
pub(crate) struct Connection(pub(crate) CancellationToken);

pub(crate) async fn bind(port: u16, what: &str) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port))
        .await
        .with_context(|| format!("cannot listen on 127.0.0.1:{port} for the {what}"))
}

/// Serves until the simulator shuts down. While `refuses` says so, new connections are closed at once.
pub(crate) fn spawn(
    core: &Arc<Core>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    refuses: fn(&State) -> bool,
) {
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        loop {
            let stream = tokio::select! {
                () = core.cancel.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::debug!(%error, "a connection could not be accepted");
                        continue;
                    }
                },
            };
            if core.read(refuses) {
                continue;
            }
            let ended = core.cancel.child_token();
            core.tasks.spawn(connection(stream, tls.clone(), router.clone(), ended));
        }
    });
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router, ended: CancellationToken) {
    let router = router.layer(Extension(Connection(ended.clone())));
    // Small answers must not wait for more data.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let serving = async {
        match tls {
            None => talk(stream, router).await,
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => talk(stream, router).await,
                Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
            },
        }
    };
    tokio::select! {
        () = ended.cancelled() => {}
        () = serving => {}
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let service = TowerToHyperService::new(router);
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
