//! `bot.messages`: notices, sent to their channels. At least once; a nonce keeps a quick repeat from doubling.

use broker::Outcome;
use domain::EffectId;
use messages::effect::{Desired, EffectOrder, EffectReport, ParkReason};
use serde_json::json;

use super::{
    Cx, Halt, answered,
    effect::{Effects, Job, Kind, done, parked},
};
use crate::{
    discord::{Discord, code},
    text,
};

/// The kind of effect.
pub(super) struct Notices(Discord);

/// The consumer.
pub(super) fn consumer(cx: Cx) -> Effects<Notices> {
    let notices = Notices(cx.discord.clone());
    Effects::new(cx, notices)
}

impl Kind for Notices {
    async fn attempt(&self, order: EffectOrder, _: &mut Job<'_>) -> Result<EffectReport, Halt> {
        let Desired::Message { channel_id, notice } = &order.desired else {
            return Err(Outcome::Reject { why: "the effect is not a message".into() }.into());
        };
        let mut message = text::notice(notice).to_json();
        message["nonce"] = json!(nonce(order.id));
        message["enforce_nonce"] = json!(true);
        Ok(match answered(self.0.send(*channel_id, &message).await)? {
            Ok(external) => done(&order, Some(external)),
            Err(refusal) => {
                let reason = match refusal.code {
                    code::UNKNOWN_CHANNEL => ParkReason::UnknownChannel,
                    code::MISSING_ACCESS | code::MISSING_PERMISSIONS | code::NOT_A_TEXT_CHANNEL => {
                        ParkReason::ChannelClosed
                    }
                    _ => ParkReason::Refused,
                };
                parked(&order, reason, format!("channel {channel_id}: {}", refusal.message))
            }
        })
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
