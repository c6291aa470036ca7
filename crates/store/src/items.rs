//! Owns items, and what they are worth in a season.

use std::collections::HashMap;

use domain::{GuildId, ItemId, SeasonId, Timestamp, name::Name, submission::ItemValue};
use messages::api::SeasonItem;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

#[derive(FromRow)]
struct ValueRow {
    season_id: Uuid,
    item_id: Uuid,
    version: i32,
    points: i64,
    name: String,
}

/// What these items are worth now in these seasons, with their names. Items without a value there are absent.
///
/// # Errors
/// See [`StoreError`].
pub async fn values(
    tx: &mut Tx,
    wanted: &[(SeasonId, ItemId)],
) -> Result<HashMap<(SeasonId, ItemId), (ItemValue, String)>, StoreError> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = build!(tx, all ValueRow, |q| {
        q.push(
            "SELECT v.season_id, v.item_id, v.version, v.points, i.name FROM item_value v JOIN item i ON i.id = v.item_id \
             WHERE (v.season_id, v.item_id) IN (SELECT * FROM (",
        );
        q.push_values(wanted, |mut row, (season, item)| {
            row.push_bind(season.uuid()).push_bind(item.uuid());
        });
        q.push(
            ") AS wanted) AND v.version = (SELECT MAX(version) FROM item_value n \
             WHERE n.season_id = v.season_id AND n.item_id = v.item_id)",
        );
    })?;
    rows.into_iter()
        .map(|found| {
            let value = ItemValue { version: found.version, points: row::points(found.points)? };
            Ok(((SeasonId::new(found.season_id), ItemId::new(found.item_id)), (value, found.name)))
        })
        .collect()
}

#[derive(FromRow)]
struct SeasonItemRow {
    id: Uuid,
    name: String,
    game_id: Option<String>,
    points: i64,
    version: i32,
}

impl SeasonItemRow {
    fn read(self) -> Result<SeasonItem, StoreError> {
        Ok(SeasonItem {
            id: ItemId::new(self.id),
            name: row::name(&self.name)?,
            game_id: self.game_id,
            points: row::points(self.points)?,
            version: self.version,
        })
    }
}

/// An item to be in a guild's catalogue.
#[derive(Debug, Clone)]
pub struct NewItem<'a> {
    /// Its id, when the guild has no item of that name.
    pub id: ItemId,
    /// Its name.
    pub name: &'a Name,
    /// Its id in the game.
    pub game_id: Option<&'a str>,
}

/// The guild's item of that name, made when there is none, and held while the transaction lasts.
///
/// # Errors
/// See [`StoreError`].
pub async fn catalogue(tx: &mut Tx, guild: GuildId, item: &NewItem<'_>, now: Timestamp) -> Result<ItemId, StoreError> {
    let key = item.name.key();
    sql!(
        tx,
        execute,
        "INSERT INTO item (id, guild_id, name, name_key, game_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (guild_id, name_key) DO NOTHING",
        item.id.uuid(),
        guild.to_i64(),
        item.name.as_str(),
        key.as_str(),
        item.game_id,
        now
    )?;
    let suffix = tx.for_update();
    let (id,): (Uuid,) = build!(tx, one row::Only<Uuid>, |q| {
        q.push("SELECT id FROM item WHERE guild_id = ").push_bind(guild.to_i64());
        q.push(" AND name_key = ").push_bind(key.as_str()).push(suffix);
    })?;
    Ok(ItemId::new(id))
}

/// Holds an item while the transaction lasts, so that its value gets one new version at a time.
///
/// # Errors
/// See [`StoreError`].
pub async fn lock(tx: &mut Tx, item: ItemId) -> Result<(), StoreError> {
    let suffix = tx.for_update();
    let _: Option<(Uuid,)> = build!(tx, opt row::Only<Uuid>, |q| {
        q.push("SELECT id FROM item WHERE id = ").push_bind(item.uuid()).push(suffix);
    })?;
    Ok(())
}

/// An item as it is worth now in a season; `None` when it is no part of it.
///
/// # Errors
/// See [`StoreError`].
pub async fn in_season(tx: &mut Tx, season: SeasonId, item: ItemId) -> Result<Option<SeasonItem>, StoreError> {
    sql!(
        tx,
        opt SeasonItemRow,
        "SELECT i.id, i.name, i.game_id, v.points, v.version FROM item_value v JOIN item i ON i.id = v.item_id
         WHERE v.season_id = $1 AND v.item_id = $2 ORDER BY v.version DESC LIMIT 1",
        season.uuid(),
        item.uuid()
    )?
    .map(SeasonItemRow::read)
    .transpose()
}

/// Gives an item a value in a season, as the next version. The item must be held.
///
/// # Errors
/// See [`StoreError`].
pub async fn price(
    tx: &mut Tx,
    season: SeasonId,
    item: ItemId,
    value: ItemValue,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql!(
        tx,
        execute,
        "INSERT INTO item_value (season_id, item_id, version, points, created_at) VALUES ($1, $2, $3, $4, $5)",
        season.uuid(),
        item.uuid(),
        value.version,
        value.points.get(),
        now
    )?;
    Ok(())
}

/// A season's items by name, after the one with that name key; all, or those whose name holds `text`.
///
/// # Errors
/// See [`StoreError`].
pub async fn page(
    tx: &mut Tx,
    season: SeasonId,
    text: Option<&str>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<SeasonItem>, StoreError> {
    let rows = build!(tx, all SeasonItemRow, |q| {
        q.push(
            "SELECT i.id, i.name, i.game_id, v.points, v.version FROM item_value v JOIN item i ON i.id = v.item_id \
             WHERE v.version = (SELECT MAX(n.version) FROM item_value n \
             WHERE n.season_id = v.season_id AND n.item_id = v.item_id) AND v.season_id = ",
        );
        q.push_bind(season.uuid());
        if let Some(text) = text {
            q.push(" AND i.name_key LIKE ").push_bind(format!("%{}%", row::like(text))).push(" ESCAPE '\\'");
        }
        if let Some(after) = after {
            q.push(" AND i.name_key > ").push_bind(after);
        }
        q.push(" ORDER BY i.name_key LIMIT ").push_bind(i64::from(limit));
    })?;
    rows.into_iter().map(SeasonItemRow::read).collect()
}
