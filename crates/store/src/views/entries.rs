//! Owns the list of a member's ledger entries: why their total is what it is.

use domain::{BookId, EntryId, MemberId, SubmissionId, Timestamp, UserId};
use messages::api::EntryView;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

#[derive(FromRow)]
struct EntryRow {
    id: Uuid,
    seq: i64,
    kind: String,
    points: i64,
    balance: i64,
    submission_id: Option<Uuid>,
    item: Option<String>,
    actor: Option<i64>,
    accepted_at: Timestamp,
    applied_at: Timestamp,
}

/// A member's entries in a book, the newest first, below the given `seq`.
///
/// # Errors
/// See [`StoreError`].
pub async fn page(
    tx: &mut Tx,
    book: BookId,
    member: MemberId,
    below: Option<i64>,
    limit: u32,
) -> Result<Vec<EntryView>, StoreError> {
    let rows = build!(tx, all EntryRow, |q| {
        q.push(
            "SELECT e.id, e.seq, e.kind, e.points, e.balance, e.submission_id, i.name AS item, a.user_id AS actor, \
             e.accepted_at, e.applied_at FROM entry e LEFT JOIN submission s ON s.id = e.submission_id \
             LEFT JOIN item i ON i.id = s.item_id LEFT JOIN member a ON a.id = e.actor_id WHERE e.book_id = ",
        );
        q.push_bind(book.uuid()).push(" AND e.member_id = ").push_bind(member.uuid());
        if let Some(below) = below {
            q.push(" AND e.seq < ").push_bind(below);
        }
        q.push(" ORDER BY e.seq DESC LIMIT ").push_bind(i64::from(limit));
    })?;
    rows.into_iter()
        .map(|found| {
            Ok(EntryView {
                id: EntryId::new(found.id),
                seq: found.seq,
                kind: row::word(&found.kind)?,
                points: row::points(found.points)?,
                balance: row::points(found.balance)?,
                submission_id: found.submission_id.map(SubmissionId::new),
                item: found.item,
                actor_user_id: row::optional(found.actor, UserId::from_i64)?,
                accepted_at: found.accepted_at,
                applied_at: found.applied_at,
            })
        })
        .collect()
}
