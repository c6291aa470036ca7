//! Owns submissions, and the tombstones of those voided before they came.

use std::collections::{HashMap, HashSet};

use domain::{
    GuildId, ItemId, MemberId, Quantity, SeasonId, SubmissionId, Timestamp, UserId,
    submission::{ItemValue, Submission},
};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

#[derive(FromRow)]
pub(crate) struct SubmissionRow {
    id: Uuid,
    guild_id: i64,
    season_id: Uuid,
    member_id: Uuid,
    item_id: Uuid,
    quantity: i64,
    value: i64,
    value_version: i32,
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

impl SubmissionRow {
    pub(crate) fn read(self) -> Result<Submission, StoreError> {
        Ok(Submission {
            id: SubmissionId::new(self.id),
            guild: GuildId::from_i64(self.guild_id).map_err(StoreError::corrupt)?,
            season: SeasonId::new(self.season_id),
            member: MemberId::new(self.member_id),
            item: ItemId::new(self.item_id),
            quantity: Quantity::new(self.quantity).ok_or_else(|| StoreError::corrupt("a quantity"))?,
            value: ItemValue { version: self.value_version, points: row::points(self.value)? },
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

/// To whom and where a submission belongs; that never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Belongs {
    /// The guild.
    pub guild: GuildId,
    /// The season.
    pub season: SeasonId,
    /// The member.
    pub member: MemberId,
}

/// Where these submissions belong, so that the right members can be locked before the submissions are read.
///
/// # Errors
/// See [`StoreError`].
pub async fn belongs(tx: &mut Tx, ids: &[SubmissionId]) -> Result<HashMap<SubmissionId, Belongs>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, i64, Uuid, Uuid)> = build!(tx, all(Uuid, i64, Uuid, Uuid), |q| {
        q.push("SELECT id, guild_id, season_id, member_id FROM submission WHERE id IN ");
        push_list!(q, ids.iter().map(|id| id.uuid()));
    })?;
    rows.into_iter()
        .map(|(id, guild, season, member)| {
            let guild = GuildId::from_i64(guild).map_err(StoreError::corrupt)?;
            let belongs = Belongs { guild, season: SeasonId::new(season), member: MemberId::new(member) };
            Ok((SubmissionId::new(id), belongs))
        })
        .collect()
}

/// Reads these submissions. Whoever holds their members' standings is alone with them.
///
/// # Errors
/// See [`StoreError`].
pub async fn load(tx: &mut Tx, ids: &[SubmissionId]) -> Result<HashMap<SubmissionId, Submission>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = build!(tx, all SubmissionRow, |q| {
        q.push(
            "SELECT id, guild_id, season_id, member_id, item_id, quantity, value, value_version, points, note, state, \
             version, submitted_by, accepted_at, decided_by, decided_at, reason FROM submission WHERE id IN ",
        );
        push_list!(q, ids.iter().map(|id| id.uuid()));
    })?;
    rows.into_iter().map(|row| row.read().map(|submission| (submission.id, submission))).collect()
}

/// Writes submissions as they are now, new ones and changed ones.
///
/// # Errors
/// See [`StoreError`].
pub async fn write(tx: &mut Tx, submissions: &[&Submission]) -> Result<(), StoreError> {
    if submissions.is_empty() {
        return Ok(());
    }
    let mut states =
        submissions.iter().map(|submission| row::to_word(submission.state)).collect::<Result<Vec<_>, _>>()?;
    let touched = build!(tx, execute, |q| {
        q.push(
            "INSERT INTO submission (id, guild_id, season_id, member_id, item_id, quantity, value, value_version, points, \
             note, state, version, submitted_by, accepted_at, decided_by, decided_at, reason) ",
        );
        q.push_values(submissions.iter().zip(states.drain(..)), |mut row, (s, state)| {
            row.push_bind(s.id.uuid()).push_bind(s.guild.to_i64()).push_bind(s.season.uuid());
            row.push_bind(s.member.uuid()).push_bind(s.item.uuid()).push_bind(i64::from(s.quantity.get()));
            row.push_bind(s.value.points.get()).push_bind(s.value.version).push_bind(s.points.get());
            row.push_bind(s.note.as_deref()).push_bind(state).push_bind(s.version);
            row.push_bind(s.submitted_by.to_i64()).push_bind(s.accepted_at);
            row.push_bind(s.decided_by.map(UserId::to_i64)).push_bind(s.decided_at).push_bind(s.reason.as_deref());
        });
        q.push(
            " ON CONFLICT (id) DO UPDATE SET quantity = excluded.quantity, points = excluded.points, \
             state = excluded.state, version = excluded.version, decided_by = excluded.decided_by, \
             decided_at = excluded.decided_at, reason = excluded.reason",
        );
    })?;
    row::touched("writing submissions", touched, submissions.len() as u64)
}

/// Which of these submissions were voided before they came.
///
/// # Errors
/// See [`StoreError`].
pub async fn tombstones(tx: &mut Tx, ids: &[SubmissionId]) -> Result<HashSet<SubmissionId>, StoreError> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<(Uuid,)> = build!(tx, all row::Only<Uuid>, |q| {
        q.push("SELECT submission_id FROM tombstone WHERE submission_id IN ");
        push_list!(q, ids.iter().map(|id| id.uuid()));
    })?;
    Ok(rows.into_iter().map(|(id,)| SubmissionId::new(id)).collect())
}

/// Remembers that a submission was voided before it came.
///
/// # Errors
/// See [`StoreError`].
pub async fn bury(tx: &mut Tx, guild: GuildId, id: SubmissionId, at: Timestamp) -> Result<(), StoreError> {
    sql!(
        tx,
        execute,
        "INSERT INTO tombstone (submission_id, guild_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        id.uuid(),
        guild.to_i64(),
        at
    )?;
    Ok(())
}

/// The names of these items.
///
/// # Errors
/// See [`StoreError`].
pub async fn item_names(tx: &mut Tx, items: &[ItemId]) -> Result<HashMap<ItemId, String>, StoreError> {
    if items.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, String)> = build!(tx, all(Uuid, String), |q| {
        q.push("SELECT id, name FROM item WHERE id IN ");
        push_list!(q, items.iter().map(|item| item.uuid()));
    })?;
    Ok(rows.into_iter().map(|(id, name)| (ItemId::new(id), name)).collect())
}
