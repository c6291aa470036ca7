//! Publishing and consuming, on both engines.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use guildhall_broker::{BrokerError, Exchange, Handler, Live, Outcome, PublishError, Queue, Received, RunOptions};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{Consumer, Stand, batches_of, command, commands, ids, settles_at, to, within};

on_both_engines!(
    a_message_arrives_as_it_was_sent,
    what_nobody_takes_is_refused,
    returned_messages_are_not_mixed_up,
    equal_ids_are_not_deduplicated,
    messages_come_in_batches,
    several_batches_run_at_once,
    released_messages_come_back_uncounted,
    shutdown_finishes_what_is_in_hand,
    a_crash_redelivers_each_message_alone,
    a_queue_with_a_single_active_consumer_serves_one,
    listeners_hear_what_passes,
    a_closed_broker_says_so,
    many_messages_go_through,
);

async fn a_message_arrives_as_it_was_sent(stand: Stand) {
    let message = command("{\"a\":1}");
    stand.broker.publish(&message).await.unwrap();
    settles_at(&stand, Queue::Scoring, 1, 0, 0).await;
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, RunOptions::default());
    let batch = consumer.next().await;
    assert_eq!(
        batch.messages,
        [Received {
            id: message.id,
            kind: message.kind,
            key: message.route.key,
            body: message.body,
            attempt: 1,
            redelivered: false,
        }]
    );
    batch.done();
    consumer.stop().await;
    settles_at(&stand, Queue::Scoring, 0, 0, 0).await;
    stand.broker.health().await.unwrap();
}

async fn what_nobody_takes_is_refused(stand: Stand) {
    let mut too_long = command("");
    too_long.kind = "k".repeat(256);
    for refused in [to(Exchange::Commands, "nobody.listens", ""), to(Exchange::Commands, "scoringX", ""), too_long] {
        let result = stand.broker.publish(&refused).await;
        assert!(matches!(result, Err(PublishError::Refused(_))), "{} {result:?}", refused.route.key);
    }
    // An event without a durable queue is for whoever listens now, and that may be nobody.
    stand.broker.publish(&to(Exchange::Events, "season.opened", "")).await.unwrap();
    stand.broker.publish(&to(Exchange::Commands, "scoring", "")).await.unwrap();
    settles_at(&stand, Queue::Scoring, 1, 0, 0).await;
}

async fn returned_messages_are_not_mixed_up(stand: Stand) {
    let mut messages = commands(600);
    for message in messages.iter_mut().step_by(3) {
        message.route.key = "nobody.listens".into();
    }
    let results = stand.broker.publish_many(&messages).await;
    assert_eq!(results.len(), messages.len());
    for (position, result) in results.iter().enumerate() {
        let refused = matches!(result, Err(PublishError::Refused(_)));
        assert_eq!(refused, position % 3 == 0, "{position}: {result:?}");
    }
    settles_at(&stand, Queue::Scoring, 400, 0, 0).await;
}

async fn equal_ids_are_not_deduplicated(stand: Stand) {
    let message = command("");
    stand.broker.publish(&message).await.unwrap();
    stand.broker.publish(&message).await.unwrap();
    settles_at(&stand, Queue::Scoring, 2, 0, 0).await;
}

async fn messages_come_in_batches(stand: Stand) {
    let messages = commands(25);
    assert!(stand.broker.publish_many(&messages).await.iter().all(Result::is_ok));
    settles_at(&stand, Queue::Scoring, 25, 0, 0).await;
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(10));
    let mut seen = Vec::new();
    for size in [10, 10, 5] {
        let batch = consumer.next().await;
        assert_eq!(batch.messages.len(), size);
        seen.extend(batch.ids());
        batch.done();
    }
    assert_eq!(seen, ids(&messages));
    consumer.stop().await;
}

async fn several_batches_run_at_once(stand: Stand) {
    let messages = commands(2);
    stand.broker.publish_many(&messages).await;
    let options = RunOptions { concurrency: 2, ..RunOptions::default() };
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, options);
    let (first, second) = (consumer.next().await, consumer.next().await);
    // Out of order, so that a cumulative acknowledgement must not cover the first.
    let first_ids = first.ids();
    second.done();
    first.answer(vec![Outcome::Release]);
    let again = consumer.next().await;
    assert_eq!(again.ids(), first_ids);
    again.done();
    consumer.stop().await;
    settles_at(&stand, Queue::Scoring, 0, 0, 0).await;
}

async fn released_messages_come_back_uncounted(stand: Stand) {
    let message = command("");
    stand.broker.publish(&message).await.unwrap();
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, RunOptions::default());
    for _ in 0..5 {
        let batch = consumer.next().await;
        assert_eq!((batch.ids(), batch.messages[0].attempt), (vec![message.id], 1));
        batch.answer(vec![Outcome::Release]);
    }
    consumer.next().await.done();
    consumer.stop().await;
    settles_at(&stand, Queue::Scoring, 0, 0, 0).await;
}

async fn shutdown_finishes_what_is_in_hand(stand: Stand) {
    let messages = commands(5);
    stand.broker.publish_many(&messages).await;
    settles_at(&stand, Queue::Scoring, 5, 0, 0).await;
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(2));
    let batch = consumer.next().await;
    assert_eq!(batch.messages.len(), 2);
    consumer.shutdown.cancel();
    assert!(!consumer.task.is_finished());
    batch.done();
    consumer.stop().await;
    settles_at(&stand, Queue::Scoring, 3, 0, 0).await;
    // The rest was given back, and nobody else's.
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, RunOptions::default());
    for message in &messages[2..] {
        let batch = consumer.next().await;
        assert_eq!((batch.ids(), batch.messages[0].attempt), (vec![message.id], 1));
        batch.done();
    }
    consumer.stop().await;
}

async fn a_crash_redelivers_each_message_alone(stand: Stand) {
    let messages = commands(4);
    stand.broker.publish_many(&messages).await;
    settles_at(&stand, Queue::Scoring, 4, 0, 0).await;
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(10));
    let in_hand = consumer.next().await;
    assert_eq!(in_hand.messages.len(), 4);
    consumer.crash().await;
    settles_at(&stand, Queue::Scoring, 4, 0, 0).await;
    let more = commands(3);
    stand.broker.publish_many(&more).await;
    settles_at(&stand, Queue::Scoring, 7, 0, 0).await;
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(10));
    let mut again = Vec::new();
    for _ in &messages {
        let batch = consumer.next().await;
        assert_eq!(batch.messages.len(), 1);
        assert_eq!((batch.messages[0].attempt, batch.messages[0].redelivered), (1, true));
        again.extend(batch.ids());
        batch.done();
    }
    // RabbitMQ keeps no order here.
    again.sort_unstable();
    assert_eq!(again, ids(&messages));
    let batch = consumer.next().await;
    assert_eq!(batch.ids(), ids(&more));
    assert!(batch.messages.iter().all(|message| !message.redelivered));
    batch.done();
    consumer.stop().await;
    settles_at(&stand, Queue::Scoring, 0, 0, 0).await;
}

async fn a_queue_with_a_single_active_consumer_serves_one(stand: Stand) {
    let options = RunOptions::default();
    let mut first = Consumer::start(&stand.broker, Queue::BotRoles, options);
    let publish = async || stand.broker.publish(&to(Exchange::Events, "effect.roles.wanted", "")).await.unwrap();
    publish().await;
    let held = first.next().await;
    let mut second = Consumer::start(&stand.broker, Queue::BotRoles, options);
    for _ in 0..3 {
        publish().await;
    }
    held.done();
    for _ in 0..3 {
        first.next().await.done();
    }
    assert!(second.peek().is_none());
    first.stop().await;
    publish().await;
    second.next().await.done();
    second.stop().await;
}

async fn listeners_hear_what_passes(stand: Stand) {
    let mut listener = stand.broker.listen(Exchange::Events, "season.#", 100).await.unwrap();
    let opened = to(Exchange::Events, "season.opened", "{}");
    // On RabbitMQ it says "missed" once it is bound.
    let mut heard = tokio::spawn(async move { (listener.next().await, listener) });
    let (first, mut listener) = loop {
        stand.broker.publish(&to(Exchange::Events, "other.thing", "")).await.unwrap();
        stand.broker.publish(&opened).await.unwrap();
        tokio::select! {
            first = &mut heard => break first.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    };
    let mut item = first;
    if item == Some(Live::Missed) {
        stand.broker.publish(&opened).await.unwrap();
        item = within(listener.next()).await;
    }
    let Some(Live::Message(received)) = item else { panic!("{item:?}") };
    assert_eq!((received.id, received.key.as_str()), (opened.id, "season.opened"));
    stand.broker.close().await;
    while within(listener.next()).await.is_some() {}
}

async fn a_closed_broker_says_so(stand: Stand) {
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, RunOptions::default());
    stand.broker.publish(&command("")).await.unwrap();
    consumer.next().await.done();
    stand.broker.close().await;
    assert_eq!(within(consumer.task).await.unwrap(), Err(BrokerError::Closed));
    let result = stand.broker.publish(&command("")).await;
    assert!(matches!(result, Err(PublishError::Refused(_))), "{result:?}");
    assert!(stand.broker.health().await.is_err());
    assert!(stand.broker.depth(Queue::Scoring).await.is_err());
}

/// Acknowledges everything and tells when the last has come.
struct Counting {
    seen: Mutex<Vec<Uuid>>,
    expected: usize,
    finished: CancellationToken,
}

impl Handler for Counting {
    async fn handle(&self, batch: Vec<Received>) -> Vec<Outcome> {
        let mut seen = self.seen.lock().unwrap();
        seen.extend(batch.iter().map(|message| message.id));
        if seen.len() >= self.expected {
            self.finished.cancel();
        }
        vec![Outcome::Done; batch.len()]
    }
}

async fn many_messages_go_through(stand: Stand) {
    const COUNT: usize = 20_000;
    let rate = |count: usize, time: Duration| count as f64 / time.as_secs_f64();
    let worker = RunOptions { max_batch: 500, linger: Duration::from_millis(5), prefetch: 1_000, concurrency: 1 };
    for options in [worker, RunOptions { max_batch: 20, concurrency: 4, ..worker }] {
        let messages = commands(COUNT);
        let began = Instant::now();
        // Not all at once: the deadline of a publish is a promise to callers, not a measure of this machine.
        for messages in messages.chunks(2_000) {
            assert!(stand.broker.publish_many(messages).await.iter().all(Result::is_ok));
        }
        let published = began.elapsed();

        let finished = CancellationToken::new();
        let counting = Counting { seen: Mutex::default(), expected: COUNT, finished: finished.clone() };
        let counting = std::sync::Arc::new(counting);
        let began = Instant::now();
        within(stand.broker.run(Queue::Scoring, options, finished, counting.clone())).await.unwrap();
        let consumed = began.elapsed();
        // Each of them, and none twice.
        let mut seen = std::mem::take(&mut *counting.seen.lock().unwrap());
        seen.sort_unstable();
        assert_eq!(seen, ids(&messages));
        settles_at(&stand, Queue::Scoring, 0, 0, 0).await;
        println!(
            "{COUNT} messages: published {:.0}/s; consumed {:.0}/s in {} batches of up to {} at once",
            rate(COUNT, published),
            rate(COUNT, consumed),
            options.concurrency,
            options.max_batch
        );
    }

    // One at a time, each awaited, by 50 callers: what the API and the bot do.
    let began = Instant::now();
    let messages = commands(5_000);
    let callers = messages.chunks(100).map(<[_]>::to_vec).map(|messages| {
        let broker = stand.broker.clone();
        tokio::spawn(async move {
            for message in messages {
                broker.publish(&message).await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    println!("50 callers, one message each at a time: {:.0}/s", rate(messages.len(), began.elapsed()));
}
