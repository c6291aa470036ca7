//! Owns a TCP proxy that can be cut: how a test takes a database or a broker away from one process.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A proxy on 127.0.0.1. It ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    line: watch::Sender<Line>,
}

/// How the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    Cut,
    Silent,
}

impl Proxy {
    /// Forwards connections to `target`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn to(target: String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let (line, state) = watch::channel(Line::Open);
        tokio::spawn(async move {
            let mut ended = state.clone();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    // Only an error ends it: the proxy was dropped.
                    _ = async { while ended.changed().await.is_ok() {} } => return,
                };
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(forward(stream, target.clone(), state.clone()));
                }
            }
        });
        Ok(Self { addr, line })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Breaks all connections, and every new one at once.
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Stops forwarding without closing anything, as a network that swallows packets: neither side is told. What is
    /// under way then arrives when the line is mended, however late.
    pub fn hush(&self) {
        self.line.send_replace(Line::Silent);
    }

    /// Forwards again.
    pub fn mend(&self) {
        self.line.send_replace(Line::Open);
    }
}

async fn forward(near: TcpStream, target: String, mut line: watch::Receiver<Line>) {
    // Not even the far end hears of a connection that is made in silence.
    if !matches!(line.wait_for(|line| *line != Line::Silent).await.as_deref(), Ok(Line::Open)) {
        return;
    }
    let Ok(far) = TcpStream::connect(target).await else { return };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let (there, back) = (pump(near_in, far_out, line.clone()), pump(far_in, near_out, line.clone()));
    tokio::select! {
        _ = async { tokio::join!(there, back) } => {}
        // An error: the proxy was dropped.
        _ = async { _ = line.wait_for(|line| *line == Line::Cut).await; } => {}
    }
}

/// Carries bytes one way until there are no more, and stands still in silence.
async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut line: watch::Receiver<Line>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        if line.wait_for(|line| *line != Line::Silent).await.is_err() || read == 0 {
            break;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    // The other side is told that no more comes, as it would be without a proxy.
    _ = to.shutdown().await;
}
