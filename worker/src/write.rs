//! Owns what a batch writes, and the order it is written in.

use std::collections::{BTreeSet, HashMap};

use domain::{CommandId, GuildId, MemberId, Timestamp, UserId, ledger::Standing};
use messages::{
    command::CommandEnvelope,
    event::{Event, EventEnvelope, OutcomeV1},
    outcome::Outcome,
    trace::TraceParent,
};
use store::{
    StoreError, Tx,
    awards::{self, RankOf},
    effects::{self, NoticeWanted, RolesWanted},
    entries::{self, Entry},
    inbox, members,
    outbox::{self, Outgoing},
    standings::{self, Place},
    submissions,
};

use crate::{
    batch::{Released, Written},
    scoring::InHand,
};

/// What a batch changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub submissions: Written,
    pub entries: Vec<Entry>,
    pub standings: Vec<(Place, Standing)>,
    pub given: Vec<RankOf>,
    pub taken: Vec<RankOf>,
    pub notices: Vec<NoticeWanted>,
    pub outcomes: Vec<(CommandId, String)>,
    pub released: Released,
    pub outgoing: Vec<Outgoing>,
    /// Participants who did something.
    pub kept: BTreeSet<Place>,
    /// Participants who were only made in case, and did nothing.
    pub unjoined: Vec<Place>,
    /// The deed that last moved a member's points.
    pub traces: HashMap<MemberId, TraceParent>,
    /// The accounts of the members concerned.
    pub users: HashMap<MemberId, (GuildId, UserId)>,
}

impl Changes {
    /// Takes note of a command's outcome, and of who waits for it.
    pub(crate) fn settle(&mut self, envelope: &CommandEnvelope, outcome: &Outcome) -> Result<(), StoreError> {
        let json = serde_json::to_string(outcome).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        self.outcomes.push((envelope.id, json));
        self.reply(envelope, outcome)
    }

    /// Answers a command that was done before: with the outcome it had, or, when it is another deed under the same id,
    /// with a refusal.
    pub(crate) fn repeat(&mut self, command: &InHand, before: &inbox::Settled) -> Result<(), StoreError> {
        let outcome = if before.fingerprint == command.fingerprint {
            serde_json::from_str(&before.outcome).map_err(|error| StoreError::Corrupt(error.to_string()))?
        } else {
            domain::Rejection::IdReused.into()
        };
        self.reply(&command.envelope, &outcome)
    }

    fn reply(&mut self, envelope: &CommandEnvelope, outcome: &Outcome) -> Result<(), StoreError> {
        let Some(reply) = envelope.reply.clone() else { return Ok(()) };
        let event = Event::Outcome(OutcomeV1 { command_id: envelope.id, reply, outcome: outcome.clone() });
        let event = EventEnvelope { guild_id: envelope.guild_id, traceparent: envelope.traceparent.clone(), event };
        self.outgoing.push(Outgoing::event(&event)?);
        Ok(())
    }
}

/// Writes everything a batch changes.
///
/// # Errors
/// See [`StoreError`].
pub(crate) async fn changes(tx: &mut Tx, mut changes: Changes, now: Timestamp) -> Result<(), StoreError> {
    submissions::write(tx, &changes.submissions.values().collect::<Vec<_>>()).await?;
    entries::add(tx, &changes.entries).await?;
    standings::write(tx, &changes.standings).await?;
    standings::unjoin(tx, &changes.unjoined).await?;
    let mut moved: BTreeSet<MemberId> = BTreeSet::new();
    moved.extend(awards::give(tx, &changes.given, now).await?.iter().map(|((_, member), _)| *member));
    awards::take(tx, &changes.taken, now).await?;
    moved.extend(changes.taken.iter().map(|((_, member), _)| *member));
    changes.outgoing.extend(roles(tx, &moved, &changes.users, &changes.traces, now).await?);
    changes.outgoing.extend(effects::want_notices(tx, &changes.notices, now).await?);
    outbox::put(tx, &changes.outgoing).await?;
    inbox::release(tx, &changes.released).await?;
    inbox::settle(tx, &changes.outcomes).await
}

/// Wants the roles that members' awards give them now; returns the events to send.
///
/// # Errors
/// See [`StoreError`].
pub(crate) async fn roles(
    tx: &mut Tx,
    moved: &BTreeSet<MemberId>,
    users: &HashMap<MemberId, (GuildId, UserId)>,
    traces: &HashMap<MemberId, TraceParent>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, StoreError> {
    let ids: Vec<MemberId> = moved.iter().copied().collect();
    // Another book of the same member may move at the same time: whoever comes second sees the first one's awards.
    members::lock(tx, &ids).await?;
    let mut roles = awards::roles_of(tx, &ids).await?;
    let wanted: Vec<RolesWanted> = ids
        .iter()
        .filter_map(|id| {
            let (guild, user) = *users.get(id)?;
            let trace = traces.get(id)?.clone();
            Some(RolesWanted { guild, user, roles: roles.remove(id).unwrap_or_default(), trace })
        })
        .collect();
    effects::want_roles(tx, &wanted, now).await
}
