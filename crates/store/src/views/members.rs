//! Owns the list of members.

use domain::{GuildId, UserId, member::MemberStatus};
use messages::api::MemberView;

use crate::{StoreError, Tx, members::MemberRow, row};

fn view(found: MemberRow) -> Result<MemberView, StoreError> {
    let (member, registered_at) = found.read()?;
    Ok(MemberView {
        user_id: member.user,
        name: member.name,
        game_id: member.game_id,
        status: member.status,
        admin: member.admin,
        registered_at,
    })
}

/// One member.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &mut Tx, guild: GuildId, user: UserId) -> Result<Option<MemberView>, StoreError> {
    sql!(
        tx,
        opt MemberRow,
        "SELECT id, guild_id, user_id, name, game_id, status, admin, registered_at FROM member
         WHERE guild_id = $1 AND user_id = $2",
        guild.to_i64(),
        user.to_i64()
    )?
    .map(view)
    .transpose()
}

/// Which members are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Of this status.
    pub status: Option<MemberStatus>,
    /// Whose name begins with this, whatever the case.
    pub prefix: Option<&'a str>,
}

/// Members by name, after the one with that name key.
///
/// # Errors
/// See [`StoreError`].
pub async fn page(
    tx: &mut Tx,
    guild: GuildId,
    wanted: &Wanted<'_>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<MemberView>, StoreError> {
    let status = wanted.status.map(row::to_word).transpose()?;
    let rows = build!(tx, all MemberRow, |q| {
        q.push("SELECT id, guild_id, user_id, name, game_id, status, admin, registered_at FROM member WHERE guild_id = ");
        q.push_bind(guild.to_i64());
        if let Some(status) = &status {
            q.push(" AND status = ").push_bind(status.as_str());
        }
        if let Some(prefix) = wanted.prefix {
            q.push(" AND name_key LIKE ").push_bind(format!("{}%", row::like(prefix))).push(" ESCAPE '\\'");
        }
        if let Some(after) = after {
            q.push(" AND name_key > ").push_bind(after);
        }
        q.push(" ORDER BY name_key LIMIT ").push_bind(i64::from(limit));
    })?;
    rows.into_iter().map(view).collect()
}
