//! Owns the lists of seasons and of their ranks.

use std::collections::HashMap;

use domain::{BookId, GuildId, PrizeId, RankId, RoleId, season::Season};
use messages::api::{PrizeView, SeasonRank};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row, seasons::SeasonRow};

/// A guild's seasons, the highest number first, below the given number.
///
/// # Errors
/// See [`StoreError`].
pub async fn page(tx: &mut Tx, guild: GuildId, below: Option<i32>, limit: u32) -> Result<Vec<Season>, StoreError> {
    let rows = build!(tx, all SeasonRow, |q| {
        q.push(
            "SELECT s.id, s.guild_id, s.book_id, s.number, s.name, s.starts_at, s.ends_at, s.review, b.on_fall, \
             s.closed_at FROM season s JOIN book b ON b.id = s.book_id WHERE s.guild_id = ",
        );
        q.push_bind(guild.to_i64());
        if let Some(below) = below {
            q.push(" AND s.number < ").push_bind(below);
        }
        q.push(" ORDER BY s.number DESC LIMIT ").push_bind(i64::from(limit));
    })?;
    rows.into_iter().map(SeasonRow::read).collect()
}

#[derive(FromRow)]
struct RankRow {
    id: Uuid,
    number: i32,
    name: String,
    threshold: i64,
}

#[derive(FromRow)]
struct PrizeRow {
    id: Uuid,
    rank_id: Uuid,
    description: String,
    role_id: Option<i64>,
}

/// The ranks of a book's newest ladder, lowest first, above the given number.
///
/// # Errors
/// See [`StoreError`].
pub async fn ranks(tx: &mut Tx, book: BookId, above: Option<i32>, limit: u32) -> Result<Vec<SeasonRank>, StoreError> {
    let ranks = build!(tx, all RankRow, |q| {
        q.push(
            "SELECT r.id, l.number, r.name, l.threshold FROM ladder_rung l JOIN season_rank r ON r.id = l.rank_id \
             WHERE l.version = (SELECT MAX(n.version) FROM ladder_rung n WHERE n.book_id = l.book_id) AND l.book_id = ",
        );
        q.push_bind(book.uuid());
        if let Some(above) = above {
            q.push(" AND l.number > ").push_bind(above);
        }
        q.push(" ORDER BY l.number LIMIT ").push_bind(i64::from(limit));
    })?;
    if ranks.is_empty() {
        return Ok(Vec::new());
    }
    let rows = build!(tx, all PrizeRow, |q| {
        q.push("SELECT id, rank_id, description, role_id FROM prize WHERE rank_id IN ");
        push_list!(q, ranks.iter().map(|rank| rank.id));
        q.push(" ORDER BY rank_id, position");
    })?;
    let mut prizes: HashMap<Uuid, Vec<PrizeView>> = HashMap::new();
    for found in rows {
        prizes.entry(found.rank_id).or_default().push(PrizeView {
            id: PrizeId::new(found.id),
            description: found.description,
            role_id: row::optional(found.role_id, RoleId::from_i64)?,
        });
    }
    ranks
        .into_iter()
        .map(|found| {
            Ok(SeasonRank {
                id: RankId::new(found.id),
                number: found.number,
                name: row::name(&found.name)?,
                threshold: row::points(found.threshold)?,
                prizes: prizes.remove(&found.id).unwrap_or_default(),
            })
        })
        .collect()
}
