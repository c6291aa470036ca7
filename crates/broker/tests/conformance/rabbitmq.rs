//! RabbitMQ when its world breaks: cut and frozen connections, a server that comes late, what RabbitMQ does by itself.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use guildhall_broker::{
    AmqpConfig, Broker, BrokerError, Handler, Message, Outcome, PUBLISH_DEADLINE, PublishError, Queue, Received,
    RunOptions,
};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicGetOptions, BasicPublishOptions, BasicRejectOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use messages::topology::DELIVERY_LIMIT;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    proxy::{Proxy, Wire},
    support::{Consumer, Stand, amqp_uri, batches_of, command, commands, eventually, ids, within},
};

/// A broker behind a proxy, connected.
async fn proxied() -> (Proxy, Broker) {
    let proxy = Proxy::start(&amqp_uri()).await;
    let broker = Broker::amqp(AmqpConfig::new(proxy.uri(&amqp_uri()))).await.unwrap();
    eventually(|| async { broker.health().await.is_ok() }).await;
    (proxy, broker)
}

/// RabbitMQ without this crate in between.
async fn raw_channel() -> (Connection, Channel) {
    let connection = Connection::connect(&amqp_uri(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// Publishes with the same id until it is confirmed, as every publisher does.
async fn insist(broker: &Broker, message: &Message) -> usize {
    let mut attempts = 1;
    while broker.publish(message).await.is_err() {
        attempts += 1;
    }
    attempts
}

/// Acknowledges everything and remembers it.
#[derive(Default)]
struct Collect {
    seen: Mutex<HashSet<Uuid>>,
    total: Mutex<usize>,
    redelivered: Mutex<usize>,
}

impl Handler for Collect {
    async fn handle(&self, batch: Vec<Received>) -> Vec<Outcome> {
        *self.total.lock().unwrap() += batch.len();
        *self.redelivered.lock().unwrap() += batch.iter().filter(|message| message.redelivered).count();
        self.seen.lock().unwrap().extend(batch.iter().map(|message| message.id));
        vec![Outcome::Done; batch.len()]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_connections_are_cut() {
    let stand = Stand::scaled().await;
    let (proxy, broker) = proxied().await;
    let messages = commands(3_000);
    let sought: HashSet<Uuid> = ids(&messages).into_iter().collect();

    let collect = Arc::new(Collect::default());
    let shutdown = CancellationToken::new();
    let options = RunOptions { max_batch: 20, linger: Duration::from_millis(1), prefetch: 100, concurrency: 2 };
    let run = tokio::spawn({
        let (broker, shutdown, collect) = (broker.clone(), shutdown.clone(), collect.clone());
        async move { broker.run(Queue::Scoring, options, shutdown, collect).await }
    });
    let (confirmed, mut progress) = tokio::sync::mpsc::unbounded_channel();
    for chunk in messages.chunks(60) {
        let (broker, chunk, confirmed) = (broker.clone(), chunk.to_vec(), confirmed.clone());
        tokio::spawn(async move {
            for message in chunk {
                let attempts = insist(&broker, &message).await;
                confirmed.send(attempts).unwrap();
            }
        });
    }
    // Under the publisher and the consumer alike, in the middle of it.
    let mut attempts_in_all = 0;
    for number in 1..=messages.len() {
        attempts_in_all += within(progress.recv()).await.unwrap();
        if number % 600 == 0 && number < messages.len() {
            proxy.cut();
        }
    }
    eventually(|| async { collect.seen.lock().unwrap().len() == sought.len() }).await;
    assert_eq!(*collect.seen.lock().unwrap(), sought);
    shutdown.cancel();
    within(run).await.unwrap().unwrap();
    eventually(|| async { stand.broker.depth(Queue::Scoring).await.unwrap().ready == 0 }).await;
    assert_eq!(stand.broker.depth(Queue::Scoring).await.unwrap().dead, 0);
    let duplicates = *collect.total.lock().unwrap() - sought.len();
    println!(
        "4 cuts: {} messages published {attempts_in_all} times; {duplicates} duplicates, {} of them redelivered",
        sought.len(),
        collect.redelivered.lock().unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_in_hand_at_a_cut_is_redelivered_alone() {
    let _stand = Stand::scaled().await;
    let (proxy, broker) = proxied().await;
    let messages = commands(3);
    assert!(broker.publish_many(&messages).await.iter().all(Result::is_ok));
    eventually(|| async { broker.depth(Queue::Scoring).await.is_ok_and(|depth| depth.ready == 3) }).await;
    let mut consumer = Consumer::start(&broker, Queue::Scoring, batches_of(3));
    let in_hand = consumer.next().await;
    assert_eq!(in_hand.messages.len(), 3);
    proxy.cut();
    // It may finish its work; the acknowledgement has nowhere to go.
    in_hand.done();
    let mut again = Vec::new();
    for _ in &messages {
        let batch = consumer.next().await;
        assert_eq!(batch.messages.len(), 1);
        assert_eq!((batch.messages[0].attempt, batch.messages[0].redelivered), (1, true));
        again.extend(batch.ids());
        batch.done();
    }
    again.sort_unstable();
    assert_eq!(again, ids(&messages));
    consumer.stop().await;
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_refuses_and_may_come_back() {
    let _stand = Stand::scaled().await;
    let proxy = Proxy::start(&amqp_uri()).await;
    proxy.set(Wire::Refusing);
    let broker = Broker::amqp(AmqpConfig::new(proxy.uri(&amqp_uri()))).await.unwrap();
    let mut consumer = Consumer::start(&broker, Queue::Scoring, RunOptions::default());
    let began = Instant::now();
    let result = broker.publish(&command("")).await;
    assert!(matches!(result, Err(PublishError::Refused(_))), "{result:?}");
    assert!(began.elapsed() < PUBLISH_DEADLINE + Duration::from_millis(500), "{:?}", began.elapsed());
    assert!(matches!(broker.health().await, Err(BrokerError::Unavailable(_))));
    proxy.set(Wire::Open);
    let message = command("");
    insist(&broker, &message).await;
    // The refused one was never written, not even now.
    let batch = consumer.next().await;
    assert_eq!(batch.ids(), [message.id]);
    batch.done();
    eventually(|| async { broker.health().await.is_ok() }).await;
    consumer.stop().await;
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_noticed_and_left() {
    let _stand = Stand::scaled().await;
    let (proxy, broker) = proxied().await;
    proxy.set(Wire::Frozen);
    let began = Instant::now();
    let result = broker.publish(&command("")).await;
    assert!(matches!(result, Err(PublishError::Unknown(_))), "{result:?}");
    assert!(began.elapsed() < PUBLISH_DEADLINE + Duration::from_millis(500), "{:?}", began.elapsed());
    let asked = Instant::now();
    assert!(broker.health().await.is_err());
    assert!(asked.elapsed() < Duration::from_millis(1_500), "{:?}", asked.elapsed());
    // The dead channel is given up; from then on it is clear that nothing is taken.
    eventually(|| async { matches!(broker.publish(&command("")).await, Err(PublishError::Refused(_))) }).await;
    println!("frozen: given up after {:.1} s", began.elapsed().as_secs_f64());
    proxy.set(Wire::Open);
    insist(&broker, &command("")).await;
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rabbitmq_dead_letters_by_itself_is_listed_too() {
    let stand = Stand::scaled().await;
    let message = command("{}");
    stand.broker.publish(&message).await.unwrap();
    let (_connection, channel) = raw_channel().await;
    for _ in 0..=DELIVERY_LIMIT {
        let got = loop {
            let queue = Queue::Scoring.name().into();
            if let Some(got) = within(channel.basic_get(queue, BasicGetOptions::default())).await.unwrap() {
                break got;
            }
        };
        got.reject(BasicRejectOptions { requeue: true }).await.unwrap();
    }
    eventually(|| async { stand.broker.depth(Queue::Scoring).await.unwrap().dead == 1 }).await;
    let dead = stand.broker.dead_letters(Queue::Scoring, 10).await.unwrap();
    assert_eq!(
        (dead[0].id, dead[0].why.as_str(), &dead[0].key, dead[0].attempt, &dead[0].body),
        (message.id, "delivery_limit", &message.route.key, 1, &message.body)
    );
    assert!(dead[0].died_at.timestamp() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_without_a_usable_id_is_dead_lettered_unseen() {
    let stand = Stand::scaled().await;
    let (_connection, channel) = raw_channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let properties = BasicProperties::default().with_message_id("not a uuid".into());
    let options = BasicPublishOptions::default();
    let queue = Queue::Scoring.name().into();
    channel.basic_publish("".into(), queue, options, b"?", properties).await.unwrap().await.unwrap();
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, RunOptions::default());
    let message = command("");
    stand.broker.publish(&message).await.unwrap();
    let batch = consumer.next().await;
    assert_eq!(batch.ids(), [message.id]);
    batch.done();
    eventually(|| async { stand.broker.depth(Queue::Scoring).await.unwrap().dead == 1 }).await;
    let dead = stand.broker.dead_letters(Queue::Scoring, 10).await.unwrap();
    assert_eq!((dead[0].id, &dead[0].body[..]), (Uuid::nil(), &b"?"[..]));
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_takes_long_holds_nothing_up() {
    let stand = Stand::scaled().await;
    let messages = commands(3);
    stand.broker.publish(&messages[0]).await.unwrap();
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, RunOptions::default());
    consumer.next().await;
    consumer.crash().await;
    let options = RunOptions { concurrency: 2, ..RunOptions::default() };
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, options);
    let stuck = consumer.next().await;
    assert_eq!((stuck.ids(), stuck.messages[0].redelivered), (vec![messages[0].id], true));
    for message in &messages[1..] {
        stand.broker.publish(message).await.unwrap();
    }
    for message in &messages[1..] {
        let batch = consumer.next().await;
        assert_eq!(batch.ids(), [message.id]);
        batch.done();
    }
    stuck.done();
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_handler_does_not_keep_the_consumer_away() {
    let _stand = Stand::scaled().await;
    let (proxy, broker) = proxied().await;
    let messages = commands(2);
    broker.publish(&messages[0]).await.unwrap();
    let options = RunOptions { concurrency: 3, ..RunOptions::default() };
    let mut consumer = Consumer::start(&broker, Queue::Scoring, options);
    let stuck = consumer.next().await;
    proxy.cut();
    insist(&broker, &messages[1]).await;
    let mut seen = HashSet::new();
    while seen.len() < 2 {
        let batch = consumer.next().await;
        seen.extend(batch.ids());
        batch.done();
    }
    assert_eq!(seen, ids(&messages).into_iter().collect());
    stuck.done();
    consumer.stop().await;
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_made_up_key_is_clipped_and_retried() {
    let stand = Stand::scaled().await;
    let (_connection, channel) = raw_channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut headers = FieldTable::default();
    headers.insert("x-guildhall-key".into(), AMQPValue::LongString("ä".repeat(20_000).into()));
    let id = Uuid::from_u128(77);
    let properties = BasicProperties::default().with_message_id(id.to_string().into()).with_headers(headers);
    let (queue, options) = (Queue::Scoring.name().into(), BasicPublishOptions::default());
    channel.basic_publish("".into(), queue, options, b"{}", properties).await.unwrap().await.unwrap();
    let mut consumer = Consumer::start(&stand.broker, Queue::Scoring, RunOptions::default());
    let batch = consumer.next().await;
    assert_eq!((batch.ids(), batch.messages[0].key.len()), (vec![id], 254));
    batch.retry("once more");
    let batch = consumer.next().await;
    assert_eq!((batch.ids(), batch.messages[0].attempt), (vec![id], 2));
    batch.done();
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_checked_and_its_password_kept_secret() {
    for uri in ["", "nonsense:s3cret@host", "http://guest:s3cret@localhost/"] {
        let error = Broker::amqp(AmqpConfig::new(uri)).await.unwrap_err();
        assert!(matches!(error, BrokerError::Config(_)), "{uri}: {error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let mut config = AmqpConfig::new("amqp://guest:s3cret@127.0.0.1:1/");
    config.publish_deadline = Duration::from_millis(100);
    let broker = Broker::amqp(config.clone()).await.unwrap();
    let refused = broker.publish(&command("")).await.unwrap_err();
    assert!(matches!(refused, PublishError::Refused(_)), "{refused}");
    let error = broker.health().await.unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
    assert!(!format!("{config:?} {broker:?}").contains("s3cret"), "{broker:?}");
}
