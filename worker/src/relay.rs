//! Owns the outbox relay: leases what waits, publishes it, deletes it. Nothing is locked while it talks to the broker; a
//! relay that dies leaves its lease to run out.

use std::time::Duration;

use broker::Message;
use chrono::TimeDelta;
use store::outbox;
use tracing::warn;

use crate::Context;

/// How long a relay may take to publish what it leased.
const LEASE: TimeDelta = TimeDelta::seconds(10);
/// How many messages it leases at once.
const LIMIT: i64 = 500;
/// How often it looks without being told: for what other processes put there.
const POLL: Duration = Duration::from_millis(100);
/// How long it waits after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// How long it goes on for what the last batch left.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long one round may take: a connection that was cut silently never answers.
const ROUND: Duration = Duration::from_secs(30);

/// Relays until nothing more is put into the outbox, and then what is left.
pub(crate) async fn run(context: Context) {
    tokio::select! {
        () = relay(&context) => {}
        () = async { context.relaying.cancelled().await; tokio::time::sleep(FAREWELL).await } => {
            warn!("the outbox is left as it is; the next worker goes on with it");
        }
    }
}

async fn relay(context: &Context) {
    let mut failing = false;
    loop {
        let last = context.relaying.is_cancelled();
        let done = tokio::time::timeout(ROUND, round(context)).await.unwrap_or_else(|late| Err(late.into()));
        let wait = match done {
            // A full round says there may be more.
            Ok(sent) if sent == LIMIT.unsigned_abs() as usize => continue,
            Ok(_) => {
                failing = false;
                POLL
            }
            Err(error) => {
                if !failing {
                    warn!(error = format!("{error:#}"), "the outbox can't be relayed; trying on");
                }
                failing = true;
                PAUSE
            }
        };
        if last {
            return;
        }
        tokio::select! {
            () = context.outbox.notified(), if !failing => {}
            () = context.relaying.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Relays once; says how many messages went out.
async fn round(context: &Context) -> anyhow::Result<usize> {
    let now = context.clock.now();
    let mut tx = context.store.read().await?;
    let waiting = outbox::is_waiting(&mut tx, now).await?;
    tx.rollback().await?;
    if !waiting {
        return Ok(0);
    }
    let mut tx = context.store.begin().await?;
    let leased = outbox::claim(&mut tx, LIMIT, now, LEASE).await?;
    tx.commit().await?;
    let messages: Vec<Message> = leased
        .iter()
        .map(|(_, outgoing)| Message {
            id: outgoing.id,
            route: outgoing.route.clone(),
            kind: outgoing.kind.clone(),
            body: outgoing.body.clone().into(),
        })
        .collect();
    let results = context.broker.publish_many(&messages).await;
    let sent: Vec<i64> = leased.iter().zip(&results).filter(|(_, r)| r.is_ok()).map(|((seq, _), _)| *seq).collect();
    if !sent.is_empty() {
        let mut tx = context.store.begin().await?;
        outbox::delete(&mut tx, &sent).await?;
        tx.commit().await?;
    }
    match results.into_iter().find_map(Result::err) {
        Some(error) => Err(error.into()),
        None => Ok(sent.len()),
    }
}
