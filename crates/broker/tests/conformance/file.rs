//! The embedded queue's file: restarts, a process killed at work, another process, failing writes, limits.

use std::{path::Path, time::Duration};

use guildhall_broker::{Broker, BrokerError, EmbeddedConfig, Outcome, PublishError, Queue, Redrive, RunOptions};
use sqlx::{Connection, SqliteConnection};

use crate::support::{Consumer, Stand, batches_of, command, commands, eventually, ids};

async fn sql(path: &Path, statement: &'static str) {
    let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn reopening_redelivers_what_had_no_outcome() {
    let stand = Stand::embedded().await;
    let messages = commands(3);
    stand.broker.publish_many(&messages).await;
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(2));
    let in_hand = consumer.next().await;
    assert_eq!(in_hand.ids(), ids(&messages[..2]));

    // What a killed process leaves behind: the file and its log as they are at this moment.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("queue.db");
    std::fs::copy(stand.path(), &copy).unwrap();
    let log = |path: &Path| path.with_extension("db-wal");
    std::fs::copy(log(&stand.path()), log(&copy)).unwrap();

    let broker = Broker::embedded(&copy).await.unwrap();
    let depth = broker.depth(Queue::Scoring).await.unwrap();
    assert_eq!((depth.ready, depth.unacked), (3, Some(0)));
    let mut again = Consumer::start(&broker, Queue::Scoring, batches_of(10));
    for (message, redelivered) in messages.iter().zip([true, true, false]) {
        let batch = again.next().await;
        assert_eq!((batch.ids(), batch.messages[0].redelivered), (vec![message.id], redelivered));
        assert_eq!((batch.messages[0].attempt, &batch.messages[0].body), (1, &message.body));
        batch.done();
    }
    again.stop().await;
    broker.close().await;
    let broker = Broker::embedded(&copy).await.unwrap();
    assert_eq!(
        broker.depth(Queue::Scoring).await.unwrap(),
        guildhall_broker::Depth { unacked: Some(0), ..Default::default() }
    );

    in_hand.done();
    consumer.next().await.done();
    consumer.stop().await;
}

#[tokio::test]
async fn a_message_that_kills_its_process_ends_as_a_dead_letter() {
    let stand = Stand::embedded().await;
    let messages = commands(2);
    stand.broker.publish_many(&messages).await;
    let killer = messages[0].id;
    let mut deaths = 0;
    loop {
        let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, RunOptions::default());
        let batch = consumer.next().await;
        if batch.ids() != [killer] {
            batch.done();
            consumer.stop().await;
            break;
        }
        deaths += 1;
        consumer.crash().await;
    }
    assert_eq!(deaths, messages::topology::DELIVERY_LIMIT + 1);
    let dead = stand.broker.dead_letters(Queue::Scoring, 10).await.unwrap();
    assert_eq!((dead[0].id, dead[0].why.as_str()), (killer, "delivery_limit"));
    eventually(|| async { stand.broker.depth(Queue::Scoring).await.unwrap().ready == 0 }).await;
}

#[tokio::test]
async fn another_process_can_list_and_redrive() {
    let stand = Stand::embedded().await;
    let message = command("");
    stand.broker.publish(&message).await.unwrap();
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, RunOptions::default());
    consumer.next().await.answer(vec![Outcome::Reject { why: "bug".into() }]);
    eventually(|| async { stand.broker.depth(Queue::Scoring).await.unwrap().dead == 1 }).await;

    let other = Broker::embedded(&stand.path()).await.unwrap();
    assert_eq!(other.dead_letters(Queue::Scoring, 10).await.unwrap()[0].id, message.id);
    assert_eq!(other.redrive(Queue::Scoring, Redrive::All).await, Ok(1));
    other.close().await;
    // Found by looking, since nobody wakes it.
    let batch = consumer.next().await;
    assert_eq!((batch.ids(), batch.messages[0].attempt), (vec![message.id], 1));
    batch.done();
    consumer.stop().await;
}

#[tokio::test]
async fn a_full_queue_refuses_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig { capacity: 10, ..EmbeddedConfig::default() };
    let broker = Broker::embedded_with(&folder.path().join("queue.db"), config).await.unwrap();
    let results = broker.publish_many(&commands(12)).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 10);
    assert!(matches!(results[10], Err(PublishError::Refused(_))), "{results:?}");
    assert!(matches!(broker.publish(&command("")).await, Err(PublishError::Refused(_))));
    let mut consumer = Consumer::start(&broker, Queue::Scoring, RunOptions::default());
    consumer.next().await.done();
    consumer.stop().await;
    broker.publish(&command("")).await.unwrap();
    assert!(matches!(broker.publish(&command("")).await, Err(PublishError::Refused(_))));
}

#[tokio::test]
async fn failing_writes_are_refused_and_leave_the_queue_consistent() {
    let stand = Stand::embedded().await;
    let first = command("");
    stand.broker.publish(&first).await.unwrap();
    sql(&stand.path(), "CREATE TRIGGER no_insert BEFORE INSERT ON message BEGIN SELECT RAISE(ABORT, 'no'); END").await;
    let results = stand.broker.publish_many(&commands(300)).await;
    assert!(results.iter().all(|result| matches!(result, Err(PublishError::Refused(_)))), "{results:?}");
    assert!(matches!(stand.broker.health().await, Err(BrokerError::Storage(_))));
    // An acknowledgement that can't be written is kept and written later; the message does not come again.
    sql(&stand.path(), "CREATE TRIGGER no_delete BEFORE DELETE ON message BEGIN SELECT RAISE(ABORT, 'no'); END").await;
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, RunOptions::default());
    consumer.next().await.done();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let depth = stand.broker.depth(Queue::Scoring).await.unwrap();
    assert_eq!((depth.ready, depth.unacked), (0, Some(1)));
    sql(&stand.path(), "DROP TRIGGER no_insert").await;
    sql(&stand.path(), "DROP TRIGGER no_delete").await;
    let second = command("");
    stand.broker.publish(&second).await.unwrap();
    let batch = consumer.next().await;
    assert_eq!(batch.ids(), [second.id]);
    batch.done();
    consumer.stop().await;
    assert_eq!(stand.broker.depth(Queue::Scoring).await.unwrap().ready, 0);
    stand.broker.health().await.unwrap();
}

#[tokio::test]
async fn a_locked_file_refuses_in_time_and_keeps_its_word() {
    let stand = Stand::embedded().await;
    let mut other = SqliteConnection::connect(stand.path().to_str().unwrap()).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let began = std::time::Instant::now();
    let result = stand.broker.publish(&command("")).await;
    assert!(matches!(result, Err(PublishError::Refused(_))), "{result:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let message = command("");
    stand.broker.publish(&message).await.unwrap();
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, batches_of(10));
    let batch = consumer.next().await;
    assert_eq!(batch.ids(), [message.id]);
    batch.done();
    consumer.stop().await;
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_left_alone() {
    let stand = Stand::embedded().await;
    stand.broker.close().await;
    sql(&stand.path(), "PRAGMA user_version = 99").await;
    let error = Broker::embedded(&stand.path()).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Storage(why) if why.contains("99")), "{error:?}");
    let missing = Broker::embedded(Path::new("/nonexistent/folder/queue.db")).await.unwrap_err();
    assert!(matches!(missing, BrokerError::Storage(_)), "{missing:?}");
}
