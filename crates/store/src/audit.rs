//! Owns the audit trail: everything officers and members did that is not points. Rows are only ever added.

use domain::{GuildId, Timestamp, UserId};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

/// One deed, as the audit trail keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its id, derived from the deed's, so that a deed has one entry.
    pub id: Uuid,
    /// In which guild.
    pub guild: GuildId,
    /// When.
    pub at: Timestamp,
    /// Who; nobody when the system did it.
    pub actor: Option<UserId>,
    /// What was done, in stable words such as `member.change`.
    pub act: String,
    /// To what: an id.
    pub target: String,
    /// What it was before and is now.
    pub detail: serde_json::Value,
}

/// Adds an entry.
///
/// # Errors
/// See [`StoreError`].
pub async fn append(tx: &mut Tx, entry: &Entry) -> Result<(), StoreError> {
    sql!(
        tx,
        execute,
        "INSERT INTO audit (id, guild_id, at, actor_user_id, act, target, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        entry.id,
        entry.guild.to_i64(),
        entry.at,
        entry.actor.map(UserId::to_i64),
        entry.act.as_str(),
        entry.target.as_str(),
        row::to_json(&entry.detail)?
    )?;
    Ok(())
}

#[derive(FromRow)]
struct AuditRow {
    id: Uuid,
    guild_id: i64,
    at: Timestamp,
    actor_user_id: Option<i64>,
    act: String,
    target: String,
    detail: String,
}

/// The newest entries of a guild, newest first.
///
/// # Errors
/// See [`StoreError`].
pub async fn newest(tx: &mut Tx, guild: GuildId, limit: u32) -> Result<Vec<Entry>, StoreError> {
    let rows = sql!(
        tx,
        all AuditRow,
        "SELECT id, guild_id, at, actor_user_id, act, target, detail FROM audit
         WHERE guild_id = $1 ORDER BY at DESC, id DESC LIMIT $2",
        guild.to_i64(),
        i64::from(limit)
    )?;
    rows.into_iter()
        .map(|found| {
            Ok(Entry {
                id: found.id,
                guild: GuildId::from_i64(found.guild_id).map_err(StoreError::corrupt)?,
                at: found.at,
                actor: row::optional(found.actor_user_id, UserId::from_i64)?,
                act: found.act,
                target: found.target,
                detail: row::json(&found.detail)?,
            })
        })
        .collect()
}
