//! Owns the clock: looks for what is due and publishes it as commands whose ids follow from what they do, so that two
//! clocks do it once. Also reminds of effects whose event may be lost, and forgets old inbox rows.

use std::time::Duration;

use broker::Message;
use chrono::TimeDelta;
use domain::{
    CommandId, Timestamp,
    season::{self, Season},
};
use messages::{
    command::{ActorRef, CloseSeasonV1, Command, CommandEnvelope, Via},
    effect::EffectKind,
    topology::Queue,
    trace::TraceParent,
};
use metrics::gauge;
use store::{
    effects::{self, Due},
    inbox, outbox,
    outbox::Outgoing,
    seasons,
};
use tracing::warn;

use crate::Context;

/// An effect that waits longer than this may have lost its event.
const WAITING: TimeDelta = TimeDelta::seconds(30);
/// How long a parked effect rests before it is tried again unasked.
const PARKED: TimeDelta = TimeDelta::minutes(10);
/// How long roles that agreed are believed to agree still: somebody may change them in Discord while the bot is away.
const AGREED: TimeDelta = TimeDelta::hours(24);
/// How many effects are reminded of at once.
const REMINDERS: i64 = 200;
/// How long the inbox remembers deeds. Deeds that moved points are known for ever, by their entries.
const REMEMBER: TimeDelta = TimeDelta::days(30);
/// How many inbox rows are forgotten at once.
const FORGET: i64 = 5_000;

/// An undelivered notice is news no longer.
const STALE: TimeDelta = TimeDelta::days(7);
/// How long one tick may take: a connection that was cut silently never answers.
const TICK: Duration = Duration::from_secs(30);

/// Ticks until the worker shuts down.
pub(crate) async fn run(context: Context) {
    // Since when every tick found store and broker: time in which what was accepted could arrive.
    let mut healthy_since: Option<Timestamp> = None;
    let mut failing = false;
    loop {
        let now = context.clock.now();
        let since = *healthy_since.get_or_insert(now);
        match tokio::time::timeout(TICK, tick(&context, now, since)).await.unwrap_or_else(|late| Err(late.into())) {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    warn!(error = format!("{error:#}"), "the clock's work failed; trying on");
                }
                failing = true;
                healthy_since = None;
            }
        }
        let pause = if failing { Duration::from_secs(1) } else { context.config.tick };
        tokio::select! {
            () = context.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn tick(context: &Context, now: Timestamp, healthy_since: Timestamp) -> anyhow::Result<()> {
    let mut kinds = Vec::new();
    let mut backlog = 0;
    for queue in Queue::ALL {
        let depth = context.broker.depth(queue).await?;
        gauge!("guildhall_queue_messages", "queue" => queue.name(), "state" => "ready").set(depth.ready as f64);
        gauge!("guildhall_queue_messages", "queue" => queue.name(), "state" => "dead").set(depth.dead as f64);
        // While the bot is behind or away, more reminders would only make its queue longer.
        match queue {
            Queue::BotRoles if depth.ready == 0 => kinds.push(EffectKind::Roles),
            Queue::BotMessages if depth.ready == 0 => kinds.push(EffectKind::Message),
            Queue::Scoring => backlog = depth.ready + depth.retry,
            Queue::BotRoles | Queue::BotMessages | Queue::BotReplies => {}
        }
    }
    // A season is closed when everything accepted in time has had the time to arrive, and nothing is on its way.
    if backlog == 0 && healthy_since <= now - season::GRACE {
        close_seasons(context, now).await?;
    }

    let mut tx = context.store.read().await?;
    let (waiting, parked) = effects::unsettled(&mut tx).await?;
    gauge!("guildhall_outbox_messages").set(outbox::depth(&mut tx).await? as f64);
    gauge!("guildhall_effects", "state" => "waiting").set(waiting as f64);
    gauge!("guildhall_effects", "state" => "parked").set(parked as f64);
    tx.rollback().await?;

    let mut tx = context.store.begin().await?;
    let due = Due { kinds, waiting: now - WAITING, parked: now - PARKED, agreed: now - AGREED };
    let reminders = effects::remind(&mut tx, &due, REMINDERS, now).await?;
    outbox::put(&mut tx, &reminders).await?;
    effects::expire(&mut tx, now - STALE, now - REMEMBER, FORGET).await?;
    inbox::forget(&mut tx, now - REMEMBER, FORGET).await?;
    tx.commit().await?;
    context.outbox.notify_one();
    Ok(())
}

async fn close_seasons(context: &Context, now: Timestamp) -> anyhow::Result<()> {
    let mut tx = context.store.read().await?;
    let due = seasons::due_to_close(&mut tx, now - season::GRACE).await?;
    tx.rollback().await?;
    if due.is_empty() {
        return Ok(());
    }
    let skew = store::clock::skew(&context.store, &context.clock).await?;
    anyhow::ensure!(
        skew <= context.config.max_skew,
        "the clock differs by {} s from the database's: no season is closed",
        skew.num_seconds()
    );
    for season in due {
        let outgoing = Outgoing::command(&close(&season, now))?;
        let message =
            Message { id: outgoing.id, route: outgoing.route, kind: outgoing.kind, body: outgoing.body.into() };
        context.broker.publish(&message).await?;
    }
    Ok(())
}

/// The command that closes a season. The minute is part of its id: a season that could not be closed after all (a
/// submission came to wait for review) is tried again in the next one.
fn close(season: &Season, now: Timestamp) -> CommandEnvelope {
    let id = CommandId::of_deed(&format!("close:{}:{}", season.id, now.timestamp() / 60));
    CommandEnvelope {
        id,
        guild_id: season.guild,
        actor: ActorRef { user_id: None, via: Via::System },
        accepted_at: now,
        traceparent: TraceParent::of(id.uuid()),
        reply: None,
        command: Command::CloseSeason(CloseSeasonV1 { season_id: season.id }),
    }
}
