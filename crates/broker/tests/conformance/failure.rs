//! Failing messages: retries, panics, dead letters and the way back, on both engines.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use guildhall_broker::{Handler, Outcome, Queue, Received, Redrive};
use tokio_util::sync::CancellationToken;

use crate::support::{Consumer, Stand, batches_of, command, commands, ids, settles_at, within};

const ATTEMPT_PAUSE: Duration = Duration::from_millis(messages::topology::RETRY_DELAY_MS as u64);

on_both_engines!(
    poison_is_dead_lettered_after_three_tries_while_others_go_on,
    a_rejected_message_is_dead_lettered_at_once,
    a_panic_costs_only_the_message_that_caused_it,
    an_answer_of_the_wrong_length_is_a_failure,
    redrive_puts_dead_letters_back_as_first_attempts,
);

async fn poison_is_dead_lettered_after_three_tries_while_others_go_on(stand: Stand) {
    let poison = command("{\"poison\":true}");
    stand.broker.publish(&poison).await.unwrap();
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(10));
    let mut last = None;
    for attempt in 1..=3 {
        let batch = consumer.next().await;
        assert_eq!(batch.ids(), [poison.id]);
        assert_eq!((batch.messages[0].attempt, batch.messages[0].redelivered), (attempt, false));
        assert_eq!(batch.messages[0].key, poison.route.key);
        let now = Instant::now();
        let since = last.replace(now).map(|last| now - last);
        assert!(since.is_none_or(|since| since > ATTEMPT_PAUSE / 2), "attempts are spaced: {since:?}");
        batch.retry("no such item");
        if attempt < 3 {
            let other = command("");
            stand.broker.publish(&other).await.unwrap();
            let batch = consumer.next().await;
            assert_eq!(batch.ids(), [other.id]);
            settles_at(&stand, Queue::Scoring, 0, 1, 0).await;
            batch.done();
        }
    }
    settles_at(&stand, Queue::Scoring, 0, 0, 1).await;
    let before = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    // Listing takes nothing away, however often.
    for _ in 0..3 {
        let dead = stand.broker.dead_letters(Queue::Scoring, 10).await.unwrap();
        assert_eq!(dead.len(), 1);
        let letter = &dead[0];
        assert_eq!(
            (letter.id, &letter.kind, &letter.key, letter.queue, letter.why.as_str(), letter.attempt, &letter.body),
            (poison.id, &poison.kind, &poison.route.key, Queue::Scoring, "no such item", 3, &poison.body)
        );
        assert!(u64::try_from(letter.died_at.timestamp()).unwrap().abs_diff(before) < 60, "{:?}", letter.died_at);
    }
    assert!(stand.broker.dead_letters(Queue::Scoring, 0).await.unwrap().is_empty());
    consumer.stop().await;
}

async fn a_rejected_message_is_dead_lettered_at_once(stand: Stand) {
    let messages = commands(3);
    stand.broker.publish_many(&messages).await;
    settles_at(&stand, Queue::Scoring, 3, 0, 0).await;
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(3));
    let rejected = Outcome::Reject { why: "unknown version".into() };
    consumer.next().await.answer(vec![Outcome::Done, rejected, Outcome::Done]);
    settles_at(&stand, Queue::Scoring, 0, 0, 1).await;
    let dead = stand.broker.dead_letters(Queue::Scoring, 10).await.unwrap();
    assert_eq!((dead[0].id, dead[0].why.as_str(), dead[0].attempt), (messages[1].id, "unknown version", 1));
    consumer.stop().await;
}

/// Panics whenever a body says so, and notes the sizes of the batches it got through.
struct Fragile {
    done: tokio::sync::mpsc::UnboundedSender<(usize, Vec<Received>)>,
}

impl Handler for Fragile {
    async fn handle(&self, batch: Vec<Received>) -> Vec<Outcome> {
        assert!(!batch.iter().any(|message| &message.body[..] == b"panic"), "as told");
        let outcomes = vec![Outcome::Done; batch.len()];
        self.done.send((batch.len(), batch)).unwrap();
        outcomes
    }
}

async fn a_panic_costs_only_the_message_that_caused_it(stand: Stand) {
    let messages = [command("fine"), command("panic"), command("fine")];
    stand.broker.publish_many(&messages).await;
    settles_at(&stand, Queue::Scoring, 3, 0, 0).await;
    let (done, mut handled) = tokio::sync::mpsc::unbounded_channel();
    let shutdown = CancellationToken::new();
    let (broker, token) = (stand.broker.clone(), shutdown.clone());
    let run = tokio::spawn(async move { broker.run(Queue::Scoring, batches_of(3), token, Fragile { done }).await });
    for expected in [messages[0].id, messages[2].id] {
        let (size, batch) = within(handled.recv()).await.unwrap();
        assert_eq!((size, batch[0].id), (1, expected));
    }
    settles_at(&stand, Queue::Scoring, 0, 0, 1).await;
    let dead = stand.broker.dead_letters(Queue::Scoring, 10).await.unwrap();
    assert_eq!((dead[0].id, dead[0].attempt, dead[0].why.as_str()), (messages[1].id, 3, "the handler panicked"));
    shutdown.cancel();
    within(run).await.unwrap().unwrap();
}

async fn an_answer_of_the_wrong_length_is_a_failure(stand: Stand) {
    let messages = commands(2);
    stand.broker.publish_many(&messages).await;
    settles_at(&stand, Queue::Scoring, 2, 0, 0).await;
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(2));
    consumer.next().await.answer(vec![Outcome::Done]);
    // Repeated one by one; then a wrong answer for a single message counts as its failure.
    let alone = consumer.next().await;
    assert_eq!(alone.ids(), [messages[0].id]);
    alone.answer(Vec::new());
    let alone = consumer.next().await;
    assert_eq!(alone.ids(), [messages[1].id]);
    alone.done();
    let again = consumer.next().await;
    assert_eq!((again.ids(), again.messages[0].attempt), (vec![messages[0].id], 2));
    again.done();
    consumer.stop().await;
}

async fn redrive_puts_dead_letters_back_as_first_attempts(stand: Stand) {
    let messages = commands(5);
    stand.broker.publish_many(&messages).await;
    settles_at(&stand, Queue::Scoring, 5, 0, 0).await;
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(5));
    consumer.next().await.answer(vec![Outcome::Reject { why: "bug".into() }; 5]);
    consumer.stop().await;
    settles_at(&stand, Queue::Scoring, 0, 0, 5).await;
    let listed = stand.broker.dead_letters(Queue::Scoring, 3).await.unwrap();
    assert_eq!(listed.iter().map(|letter| letter.id).collect::<Vec<_>>(), ids(&messages[..3]));
    settles_at(&stand, Queue::Scoring, 0, 0, 5).await;

    assert_eq!(stand.broker.redrive(Queue::Scoring, Redrive::Id(messages[3].id)).await, Ok(1));
    settles_at(&stand, Queue::Scoring, 1, 0, 4).await;
    assert_eq!(stand.broker.redrive(Queue::Scoring, Redrive::Id(messages[3].id)).await, Ok(0));
    settles_at(&stand, Queue::Scoring, 1, 0, 4).await;
    assert_eq!(stand.broker.redrive(Queue::Scoring, Redrive::All).await, Ok(4));
    assert_eq!(stand.broker.redrive(Queue::Scoring, Redrive::All).await, Ok(0));
    settles_at(&stand, Queue::Scoring, 5, 0, 0).await;

    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(5));
    let batch = consumer.next().await;
    let came: HashSet<_> = batch.ids().into_iter().collect();
    assert_eq!(came, ids(&messages).into_iter().collect());
    for message in &batch.messages {
        assert_eq!(
            (message.attempt, message.redelivered, message.key.as_str()),
            (1, false, "scoring.submission.submit")
        );
    }
    batch.done();
    consumer.stop().await;
}
