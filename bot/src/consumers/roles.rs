//! `bot.roles`: a member's roles in Discord, brought into line with the ledger. Only roles that Guildhall gave are
//! touched, one call each; what can't be given is reported and keeps nothing else back.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use broker::Outcome;
use domain::{EffectId, GuildId, RoleId, UserId, roles::DesiredRoles};
use messages::{
    effect::{Desired, EffectOrder, EffectReport, EffectResult, ParkReason},
    event::{EffectWantedV1, Event, EventEnvelope},
    trace::TraceParent,
};
use tokio::sync::Mutex;

use super::{Consumer, Cx, Refusal, misplaced, parked};
use crate::discord::code;

/// Locks over effects: more than are worked on at once.
const LOCKS: usize = 64;

/// The consumer.
pub(super) struct Roles {
    cx: Cx,
    /// Two events for one effect are worked on one after the other.
    locks: Vec<Mutex<()>>,
}

/// A role that can't be given or taken, and why.
struct Obstacle {
    role: RoleId,
    reason: ParkReason,
    message: String,
}

impl Roles {
    pub(super) fn new(cx: Cx) -> Self {
        Self { cx, locks: (0..LOCKS).map(|_| Mutex::default()).collect() }
    }
}

impl Consumer for Roles {
    async fn consume(&self, envelope: EventEnvelope, _: u32) -> Outcome {
        match envelope.event {
            Event::EffectWanted(wanted) => {
                self.bring(envelope.guild_id, &wanted, &envelope.traceparent).await.unwrap_or_else(|outcome| outcome)
            }
            other => misplaced(&other),
        }
    }
}

impl Roles {
    async fn bring(&self, guild: GuildId, wanted: &EffectWantedV1, trace: &TraceParent) -> Result<Outcome, Outcome> {
        let _alone = self.lock(wanted.effect_id).lock().await;
        let order = self.cx.order(guild, wanted, trace).await?;
        let EffectOrder { id, version, desired: Desired::Roles { user_id, roles }, .. } = order else {
            return Ok(Outcome::Reject { why: "the effect is not about roles".into() });
        };
        let report = match self.align(guild, user_id, id, &roles).await? {
            Ok(obstacles) if obstacles.is_empty() => {
                EffectReport { effect_id: id, version, result: EffectResult::Done { external_id: None } }
            }
            Ok(obstacles) => {
                let reason = obstacles[0].reason;
                parked(id, version, reason, self.describe(guild, &obstacles).await)
            }
            Err(gone) => parked(id, version, gone.0, gone.1),
        };
        Ok(self.cx.report(guild, trace, report).await)
    }

    /// Gives and takes what differs. The inner error is about the member as a whole.
    async fn align(
        &self,
        guild: GuildId,
        user: UserId,
        effect: EffectId,
        desired: &DesiredRoles,
    ) -> Result<Result<Vec<Obstacle>, (ParkReason, String)>, Outcome> {
        let discord = &self.cx.discord;
        let held = match self.cx.asking(|| discord.member_roles(guild, user)).await? {
            Ok(held) => held,
            Err(refusal) => return Ok(Err(about_member(user, refusal))),
        };
        let changes = desired.changes(&held);
        let reason = format!("Guildhall: ranks by points, effect {effect}");
        let mut obstacles = Vec::new();
        for (role, give) in
            changes.add.into_iter().map(|role| (role, true)).chain(changes.remove.into_iter().map(|role| (role, false)))
        {
            let done = if give {
                self.cx.asking(|| discord.add_role(guild, user, role, &reason)).await?
            } else {
                self.cx.asking(|| discord.remove_role(guild, user, role, &reason)).await?
            };
            match done {
                Ok(()) => tracing::info!(user.id = %user, role.id = %role, give, "a role was changed"),
                // A role that no longer exists can't be held: taking it away is done.
                Err(refusal) if refusal.code == code::UNKNOWN_ROLE && !give => {}
                Err(refusal) if [code::UNKNOWN_MEMBER, code::UNKNOWN_USER].contains(&refusal.code) => {
                    return Ok(Err(about_member(user, refusal)));
                }
                Err(refusal) => {
                    let reason = match refusal.code {
                        code::MISSING_PERMISSIONS => ParkReason::RoleAboveBot,
                        code::UNKNOWN_ROLE => ParkReason::UnknownRole,
                        _ => ParkReason::Refused,
                    };
                    obstacles.push(Obstacle { role, reason, message: refusal.message });
                }
            }
        }
        Ok(Ok(obstacles))
    }

    /// The roles in the way, by name where Discord tells it.
    async fn describe(&self, guild: GuildId, obstacles: &[Obstacle]) -> String {
        let names = self.cx.discord.guild_roles(guild).await.unwrap_or_default();
        let describe = |obstacle: &Obstacle| {
            let name = names.iter().find(|role| role.id == obstacle.role).map(|role| role.name.as_str());
            let role = name.map_or_else(|| format!("role {}", obstacle.role), |name| format!("role {name}"));
            format!("{role}: {}", obstacle.message)
        };
        obstacles.iter().map(describe).collect::<Vec<_>>().join("; ")
    }

    fn lock(&self, effect: EffectId) -> &Mutex<()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(effect);
        &self.locks[usize::try_from(hash % LOCKS as u64).unwrap_or_default()]
    }
}

fn about_member(user: UserId, refusal: Refusal) -> (ParkReason, String) {
    match refusal.code {
        code::UNKNOWN_MEMBER | code::UNKNOWN_USER => (ParkReason::MemberGone, format!("member {user} left the server")),
        _ => (ParkReason::Refused, format!("member {user}: {}", refusal.message)),
    }
}
