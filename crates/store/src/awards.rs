//! Owns awards: the ranks members hold by the ladder, and the prizes those give. A projection of the ledger: awards
//! taken back stay as rows, so that what was handed over is not forgotten.

use std::collections::{BTreeSet, HashMap};

use domain::{BookId, MemberId, RankId, RoleId, Timestamp};
use uuid::Uuid;

use crate::{StoreError, Tx, row, standings::Place};

/// A rank that a member reached or lost.
pub type RankOf = (Place, RankId);

/// Awards ranks with all their prizes; returns those that were not held before. `ranks` must be sorted.
///
/// # Errors
/// See [`StoreError`].
pub async fn give(tx: &mut Tx, ranks: &[RankOf], at: Timestamp) -> Result<Vec<RankOf>, StoreError> {
    let mut new = Vec::new();
    for ranks in ranks.chunks(row::rows_of(4)) {
        let given: Vec<(Uuid, Uuid, Uuid)> = build!(tx, all(Uuid, Uuid, Uuid), |q| {
            q.push("INSERT INTO rank_award (book_id, member_id, rank_id, awarded_at) ");
            q.push_values(ranks, |mut row, ((book, member), rank)| {
                row.push_bind(book.uuid()).push_bind(member.uuid()).push_bind(rank.uuid()).push_bind(at);
            });
            q.push(
                " ON CONFLICT (book_id, member_id, rank_id) DO UPDATE SET awarded_at = excluded.awarded_at, \
                 revoked_at = NULL WHERE rank_award.revoked_at IS NOT NULL RETURNING book_id, member_id, rank_id",
            );
        })?;
        if given.is_empty() {
            continue;
        }
        build!(tx, execute, |q| {
            q.push(
                "INSERT INTO prize_award (member_id, prize_id, awarded_at) SELECT v.column1, p.id, v.column3 FROM (",
            );
            q.push_values(&given, |mut row, (_, member, rank)| {
                row.push_bind(*member).push_bind(*rank).push_bind(at);
            });
            q.push(
                ") AS v JOIN prize p ON p.rank_id = v.column2 WHERE true ON CONFLICT (member_id, prize_id) DO UPDATE \
                 SET awarded_at = excluded.awarded_at, revoked_at = NULL WHERE prize_award.revoked_at IS NOT NULL",
            );
        })?;
        let read = |(book, member, rank)| ((BookId::new(book), MemberId::new(member)), RankId::new(rank));
        new.extend(given.into_iter().map(read));
    }
    Ok(new)
}

/// Takes ranks back with all their prizes. `ranks` must be sorted.
///
/// # Errors
/// See [`StoreError`].
pub async fn take(tx: &mut Tx, ranks: &[RankOf], at: Timestamp) -> Result<(), StoreError> {
    for ranks in ranks.chunks(row::rows_of(3)) {
        build!(tx, execute, |q| {
            q.push("UPDATE rank_award SET revoked_at = ").push_bind(at);
            q.push(" WHERE revoked_at IS NULL AND (book_id, member_id, rank_id) IN (SELECT * FROM (");
            q.push_values(ranks, |mut row, ((book, member), rank)| {
                row.push_bind(book.uuid()).push_bind(member.uuid()).push_bind(rank.uuid());
            });
            q.push(") AS lost)");
        })?;
        build!(tx, execute, |q| {
            q.push("UPDATE prize_award SET revoked_at = ").push_bind(at);
            q.push(" WHERE revoked_at IS NULL AND (member_id, prize_id) IN (SELECT v.column1, p.id FROM (");
            q.push_values(ranks, |mut row, ((_, member), rank)| {
                row.push_bind(member.uuid()).push_bind(rank.uuid());
            });
            q.push(") AS v JOIN prize p ON p.rank_id = v.column2)");
        })?;
    }
    Ok(())
}

/// The ranks these members hold in a book.
///
/// # Errors
/// See [`StoreError`].
pub async fn ranks_of(tx: &mut Tx, book: BookId, members: &[MemberId]) -> Result<BTreeSet<RankOf>, StoreError> {
    if members.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<(Uuid, Uuid)> = build!(tx, all(Uuid, Uuid), |q| {
        q.push("SELECT member_id, rank_id FROM rank_award WHERE revoked_at IS NULL AND book_id = ");
        q.push_bind(book.uuid()).push(" AND member_id IN ");
        push_list!(q, members.iter().map(|member| member.uuid()));
    })?;
    Ok(rows.into_iter().map(|(member, rank)| ((book, MemberId::new(member)), RankId::new(rank))).collect())
}

/// The Discord roles these members should hold by the prizes of their ranks. Members with none are absent.
///
/// # Errors
/// See [`StoreError`].
pub async fn roles_of(tx: &mut Tx, members: &[MemberId]) -> Result<HashMap<MemberId, BTreeSet<RoleId>>, StoreError> {
    if members.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, i64)> = build!(tx, all(Uuid, i64), |q| {
        q.push(
            "SELECT a.member_id, p.role_id FROM prize_award a JOIN prize p ON p.id = a.prize_id \
             WHERE a.revoked_at IS NULL AND p.role_id IS NOT NULL AND a.member_id IN ",
        );
        push_list!(q, members.iter().map(|member| member.uuid()));
    })?;
    let mut roles: HashMap<MemberId, BTreeSet<RoleId>> = HashMap::new();
    for (member, role) in rows {
        let role = RoleId::from_i64(role).map_err(StoreError::corrupt)?;
        roles.entry(MemberId::new(member)).or_default().insert(role);
    }
    Ok(roles)
}
