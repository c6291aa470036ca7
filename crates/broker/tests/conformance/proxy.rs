//! A TCP proxy whose wire a test can cut or freeze.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Everything passes. Connections made before the last cut are closed.
    Open,
    /// New connections are closed at once.
    Refusing,
    /// Connections stay, but nothing passes.
    Frozen,
}

/// The state, and how often the wire was cut.
type Control = (Wire, usize);

pub struct Proxy {
    address: SocketAddr,
    control: watch::Sender<Control>,
}

impl Proxy {
    /// Listens on a port of its own, in front of the server of this URI.
    pub async fn start(uri: &str) -> Self {
        let authority = uri.rsplit_once('@').map_or(uri, |(_, rest)| rest);
        let target = authority.split(['/', '?']).next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (control, state) = watch::channel((Wire::Open, 0));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if state.borrow().0 != Wire::Refusing {
                    tokio::spawn(forward(client, target.clone(), state.clone()));
                }
            }
        });
        Self { address, control }
    }

    /// The URI, with the proxy in place of the server.
    pub fn uri(&self, uri: &str) -> String {
        let (start, rest) = uri.rsplit_once('@').expect("an address with a user");
        let end = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        format!("{start}@{}{end}", self.address)
    }

    /// Closes all connections, as a dying server would.
    pub fn cut(&self) {
        self.control.send_modify(|(_, cuts)| *cuts += 1);
    }

    pub fn set(&self, wire: Wire) {
        self.control.send_modify(|(state, _)| *state = wire);
        if wire == Wire::Refusing {
            self.cut();
        }
    }
}

async fn forward(client: TcpStream, target: String, mut control: watch::Receiver<Control>) {
    let born = control.borrow().1;
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let mut was_cut = control.clone();
    tokio::select! {
        () = pipe(client_read, server_write, control.clone()) => {}
        () = pipe(server_read, client_write, control.clone()) => {}
        _ = was_cut.wait_for(|(_, cuts)| *cuts != born) => {}
        // The proxy is gone.
        () = async { while control.changed().await.is_ok() {} } => {}
    }
}

async fn pipe(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut control: watch::Receiver<Control>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer).await
        && read > 0
    {
        if control.wait_for(|(wire, _)| *wire != Wire::Frozen).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
