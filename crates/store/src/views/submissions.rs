//! Owns the list of submissions.

use domain::{GuildId, ItemId, Quantity, SeasonId, SubmissionId, Timestamp, UserId, submission::SubmissionState};
use messages::api::SubmissionView;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

#[derive(FromRow)]
struct ViewRow {
    id: Uuid,
    season_id: Uuid,
    user_id: i64,
    name: String,
    item_id: Uuid,
    item: String,
    quantity: i64,
    value: i64,
    points: i64,
    note: Option<String>,
    state: String,
    version: i32,
    submitted_by: i64,
    accepted_at: Timestamp,
    decided_by: Option<i64>,
    decided_at: Option<Timestamp>,
    reason: Option<String>,
}

impl ViewRow {
    fn read(self) -> Result<SubmissionView, StoreError> {
        Ok(SubmissionView {
            id: SubmissionId::new(self.id),
            season_id: SeasonId::new(self.season_id),
            user_id: UserId::from_i64(self.user_id).map_err(StoreError::corrupt)?,
            name: self.name,
            item_id: ItemId::new(self.item_id),
            item: self.item,
            quantity: Quantity::new(self.quantity).ok_or_else(|| StoreError::corrupt("a quantity"))?.get(),
            value: row::points(self.value)?,
            points: row::points(self.points)?,
            note: self.note,
            state: row::word(&self.state)?,
            version: self.version,
            submitted_by: UserId::from_i64(self.submitted_by).map_err(StoreError::corrupt)?,
            accepted_at: self.accepted_at,
            decided_by: row::optional(self.decided_by, UserId::from_i64)?,
            decided_at: self.decided_at,
            reason: self.reason,
        })
    }
}

const SELECT: &str = "SELECT s.id, s.season_id, m.user_id, m.name, s.item_id, i.name AS item, s.quantity, s.value, \
                      s.points, s.note, s.state, s.version, s.submitted_by, s.accepted_at, s.decided_by, s.decided_at, \
                      s.reason FROM submission s JOIN member m ON m.id = s.member_id JOIN item i ON i.id = s.item_id \
                      WHERE s.guild_id = ";

/// One submission of a guild.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &mut Tx, guild: GuildId, id: SubmissionId) -> Result<Option<SubmissionView>, StoreError> {
    let found = build!(tx, opt ViewRow, |q| {
        q.push(SELECT).push_bind(guild.to_i64()).push(" AND s.id = ").push_bind(id.uuid());
    })?;
    found.map(ViewRow::read).transpose()
}

/// Which submissions are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Of this season.
    pub season: Option<SeasonId>,
    /// Of this member.
    pub user: Option<UserId>,
    /// In this state.
    pub state: Option<SubmissionState>,
}

/// A guild's submissions, the newest first, after the given place.
///
/// # Errors
/// See [`StoreError`].
pub async fn page(
    tx: &mut Tx,
    guild: GuildId,
    wanted: Wanted,
    after: Option<(Timestamp, SubmissionId)>,
    limit: u32,
) -> Result<Vec<SubmissionView>, StoreError> {
    let state = wanted.state.map(row::to_word).transpose()?;
    let rows = build!(tx, all ViewRow, |q| {
        q.push(SELECT).push_bind(guild.to_i64());
        if let Some(season) = wanted.season {
            q.push(" AND s.season_id = ").push_bind(season.uuid());
        }
        if let Some(user) = wanted.user {
            // By the member's own id, which has an index together with the season.
            q.push(" AND s.member_id = (SELECT id FROM member WHERE guild_id = ").push_bind(guild.to_i64());
            q.push(" AND user_id = ").push_bind(user.to_i64()).push(")");
        }
        if let Some(state) = &state {
            q.push(" AND s.state = ").push_bind(state.as_str());
        }
        if let Some((accepted_at, id)) = after {
            q.push(" AND (s.accepted_at, s.id) < (").push_bind(accepted_at).push(", ").push_bind(id.uuid()).push(")");
        }
        q.push(" ORDER BY s.accepted_at DESC, s.id DESC LIMIT ").push_bind(i64::from(limit));
    })?;
    rows.into_iter().map(ViewRow::read).collect()
}
