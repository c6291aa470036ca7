//! Owns personal tokens: what was given to whom, for what, and whether it still counts. The token itself is not kept.

use domain::{GuildId, MemberId, Timestamp, TokenId, permit::Scope};
use messages::api::TokenView;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

/// A personal token, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its guild: it counts in no other.
    pub guild: GuildId,
    /// Whose it is.
    pub member: MemberId,
    /// What is shown of it.
    pub view: TokenView,
}

impl Token {
    /// Whether it counts at `now`.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        self.view.revoked_at.is_none() && now < self.view.expires_at
    }
}

#[derive(FromRow)]
struct TokenRow {
    id: Uuid,
    guild_id: i64,
    member_id: Uuid,
    label: Option<String>,
    scopes: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

impl TokenRow {
    fn read(self) -> Result<Token, StoreError> {
        Ok(Token {
            guild: GuildId::from_i64(self.guild_id).map_err(StoreError::corrupt)?,
            member: MemberId::new(self.member_id),
            view: TokenView {
                id: TokenId::new(self.id),
                label: self.label,
                scopes: self.scopes.split_whitespace().map(row::word).collect::<Result<_, _>>()?,
                created_at: self.created_at,
                expires_at: self.expires_at,
                revoked_at: self.revoked_at,
            },
        })
    }
}

/// Writes scopes as the words a token carries, separated by spaces.
///
/// # Errors
/// See [`StoreError`].
pub fn scope_words(scopes: &[Scope]) -> Result<String, StoreError> {
    Ok(scopes.iter().map(row::to_word).collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// Keeps a token that was just made.
///
/// # Errors
/// See [`StoreError`].
pub async fn insert(tx: &mut Tx, token: &Token) -> Result<(), StoreError> {
    let view = &token.view;
    sql!(
        tx,
        execute,
        "INSERT INTO token (id, guild_id, member_id, label, scopes, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        view.id.uuid(),
        token.guild.to_i64(),
        token.member.uuid(),
        view.label.as_deref(),
        scope_words(&view.scopes)?,
        view.created_at,
        view.expires_at
    )?;
    Ok(())
}

/// The token with that id, in whatever guild.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &mut Tx, id: TokenId) -> Result<Option<Token>, StoreError> {
    sql!(
        tx,
        opt TokenRow,
        "SELECT id, guild_id, member_id, label, scopes, created_at, expires_at, revoked_at FROM token WHERE id = $1",
        id.uuid()
    )?
    .map(TokenRow::read)
    .transpose()
}

/// How many of a member's tokens count at `now`.
///
/// # Errors
/// See [`StoreError`].
pub async fn counting(tx: &mut Tx, member: MemberId, now: Timestamp) -> Result<i64, StoreError> {
    let (count,): (i64,) = sql!(
        tx,
        one row::Only<i64>,
        "SELECT COUNT(*) FROM token WHERE member_id = $1 AND revoked_at IS NULL AND expires_at > $2",
        member.uuid(),
        now
    )?;
    Ok(count)
}

/// A member's tokens, newest first, after the given place.
///
/// # Errors
/// See [`StoreError`].
pub async fn of_member(
    tx: &mut Tx,
    member: MemberId,
    after: Option<(Timestamp, TokenId)>,
    limit: u32,
) -> Result<Vec<TokenView>, StoreError> {
    let rows = build!(tx, all TokenRow, |q| {
        q.push(
            "SELECT id, guild_id, member_id, label, scopes, created_at, expires_at, revoked_at FROM token \
             WHERE member_id = ",
        );
        q.push_bind(member.uuid());
        if let Some((created_at, id)) = after {
            q.push(" AND (created_at, id) < (").push_bind(created_at).push(", ").push_bind(id.uuid()).push(")");
        }
        q.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(i64::from(limit));
    })?;
    rows.into_iter().map(|row| row.read().map(|token| token.view)).collect()
}

/// Revokes a member's token; returns whether there was one that was not revoked yet.
///
/// # Errors
/// See [`StoreError`].
pub async fn revoke(tx: &mut Tx, member: MemberId, id: TokenId, now: Timestamp) -> Result<bool, StoreError> {
    let touched = sql!(
        tx,
        execute,
        "UPDATE token SET revoked_at = $1 WHERE id = $2 AND member_id = $3 AND revoked_at IS NULL",
        now,
        id.uuid(),
        member.uuid()
    )?;
    Ok(touched == 1)
}
