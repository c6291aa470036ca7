//! Owns ladders: the ranks of a book, version by version, and the prizes they give.

use std::collections::HashMap;

use domain::{
    BookId, RankId, RoleId, SeasonId, Timestamp,
    ladder::{Ladder, OnFall, Rung},
    ledger::Standing,
    name::Name,
};
use messages::api::PrizeView;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

#[derive(FromRow)]
struct RungRow {
    book_id: Uuid,
    rank_id: Uuid,
    number: i32,
    threshold: i64,
    name: String,
}

/// The ladder a book awards by.
#[derive(Debug, Clone)]
pub struct BookLadder {
    /// What happens to ranks when points fall.
    pub on_fall: OnFall,
    /// The ranks.
    pub ladder: Ladder,
    /// Their names.
    pub names: HashMap<RankId, String>,
}

impl BookLadder {
    /// The ranks that a standing gives, lowest first.
    #[must_use]
    pub fn reached(&self, standing: &Standing) -> &[Rung] {
        self.ladder.reached(self.on_fall.counting(standing.points, standing.peak))
    }
}

/// The active ladders of these books. Every book that exists is present.
///
/// # Errors
/// See [`StoreError`].
pub async fn active(tx: &mut Tx, books: &[BookId]) -> Result<HashMap<BookId, BookLadder>, StoreError> {
    if books.is_empty() {
        return Ok(HashMap::new());
    }
    let heads: Vec<(Uuid, String)> = build!(tx, all(Uuid, String), |q| {
        q.push("SELECT id, on_fall FROM book WHERE id IN ");
        push_list!(q, books.iter().map(|book| book.uuid()));
    })?;
    let rows = build!(tx, all RungRow, |q| {
        q.push(
            "SELECT l.book_id, l.rank_id, l.number, l.threshold, r.name FROM ladder_rung l \
             JOIN book b ON b.id = l.book_id AND b.ladder_version = l.version JOIN season_rank r ON r.id = l.rank_id \
             WHERE l.book_id IN ",
        );
        push_list!(q, books.iter().map(|book| book.uuid()));
    })?;
    let mut rungs: HashMap<Uuid, Vec<RungRow>> = HashMap::new();
    for rung in rows {
        rungs.entry(rung.book_id).or_default().push(rung);
    }
    heads
        .into_iter()
        .map(|(book, on_fall)| {
            let (ladder, names) = read(rungs.remove(&book).unwrap_or_default())?;
            Ok((BookId::new(book), BookLadder { on_fall: row::word(&on_fall)?, ladder, names }))
        })
        .collect()
}

fn read(rows: Vec<RungRow>) -> Result<(Ladder, HashMap<RankId, String>), StoreError> {
    let mut names = HashMap::new();
    let mut rungs = Vec::new();
    for found in rows {
        let rank = RankId::new(found.rank_id);
        rungs.push(Rung { rank, number: found.number, threshold: row::points(found.threshold)? });
        names.insert(rank, found.name);
    }
    Ok((Ladder::new(rungs).map_err(StoreError::corrupt)?, names))
}

/// The newest version of a book's ladder, active or not, with its number; 0 when there is none yet.
///
/// # Errors
/// See [`StoreError`].
pub async fn newest(tx: &mut Tx, book: BookId) -> Result<(i32, Ladder), StoreError> {
    let rows = sql!(
        tx,
        all RungRow,
        "SELECT l.book_id, l.rank_id, l.number, l.threshold, r.name
         FROM ladder_rung l JOIN season_rank r ON r.id = l.rank_id
         WHERE l.book_id = $1 AND l.version = (SELECT MAX(version) FROM ladder_rung WHERE book_id = $1)",
        book.uuid()
    )?;
    let (version,): (Option<i32>,) =
        sql!(tx, one row::Only<Option<i32>>, "SELECT MAX(version) FROM ladder_rung WHERE book_id = $1", book.uuid())?;
    Ok((version.unwrap_or(0), read(rows)?.0))
}

/// Makes a version of a book's ladder the one it awards by, unless a newer one is active already.
///
/// # Errors
/// See [`StoreError`].
pub async fn activate(tx: &mut Tx, book: BookId, version: i32) -> Result<bool, StoreError> {
    let touched = sql!(
        tx,
        execute,
        "UPDATE book SET ladder_version = $1 WHERE id = $2 AND ladder_version < $1
           AND EXISTS (SELECT 1 FROM ladder_rung WHERE book_id = $2 AND version = $1)",
        version,
        book.uuid()
    )?;
    Ok(touched == 1)
}

/// Keeps a new rank with its prizes, in their order. It's on no ladder yet.
///
/// # Errors
/// `season_rank_season_id_name_key_key` when the season has a rank of that name; else see [`StoreError`].
pub async fn insert_rank(
    tx: &mut Tx,
    season: SeasonId,
    rank: RankId,
    name: &Name,
    prizes: &[PrizeView],
    now: Timestamp,
) -> Result<(), StoreError> {
    sql!(
        tx,
        execute,
        "INSERT INTO season_rank (id, season_id, name, name_key, created_at) VALUES ($1, $2, $3, $4, $5)",
        rank.uuid(),
        season.uuid(),
        name.as_str(),
        name.key(),
        now
    )?;
    if prizes.is_empty() {
        return Ok(());
    }
    let touched = build!(tx, execute, |q| {
        q.push("INSERT INTO prize (id, rank_id, position, description, role_id) ");
        q.push_values((1_i32..).zip(prizes), |mut row, (position, prize)| {
            row.push_bind(prize.id.uuid()).push_bind(rank.uuid()).push_bind(position);
            row.push_bind(prize.description.as_str()).push_bind(prize.role_id.map(RoleId::to_i64));
        });
    })?;
    row::touched("writing prizes", touched, prizes.len() as u64)
}

/// Keeps a version of a book's ladder, whole. The book must be held.
///
/// # Errors
/// See [`StoreError`].
pub async fn write(tx: &mut Tx, book: BookId, version: i32, ladder: &Ladder) -> Result<(), StoreError> {
    let touched = build!(tx, execute, |q| {
        q.push("INSERT INTO ladder_rung (book_id, version, rank_id, number, threshold) ");
        q.push_values(ladder.rungs(), |mut row, rung| {
            row.push_bind(book.uuid()).push_bind(version).push_bind(rung.rank.uuid());
            row.push_bind(rung.number).push_bind(rung.threshold.get());
        });
    })?;
    row::touched("writing a ladder", touched, ladder.rungs().len() as u64)
}
