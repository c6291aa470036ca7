//! `bot.roles`: a member's roles in Discord, brought into line with the ledger. Only roles that Guildhall gave are
//! touched, one call each; what can't be given is reported and keeps nothing else back.

use broker::Outcome;
use domain::{RoleId, UserId};
use messages::effect::{Desired, EffectOrder, EffectReport, ParkReason};

use super::{
    Cx, Halt, Refusal, answered,
    effect::{Effects, Job, Kind, done, parked},
};
use crate::discord::{Discord, code};

/// The kind of effect.
pub(super) struct Roles(Discord);

/// The consumer.
pub(super) fn consumer(cx: Cx) -> Effects<Roles> {
    let roles = Roles(cx.discord.clone());
    Effects::new(cx, roles)
}

/// A role that can't be given or taken, and why.
struct Obstacle {
    role: RoleId,
    reason: ParkReason,
    message: String,
}

impl Kind for Roles {
    /// Gives and takes what differs.
    async fn attempt(&self, order: EffectOrder, job: &mut Job<'_>) -> Result<EffectReport, Halt> {
        let Desired::Roles { user_id: user, roles: desired } = &order.desired else {
            return Err(Outcome::Reject { why: "the effect is not about roles".into() }.into());
        };
        let (guild, user) = (job.guild(), *user);
        let held = match answered(self.0.member_roles(guild, user).await)? {
            Ok(held) => held,
            Err(refusal) => return Ok(about_member(&order, user, refusal)),
        };
        let changes = desired.changes(&held);
        if !changes.add.is_empty() {
            job.announce(&order, changes.add.iter().copied().collect()).await?;
        }
        let reason = format!("Guildhall: ranks by points, effect {}", order.id);
        let mut obstacles = Vec::new();
        for (role, give) in
            changes.add.into_iter().map(|role| (role, true)).chain(changes.remove.into_iter().map(|role| (role, false)))
        {
            job.goes_on()?;
            let changed = if give {
                self.0.add_role(guild, user, role, &reason).await
            } else {
                self.0.remove_role(guild, user, role, &reason).await
            };
            match answered(changed)? {
                Ok(()) => tracing::info!(user.id = %user, role.id = %role, give, "a role was changed"),
                // A role that no longer exists can't be held: taking it away is done.
                Err(refusal) if refusal.code == code::UNKNOWN_ROLE && !give => {}
                Err(refusal) if [code::UNKNOWN_MEMBER, code::UNKNOWN_USER].contains(&refusal.code) => {
                    return Ok(about_member(&order, user, refusal));
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
        let Some(first) = obstacles.first() else { return Ok(done(&order, None)) };
        job.goes_on()?;
        Ok(parked(&order, first.reason, self.describe(job, &obstacles).await))
    }
}

impl Roles {
    /// The roles in the way, by name where Discord tells it.
    async fn describe(&self, job: &Job<'_>, obstacles: &[Obstacle]) -> String {
        let names = self.0.guild_roles(job.guild()).await.unwrap_or_default();
        let describe = |obstacle: &Obstacle| {
            let name = names.iter().find(|role| role.id == obstacle.role).map(|role| role.name.as_str());
            let role = name.map_or_else(|| format!("role {}", obstacle.role), |name| format!("role {name}"));
            format!("{role}: {}", obstacle.message)
        };
        obstacles.iter().map(describe).collect::<Vec<_>>().join("; ")
    }
}

fn about_member(order: &EffectOrder, user: UserId, refusal: Refusal) -> EffectReport {
    match refusal.code {
        code::UNKNOWN_MEMBER | code::UNKNOWN_USER => {
            parked(order, ParkReason::MemberGone, format!("member {user} left the server"))
        }
        _ => parked(order, ParkReason::Refused, format!("member {user}: {}", refusal.message)),
    }
}
