//! Owns the list of effects.

use domain::{EffectId, GuildId, Timestamp, UserId};
use messages::{
    api::EffectView,
    effect::{Desired, EffectKind, EffectState},
};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

#[derive(FromRow)]
struct EffectRow {
    id: Uuid,
    kind: String,
    desired: String,
    version: i64,
    state: String,
    reason: Option<String>,
    detail: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl EffectRow {
    fn read(self) -> Result<((Timestamp, EffectId), EffectView), StoreError> {
        let id = EffectId::new(self.id);
        let target = match row::json::<Desired>(&self.desired)? {
            Desired::Roles { user_id, .. } => user_id.to_string(),
            Desired::Message { channel_id, .. } => channel_id.to_string(),
        };
        let view = EffectView {
            id,
            kind: row::word(&self.kind)?,
            target,
            version: self.version,
            state: row::word(&self.state)?,
            reason: self.reason,
            detail: self.detail,
            updated_at: self.updated_at,
        };
        Ok(((self.created_at, id), view))
    }
}

const SELECT: &str = "SELECT id, kind, desired, version, state, reason, detail, created_at, updated_at FROM effect \
                      WHERE guild_id = ";

/// A guild's effects, the newest first, after the given place, with the key of each row.
///
/// # Errors
/// See [`StoreError`].
pub async fn page(
    tx: &mut Tx,
    guild: GuildId,
    state: Option<EffectState>,
    after: Option<(Timestamp, EffectId)>,
    limit: u32,
) -> Result<Vec<((Timestamp, EffectId), EffectView)>, StoreError> {
    let rows = build!(tx, all EffectRow, |q| {
        q.push(SELECT).push_bind(guild.to_i64());
        if let Some(state) = state {
            q.push(" AND state = ").push_bind(state.as_str());
        }
        if let Some((created_at, id)) = after {
            q.push(" AND (created_at, id) < (").push_bind(created_at).push(", ").push_bind(id.uuid()).push(")");
        }
        q.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(i64::from(limit));
    })?;
    rows.into_iter().map(EffectRow::read).collect()
}

/// The effect that brings a member's roles to Discord; `None` when there never was anything to bring.
///
/// # Errors
/// See [`StoreError`].
pub async fn of_roles(tx: &mut Tx, guild: GuildId, user: UserId) -> Result<Option<EffectView>, StoreError> {
    let found = build!(tx, opt EffectRow, |q| {
        q.push(SELECT).push_bind(guild.to_i64()).push(" AND kind = ").push_bind(EffectKind::Roles.as_str());
        q.push(" AND target = ").push_bind(user.to_string());
    })?;
    found.map(|found| found.read().map(|(_, view)| view)).transpose()
}
