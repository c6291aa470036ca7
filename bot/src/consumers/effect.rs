//! Owns what effects of all kinds have in common: read just before acting, tried for a while, reported.
//!
//! An effect that can't be made true now is left: its row stays `waiting`, and the worker reminds of it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use broker::Outcome;
use domain::{CommandId, EffectId, GuildId, RoleId};
use messages::{
    command::Command,
    effect::{EffectOrder, EffectReport, EffectResult, EffectState, ParkReason},
    event::{EffectWantedV1, Event, EventEnvelope},
    trace::TraceParent,
};

use super::{Consumer, Cx, Halt, Patience, misplaced};

/// How long one event may keep its place. After that the worker's reminder is the retry.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes one kind of effect true.
pub(super) trait Kind: Send + Sync + 'static {
    /// Does what is ordered and says what came of it.
    fn attempt(&self, order: EffectOrder, job: &mut Job<'_>)
    -> impl Future<Output = Result<EffectReport, Halt>> + Send;
}

/// A consumer of events about one kind of effect.
pub(super) struct Effects<K> {
    cx: Cx,
    kind: K,
    /// The effects somebody works on, and whether another event came for them meanwhile.
    in_hand: Mutex<HashMap<EffectId, bool>>,
}

impl<K> Effects<K> {
    pub(super) fn new(cx: Cx, kind: K) -> Self {
        Self { cx, kind, in_hand: Mutex::default() }
    }
}

/// An event being worked on.
pub(super) struct Job<'a> {
    cx: &'a Cx,
    guild: GuildId,
    trace: &'a TraceParent,
    /// What the worker was last told to be about to be given.
    announced: Option<CommandId>,
}

impl<K: Kind> Consumer for Effects<K> {
    async fn consume(&self, envelope: EventEnvelope, _: u32) -> Outcome {
        match envelope.event {
            Event::EffectWanted(wanted) => {
                let mut job =
                    Job { cx: &self.cx, guild: envelope.guild_id, trace: &envelope.traceparent, announced: None };
                self.bring(&wanted, &mut job).await
            }
            other => misplaced(&other),
        }
    }
}

impl<K: Kind> Effects<K> {
    /// Makes an effect true, unless somebody is at it: then they look again before they leave it.
    async fn bring(&self, wanted: &EffectWantedV1, job: &mut Job<'_>) -> Outcome {
        let Some(mut turn) = Turn::take(&self.in_hand, wanted.effect_id) else { return Outcome::Done };
        let mut patience = Patience::of(PATIENCE);
        loop {
            match self.once(wanted, job).await {
                Ok(()) | Err(Halt::Settled(Outcome::Done)) => match turn.again() {
                    Some(again) => turn = again,
                    None => return Outcome::Done,
                },
                Err(Halt::Settled(outcome)) => return outcome,
                Err(Halt::Passing(why)) => {
                    if let Err(outcome) = patience.pause(&why, Outcome::Done, &self.cx.shutdown).await {
                        return outcome;
                    }
                }
            }
        }
    }

    async fn once(&self, wanted: &EffectWantedV1, job: &mut Job<'_>) -> Result<(), Halt> {
        let order = job.order(wanted).await?;
        let report = self.kind.attempt(order, job).await?;
        job.report(report).await
    }
}

/// The right to work on an effect.
struct Turn<'a> {
    in_hand: &'a Mutex<HashMap<EffectId, bool>>,
    effect: EffectId,
}

impl<'a> Turn<'a> {
    fn take(in_hand: &'a Mutex<HashMap<EffectId, bool>>, effect: EffectId) -> Option<Self> {
        let mut effects = in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(again) = effects.get_mut(&effect) {
            *again = true;
            return None;
        }
        effects.insert(effect, false);
        Some(Self { in_hand, effect })
    }

    /// The turn, once more, if another event came meanwhile; otherwise it ends.
    fn again(self) -> Option<Self> {
        let in_hand = self.in_hand;
        let mut effects = in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if effects.get_mut(&self.effect).is_some_and(std::mem::take) {
            return Some(self);
        }
        effects.remove(&self.effect);
        // Removed under the same lock as looked at: dropping it would remove the next one's.
        std::mem::forget(self);
        None
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.effect);
    }
}

impl Job<'_> {
    pub(super) fn guild(&self) -> GuildId {
        self.guild
    }

    /// Ends the attempt when the bot is to stop: between two calls nothing is left half done.
    pub(super) fn goes_on(&self) -> Result<(), Halt> {
        if self.cx.shutdown.is_cancelled() { Err(Outcome::Release.into()) } else { Ok(()) }
    }

    /// What is to be done, read just before acting.
    async fn order(&self, wanted: &EffectWantedV1) -> Result<EffectOrder, Halt> {
        self.goes_on()?;
        match self.cx.api.guild(self.guild).traced(self.trace).effect_order(wanted.effect_id).await {
            // Settled meanwhile, at this version or a later one. Whatever makes it wanted again comes with an event.
            Ok(order) if order.state != EffectState::Waiting => Err(Outcome::Done.into()),
            Ok(order) => Ok(order),
            Err(error) if error.status() == Some(404) => {
                Err(Outcome::Reject { why: format!("no such effect: {error}") }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells the worker which roles the member is about to get, once for the same ones. They are given only after it
    /// is certain that this is known.
    pub(super) async fn announce(&mut self, order: &EffectOrder, roles: BTreeSet<RoleId>) -> Result<(), Halt> {
        let list = roles.iter().map(RoleId::to_string).collect::<Vec<_>>().join(",");
        let id = CommandId::of_deed(&format!("giving:{}:{}:{list}", order.id, order.version));
        if self.announced != Some(id) {
            let result = EffectResult::Giving { roles };
            self.publish(id, EffectReport { effect_id: order.id, version: order.version, result }).await?;
            self.announced = Some(id);
        }
        Ok(())
    }

    /// Tells the worker what came of an effect.
    async fn report(&self, report: EffectReport) -> Result<(), Halt> {
        let EffectReport { effect_id, version, result } = &report;
        let finding = match result {
            EffectResult::Giving { roles } => format!("giving {} roles", roles.len()),
            EffectResult::Done { external_id } => {
                tracing::info!(effect.id = %effect_id, version, "an effect is true in Discord");
                format!("done:{}", external_id.as_deref().unwrap_or_default())
            }
            EffectResult::Parked { reason, detail } => {
                tracing::warn!(effect.id = %effect_id, version, reason = reason.as_str(), detail, "an effect is parked");
                format!("parked:{}:{detail}", reason.as_str())
            }
        };
        // The same finding about the same version is one deed.
        let id = CommandId::of_deed(&format!("report:{effect_id}:{version}:{finding}"));
        self.publish(id, report).await
    }

    async fn publish(&self, id: CommandId, report: EffectReport) -> Result<(), Halt> {
        let publisher = &self.cx.publisher;
        let envelope = publisher.of_system(id, self.guild, self.trace.clone(), Command::ReportEffect(report));
        Ok(publisher.publish(&envelope).await?)
    }
}

pub(super) fn parked(order: &EffectOrder, reason: ParkReason, detail: String) -> EffectReport {
    report(order, EffectResult::Parked { reason, detail })
}

pub(super) fn done(order: &EffectOrder, external_id: Option<String>) -> EffectReport {
    report(order, EffectResult::Done { external_id })
}

fn report(order: &EffectOrder, result: EffectResult) -> EffectReport {
    EffectReport { effect_id: order.id, version: order.version, result }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_works_on_an_effect_and_looks_again() {
        let in_hand = Mutex::default();
        let effect = |n| EffectId::new(uuid::Uuid::from_u128(n));
        let turn = Turn::take(&in_hand, effect(1)).unwrap();
        assert!(Turn::take(&in_hand, effect(1)).is_none());
        assert!(Turn::take(&in_hand, effect(1)).is_none());
        assert!(Turn::take(&in_hand, effect(2)).is_some());
        let turn = turn.again().expect("for what came meanwhile");
        assert!(turn.again().is_none());
        assert!(Turn::take(&in_hand, effect(1)).is_some());
    }
}
