//! What the broker's tests share: a stand per engine, and a consumer that the test drives batch by batch.

use std::{
    future::Future,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use guildhall_broker::{
    AmqpConfig, Broker, Depth, Exchange, Handler, Message, Outcome, Queue, Received, Route, RunOptions,
};
use tempfile::TempDir;
use tokio::{
    sync::{Mutex, MutexGuard, mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Long enough for a slow machine; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tests of one process share one RabbitMQ and take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// A broker with empty queues.
pub struct Stand {
    pub broker: Broker,
    folder: Option<TempDir>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Stand {
    pub async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::embedded(&folder.path().join("queue.db")).await.unwrap();
        Self { broker, folder: Some(folder), _turn: None }
    }

    pub async fn scaled() -> Self {
        let turn = TURN.lock().await;
        let broker = Broker::amqp(AmqpConfig::new(amqp_uri())).await.unwrap();
        for queue in Queue::ALL {
            broker.purge(queue).await.unwrap();
        }
        eventually(|| async { broker.health().await.is_ok() }).await;
        Self { broker, folder: None, _turn: Some(turn) }
    }

    /// The embedded queue's file.
    pub fn path(&self) -> PathBuf {
        self.folder.as_ref().expect("an embedded stand").path().join("queue.db")
    }
}

/// The address of the RabbitMQ under test. Its absence is a failure, not a reason to skip.
pub fn amqp_uri() -> String {
    std::env::var("TEST_AMQP_URL").expect("TEST_AMQP_URL is not set: run under `scripts/services run -- cargo test …`")
}

/// Waits for a condition that gives no signal of its own.
pub async fn eventually<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(wait).await;
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("waited in vain")
}

/// Depths on RabbitMQ follow a moment later, and `unacked` is unknown there.
pub async fn settles_at(stand: &Stand, queue: Queue, ready: u64, retry: u64, dead: u64) {
    eventually(|| async {
        let depth = stand.broker.depth(queue).await.unwrap();
        depth == Depth { ready, retry, dead, unacked: depth.unacked }
    })
    .await;
}

/// A command for the scoring queue.
pub fn command(body: &str) -> Message {
    to(Exchange::Commands, "scoring.submission.submit", body)
}

/// A message to anywhere.
pub fn to(exchange: Exchange, key: &str, body: &str) -> Message {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let id = Uuid::from_u64_pair(u64::from(std::process::id()), COUNT.fetch_add(1, Ordering::Relaxed));
    let route = Route { exchange, key: key.into() };
    Message { id, route, kind: "submission.submit.v1".into(), body: body.to_owned().into() }
}

pub fn commands(count: usize) -> Vec<Message> {
    (0..count).map(|number| command(&format!("{{\"number\":{number}}}"))).collect()
}

pub fn ids(messages: &[Message]) -> Vec<Uuid> {
    messages.iter().map(|message| message.id).collect()
}

pub fn batches_of(max_batch: usize) -> RunOptions {
    RunOptions { max_batch, linger: Duration::from_millis(200), prefetch: 1_000, concurrency: 1 }
}

/// A batch in the handler's hands, waiting for the test to decide.
pub struct Batch {
    pub messages: Vec<Received>,
    answer: oneshot::Sender<Vec<Outcome>>,
}

impl Batch {
    pub fn ids(&self) -> Vec<Uuid> {
        self.messages.iter().map(|message| message.id).collect()
    }

    pub fn answer(self, outcomes: Vec<Outcome>) {
        drop(self.answer.send(outcomes));
    }

    pub fn done(self) {
        let outcomes = vec![Outcome::Done; self.messages.len()];
        self.answer(outcomes);
    }

    pub fn retry(self, why: &str) {
        let outcomes = vec![Outcome::Retry { why: why.into() }; self.messages.len()];
        self.answer(outcomes);
    }
}

struct Puppet(mpsc::Sender<Batch>);

impl Handler for Puppet {
    async fn handle(&self, messages: Vec<Received>) -> Vec<Outcome> {
        let released = vec![Outcome::Release; messages.len()];
        let (answer, answered) = oneshot::channel();
        if self.0.send(Batch { messages, answer }).await.is_err() {
            return released;
        }
        // A batch that the test drops without an answer is given back.
        answered.await.unwrap_or(released)
    }
}

/// A running consumer.
pub struct Consumer {
    batches: mpsc::Receiver<Batch>,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<Result<(), guildhall_broker::BrokerError>>,
}

impl Consumer {
    pub fn start(broker: &Broker, queue: Queue, options: RunOptions) -> Self {
        let (sender, batches) = mpsc::channel(1);
        let shutdown = CancellationToken::new();
        let (broker, token) = (broker.clone(), shutdown.clone());
        let task = tokio::spawn(async move { broker.run(queue, options, token, Puppet(sender)).await });
        Self { batches, shutdown, task }
    }

    pub async fn next(&mut self) -> Batch {
        within(self.batches.recv()).await.expect("the consumer ended")
    }

    /// Whatever is already there.
    pub fn peek(&mut self) -> Option<Batch> {
        self.batches.try_recv().ok()
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        drop(self.batches);
        within(self.task).await.unwrap().unwrap();
    }

    /// Ends it as a crash would: nothing in hand gets an outcome.
    pub async fn crash(self) {
        self.task.abort();
        assert!(within(self.task).await.unwrap_err().is_cancelled());
    }
}
