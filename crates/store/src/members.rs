//! Owns members: who registered in a guild, and in what state they are.

use std::collections::HashMap;

use domain::{GuildId, MemberId, Timestamp, UserId, member::Member};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

#[derive(FromRow)]
pub(crate) struct MemberRow {
    id: Uuid,
    guild_id: i64,
    user_id: i64,
    name: String,
    game_id: Option<String>,
    status: String,
    admin: bool,
    registered_at: Timestamp,
}

impl MemberRow {
    pub(crate) fn read(self) -> Result<(Member, Timestamp), StoreError> {
        let member = Member {
            id: MemberId::new(self.id),
            guild: GuildId::from_i64(self.guild_id).map_err(StoreError::corrupt)?,
            user: UserId::from_i64(self.user_id).map_err(StoreError::corrupt)?,
            name: row::name(&self.name)?,
            game_id: self.game_id,
            status: row::word(&self.status)?,
            admin: self.admin,
        };
        Ok((member, self.registered_at))
    }
}

/// The members behind these accounts, each in the guild named with it. Accounts that never registered are absent.
///
/// # Errors
/// See [`StoreError`].
pub async fn of_users(
    tx: &mut Tx,
    wanted: &[(GuildId, UserId)],
) -> Result<HashMap<(GuildId, UserId), Member>, StoreError> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = build!(tx, all MemberRow, |q| {
        q.push("SELECT id, guild_id, user_id, name, game_id, status, admin, registered_at FROM member WHERE (guild_id, user_id) IN (");
        q.push("SELECT * FROM (");
        q.push_values(wanted, |mut row, (guild, user)| {
            row.push_bind(guild.to_i64()).push_bind(user.to_i64());
        });
        q.push(") AS wanted)");
    })?;
    rows.into_iter().map(|row| row.read().map(|(member, _)| ((member.guild, member.user), member))).collect()
}

/// The members with these ids.
///
/// # Errors
/// See [`StoreError`].
pub async fn of_ids(tx: &mut Tx, ids: &[MemberId]) -> Result<HashMap<MemberId, Member>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = build!(tx, all MemberRow, |q| {
        q.push("SELECT id, guild_id, user_id, name, game_id, status, admin, registered_at FROM member WHERE id IN ");
        push_list!(q, ids.iter().map(|id| id.uuid()));
    })?;
    rows.into_iter().map(|row| row.read().map(|(member, _)| (member.id, member))).collect()
}

/// Holds these members while the transaction lasts, so that nobody else computes their roles meanwhile. Members are
/// locked in the order of their ids.
///
/// # Errors
/// See [`StoreError`].
pub async fn lock(tx: &mut Tx, ids: &[MemberId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let suffix = tx.for_update();
    let _: Vec<(Uuid,)> = build!(tx, all row::Only<Uuid>, |q| {
        q.push("SELECT id FROM member WHERE id IN ");
        push_list!(q, ids.iter().map(|id| id.uuid()));
        q.push(" ORDER BY id").push(suffix);
    })?;
    Ok(())
}

/// Keeps a member who just registered.
///
/// # Errors
/// `member_guild_id_user_id_key` and `member_guild_id_name_key_key` when the account or the name is taken; else see
/// [`StoreError`].
pub async fn insert(tx: &mut Tx, member: &Member, now: Timestamp) -> Result<(), StoreError> {
    sql!(
        tx,
        execute,
        "INSERT INTO member (id, guild_id, user_id, name, name_key, game_id, status, admin, registered_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        member.id.uuid(),
        member.guild.to_i64(),
        member.user.to_i64(),
        member.name.as_str(),
        member.name.key(),
        member.game_id.as_deref(),
        row::to_word(member.status)?,
        member.admin,
        now
    )?;
    Ok(())
}

/// The member behind an account, held while the transaction lasts.
///
/// # Errors
/// See [`StoreError`].
pub async fn hold(tx: &mut Tx, guild: GuildId, user: UserId) -> Result<Option<Member>, StoreError> {
    let suffix = tx.for_update();
    let found = build!(tx, opt MemberRow, |q| {
        q.push("SELECT id, guild_id, user_id, name, game_id, status, admin, registered_at FROM member WHERE guild_id = ");
        q.push_bind(guild.to_i64()).push(" AND user_id = ").push_bind(user.to_i64()).push(suffix);
    })?;
    found.map(|row| row.read().map(|(member, _)| member)).transpose()
}

/// Writes the status and officer flag of a member who is held.
///
/// # Errors
/// See [`StoreError`].
pub async fn write_standing(tx: &mut Tx, member: &Member) -> Result<(), StoreError> {
    let touched = sql!(
        tx,
        execute,
        "UPDATE member SET status = $1, admin = $2 WHERE id = $3",
        row::to_word(member.status)?,
        member.admin,
        member.id.uuid()
    )?;
    row::touched("writing a member", touched, 1)
}
