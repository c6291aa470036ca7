//! Owns the inbox: which deeds are done, and what came of them, so that a deed that comes again is done once.

use std::collections::HashMap;

use domain::{CommandId, GuildId, Timestamp};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

/// A deed that is about to be done.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The deed.
    pub id: CommandId,
    /// The guild it is about.
    pub guild: GuildId,
    /// What tells it from another deed with the same id.
    pub fingerprint: [u8; 32],
}

/// A deed that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The guild it was about.
    pub guild: GuildId,
    /// What tells it from another deed with the same id.
    pub fingerprint: Vec<u8>,
    /// What came of it, as JSON.
    pub outcome: String,
}

#[derive(FromRow)]
struct InboxRow {
    id: Uuid,
    guild_id: i64,
    fingerprint: Vec<u8>,
    outcome: Option<String>,
}

/// Claims deeds for this transaction; returns those that were done before. `claims` must be sorted by id: that is the
/// order of locks. Waits for other transactions that hold the same deeds.
///
/// # Errors
/// See [`StoreError`].
pub async fn claim(tx: &mut Tx, claims: &[Claim], now: Timestamp) -> Result<HashMap<CommandId, Settled>, StoreError> {
    if claims.is_empty() {
        return Ok(HashMap::new());
    }
    let touched = build!(tx, execute, |q| {
        q.push("INSERT INTO inbox (id, guild_id, fingerprint, applied_at) ");
        q.push_values(claims, |mut row, claim| {
            row.push_bind(claim.id.uuid()).push_bind(claim.guild.to_i64());
            row.push_bind(claim.fingerprint.to_vec()).push_bind(now);
        });
        q.push(" ON CONFLICT (id) DO NOTHING");
    })?;
    if touched == claims.len() as u64 {
        return Ok(HashMap::new());
    }
    let rows = build!(tx, all InboxRow, |q| {
        q.push("SELECT id, guild_id, fingerprint, outcome FROM inbox WHERE outcome IS NOT NULL AND id IN ");
        push_list!(q, claims.iter().map(|claim| claim.id.uuid()));
    })?;
    rows.into_iter().filter_map(|row| settled(row).transpose()).collect()
}

fn settled(found: InboxRow) -> Result<Option<(CommandId, Settled)>, StoreError> {
    let Some(outcome) = found.outcome else { return Ok(None) };
    let guild = GuildId::from_i64(found.guild_id).map_err(StoreError::corrupt)?;
    Ok(Some((CommandId::new(found.id), Settled { guild, fingerprint: found.fingerprint, outcome })))
}

/// Writes what came of deeds claimed in this transaction, as JSON.
///
/// # Errors
/// See [`StoreError`].
pub async fn settle(tx: &mut Tx, outcomes: &[(CommandId, String)]) -> Result<(), StoreError> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let touched = build!(tx, execute, |q| {
        q.push("UPDATE inbox SET outcome = v.column2 FROM (");
        q.push_values(outcomes, |mut row, (id, outcome)| {
            row.push_bind(id.uuid()).push_bind(outcome.as_str());
        });
        q.push(") AS v WHERE id = v.column1 AND outcome IS NULL");
    })?;
    row::touched("settling deeds", touched, outcomes.len() as u64)
}

/// Gives back deeds claimed in this transaction that can't be done yet.
///
/// # Errors
/// See [`StoreError`].
pub async fn release(tx: &mut Tx, ids: &[CommandId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let touched = build!(tx, execute, |q| {
        q.push("DELETE FROM inbox WHERE outcome IS NULL AND id IN ");
        push_list!(q, ids.iter().map(|id| id.uuid()));
    })?;
    row::touched("releasing deeds", touched, ids.len() as u64)
}

/// What came of a deed, if it is done.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &mut Tx, id: CommandId) -> Result<Option<Settled>, StoreError> {
    let found = sql!(
        tx,
        opt InboxRow,
        "SELECT id, guild_id, fingerprint, outcome FROM inbox WHERE id = $1 AND outcome IS NOT NULL",
        id.uuid()
    )?;
    Ok(found.map(settled).transpose()?.flatten().map(|(_, settled)| settled))
}

/// Forgets deeds done before `before`, at most `limit` of them; returns how many. A deed that moved points is still
/// known by its ledger entry.
///
/// # Errors
/// See [`StoreError`].
pub async fn forget(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    sql!(
        tx,
        execute,
        "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE applied_at < $1 ORDER BY applied_at LIMIT $2)",
        before,
        limit
    )
}
