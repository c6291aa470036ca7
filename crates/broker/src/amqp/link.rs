//! Connections: where they come from, and that a suspicious one is dropped for good.

use std::time::Duration;

use deadpool_lapin::{Connection as Pooled, Manager, Pool, Runtime};
use lapin::{Channel, ConnectionProperties};

use crate::BrokerError;

/// More connections than one process ever needs: a publisher, one per consumer and listener, a few questions.
const MAX_CONNECTIONS: usize = 64;
/// How long connecting, or waiting for a free connection, may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// A frozen server is noticed after about one and a half of it.
const HEARTBEAT_SECONDS: u8 = 4;

/// Hands out connections.
#[derive(Clone)]
pub(super) struct Links {
    pool: Pool,
}

impl std::fmt::Debug for Links {
    /// Leaves the pool's address out: it holds the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").field("status", &self.pool.status()).finish()
    }
}

/// One connection with one channel on it, for one task. Dropped for good with both unless [`Link::give_back`] is called.
pub(super) struct Link {
    connection: Option<Pooled>,
    channel: Channel,
}

impl Links {
    pub(super) fn new(uri: &str) -> Result<Self, BrokerError> {
        let uri = with_heartbeat(uri);
        // The parser may quote the address, and with it the password.
        uri.parse::<lapin::uri::AMQPUri>()
            .map_err(|error| BrokerError::Config(format!("AMQP address: {}", error.replace(&uri, "…"))))?;
        // Automatic recovery stays off: it can hang for good under load.
        let properties = || ConnectionProperties::default().with_connection_name("guildhall".into());
        let runtime = lapin::runtime::default_runtime()?;
        let pool = Pool::builder(Manager::new(uri, properties, runtime))
            .max_size(MAX_CONNECTIONS)
            .create_timeout(Some(CONNECT_DEADLINE))
            .wait_timeout(Some(CONNECT_DEADLINE))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| BrokerError::Config(error.to_string()))?;
        Ok(Self { pool })
    }

    /// A connection with a fresh channel.
    pub(super) async fn connect(&self) -> Result<Link, BrokerError> {
        let connection = self.pool.get().await.map_err(|error| BrokerError::Unavailable(error.to_string()))?;
        let opened = tokio::time::timeout(CONNECT_DEADLINE, connection.create_channel()).await;
        match opened {
            Ok(Ok(channel)) => Ok(Link { connection: Some(connection), channel }),
            Ok(Err(error)) => {
                drop(Pooled::take(connection));
                Err(error.into())
            }
            Err(_) => {
                drop(Pooled::take(connection));
                Err(BrokerError::Unavailable("no channel in time".into()))
            }
        }
    }

    /// Refuses new connections and drops the idle ones.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

impl Link {
    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Whether connection and channel are open as far as is known here.
    pub(super) fn alive(&self) -> bool {
        self.channel.status().connected()
            && self.connection.as_ref().is_some_and(|connection| connection.status().connected())
    }

    /// Whether the server has stopped reading from this connection (short of memory or disk).
    pub(super) fn blocked(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.status().blocked())
    }

    /// Closes the channel, so that what it holds is requeued, and keeps the connection for the next user.
    pub(super) async fn give_back(mut self) {
        let closed = tokio::time::timeout(CONNECT_DEADLINE, self.channel.close(200, "done".into())).await;
        if matches!(closed, Ok(Ok(()))) {
            drop(self.connection.take());
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Pooled::take(connection));
        }
    }
}

fn with_heartbeat(uri: &str) -> String {
    match uri.split_once('?') {
        Some((_, query)) if query.split('&').any(|part| part.starts_with("heartbeat=")) => uri.to_owned(),
        Some((start, query)) => format!("{start}?heartbeat={HEARTBEAT_SECONDS}&{query}"),
        None => format!("{uri}?heartbeat={HEARTBEAT_SECONDS}"),
    }
}

#[cfg(test)]
mod tests {
    use super::with_heartbeat;

    #[test]
    fn the_heartbeat_is_added_unless_given() {
        for (uri, want) in [
            ("amqp://a/%2f", "amqp://a/%2f?heartbeat=4"),
            ("amqp://a/%2f?frame_max=9", "amqp://a/%2f?heartbeat=4&frame_max=9"),
            ("amqp://a/%2f?frame_max=9&heartbeat=30", "amqp://a/%2f?frame_max=9&heartbeat=30"),
        ] {
            assert_eq!(with_heartbeat(uri), want);
        }
    }
}
