//! Owns bringing effects back into play, and letting go of old ones.

use domain::{GuildId, Timestamp};
use messages::{command::RefreshEffectsV1, effect::EffectKind};

use super::EffectRow;
use crate::{StoreError, Tx, outbox::Outgoing};

/// Sets effects to be brought into line again; returns the events to send. A role effect that is done is looked at
/// again too; a message that was sent is never sent again.
///
/// # Errors
/// See [`StoreError`].
pub async fn refresh(
    tx: &mut Tx,
    guild: GuildId,
    which: &RefreshEffectsV1,
    now: Timestamp,
) -> Result<Vec<Outgoing>, StoreError> {
    let suffix = tx.for_update();
    let rows = build!(tx, all EffectRow, |q| {
        q.push(
            "UPDATE effect SET version = version + 1, state = 'waiting', reason = NULL, detail = NULL, updated_at = ",
        );
        q.push_bind(now).push(" WHERE id IN (SELECT id FROM effect WHERE guild_id = ").push_bind(guild.to_i64());
        match which {
            RefreshEffectsV1::Member { user_id } => {
                q.push(" AND kind = 'roles' AND target = ").push_bind(user_id.to_string());
            }
            RefreshEffectsV1::Parked => {
                q.push(" AND state = 'parked'");
            }
            RefreshEffectsV1::Effect { effect_id } => {
                q.push(" AND (kind = 'roles' OR state <> 'done') AND id = ").push_bind(effect_id.uuid());
            }
        }
        q.push(" ORDER BY id").push(suffix);
        q.push(") RETURNING id, guild_id, kind, desired, version, state, traceparent");
    })?;
    rows.iter().map(EffectRow::wanted).collect()
}

/// Before when an effect was last looked at, so that it is due to be looked at again.
#[derive(Debug, Clone)]
pub struct Due {
    /// Which sorts are looked at: those whose queue holds no earlier reminders.
    pub kinds: Vec<EffectKind>,
    /// For waiting ones: their event may be lost.
    pub waiting: Timestamp,
    /// For parked ones: the cause may be gone.
    pub parked: Timestamp,
    /// For roles that agreed: somebody may have changed them in Discord, unseen.
    pub agreed: Timestamp,
}

/// Asks for effects that are due to be looked at again; returns the events to send.
///
/// # Errors
/// See [`StoreError`].
pub async fn remind(tx: &mut Tx, due: &Due, limit: i64, now: Timestamp) -> Result<Vec<Outgoing>, StoreError> {
    if due.kinds.is_empty() {
        return Ok(Vec::new());
    }
    let suffix = tx.skip_locked();
    let rows = build!(tx, all EffectRow, |q| {
        q.push("UPDATE effect SET updated_at = ").push_bind(now).push(
            ", version = CASE WHEN state = 'waiting' THEN version ELSE version + 1 END, state = 'waiting' \
             WHERE id IN (SELECT id FROM effect WHERE kind IN ",
        );
        push_list!(q, due.kinds.iter().map(|kind| kind.as_str()));
        q.push(" AND ((state = 'waiting' AND updated_at < ");
        q.push_bind(due.waiting).push(") OR (state = 'parked' AND updated_at < ").push_bind(due.parked);
        // A notice names its channel: when that is gone, only somebody's hand brings it back.
        q.push(" AND reason <> 'unknown_channel') OR (kind = 'roles' AND state = 'done' AND updated_at < ").push_bind(due.agreed);
        q.push(")) ORDER BY updated_at, id LIMIT ").push_bind(limit).push(suffix);
        q.push(") RETURNING id, guild_id, kind, desired, version, state, traceparent");
    })?;
    rows.iter().map(EffectRow::wanted).collect()
}

/// Gives up notices that could not be shown since `before`, when they were news, and forgets those shown before
/// `forget_before`; at most `limit` of the latter.
///
/// # Errors
/// See [`StoreError`].
pub async fn expire(tx: &mut Tx, before: Timestamp, forget_before: Timestamp, limit: i64) -> Result<(), StoreError> {
    sql!(
        tx,
        execute,
        "UPDATE effect SET state = 'dead'
         WHERE kind = 'message' AND state IN ('waiting', 'parked') AND created_at < $1",
        before
    )?;
    sql!(
        tx,
        execute,
        "DELETE FROM effect WHERE id IN (SELECT id FROM effect
           WHERE kind = 'message' AND state IN ('done', 'dead') AND updated_at < $1 ORDER BY id LIMIT $2)",
        forget_before,
        limit
    )?;
    Ok(())
}

/// How many effects wait and how many are parked.
///
/// # Errors
/// See [`StoreError`].
pub async fn unsettled(tx: &mut Tx) -> Result<(i64, i64), StoreError> {
    sql!(
        tx,
        one(i64, i64),
        "SELECT COUNT(*) FILTER (WHERE state = 'waiting'), COUNT(*) FILTER (WHERE state = 'parked') FROM effect
         WHERE state IN ('waiting', 'parked')"
    )
}
