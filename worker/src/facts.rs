//! Owns the facts that decisions on submissions need: loads them for a whole batch, after the locks, and keeps them up to
//! date while the batch is folded.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::{
    BookId, GuildId, ItemId, MemberId, Rejection, SeasonId, SubmissionId, Timestamp, UserId,
    ledger::Standing,
    member::Member,
    permit::Actor,
    season::{self, Season},
    submission::{ItemValue, Submission},
};
use messages::{
    api::Settings,
    command::{Command, CommandEnvelope},
};
use store::{
    StoreError, Tx, guilds, items, ladders, ladders::BookLadder, members, seasons, standings, standings::Place,
    submissions,
};

use crate::scoring::InHand;

/// Everything a batch is decided on.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub members: HashMap<(GuildId, UserId), Member>,
    pub by_id: HashMap<MemberId, Member>,
    pub seasons: HashMap<SeasonId, Season>,
    pub submissions: HashMap<SubmissionId, Submission>,
    pub tombstones: HashSet<SubmissionId>,
    pub values: HashMap<(SeasonId, ItemId), (ItemValue, String)>,
    pub item_names: HashMap<ItemId, String>,
    pub standings: HashMap<Place, Standing>,
    pub ladders: HashMap<BookId, BookLadder>,
    pub settings: HashMap<GuildId, Settings>,
    /// Who became a participant because this batch may need it.
    pub joined: Vec<Place>,
    /// The books that stay as they are while the batch lasts.
    pub shared: HashSet<BookId>,
}

impl Facts {
    /// Locks and loads, in the one order: books shared, members' standings, then the reads.
    pub(crate) async fn load(tx: &mut Tx, commands: &[&InHand], now: Timestamp) -> Result<Self, StoreError> {
        let envelopes: Vec<&CommandEnvelope> = commands.iter().map(|command| &command.envelope).collect();
        let guilds: Vec<GuildId> = envelopes.iter().map(|e| e.guild_id).collect::<BTreeSet<_>>().into_iter().collect();
        let named: Vec<SubmissionId> = envelopes.iter().filter_map(|e| submission_of(&e.command)).collect();
        let belongs = submissions::belongs(tx, &named).await?;

        let users: BTreeSet<(GuildId, UserId)> = envelopes
            .iter()
            .flat_map(|e| [e.actor.user_id, target_of(&e.command)].map(|user| user.map(|user| (e.guild_id, user))))
            .flatten()
            .collect();
        let users: Vec<_> = users.into_iter().collect();
        let members = members::of_users(tx, &users).await?;

        let before = by_id(seasons::of_guilds(tx, &guilds).await?);
        let mut books: BTreeSet<BookId> = BTreeSet::new();
        let mut places: BTreeSet<Place> = BTreeSet::new();
        let mut joining: BTreeSet<Place> = BTreeSet::new();
        for envelope in &envelopes {
            match &envelope.command {
                Command::Submit(submit) => {
                    let season = resolve(&before, envelope, submit.season_id);
                    let member = members.get(&(envelope.guild_id, submit.user_id));
                    if let (Ok(season), Some(member)) = (season, member) {
                        books.insert(season.book);
                        joining.insert((season.book, member.id));
                    }
                }
                command => {
                    let belongs = submission_of(command).and_then(|id| belongs.get(&id));
                    if let Some((belongs, season)) = belongs.and_then(|b| Some((b, before.get(&b.season)?))) {
                        books.insert(season.book);
                        places.insert((season.book, belongs.member));
                    }
                }
            }
        }
        let books: Vec<BookId> = books.into_iter().collect();
        seasons::share_books(tx, &books).await?;
        let joining: Vec<Place> = joining.into_iter().collect();
        let joined = standings::join(tx, &joining, now).await?;
        places.extend(&joining);
        let places: Vec<Place> = places.into_iter().collect();
        let standings = standings::lock(tx, &places).await?;

        // From here on nobody else changes what is read: the members' submissions and standings are ours, the books'
        // seasons and ladders stay as they are.
        let seasons = by_id(seasons::of_guilds(tx, &guilds).await?);
        let mut submissions = submissions::load(tx, &named).await?;
        // What came between the first look and the locks may have its member unlocked: then it isn't there yet.
        submissions.retain(|_, submission| {
            let season = seasons.get(&submission.season);
            season.is_some_and(|season| standings.contains_key(&(season.book, submission.member)))
        });
        let tombstones = submissions::tombstones(tx, &named).await?;
        let wanted: BTreeSet<(SeasonId, ItemId)> = envelopes
            .iter()
            .filter_map(|envelope| match &envelope.command {
                Command::Submit(submit) => {
                    Some((resolve(&seasons, envelope, submit.season_id).ok()?.id, submit.item_id))
                }
                _ => None,
            })
            .collect();
        let values = items::values(tx, &wanted.into_iter().collect::<Vec<_>>()).await?;
        let named_items: BTreeSet<ItemId> = submissions.values().map(|submission| submission.item).collect();
        let item_names = submissions::item_names(tx, &named_items.into_iter().collect::<Vec<_>>()).await?;
        let owners: BTreeSet<MemberId> = places.iter().map(|(_, member)| *member).collect();
        let owners: Vec<MemberId> = owners.into_iter().collect();
        Ok(Self {
            by_id: members::of_ids(tx, &owners).await?,
            members: members::of_users(tx, &users).await?,
            seasons,
            submissions,
            tombstones,
            values,
            item_names,
            standings,
            ladders: ladders::active(tx, &books).await?,
            shared: books.into_iter().collect(),
            settings: guilds::settings_of(tx, &guilds).await?,
            joined,
        })
    }

    /// Who wants it.
    pub(crate) fn actor(&self, envelope: &CommandEnvelope, root_admin: Option<UserId>) -> Option<Actor> {
        let user = envelope.actor.user_id?;
        Some(Actor::through_bot(user, root_admin, self.members.get(&(envelope.guild_id, user))))
    }

    /// The season a submission goes into.
    pub(crate) fn season(&self, envelope: &CommandEnvelope, named: Option<SeasonId>) -> Result<&Season, Rejection> {
        resolve(&self.seasons, envelope, named)
    }

    /// The season, member and standing that a known submission belongs to.
    pub(crate) fn owner(&self, submission: &Submission) -> Option<(&Season, &Member, Standing)> {
        let season = self.seasons.get(&submission.season)?;
        let standing = self.standings.get(&(season.book, submission.member))?;
        Some((season, self.by_id.get(&submission.member)?, *standing))
    }
}

fn by_id(seasons: Vec<Season>) -> HashMap<SeasonId, Season> {
    seasons.into_iter().map(|season| (season.id, season)).collect()
}

fn resolve<'a>(
    seasons: &'a HashMap<SeasonId, Season>,
    envelope: &CommandEnvelope,
    named: Option<SeasonId>,
) -> Result<&'a Season, Rejection> {
    let own = |season: &&Season| season.guild == envelope.guild_id;
    match named {
        Some(id) => seasons.get(&id).filter(own).ok_or(Rejection::UnknownSeason),
        None => season::current(seasons.values().filter(own), envelope.accepted_at).ok_or(Rejection::NoSeason),
    }
}

/// The submission a command names.
pub(crate) const fn submission_of(command: &Command) -> Option<SubmissionId> {
    match command {
        Command::Submit(submit) => Some(submit.submission_id),
        Command::Review(review) => Some(review.submission_id),
        Command::Correct(correct) => Some(correct.submission_id),
        Command::Void(void) => Some(void.submission_id),
        Command::ActivateLadder(_)
        | Command::CloseSeason(_)
        | Command::ReportEffect(_)
        | Command::RefreshEffects(_) => None,
    }
}

const fn target_of(command: &Command) -> Option<UserId> {
    match command {
        Command::Submit(submit) => Some(submit.user_id),
        _ => None,
    }
}
