//! Owns a test's own guild: what officers do in it, what everybody sees of it, and waiting until it is settled.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{Context, Result, bail, ensure};
use broker::{Message, Queue};
use chrono::TimeDelta;
use client::{ClientError, Guild};
use discord_sim::{ChannelId, NewRole, RoleId, Sim};
use domain::{CommandId, GuildId, SeasonId, UserId, ladder::OnFall, member::MemberStatus, name::Name};
use messages::{
    api::{
        AddItem, AddRank, ChangeMember, CreateSeason, EffectView, MAX_LIMIT, PageQuery, Register, SeasonItem,
        SeasonRank, SeasonView,
    },
    command::{ActorRef, Command, CommandEnvelope, Via},
    effect::EffectState,
    outcome::Outcome,
    trace::TraceParent,
};
use serde_json::json;
use store::{ladders, outbox, seasons};

use crate::{
    Member, Stack,
    discord::{Place, ROOT},
    time::{now, until},
};

/// A test's own guild on a shared stack. Cheap to clone.
#[derive(Clone)]
pub struct GuildTest {
    stack: Arc<Stack>,
    place: Place,
    id: GuildId,
    made: Arc<AtomicU64>,
}

impl GuildTest {
    /// A guild that no other test has.
    ///
    /// # Errors
    /// When there is none left.
    pub fn new(stack: Arc<Stack>) -> Result<Self> {
        let place = stack.discord().take()?;
        let id = GuildId::new(place.guild.0)?;
        Ok(Self { stack, place, id, made: Arc::default() })
    }

    /// One more guild on the same stack: another one, for all that Guildhall knows.
    ///
    /// # Errors
    /// When there is none left.
    pub fn elsewhere(&self) -> Result<Self> {
        Self::new(Arc::clone(&self.stack))
    }

    /// The guild.
    #[must_use]
    pub const fn id(&self) -> GuildId {
        self.id
    }

    /// The guild and its channels in Discord.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The stack it is on.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The simulated Discord: what people do in it, and faults.
    #[must_use]
    pub fn discord(&self) -> &Sim {
        self.stack.discord().sim()
    }

    /// The API about this guild with the bot's key, in nobody's name.
    #[must_use]
    pub fn api(&self) -> Guild {
        self.stack.api().guild(self.id)
    }

    /// The API about this guild in the root officer's name.
    ///
    /// # Errors
    /// Never, with the ids there are.
    pub fn officer(&self) -> Result<Guild> {
        Ok(self.api().as_user(UserId::new(ROOT.0)?))
    }

    /// A text that no other call got, for names and keys.
    #[must_use]
    pub fn fresh(&self, what: &str) -> String {
        format!("{what} {}", self.made.fetch_add(1, Ordering::Relaxed) + 1)
    }

    // ---- people ------------------------------------------------------------------------------------------------

    /// The root officer.
    ///
    /// # Errors
    /// Never, with the ids there are.
    pub fn root(&self) -> Result<Member> {
        Member::new(self.clone(), ROOT, "root")
    }

    /// Somebody joins the Discord guild, and no more.
    ///
    /// # Errors
    /// When they can't.
    pub async fn newcomer(&self, name: &str) -> Result<Member> {
        let joined = self.discord().join(self.place.guild, name, None).await?;
        Member::new(self.clone(), joined.id, name)
    }

    /// Somebody joins and registers; no officer has verified them.
    ///
    /// # Errors
    /// When the bot does not welcome them.
    pub async fn pending(&self, name: &str) -> Result<Member> {
        let newcomer = self.newcomer(name).await?;
        let welcome = newcomer.says("register", json!({ "name": name })).await?;
        ensure!(welcome.contains("You're registered"), "/register answered {welcome:?}");
        Ok(newcomer)
    }

    /// Somebody joins, registers, and is verified by the root officer.
    ///
    /// # Errors
    /// When the bot does not say so.
    pub async fn member(&self, name: &str) -> Result<Member> {
        let member = self.pending(name).await?;
        let verified = self.root()?.says("verify", json!({ "member": member.discord_id() })).await?;
        ensure!(verified.contains("is verified"), "/verify answered {verified:?}");
        Ok(member)
    }

    /// The same over REST, for tests that need many members.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn enrolled(&self, name: &str) -> Result<Member> {
        let member = self.newcomer(name).await?;
        member.api().register(&Register { name: Name::new(name)?, game_id: None }).await?;
        self.stands(&member, MemberStatus::Verified).await?;
        Ok(member)
    }

    /// Verifies or bans somebody, over REST.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn stands(&self, member: &Member, status: MemberStatus) -> Result<()> {
        let change = ChangeMember { status: Some(status), admin: None };
        Ok(self.officer()?.change_member(member.id(), &change).await.map(drop)?)
    }

    // ---- what officers set up ----------------------------------------------------------------------------------

    /// A season that runs: from yesterday, for thirty days.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn season(&self, name: &str) -> Result<SeasonView> {
        self.season_with(name, |_| {}).await
    }

    /// A season that runs, but for what `change` changes.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn season_with(&self, name: &str, change: impl FnOnce(&mut CreateSeason)) -> Result<SeasonView> {
        let mut season = CreateSeason {
            name: Name::new(name)?,
            number: None,
            starts_at: now() - TimeDelta::days(1),
            ends_at: now() + TimeDelta::days(30),
            review: false,
            on_fall: OnFall::Keep,
        };
        change(&mut season);
        Ok(self.officer()?.create_season(&season).await?)
    }

    /// The season that is current.
    ///
    /// # Errors
    /// When none has begun.
    pub async fn current(&self) -> Result<SeasonId> {
        Ok(self.officer()?.current_season().await?.id)
    }

    /// An item of the current season.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn item(&self, name: &str, points: i64) -> Result<SeasonItem> {
        let item = AddItem { name: Name::new(name)?, points, game_id: None };
        Ok(self.officer()?.add_item(self.current().await?, &item).await?)
    }

    /// The item of the current season with that name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn item_named(&self, name: &str) -> Result<SeasonItem> {
        let items = self.officer()?.items(self.current().await?, Some(name), &PageQuery::default()).await?.items;
        items.into_iter().find(|item| item.name.as_str() == name).with_context(|| format!("no item is called {name}"))
    }

    /// A rank of the current season, which gives the role of that name if there is one. Returns when the ladder with it
    /// is the one that counts.
    ///
    /// # Errors
    /// When the API refuses it, or the worker does not make it count.
    pub async fn rank(&self, name: &str, threshold: i64, role: Option<&str>) -> Result<SeasonRank> {
        let role_id = match role {
            Some(role) => Some(domain::RoleId::new(self.role(role).await?.0)?),
            None => None,
        };
        let rank = AddRank { name: Name::new(name)?, threshold, number: None, role_id, prizes: Vec::new() };
        let season = self.current().await?;
        let rank = self.officer()?.add_rank(season, &rank).await?;
        self.counts(season, &rank).await?;
        Ok(rank)
    }

    /// Waits until the ladder that counts has this rank.
    ///
    /// # Errors
    /// When the worker does not make it count.
    pub async fn counts(&self, season: SeasonId, rank: &SeasonRank) -> Result<()> {
        until(&format!("rank {} to count", rank.name), async || {
            let mut tx = self.stack.store().read().await?;
            let season = seasons::find(&mut tx, self.id, season).await?.context("the season is gone")?;
            let active = ladders::active(&mut tx, &[season.book]).await?;
            Ok(active.get(&season.book).is_some_and(|ladder| ladder.names.contains_key(&rank.id)).then_some(()))
        })
        .await
    }

    /// The Discord role of that name; made when there is none, below the bot's own.
    ///
    /// # Errors
    /// When it can't be made.
    pub async fn role(&self, name: &str) -> Result<RoleId> {
        if let Some(role) = self.discord().guild(self.place.guild).await?.role(name) {
            return Ok(role.id);
        }
        let role = NewRole { name: name.to_owned(), ..NewRole::default() };
        Ok(self.discord().create_role(self.place.guild, role).await?.id)
    }

    /// Chooses the channels for officers and for announcements, with `/setup`.
    ///
    /// # Errors
    /// When the bot does not say so.
    pub async fn choose_channels(&self) -> Result<()> {
        let Place { officers, news, .. } = self.place;
        let chosen = json!({ "officer_channel": officers, "announcement_channel": news });
        let report = self.root()?.says("setup", chosen).await?;
        ensure!(report.contains(&format!("<#{officers}>")) && report.contains(&format!("<#{news}>")), "{report:?}");
        Ok(())
    }

    // ---- what everybody sees -----------------------------------------------------------------------------------

    /// The leaderboard of the current season: names and points, best first.
    ///
    /// # Errors
    /// When the API gives no answer.
    pub async fn standings(&self) -> Result<Vec<(String, i64)>> {
        let page = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
        let rows = self.officer()?.standings(self.current().await?, &page).await?.items;
        Ok(rows.into_iter().map(|row| (row.name, row.points.get())).collect())
    }

    /// What the bot wrote in a channel, beside answers to commands, oldest first.
    ///
    /// # Errors
    /// When there is no such channel.
    pub async fn notices(&self, channel: ChannelId) -> Result<Vec<String>> {
        let messages = self.discord().messages(channel, None).await?;
        let own = messages.into_iter().filter(|message| message.author_is_bot && message.interaction.is_none());
        Ok(own.map(|message| message.text()).collect())
    }

    /// Effects in that state.
    ///
    /// # Errors
    /// When the API gives no answer.
    pub async fn effects(&self, state: EffectState) -> Result<Vec<EffectView>> {
        let page = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
        Ok(self.officer()?.effects(Some(state), &page).await?.items)
    }

    /// Waits until what was asked for so far is done: the outbox and the workers' queue were seen empty, and every
    /// effect is done, or parked with its reason.
    ///
    /// # Errors
    /// When some still wait.
    pub async fn settle(&self) -> Result<()> {
        until("the outbox to be empty", async || {
            let mut tx = self.stack.store().read().await?;
            Ok((outbox::depth(&mut tx).await? == 0).then_some(()))
        })
        .await?;
        until("the workers' queue to be empty", async || {
            let depth = self.stack.broker().depth(Queue::Scoring).await?;
            Ok((depth.ready == 0).then_some(()))
        })
        .await?;
        let settled =
            until("every effect to be done or parked", async || match self.effects(EffectState::Waiting).await {
                Ok(waiting) => Ok(waiting.is_empty().then_some(())),
                // The API may be starting again.
                Err(error) if error.downcast_ref().is_some_and(ClientError::is_passing) => Ok(None),
                Err(error) => Err(error),
            });
        match settled.await {
            Ok(()) => Ok(()),
            Err(error) => bail!("{error:#}; waiting are {:#?}", self.effects(EffectState::Waiting).await),
        }
    }

    /// Waits until some effect is parked, and gives all that are.
    ///
    /// # Errors
    /// When none is.
    pub async fn parked(&self) -> Result<Vec<EffectView>> {
        until("an effect to be parked", async || {
            let parked = self.effects(EffectState::Parked).await?;
            Ok((!parked.is_empty()).then_some(parked))
        })
        .await
    }

    // ---- straight to the broker --------------------------------------------------------------------------------

    /// A command of that person's, as it would come from Discord now, with an id of its own.
    #[must_use]
    pub fn command(&self, user: Option<UserId>, command: Command) -> CommandEnvelope {
        let id = CommandId::new(uuid::Uuid::now_v7());
        let via = if user.is_some() { Via::Bot } else { Via::System };
        CommandEnvelope {
            id,
            guild_id: self.id,
            actor: ActorRef { user_id: user, via },
            accepted_at: now(),
            traceparent: TraceParent::of(id.uuid()),
            reply: None,
            command,
        }
    }

    /// Puts a command into the queue, around bot and API.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub async fn publish(&self, envelope: &CommandEnvelope) -> Result<()> {
        let body = serde_json::to_vec(envelope)?;
        let kind = envelope.command.kind().to_owned();
        let message = Message { id: envelope.id.uuid(), route: envelope.route(), kind, body: body.into() };
        Ok(self.stack.broker().publish(&message).await?)
    }

    /// Waits for a command's outcome.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn outcome(&self, command: CommandId) -> Result<Outcome> {
        let officer = self.officer()?;
        until(&format!("an outcome of command {command}"), async || match officer.outcome(command).await {
            Ok(outcome) => Ok(Some(outcome)),
            Err(error) if error.code() == Some("not_applied_yet") || error.is_passing() => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }
}

/// The call was refused with this status and code.
///
/// # Errors
/// When it was not; `what` says what was asked for.
pub fn expect_code<T: std::fmt::Debug>(
    what: &str,
    result: Result<T, ClientError>,
    status: u16,
    code: &str,
) -> Result<()> {
    match result {
        Err(error) if (error.status(), error.code()) == (Some(status), Some(code)) => Ok(()),
        other => bail!("{what}: wanted {status} {code}, got {other:?}"),
    }
}
