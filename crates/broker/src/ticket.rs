//! The handshake between a publisher that waits and the task that writes: it decides whether a missed deadline means
//! "surely not taken" or "unknown".

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::PublishError;

const WAITING: u8 = 0;
const STARTED: u8 = 1;
const ABANDONED: u8 = 2;

/// The writing task's half.
#[derive(Debug)]
pub(crate) struct Ticket<T> {
    state: Arc<AtomicU8>,
    reply: oneshot::Sender<T>,
}

impl<T> Ticket<T> {
    /// Claims the right to write. False: the caller has already been told that nothing was written, so it must stay so.
    pub(crate) fn start(&self) -> bool {
        self.state.compare_exchange(WAITING, STARTED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Answers the caller, who may be gone.
    pub(crate) fn answer(self, outcome: T) {
        drop(self.reply.send(outcome));
    }
}

/// The caller's half. Dropping it (a cancelled publish) keeps an unwritten message unwritten.
struct Waiting<T> {
    state: Arc<AtomicU8>,
    reply: oneshot::Receiver<T>,
}

impl<T> Waiting<T> {
    fn abandon(&self) -> PublishError {
        match self.state.compare_exchange(WAITING, ABANDONED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => PublishError::Refused("no connection within the deadline".into()),
            Err(_) => PublishError::Unknown("no confirm within the deadline".into()),
        }
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        // Result unused on purpose: when it is already started or abandoned there is nothing to do.
        let _ = self.state.compare_exchange(WAITING, ABANDONED, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Hands a request to the writing task and waits for its answer, both within `deadline`.
pub(crate) async fn submit<R, T>(
    requests: &mpsc::Sender<R>,
    deadline: Duration,
    request: impl FnOnce(Ticket<T>) -> R,
) -> Result<T, PublishError> {
    let until = Instant::now() + deadline;
    let state = Arc::new(AtomicU8::new(WAITING));
    let (reply, receiver) = oneshot::channel();
    let mut waiting = Waiting { state: Arc::clone(&state), reply: receiver };
    let slot = match timeout_at(until, requests.reserve()).await {
        Ok(Ok(slot)) => slot,
        Ok(Err(_)) => return Err(PublishError::Refused("the broker is closed".into())),
        Err(_) => return Err(PublishError::Refused("too many messages wait to be published".into())),
    };
    slot.send(request(Ticket { state, reply }));
    match timeout_at(until, &mut waiting.reply).await {
        Ok(Ok(outcome)) => Ok(outcome),
        // The task dropped the ticket, or the deadline passed: what it means depends on how far the task got.
        Ok(Err(_)) | Err(_) => Err(waiting.abandon()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_deadline_before_the_start_is_refused_and_stays_unwritten() {
        let (sender, mut receiver) = mpsc::channel::<Ticket<()>>(1);
        let missed = submit(&sender, SHORT, |ticket| ticket).await;
        assert!(matches!(missed, Err(PublishError::Refused(_))), "{missed:?}");
        assert!(!receiver.recv().await.unwrap().start());
    }

    #[tokio::test]
    async fn a_deadline_after_the_start_is_unknown() {
        let (sender, mut receiver) = mpsc::channel::<Ticket<()>>(1);
        let writer = tokio::spawn(async move {
            let ticket = receiver.recv().await.unwrap();
            assert!(ticket.start());
            std::future::pending::<()>().await;
            ticket.answer(());
        });
        let missed = submit(&sender, SHORT, |ticket| ticket).await;
        assert!(matches!(missed, Err(PublishError::Unknown(_))), "{missed:?}");
        writer.abort();
    }

    #[tokio::test]
    async fn a_cancelled_publish_is_never_written() {
        let (sender, mut receiver) = mpsc::channel::<Ticket<()>>(1);
        let publish = tokio::spawn(async move { submit(&sender, Duration::from_secs(60), |ticket| ticket).await });
        let ticket = receiver.recv().await.unwrap();
        publish.abort();
        assert!(publish.await.unwrap_err().is_cancelled());
        assert!(!ticket.start());
    }
}
