//! Owns a TCP proxy that can be cut: how a test takes a database or a broker away from one process.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A proxy on 127.0.0.1. It ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    open: watch::Sender<bool>,
}

impl Proxy {
    /// Forwards connections to `target`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn to(target: String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let (open, state) = watch::channel(true);
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
        Ok(Self { addr, open })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Breaks all connections, and every new one at once.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Forwards again.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

async fn forward(mut near: TcpStream, target: String, mut open: watch::Receiver<bool>) {
    if !*open.borrow_and_update() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _ = open.changed() => {}
    }
}
