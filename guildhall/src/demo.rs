//! Owns the demo: a simulated Discord in this process, and a small guild seeded through the same API and pipeline that
//! everybody uses.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use chrono::TimeDelta;
use client::{Client, ClientError, Credential, Guild};
use discord_sim::{Demo as Ids, Sim, SimConfig};
use domain::{ChannelId, GuildId, RoleId, UserId, ladder::OnFall, member::MemberStatus, name::Name};
use messages::api::{
    AddItem, AddRank, ChangeMember, ChangeSettings, CreateSeason, JoinSeason, PageQuery, PrizeSpec, Register,
    SubmitRequest,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{config::Discord, data::DataFolder, engines};

/// How long the API may take to come up.
const START: Duration = Duration::from_secs(30);
/// The file that tells scripts where the demo is, in shell syntax.
const FILE: &str = "demo.env";

/// A running simulated Discord.
#[derive(Clone)]
pub struct Demo {
    sim: Arc<Sim>,
    guild: GuildId,
    owner: UserId,
}

impl Demo {
    /// Starts the simulated Discord with what it kept in the data folder.
    ///
    /// # Errors
    /// When its console's port is taken.
    pub async fn start(folder: &DataFolder, console_port: u16) -> anyhow::Result<Self> {
        let mut config = SimConfig::demo(Some(folder.file("discord.json")));
        config.control_port = console_port;
        let sim = Sim::start(config)
            .await
            .with_context(|| format!("the simulated Discord can't start (GUILDHALL_CONSOLE_PORT={console_port})"))?;
        Ok(Self { sim: Arc::new(sim), guild: GuildId::new(Ids::GUILD.0)?, owner: UserId::new(Ids::ADA.0)? })
    }

    /// How the bot reaches it.
    #[must_use]
    pub fn discord(&self) -> Discord {
        Discord::Real {
            token: self.sim.token().to_owned(),
            addr: Some(self.sim.rest_addr()),
            ca: Some(self.sim.ca_pem().to_owned()),
        }
    }

    /// The guild's owner.
    #[must_use]
    pub const fn root_admin(&self) -> UserId {
        self.owner
    }

    /// Seeds the guild, tells where everything is, and waits for the end.
    ///
    /// # Errors
    /// When the guild can't be seeded.
    pub async fn run(
        &self,
        folder: &DataFolder,
        api_url: &str,
        bot_key: &str,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let client = Client::new(api_url, Credential::BotKey(bot_key.to_owned()))?;
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            seeded = self.seed(&client) => seeded.context("the demo guild can't be seeded")?,
        }
        let console = self.sim.control_url();
        let file = format!(
            "# Where the running demo is; written at each start.\n\
             GUILDHALL_API_URL={api_url}\nGUILDHALL_CONSOLE_URL={console}\nGUILDHALL_DEMO_KEY={bot_key}\n\
             GUILDHALL_DEMO_GUILD={}\nGUILDHALL_DEMO_OFFICER={}\nGUILDHALL_DEMO_NEWCOMER={}\nGUILDHALL_DEMO_ROLE={}\n",
            self.guild,
            self.owner,
            Ids::ELI.0,
            Ids::ROOKIE.0
        );
        folder.write_private(FILE, file.as_bytes())?;
        println!(
            "\nGuildhall runs a demo guild, \"The Lantern Guild\", on a simulated Discord.\n\n\
             \x20 Be any member   {console}/\n\
             \x20 The API         {api_url}/docs\n\
             \x20 The demo key    {bot_key}\n\
             \x20 A walk through  scripts/tour\n\n\
             Ctrl+C ends it; what happened stays in {}.\n",
            folder.file("").display()
        );
        shutdown.cancelled().await;
        Ok(())
    }

    /// Ends the simulated Discord and keeps its world.
    pub async fn end(&self) {
        self.sim.shutdown().await;
    }

    /// Brings the guild to its beginning. What is there already stays; a seeding cut short is completed.
    async fn seed(&self, client: &Client) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + START;
        while let Err(error) = client.health().await {
            if tokio::time::Instant::now() > deadline {
                return Err(error).context("the API did not come up");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let guild = client.guild(self.guild);
        let officer = guild.as_user(self.owner);
        if officer.with_key("demo").settings().await.is_ok_and(|settings| settings.announcement_channel_id.is_some()) {
            return Ok(());
        }
        let people = [(Ids::ADA, "Ada"), (Ids::BRAM, "Bram"), (Ids::CLEO, "Cleo"), (Ids::DARA, "Dara")];
        for (user, name) in people {
            let user = UserId::new(user.0)?;
            let register = Register { name: Name::new(name)?, game_id: None };
            known(guild.as_user(user).with_key(format!("demo:register:{user}")).register(&register).await)?;
            let verify =
                ChangeMember { status: Some(MemberStatus::Verified), admin: (user == self.owner).then_some(true) };
            known(officer.with_key(format!("demo:verify:{user}")).change_member(user, &verify).await)?;
        }
        self.season(&guild, &officer).await?;
        // Last, as the sign that the rest is there; and so that the guild's beginning is not announced to it.
        let channels = ChangeSettings {
            officer_channel_id: Some(Some(ChannelId::new(Ids::OFFICERS.0)?)),
            announcement_channel_id: Some(Some(ChannelId::new(Ids::SEASON.0)?)),
        };
        officer.with_key("demo:settings").change_settings(&channels).await?;
        info!(guild.id = %self.guild, "demo guild seeded");
        Ok(())
    }

    async fn season(&self, guild: &Guild, officer: &Guild) -> anyhow::Result<()> {
        let season = match officer.current_season().await {
            Ok(season) => season,
            Err(error) if error.status() == Some(404) => {
                let now = engines::clock().now();
                let season = CreateSeason {
                    name: Name::new("Season of Lanterns")?,
                    number: None,
                    starts_at: now - TimeDelta::days(7),
                    ends_at: now + TimeDelta::days(60),
                    review: false,
                    on_fall: OnFall::Keep,
                };
                officer.create_season(&season).await?
            }
            Err(error) => return Err(error.into()),
        };
        for (name, threshold, role) in
            [("Rookie", 100, Ids::ROOKIE), ("Veteran", 500, Ids::VETERAN), ("Champion", 2_000, Ids::CHAMPION)]
        {
            let prizes = match name {
                "Champion" => vec![PrizeSpec { description: Name::new("A lantern for the hall")?, role_id: None }],
                _ => Vec::new(),
            };
            let role_id = Some(RoleId::new(role.0)?);
            let rank = AddRank { name: Name::new(name)?, threshold, number: None, role_id, prizes };
            known(officer.with_key(format!("demo:rank:{name}")).add_rank(season.id, &rank).await)?;
        }
        for (name, points) in [("Iron Ore", 50), ("Silver Thread", 120), ("Dragon Scale", 400)] {
            let item = AddItem { name: Name::new(name)?, points, game_id: None };
            known(officer.with_key(format!("demo:item:{name}")).add_item(season.id, &item).await)?;
        }
        let items = officer.items(season.id, None, &PageQuery::default()).await?.items;
        for (user, name, quantity) in [(Ids::BRAM, "Dragon Scale", 2), (Ids::CLEO, "Iron Ore", 3)] {
            let user_id = UserId::new(user.0)?;
            let item =
                items.iter().find(|item| item.name.as_str() == name).context("an item of the demo is missing")?;
            let submission = SubmitRequest {
                user_id: None,
                season_id: Some(season.id),
                item_id: item.id,
                quantity,
                note: Some("Found in the old mine".into()),
            };
            let key = format!("demo:submit:{user_id}");
            guild.as_user(user_id).with_key(key).waiting(5).submit(&submission).await?;
        }
        let dara = guild.as_user(UserId::new(Ids::DARA.0)?);
        known(dara.with_key("demo:join").join_season(season.id, &JoinSeason::default()).await)?;
        Ok(())
    }
}

/// What is there already is as good as made.
fn known<T>(result: Result<T, ClientError>) -> Result<(), ClientError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.status() == Some(409) => Ok(()),
        Err(error) => Err(error),
    }
}
