//! Owns the ledger's entries. They are only ever added.

use domain::{BookId, CommandId, EntryId, MemberId, Points, SubmissionId, Timestamp, ledger::EntryKind};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row, standings::Place};

/// An entry of a member's ledger in a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Whose, in which book.
    pub place: Place,
    /// Its place among the member's entries of the book, from 1 without a gap.
    pub seq: i64,
    /// The sum after it.
    pub balance: Points,
    /// Why.
    pub kind: EntryKind,
    /// By how much.
    pub points: Points,
    /// The deed behind it.
    pub command: CommandId,
    /// The submission behind it.
    pub submission: Option<SubmissionId>,
    /// The member who did it; nobody's when the root admin has not registered.
    pub actor: Option<MemberId>,
    /// The version of the item's value that was used.
    pub value_version: Option<i32>,
    /// From when it counts.
    pub accepted_at: Timestamp,
    /// When it was written.
    pub applied_at: Timestamp,
}

/// Adds entries.
///
/// # Errors
/// [`StoreError::Duplicate`] when a command has an entry already, or a `seq` is taken.
pub async fn add(tx: &mut Tx, entries: &[Entry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let kinds = entries.iter().map(|entry| row::to_word(entry.kind)).collect::<Result<Vec<_>, _>>()?;
    let touched = build!(tx, execute, |q| {
        q.push(
            "INSERT INTO entry (id, book_id, member_id, seq, balance, kind, points, command_id, submission_id, actor_id, \
             value_version, accepted_at, applied_at) ",
        );
        q.push_values(entries.iter().zip(&kinds), |mut row, (entry, kind)| {
            let (book, member) = entry.place;
            row.push_bind(entry.id.uuid()).push_bind(book.uuid()).push_bind(member.uuid());
            row.push_bind(entry.seq).push_bind(entry.balance.get()).push_bind(kind.as_str());
            row.push_bind(entry.points.get()).push_bind(entry.command.uuid());
            row.push_bind(entry.submission.map(SubmissionId::uuid)).push_bind(entry.actor.map(MemberId::uuid));
            row.push_bind(entry.value_version).push_bind(entry.accepted_at).push_bind(entry.applied_at);
        });
    })?;
    row::touched("adding entries", touched, entries.len() as u64)
}

#[derive(FromRow)]
struct EntryRow {
    id: Uuid,
    member_id: Uuid,
    seq: i64,
    balance: i64,
    kind: String,
    points: i64,
    command_id: Uuid,
    submission_id: Option<Uuid>,
    actor_id: Option<Uuid>,
    value_version: Option<i32>,
    accepted_at: Timestamp,
    applied_at: Timestamp,
}

/// The entries of these members in a book, in the order of member and `seq`.
///
/// # Errors
/// See [`StoreError`].
pub async fn of_members(tx: &mut Tx, book: BookId, members: &[MemberId]) -> Result<Vec<Entry>, StoreError> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let rows = build!(tx, all EntryRow, |q| {
        q.push(
            "SELECT id, member_id, seq, balance, kind, points, command_id, submission_id, actor_id, value_version, \
             accepted_at, applied_at FROM entry WHERE book_id = ",
        );
        q.push_bind(book.uuid()).push(" AND member_id IN ");
        push_list!(q, members.iter().map(|member| member.uuid()));
        q.push(" ORDER BY member_id, seq");
    })?;
    rows.into_iter()
        .map(|found| {
            Ok(Entry {
                id: EntryId::new(found.id),
                place: (book, MemberId::new(found.member_id)),
                seq: found.seq,
                balance: row::points(found.balance)?,
                kind: row::word(&found.kind)?,
                points: row::points(found.points)?,
                command: CommandId::new(found.command_id),
                submission: found.submission_id.map(SubmissionId::new),
                actor: found.actor_id.map(MemberId::new),
                value_version: found.value_version,
                accepted_at: found.accepted_at,
                applied_at: found.applied_at,
            })
        })
        .collect()
}
