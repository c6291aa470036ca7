//! Owns the way of a batch of commands on submissions: claim, lock, load, fold one by one, write, commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{
    CommandId, EntryId, RankId, Rejection, SubmissionId, Timestamp,
    decide::{self, Decision, Deed, Handed, Verdict},
    ledger::Standing,
    submission::{Submission, SubmissionState},
};
use messages::{
    command::{Command, CommandEnvelope, VerdictV1},
    effect::Notice,
    outcome::{Outcome, SubmissionOutcome},
};
use metrics::{counter, histogram};
use store::{
    StoreError,
    effects::NoticeWanted,
    entries::Entry,
    inbox::{self, Claim},
    standings::Place,
};

use crate::{
    Context,
    facts::{Facts, submission_of},
    scoring::{InHand, Settled},
    write::{self, Changes},
};

/// Applies commands with different ids in one transaction; says what became of each, in their order.
///
/// # Errors
/// When the transaction failed; nothing of it happened, or (a lost commit) all of it, which a repeat finds out.
pub(crate) async fn apply(context: &Context, commands: &[InHand]) -> Result<Vec<Settled>, StoreError> {
    let started = std::time::Instant::now();
    let now = context.clock.now();
    let mut tx = context.store.begin().await?;
    let mut claims: Vec<Claim> = commands.iter().map(claim_of).collect();
    claims.sort_unstable_by_key(|claim| claim.id);
    let done = inbox::claim(&mut tx, &claims, now).await?;
    let fresh: Vec<&InHand> = commands.iter().filter(|command| !done.contains_key(&command.envelope.id)).collect();
    let facts = Facts::load(&mut tx, &fresh, now).await?;

    let mut fold = Fold::new(context, facts, now);
    let mut settled = Vec::with_capacity(commands.len());
    for command in commands {
        settled.push(match done.get(&command.envelope.id) {
            Some(before) => {
                fold.changes.repeat(command, before)?;
                Settled::Done
            }
            None => fold.command(command)?,
        });
    }
    let moved = fold.changes.entries.len();
    write::changes(&mut tx, fold.finish(), now).await?;
    tx.commit().await?;
    context.outbox.notify_one();
    counter!("guildhall_commands_applied_total").increment(fresh.len() as u64);
    counter!("guildhall_entries_total").increment(moved as u64);
    histogram!("guildhall_batch_seconds").record(started.elapsed().as_secs_f64());
    histogram!("guildhall_batch_commands").record(commands.len() as f64);
    for command in commands {
        let envelope = &command.envelope;
        tracing::info!(
            command.id = %envelope.id,
            command.kind = envelope.command.kind(),
            guild.id = %envelope.guild_id,
            trace.id = envelope.traceparent.trace_id(),
            "command settled"
        );
    }
    Ok(settled)
}

pub(crate) const fn claim_of(command: &InHand) -> Claim {
    Claim { id: command.envelope.id, guild: command.envelope.guild_id, fingerprint: command.fingerprint }
}

/// Why a command was not decided.
enum NotDecided {
    Rejected(Rejection),
    NotYet(&'static str),
    VoidUnknown,
}

impl From<Rejection> for NotDecided {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// A batch being folded.
struct Fold<'a> {
    context: &'a Context,
    facts: Facts,
    now: Timestamp,
    /// The standings before the batch.
    before: HashMap<Place, Standing>,
    changes: Changes,
}

impl<'a> Fold<'a> {
    fn new(context: &'a Context, facts: Facts, now: Timestamp) -> Self {
        Self { context, before: facts.standings.clone(), facts, now, changes: Changes::default() }
    }

    fn command(&mut self, command: &InHand) -> Result<Settled, StoreError> {
        let envelope = &command.envelope;
        let outcome = match self.decide(command) {
            Ok(decision) => self.take(envelope, decision),
            Err(NotDecided::Rejected(rejection)) => rejection.into(),
            Err(NotDecided::NotYet(why)) => {
                self.changes.released.push(envelope.id);
                return Ok(Settled::NotYet(why));
            }
            Err(NotDecided::VoidUnknown) => {
                self.changes.released.push(envelope.id);
                return Ok(Settled::VoidUnknown);
            }
        };
        self.changes.settle(envelope, &outcome)?;
        Ok(Settled::Done)
    }

    fn decide(&self, command: &InHand) -> Result<Decision, NotDecided> {
        let envelope = &command.envelope;
        let facts = &self.facts;
        let root_admin = self.context.config.root_admin;
        let actor = facts.actor(envelope, root_admin).ok_or(Rejection::NotRegistered)?;
        let deed = Deed { actor: &actor, accepted_at: envelope.accepted_at };
        let known = submission_of(&envelope.command).and_then(|id| facts.submissions.get(&id));
        let known = match known {
            Some(known) if known.guild != envelope.guild_id => return Err(Rejection::UnknownSubmission.into()),
            known => known,
        };
        if let (Command::Submit(submit), None) = (&envelope.command, known) {
            let season = facts.season(envelope, submit.season_id)?;
            let member = facts.members.get(&(envelope.guild_id, submit.user_id));
            let member = member.ok_or(if actor.user == submit.user_id {
                Rejection::NotRegistered
            } else {
                Rejection::UnknownMember
            })?;
            if !facts.shared.contains(&season.book) {
                return Err(NotDecided::NotYet("the member or the season came a moment ago"));
            }
            let standing = facts.standings.get(&(season.book, member.id));
            let handed = Handed {
                id: submit.submission_id,
                season,
                member,
                item: submit.item_id,
                value: facts.values.get(&(season.id, submit.item_id)).map(|(value, _)| *value),
                quantity: submit.quantity,
                note: submit.note.clone(),
                voided: facts.tombstones.contains(&submit.submission_id),
            };
            let standing = standing.copied().unwrap_or(Standing::joined(self.now));
            return Ok(decide::submit(deed, handed, standing)?);
        }
        let Some(known) = known else {
            return Err(match envelope.command {
                Command::Void(_) => NotDecided::VoidUnknown,
                _ if command.last_try => Rejection::UnknownSubmission.into(),
                _ => NotDecided::NotYet("the submission isn't there yet"),
            });
        };
        let (season, member, standing) = facts.owner(known).ok_or(Rejection::UnknownSubmission)?;
        Ok(match &envelope.command {
            Command::Review(review) => {
                let verdict = match &review.verdict {
                    VerdictV1::Approve => Verdict::Approve,
                    VerdictV1::Refuse { reason } => Verdict::Refuse(reason.clone()),
                };
                decide::review(deed, known, member, review.expected_version, verdict, standing)?
            }
            Command::Correct(correct) => {
                decide::correct(deed, known, season, member, correct.expected_version, correct.quantity, standing)?
            }
            Command::Void(void) => decide::void(deed, known, void.expected_version, void.reason.clone(), standing)?,
            // The deed is older than the inbox remembers: the submission it made is there already.
            _ => return Err(Rejection::IdReused.into()),
        })
    }

    /// Takes a decision into the facts and the changes; gives the outcome.
    fn take(&mut self, envelope: &CommandEnvelope, decision: Decision) -> Outcome {
        let Decision { submission, entry, counts_from } = decision;
        let Some(season) = self.facts.seasons.get(&submission.season) else {
            return Rejection::UnknownSeason.into();
        };
        let place = (season.book, submission.member);
        let had = self.facts.standings.get(&place).copied().unwrap_or(Standing::joined(self.now));
        let mut has = had;
        if let Some((posting, standing)) = entry {
            has = standing;
            self.facts.standings.insert(place, standing);
            self.changes.entries.push(Entry {
                id: EntryId::derived(envelope.id.uuid(), "entry"),
                place,
                seq: standing.seq,
                balance: standing.points,
                kind: posting.kind,
                points: posting.points,
                command: envelope.id,
                submission: Some(submission.id),
                actor: envelope
                    .actor
                    .user_id
                    .and_then(|user| self.facts.members.get(&(envelope.guild_id, user)))
                    .map(|member| member.id),
                value_version: Some(submission.value.version),
                accepted_at: counts_from,
                applied_at: self.now,
            });
            self.changes.traces.insert(submission.member, envelope.traceparent.clone());
        }
        let outcome = SubmissionOutcome {
            submission_id: submission.id,
            version: submission.version,
            state: submission.state,
            item: self.item_name(&submission),
            quantity: submission.quantity.get(),
            points: submission.points,
            total: has.points,
            ranks: self.reached(place, had, has),
        };
        self.notices(envelope, &submission, &outcome);
        self.changes.kept.insert(place);
        self.facts.submissions.insert(submission.id, submission.clone());
        self.changes.submissions.insert(submission.id, submission);
        Outcome::Applied { submission: Some(outcome) }
    }

    fn item_name(&self, submission: &Submission) -> String {
        self.facts
            .values
            .get(&(submission.season, submission.item))
            .map(|(_, name)| name)
            .or_else(|| self.facts.item_names.get(&submission.item))
            .cloned()
            .unwrap_or_default()
    }

    /// The names of the ranks that a change of standing reaches.
    fn reached(&self, place: Place, had: Standing, has: Standing) -> Vec<String> {
        let Some(book) = self.facts.ladders.get(&place.0) else { return Vec::new() };
        let before = book.reached(&had).len();
        book.reached(&has).iter().skip(before).filter_map(|rung| book.names.get(&rung.rank).cloned()).collect()
    }

    fn notices(&mut self, envelope: &CommandEnvelope, submission: &Submission, outcome: &SubmissionOutcome) {
        let Some(settings) = self.facts.settings.get(&envelope.guild_id) else { return };
        let season = self.facts.seasons.get(&submission.season);
        let (Some(season), Some(member)) = (season, self.facts.by_id.get(&submission.member)) else { return };
        let (item, quantity, points) = (outcome.item.clone(), outcome.quantity, outcome.points);
        let user_id = member.user;
        let mut wanted = Vec::new();
        match (&envelope.command, submission.state) {
            (Command::Submit(_), SubmissionState::Pending) => wanted.push((
                settings.officer_channel_id,
                format!("review:{}", submission.id),
                Notice::ReviewWanted {
                    submission_id: submission.id,
                    version: submission.version,
                    user_id,
                    item,
                    quantity,
                    points,
                    note: submission.note.clone(),
                },
            )),
            (Command::Review(_), state) => wanted.push((
                settings.announcement_channel_id,
                format!("reviewed:{}:{}", submission.id, submission.version),
                Notice::Reviewed {
                    user_id,
                    item,
                    quantity,
                    points: (state == SubmissionState::Counted).then_some(points),
                    reason: submission.reason.clone(),
                },
            )),
            _ => {}
        }
        if !outcome.ranks.is_empty() {
            wanted.push((
                settings.announcement_channel_id,
                format!("ranks:{}", envelope.id),
                Notice::RankReached {
                    user_id,
                    ranks: outcome.ranks.clone(),
                    points: outcome.total,
                    season: season.name.to_string(),
                },
            ));
        }
        let notices = wanted.into_iter().filter_map(|(channel, cause, notice)| {
            let trace = envelope.traceparent.clone();
            Some(NoticeWanted { guild: envelope.guild_id, cause, channel: channel?, notice, trace })
        });
        self.changes.notices.extend(notices);
    }

    /// What has to be written: ranks and standings are compared over the whole batch.
    fn finish(mut self) -> Changes {
        let touched: BTreeSet<Place> = self.changes.entries.iter().map(|entry| entry.place).collect();
        for place in touched {
            let Some(has) = self.facts.standings.get(&place).copied() else { continue };
            self.changes.standings.push((place, has));
            let (Some(book), Some(had)) = (self.facts.ladders.get(&place.0), self.before.get(&place)) else { continue };
            let ranks = |s: &Standing| -> BTreeSet<RankId> { book.reached(s).iter().map(|rung| rung.rank).collect() };
            let (before, after) = (ranks(had), ranks(&has));
            self.changes.given.extend(after.difference(&before).map(|rank| (place, *rank)));
            self.changes.taken.extend(before.difference(&after).map(|rank| (place, *rank)));
        }
        self.changes.given.sort_unstable();
        self.changes.taken.sort_unstable();
        self.changes.unjoined =
            self.facts.joined.iter().filter(|place| !self.changes.kept.contains(place)).copied().collect();
        self.changes.users = self.facts.by_id.iter().map(|(id, member)| (*id, (member.guild, member.user))).collect();
        self.changes
    }
}

/// Submissions in the order they are written.
pub(crate) type Written = BTreeMap<SubmissionId, Submission>;

/// Commands given back.
pub(crate) type Released = Vec<CommandId>;
