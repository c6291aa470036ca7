//! Owns the proof: refolds every book and compares what it gets with every projection, in one moment of the store.

use std::collections::{BTreeSet, HashMap};

use domain::{BookId, GuildId, MemberId, RankId, Timestamp, ledger::Standing};
use messages::effect::Desired;
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx, awards,
    entries::{self, Entry},
    ladders, row,
};

/// How many members are looked at a time.
const PAGE: i64 = 500;
/// How many entries are refolded at a time, unless one member alone has more.
const ENTRIES: i64 = 20_000;

/// What the proof found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many books were refolded.
    pub books: usize,
    /// How many standings were compared.
    pub standings: usize,
    /// How many entries were folded.
    pub entries: usize,
    /// What does not agree.
    pub differences: Vec<Difference>,
}

/// Something that does not agree with the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whom it concerns: the name in the game.
    pub member: String,
    /// The book's season.
    pub season: String,
    /// What is kept, and what the entries say.
    pub what: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}: {}", self.member, self.season, self.what)
    }
}

struct Kept {
    member: MemberId,
    name: String,
    standing: Standing,
    joined_at: Timestamp,
}

/// Refolds everything. May run beside a serving process.
///
/// # Errors
/// See [`StoreError`].
pub async fn run(store: &Store) -> Result<Report, StoreError> {
    let mut tx = store.read().await?;
    let mut report = Report::default();
    let books: Vec<(Uuid, String)> =
        sql!(tx, all(Uuid, String), "SELECT b.id, s.name FROM book b JOIN season s ON s.book_id = b.id ORDER BY b.id")?;
    for (book, season) in books {
        report.books += 1;
        let book = BookId::new(book);
        let mut after = Uuid::nil();
        loop {
            let kept = page(&mut tx, book, after).await?;
            let Some(last) = kept.last() else { break };
            after = last.member.uuid();
            let mut rest = kept.as_slice();
            while !rest.is_empty() {
                let mut entries = 0;
                let fit = rest.iter().take_while(|kept| {
                    entries += kept.standing.seq;
                    entries <= ENTRIES
                });
                let (now, later) = rest.split_at(fit.count().max(1));
                refold(&mut tx, book, &season, now, &mut report).await?;
                rest = later;
            }
        }
    }
    projections(&mut tx, &mut report).await?;
    roles(&mut tx, &mut report).await?;
    Ok(report)
}

/// Compares whole projections at once: what no refolding of a member would meet.
async fn projections(tx: &mut Tx, report: &mut Report) -> Result<(), StoreError> {
    for (what, text) in [
        (
            "has entries but no standing",
            "SELECT DISTINCT m.name, s.name FROM entry e JOIN member m ON m.id = e.member_id
             JOIN season s ON s.book_id = e.book_id WHERE NOT EXISTS
             (SELECT 1 FROM standing w WHERE w.book_id = e.book_id AND w.member_id = e.member_id)",
        ),
        (
            "has submissions but no standing",
            "SELECT DISTINCT m.name, s.name FROM submission p JOIN member m ON m.id = p.member_id
             JOIN season s ON s.id = p.season_id WHERE NOT EXISTS
             (SELECT 1 FROM standing w WHERE w.book_id = s.book_id AND w.member_id = p.member_id)",
        ),
        (
            "holds a rank but has no standing",
            "SELECT DISTINCT m.name, s.name FROM rank_award a JOIN member m ON m.id = a.member_id
             JOIN season s ON s.book_id = a.book_id WHERE a.revoked_at IS NULL AND NOT EXISTS
             (SELECT 1 FROM standing w WHERE w.book_id = a.book_id AND w.member_id = a.member_id)",
        ),
        (
            "lacks a prize of a rank they hold",
            "SELECT m.name, s.name FROM rank_award a JOIN prize p ON p.rank_id = a.rank_id
             JOIN member m ON m.id = a.member_id JOIN season s ON s.book_id = a.book_id
             WHERE a.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM prize_award w
               WHERE w.member_id = a.member_id AND w.prize_id = p.id AND w.revoked_at IS NULL)",
        ),
        (
            "holds a prize of a rank they don't hold",
            "SELECT m.name, s.name FROM prize_award w JOIN prize p ON p.id = w.prize_id
             JOIN season_rank r ON r.id = p.rank_id JOIN season s ON s.id = r.season_id
             JOIN member m ON m.id = w.member_id
             WHERE w.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM rank_award a
               WHERE a.book_id = s.book_id AND a.member_id = w.member_id AND a.rank_id = p.rank_id
                 AND a.revoked_at IS NULL)",
        ),
        (
            "has a submission that counts something else than its entries say",
            "SELECT m.name, s.name FROM submission p JOIN member m ON m.id = p.member_id
             JOIN season s ON s.id = p.season_id
             LEFT JOIN (SELECT submission_id, SUM(points) AS points FROM entry
                        WHERE submission_id IS NOT NULL GROUP BY submission_id) e ON e.submission_id = p.id
             WHERE COALESCE(e.points, 0) <> CASE WHEN p.state = 'counted' THEN p.points ELSE 0 END",
        ),
        (
            "has a submission that was voided before it came",
            "SELECT m.name, s.name FROM tombstone t JOIN submission p ON p.id = t.submission_id
             JOIN member m ON m.id = p.member_id JOIN season s ON s.id = p.season_id",
        ),
    ] {
        let rows: Vec<(String, String)> = sql!(tx, all(String, String), text)?;
        let found = rows.into_iter().map(|(member, season)| Difference { member, season, what: what.to_owned() });
        report.differences.extend(found);
    }
    Ok(())
}

async fn page(tx: &mut Tx, book: BookId, after: Uuid) -> Result<Vec<Kept>, StoreError> {
    type Row = (Uuid, String, i64, i64, i64, Timestamp, Timestamp);
    let rows: Vec<Row> = sql!(
        tx,
        all Row,
        "SELECT s.member_id, m.name, s.points, s.peak, s.seq, s.reached_at, s.joined_at
         FROM standing s JOIN member m ON m.id = s.member_id
         WHERE s.book_id = $1 AND s.member_id > $2 ORDER BY s.member_id LIMIT $3",
        book.uuid(),
        after,
        PAGE
    )?;
    rows.into_iter()
        .map(|(member, name, points, peak, seq, reached_at, joined_at)| {
            let standing = Standing { points: row::points(points)?, peak: row::points(peak)?, seq, reached_at };
            Ok(Kept { member: MemberId::new(member), name, standing, joined_at })
        })
        .collect()
}

async fn refold(tx: &mut Tx, book: BookId, season: &str, kept: &[Kept], report: &mut Report) -> Result<(), StoreError> {
    let members: Vec<MemberId> = kept.iter().map(|kept| kept.member).collect();
    let mut entries: HashMap<MemberId, Vec<Entry>> = HashMap::new();
    for entry in entries::of_members(tx, book, &members).await? {
        entries.entry(entry.place.1).or_default().push(entry);
    }
    let ladder = ladders::active(tx, &[book]).await?.remove(&book);
    let held = awards::ranks_of(tx, book, &members).await?;
    for kept in kept {
        let entries = entries.remove(&kept.member).unwrap_or_default();
        report.standings += 1;
        report.entries += entries.len();
        let mut say = |what: String| {
            report.differences.push(Difference { member: kept.name.clone(), season: season.to_owned(), what });
        };
        let folded = match fold(kept.joined_at, &entries) {
            Ok(folded) => folded,
            Err(what) => {
                say(what);
                continue;
            }
        };
        if folded != kept.standing {
            say(format!("the standing says {:?}, the entries say {folded:?}", kept.standing));
        }
        if let Some(ladder) = &ladder {
            let should: BTreeSet<RankId> = ladder.reached(&folded).iter().map(|rung| rung.rank).collect();
            let does: BTreeSet<RankId> =
                held.iter().filter(|(place, _)| *place == (book, kept.member)).map(|(_, rank)| *rank).collect();
            if should != does {
                let names = |ranks: &BTreeSet<RankId>| {
                    ranks.iter().filter_map(|rank| ladder.names.get(rank).cloned()).collect::<Vec<_>>().join(", ")
                };
                say(format!("holds the ranks [{}], the ladder says [{}]", names(&does), names(&should)));
            }
        }
    }
    Ok(())
}

fn fold(joined_at: Timestamp, entries: &[Entry]) -> Result<Standing, String> {
    let mut standing = Standing::joined(joined_at);
    for entry in entries {
        standing = standing
            .after(entry.points, entry.accepted_at)
            .map_err(|error| format!("entry {} does not fold: {error}", entry.id))?;
        if entry.seq != standing.seq {
            return Err(format!("entry {} has seq {}, it should be {}", entry.id, entry.seq, standing.seq));
        }
        if entry.balance != standing.points {
            return Err(format!("entry {} has balance {}, it should be {}", entry.id, entry.balance, standing.points));
        }
    }
    Ok(standing)
}

/// Compares the roles that effects want with those that awards give.
async fn roles(tx: &mut Tx, report: &mut Report) -> Result<(), StoreError> {
    let mut after = Uuid::nil();
    loop {
        type Row = (Uuid, i64, i64, String, Option<String>);
        let rows: Vec<Row> = sql!(
            tx,
            all Row,
            "SELECT m.id, m.guild_id, m.user_id, m.name, e.desired FROM member m
             LEFT JOIN effect e ON e.guild_id = m.guild_id AND e.kind = 'roles' AND e.target = CAST(m.user_id AS TEXT)
             WHERE m.id > $1 ORDER BY m.id LIMIT $2",
            after,
            PAGE
        )?;
        let Some((last, ..)) = rows.last() else { return Ok(()) };
        after = *last;
        let members: Vec<MemberId> = rows.iter().map(|(id, ..)| MemberId::new(*id)).collect();
        let awarded = awards::roles_of(tx, &members).await?;
        for (id, guild, _, name, desired) in rows {
            let should = awarded.get(&MemberId::new(id)).cloned().unwrap_or_default();
            let wants = match desired.as_deref().map(row::json::<Desired>).transpose()? {
                Some(Desired::Roles { roles, .. }) => roles.roles,
                Some(Desired::Message { .. }) => return Err(StoreError::corrupt("a role effect that holds a message")),
                None => BTreeSet::new(),
            };
            if wants != should {
                let guild = GuildId::from_i64(guild).map_err(StoreError::corrupt)?;
                report.differences.push(Difference {
                    member: name,
                    season: format!("guild {guild}"),
                    what: format!("the effect wants the roles {wants:?}, the awards give {should:?}"),
                });
            }
        }
    }
}
