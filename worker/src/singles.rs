//! Owns the commands that are done alone: a ladder made active, a season closed, effects reported and refreshed, and the
//! voiding of a submission that has not come yet.

use std::collections::{BTreeSet, HashMap};

use domain::{
    BookId, GuildId, MemberId, Rejection, SeasonId, SubmissionId, Timestamp,
    permit::{Act, Actor, permit},
};
use messages::{
    command::{Command, CommandEnvelope, RefreshEffectsV1},
    effect::{Notice, Winner},
    outcome::Outcome,
};
use store::{
    StoreError, Tx, awards,
    effects::{self, NoticeWanted},
    guilds, inbox, ladders, members,
    outbox::{self, Outgoing},
    seasons, standings, submissions,
};

use crate::{
    Context, batch,
    scoring::{InHand, Settled},
    write::{self, Changes},
};

/// Applies one command in a transaction of its own.
///
/// # Errors
/// See [`StoreError`].
pub(crate) async fn apply(context: &Context, command: &InHand) -> Result<(), StoreError> {
    let envelope = &command.envelope;
    let now = context.clock.now();
    let mut tx = context.store.begin().await?;
    let mut changes = Changes::default();
    let done = inbox::claim(&mut tx, &[batch::claim_of(command)], now).await?;
    if let Some(before) = done.get(&envelope.id) {
        changes.repeat(command, before)?;
        outbox::put(&mut tx, &changes.outgoing).await?;
        tx.commit().await?;
        context.outbox.notify_one();
        return Ok(());
    }
    let outcome = match &envelope.command {
        Command::ActivateLadder(activate) => {
            changes.outgoing = activate_ladder(&mut tx, envelope, activate.book_id, activate.version, now).await?;
            Outcome::done()
        }
        Command::CloseSeason(close) => {
            changes.outgoing = close_season(&mut tx, envelope, close.season_id, now).await?;
            Outcome::done()
        }
        Command::ReportEffect(report) => {
            changes.outgoing.extend(effects::report(&mut tx, envelope.guild_id, report, now).await?);
            Outcome::done()
        }
        Command::RefreshEffects(which) => refresh(&mut tx, context, envelope, which, &mut changes, now).await?,
        Command::Void(void) => match void_unknown(&mut tx, context, envelope, void.submission_id, now).await? {
            Some(outcome) => outcome,
            // It came in the meantime: now it can be voided like any other.
            None => {
                tx.rollback().await?;
                return match batch::apply(context, std::slice::from_ref(command)).await?.as_slice() {
                    [Settled::Done] => Ok(()),
                    _ => Err(StoreError::Corrupt("a submission came and went".into())),
                };
            }
        },
        Command::Submit(_) | Command::Review(_) | Command::Correct(_) => {
            return Err(StoreError::Corrupt("a command on a submission can't be done alone".into()));
        }
    };
    changes.settle(envelope, &outcome)?;
    outbox::put(&mut tx, &changes.outgoing).await?;
    inbox::settle(&mut tx, &changes.outcomes).await?;
    tx.commit().await?;
    context.outbox.notify_one();
    Ok(())
}

/// Makes a ladder the one a book awards by, and awards by it.
async fn activate_ladder(
    tx: &mut Tx,
    envelope: &CommandEnvelope,
    book: BookId,
    version: i32,
    now: Timestamp,
) -> Result<Vec<Outgoing>, StoreError> {
    if seasons::lock_book(tx, book).await?.is_none() || !ladders::activate(tx, book, version).await? {
        return Ok(Vec::new());
    }
    let Some(ladder) = ladders::active(tx, &[book]).await?.remove(&book) else { return Ok(Vec::new()) };
    let standings = standings::of_book(tx, book).await?;
    let mut outgoing = Vec::new();
    // A book may have more members than one statement takes parameters.
    for standings in standings.chunks(500) {
        let ids: Vec<MemberId> = standings.iter().map(|(member, _)| *member).collect();
        let held = awards::ranks_of(tx, book, &ids).await?;
        let mut should = BTreeSet::new();
        for (member, standing) in standings {
            should.extend(ladder.reached(standing).iter().map(|rung| ((book, *member), rung.rank)));
        }
        let given: Vec<_> = should.difference(&held).copied().collect();
        let taken: Vec<_> = held.difference(&should).copied().collect();
        awards::give(tx, &given, now).await?;
        awards::take(tx, &taken, now).await?;
        let moved: BTreeSet<MemberId> = given.iter().chain(&taken).map(|((_, member), _)| *member).collect();
        let users = accounts(tx, &moved).await?;
        let traces = moved.iter().map(|member| (*member, envelope.traceparent.clone())).collect();
        outgoing.extend(write::roles(tx, &moved, &users, &traces, now).await?);
    }
    let trace = envelope.traceparent.trace_id();
    tracing::info!(trace.id = trace, book.id = %book, ladder.version = version, members = standings.len(), "ladder activated");
    Ok(outgoing)
}

async fn accounts(
    tx: &mut Tx,
    ids: &BTreeSet<MemberId>,
) -> Result<HashMap<MemberId, (GuildId, domain::UserId)>, StoreError> {
    let members = members::of_ids(tx, &ids.iter().copied().collect::<Vec<_>>()).await?;
    Ok(members.into_iter().map(|(id, member)| (id, (member.guild, member.user))).collect())
}

/// Closes a season that is over and has nothing waiting for review, and wants its winners announced.
async fn close_season(
    tx: &mut Tx,
    envelope: &CommandEnvelope,
    id: SeasonId,
    now: Timestamp,
) -> Result<Vec<Outgoing>, StoreError> {
    let Some(season) = seasons::find(tx, envelope.guild_id, id).await? else { return Ok(Vec::new()) };
    seasons::lock_book(tx, season.book).await?;
    // Looked at again behind the lock: batches that were under way have finished.
    let due = seasons::due_to_close(tx, now - domain::season::GRACE).await?;
    if !due.iter().any(|season| season.id == id) || !seasons::close(tx, id, now).await? {
        return Ok(Vec::new());
    }
    tracing::info!(season.id = %id, guild.id = %envelope.guild_id, "season closed");
    let settings = guilds::settings(tx, envelope.guild_id).await?;
    let Some(channel) = settings.announcement_channel_id else { return Ok(Vec::new()) };
    let places = standings::first_places(tx, season.book, 3).await?;
    let members = members::of_ids(tx, &places).await?;
    let keys: Vec<_> = places.iter().map(|member| (season.book, *member)).collect();
    let standings = standings::lock(tx, &keys).await?;
    let winners = places
        .iter()
        .filter_map(|id| {
            let (member, standing) = (members.get(id)?, standings.get(&(season.book, *id))?);
            Some(Winner { user_id: member.user, name: member.name.to_string(), points: standing.points })
        })
        .collect();
    let notice = NoticeWanted {
        guild: envelope.guild_id,
        cause: format!("closed:{id}"),
        channel,
        notice: Notice::SeasonClosed { season: season.name.to_string(), winners },
        trace: envelope.traceparent.clone(),
    };
    effects::want_notices(tx, &[notice], now).await
}

/// Sets effects to be tried again. The system may always ask; people need the right to.
async fn refresh(
    tx: &mut Tx,
    context: &Context,
    envelope: &CommandEnvelope,
    which: &RefreshEffectsV1,
    changes: &mut Changes,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    if envelope.actor.user_id.is_some()
        && let Err(rejection) = allowed(tx, context, envelope, Act::ManageGuild).await?
    {
        return Ok(rejection.into());
    }
    changes.outgoing = effects::refresh(tx, envelope.guild_id, which, now).await?;
    Ok(Outcome::done())
}

/// Leaves a tombstone for a submission that has not come; `None` when it came in the meantime.
async fn void_unknown(
    tx: &mut Tx,
    context: &Context,
    envelope: &CommandEnvelope,
    id: SubmissionId,
    now: Timestamp,
) -> Result<Option<Outcome>, StoreError> {
    // Whoever brings the submission holds its book shared: with all books held alone, it has come or will find the stone.
    let mut books: Vec<BookId> =
        seasons::of_guilds(tx, &[envelope.guild_id]).await?.iter().map(|season| season.book).collect();
    books.sort_unstable();
    for book in books {
        seasons::lock_book(tx, book).await?;
    }
    if submissions::belongs(tx, &[id]).await?.get(&id).is_some_and(|belongs| belongs.guild == envelope.guild_id) {
        return Ok(None);
    }
    if let Err(rejection) = allowed(tx, context, envelope, Act::ManageSubmissions).await? {
        return Ok(Some(rejection.into()));
    }
    guilds::ensure(tx, envelope.guild_id, now).await?;
    submissions::bury(tx, envelope.guild_id, id, now).await?;
    Ok(Some(Outcome::done()))
}

async fn allowed(
    tx: &mut Tx,
    context: &Context,
    envelope: &CommandEnvelope,
    act: Act,
) -> Result<Result<(), Rejection>, StoreError> {
    let Some(user) = envelope.actor.user_id else { return Ok(Err(Rejection::NotRegistered)) };
    let key = (envelope.guild_id, user);
    let members = members::of_users(tx, &[key]).await?;
    let actor = Actor::through_bot(user, context.config.root_admin, members.get(&key));
    Ok(permit(&actor, act))
}
