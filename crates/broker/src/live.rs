//! Live listeners: what passes by now, for streams. Nothing is kept for them, and what they miss they are told of.

use tokio::sync::mpsc;

use crate::Received;

/// What a live listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    /// A message that passed.
    Message(Received),
    /// Some messages may have been missed (a lost connection, or a listener too slow): read the state again.
    Missed,
}

/// A live subscription; dropping it ends it.
#[derive(Debug)]
pub struct Listener {
    heard: mpsc::Receiver<Live>,
}

impl Listener {
    /// The receiving end, and where an engine feeds it; at most `capacity` items wait.
    pub(crate) fn new(capacity: usize) -> (mpsc::Sender<Live>, Self) {
        let (feed, heard) = mpsc::channel(capacity.max(1));
        (feed, Self { heard })
    }

    /// The next item; `None` once the broker is closed. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<Live> {
        self.heard.recv().await
    }
}
