//! `bot.messages`: notices, sent to their channels. At least once; a nonce keeps a quick repeat from doubling.

use broker::Outcome;
use domain::{EffectId, GuildId};
use messages::{
    effect::{Desired, EffectOrder, EffectReport, EffectResult, ParkReason},
    event::{EffectWantedV1, Event, EventEnvelope},
    trace::TraceParent,
};
use serde_json::json;

use super::{Consumer, Cx, misplaced, parked};
use crate::{discord::code, text};

/// The consumer.
pub(super) struct Notices(pub(super) Cx);

impl Consumer for Notices {
    async fn consume(&self, envelope: EventEnvelope, _: u32) -> Outcome {
        match envelope.event {
            Event::EffectWanted(wanted) => {
                self.send(envelope.guild_id, &wanted, &envelope.traceparent).await.unwrap_or_else(|outcome| outcome)
            }
            other => misplaced(&other),
        }
    }
}

impl Notices {
    async fn send(&self, guild: GuildId, wanted: &EffectWantedV1, trace: &TraceParent) -> Result<Outcome, Outcome> {
        let order = self.0.order(guild, wanted, trace).await?;
        let EffectOrder { id, version, desired: Desired::Message { channel_id, notice }, .. } = order else {
            return Ok(Outcome::Reject { why: "the effect is not a message".into() });
        };
        let mut message = text::notice(&notice).to_json();
        message["nonce"] = json!(nonce(id));
        message["enforce_nonce"] = json!(true);
        let report = match self.0.asking(|| self.0.discord.send(channel_id, &message)).await? {
            Ok(external) => {
                EffectReport { effect_id: id, version, result: EffectResult::Done { external_id: Some(external) } }
            }
            Err(refusal) => {
                let reason = match refusal.code {
                    code::UNKNOWN_CHANNEL => ParkReason::UnknownChannel,
                    code::MISSING_ACCESS | code::MISSING_PERMISSIONS | code::NOT_A_TEXT_CHANNEL => {
                        ParkReason::ChannelClosed
                    }
                    _ => ParkReason::Refused,
                };
                parked(id, version, reason, format!("channel {channel_id}: {}", refusal.message))
            }
        };
        Ok(self.0.report(guild, trace, report).await)
    }
}

/// What tells Discord that it's the same message: as much of the effect's id as fits into 25 characters.
fn nonce(effect: EffectId) -> String {
    let mut nonce = effect.uuid().simple().to_string();
    nonce.truncate(25);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_nonce_fits_and_tells_effects_apart() {
        let id = |n| EffectId::new(Uuid::new_v5(&Uuid::nil(), &[n]));
        assert_eq!(nonce(id(1)).len(), 25);
        assert_eq!(nonce(id(1)), nonce(id(1)));
        assert_ne!(nonce(id(1)), nonce(id(2)));
    }
}
