//! Owns what reports of the bot make of effects.

use domain::{EffectId, GuildId, Timestamp, UserId, roles::DesiredRoles};
use messages::effect::{Desired, EffectReport, EffectResult, EffectState};

use super::EffectRow;
use crate::{StoreError, Tx, outbox::Outgoing, row};

/// Takes note of what became of an effect; returns the event to send when that leaves something to do.
///
/// # Errors
/// See [`StoreError`].
pub async fn report(
    tx: &mut Tx,
    guild: GuildId,
    report: &EffectReport,
    now: Timestamp,
) -> Result<Option<Outgoing>, StoreError> {
    let suffix = tx.for_update();
    let found = build!(tx, opt EffectRow, |q| {
        q.push("SELECT id, guild_id, kind, desired, version, state, traceparent FROM effect WHERE id = ");
        q.push_bind(report.effect_id.uuid()).push(" AND guild_id = ").push_bind(guild.to_i64()).push(suffix);
    })?;
    let Some(found) = found else { return Ok(None) };
    let order = found.order()?;
    let roles = match &order.desired {
        Desired::Roles { user_id, roles } => Some((*user_id, roles)),
        Desired::Message { .. } => None,
    };
    match (&report.result, roles) {
        (EffectResult::Giving { roles: given }, Some((user_id, roles))) => {
            write_roles(tx, report.effect_id, user_id, roles.giving(given)).await?;
            // What is given is no longer wanted: somebody has to take it again.
            if given.is_subset(&roles.roles) { Ok(None) } else { again(tx, report.effect_id, now).await }
        }
        (EffectResult::Giving { .. }, None) => Err(StoreError::corrupt("a message that gives roles")),
        // What was sent stays sent, whichever version it was sent for.
        (_, None) if order.state == EffectState::Done => Ok(None),
        (EffectResult::Done { external_id }, None) => {
            settle(tx, report.effect_id, EffectState::Done, external_id.as_deref(), None, now).await?;
            Ok(None)
        }
        // Whoever worked on an older version may have undone what a newer one did.
        (_, Some(_)) if report.version < order.version && order.state == EffectState::Done => {
            again(tx, report.effect_id, now).await
        }
        _ if report.version < order.version => {
            Ok(if order.state == EffectState::Waiting { Some(found.wanted()?) } else { None })
        }
        (EffectResult::Done { .. }, Some((user_id, roles))) => {
            write_roles(tx, report.effect_id, user_id, roles.agreed()).await?;
            settle(tx, report.effect_id, EffectState::Done, None, None, now).await?;
            Ok(None)
        }
        (EffectResult::Parked { reason, detail }, _) => {
            let why = Some((reason.as_str(), detail.as_str()));
            settle(tx, report.effect_id, EffectState::Parked, None, why, now).await?;
            Ok(None)
        }
    }
}

async fn write_roles(tx: &mut Tx, id: EffectId, user_id: UserId, roles: DesiredRoles) -> Result<(), StoreError> {
    let desired = row::to_json(&Desired::Roles { user_id, roles })?;
    let touched = sql!(tx, execute, "UPDATE effect SET desired = $1 WHERE id = $2", desired, id.uuid())?;
    row::touched("writing an effect's roles", touched, 1)
}

async fn settle(
    tx: &mut Tx,
    id: EffectId,
    state: EffectState,
    external_id: Option<&str>,
    why: Option<(&str, &str)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let touched = sql!(
        tx,
        execute,
        "UPDATE effect SET state = $1, external_id = COALESCE($2, external_id), reason = $3, detail = $4, updated_at = $5
         WHERE id = $6",
        state.as_str(),
        external_id,
        why.map(|(reason, _)| reason),
        why.map(|(_, detail)| detail),
        now,
        id.uuid()
    )?;
    row::touched("settling an effect", touched, 1)
}

/// Sets an effect to be looked at again, as a new version.
async fn again(tx: &mut Tx, id: EffectId, now: Timestamp) -> Result<Option<Outgoing>, StoreError> {
    let again = sql!(
        tx,
        one EffectRow,
        "UPDATE effect SET version = version + 1, state = 'waiting', reason = NULL, detail = NULL, updated_at = $1
         WHERE id = $2 RETURNING id, guild_id, kind, desired, version, state, traceparent",
        now,
        id.uuid()
    )?;
    again.wanted().map(Some)
}
