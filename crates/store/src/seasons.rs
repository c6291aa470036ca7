//! Owns seasons, and the books that go with them.

use domain::{BookId, GuildId, SeasonId, Timestamp, season::Season};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

#[derive(FromRow)]
pub(crate) struct SeasonRow {
    id: Uuid,
    guild_id: i64,
    book_id: Uuid,
    number: i32,
    name: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    review: bool,
    on_fall: String,
    closed_at: Option<Timestamp>,
}

impl SeasonRow {
    pub(crate) fn read(self) -> Result<Season, StoreError> {
        Ok(Season {
            id: SeasonId::new(self.id),
            guild: GuildId::from_i64(self.guild_id).map_err(StoreError::corrupt)?,
            book: BookId::new(self.book_id),
            number: self.number,
            name: row::name(&self.name)?,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            review: self.review,
            on_fall: row::word(&self.on_fall)?,
            closed_at: self.closed_at,
        })
    }
}

/// Every season of these guilds.
///
/// # Errors
/// See [`StoreError`].
pub async fn of_guilds(tx: &mut Tx, guilds: &[GuildId]) -> Result<Vec<Season>, StoreError> {
    if guilds.is_empty() {
        return Ok(Vec::new());
    }
    let rows = build!(tx, all SeasonRow, |q| {
        q.push(
            "SELECT s.id, s.guild_id, s.book_id, s.number, s.name, s.starts_at, s.ends_at, s.review, b.on_fall, \
             s.closed_at FROM season s JOIN book b ON b.id = s.book_id WHERE s.guild_id IN ",
        );
        push_list!(q, guilds.iter().map(|guild| guild.to_i64()));
    })?;
    rows.into_iter().map(SeasonRow::read).collect()
}

/// The season of that id.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &mut Tx, guild: GuildId, id: SeasonId) -> Result<Option<Season>, StoreError> {
    sql!(
        tx,
        opt SeasonRow,
        "SELECT s.id, s.guild_id, s.book_id, s.number, s.name, s.starts_at, s.ends_at, s.review, b.on_fall, s.closed_at
         FROM season s JOIN book b ON b.id = s.book_id WHERE s.id = $1 AND s.guild_id = $2",
        id.uuid(),
        guild.to_i64()
    )?
    .map(SeasonRow::read)
    .transpose()
}

/// Seasons that are over since `ended_before` or longer, are not closed, and have nothing waiting for review.
///
/// # Errors
/// See [`StoreError`].
pub async fn due_to_close(tx: &mut Tx, ended_before: Timestamp) -> Result<Vec<Season>, StoreError> {
    let rows = sql!(
        tx,
        all SeasonRow,
        "SELECT s.id, s.guild_id, s.book_id, s.number, s.name, s.starts_at, s.ends_at, s.review, b.on_fall, s.closed_at
         FROM season s JOIN book b ON b.id = s.book_id
         WHERE s.closed_at IS NULL AND s.ends_at <= $1
           AND NOT EXISTS (SELECT 1 FROM submission p WHERE p.season_id = s.id AND p.state = 'pending')",
        ended_before
    )?;
    rows.into_iter().map(SeasonRow::read).collect()
}

/// Closes a season that is open; returns whether it was.
///
/// # Errors
/// See [`StoreError`].
pub async fn close(tx: &mut Tx, id: SeasonId, at: Timestamp) -> Result<bool, StoreError> {
    let touched =
        sql!(tx, execute, "UPDATE season SET closed_at = $1 WHERE id = $2 AND closed_at IS NULL", at, id.uuid())?;
    Ok(touched == 1)
}

/// Keeps these books from being closed or given another ladder while the transaction lasts. Books are locked in the
/// order of their ids.
///
/// # Errors
/// See [`StoreError`].
pub async fn share_books(tx: &mut Tx, books: &[BookId]) -> Result<(), StoreError> {
    if books.is_empty() {
        return Ok(());
    }
    let suffix = tx.for_share();
    let _: Vec<(Uuid,)> = build!(tx, all row::Only<Uuid>, |q| {
        q.push("SELECT id FROM book WHERE id IN ");
        push_list!(q, books.iter().map(|book| book.uuid()));
        q.push(" ORDER BY id").push(suffix);
    })?;
    Ok(())
}

/// Holds a book alone while the transaction lasts; returns its active ladder version, `None` when there is no such book.
///
/// # Errors
/// See [`StoreError`].
pub async fn lock_book(tx: &mut Tx, book: BookId) -> Result<Option<i32>, StoreError> {
    let suffix = tx.for_update();
    let found: Option<(i32,)> = build!(tx, opt row::Only<i32>, |q| {
        q.push("SELECT ladder_version FROM book WHERE id = ").push_bind(book.uuid()).push(suffix);
    })?;
    Ok(found.map(|(version,)| version))
}

/// The number a guild's next season has when nobody chooses one.
///
/// # Errors
/// See [`StoreError`].
pub async fn next_number(tx: &mut Tx, guild: GuildId) -> Result<i32, StoreError> {
    let (highest,): (Option<i32>,) =
        sql!(tx, one row::Only<Option<i32>>, "SELECT MAX(number) FROM season WHERE guild_id = $1", guild.to_i64())?;
    Ok(highest.map_or(1, |highest| highest.saturating_add(1)))
}

/// Keeps a new season with its book, whose ladder is empty.
///
/// # Errors
/// `season_guild_id_number_key` and `season_guild_id_name_key_key` when the number or the name is taken; else see
/// [`StoreError`].
pub async fn insert(tx: &mut Tx, season: &Season, now: Timestamp) -> Result<(), StoreError> {
    sql!(
        tx,
        execute,
        "INSERT INTO book (id, guild_id, kind, on_fall, ladder_version, created_at)
         VALUES ($1, $2, 'season', $3, 0, $4)",
        season.book.uuid(),
        season.guild.to_i64(),
        row::to_word(season.on_fall)?,
        now
    )?;
    sql!(
        tx,
        execute,
        "INSERT INTO season (id, guild_id, book_id, number, name, name_key, starts_at, ends_at, review, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        season.id.uuid(),
        season.guild.to_i64(),
        season.book.uuid(),
        season.number,
        season.name.as_str(),
        season.name.key(),
        season.starts_at,
        season.ends_at,
        season.review,
        now
    )?;
    Ok(())
}

/// The season that counts as the current one of a guild at `at`: see [`domain::season::current`].
///
/// # Errors
/// See [`StoreError`].
pub async fn current(tx: &mut Tx, guild: GuildId, at: Timestamp) -> Result<Option<Season>, StoreError> {
    let seasons = of_guilds(tx, &[guild]).await?;
    Ok(domain::season::current(&seasons, at).cloned())
}
