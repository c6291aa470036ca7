//! Owns what one person does, by either way in, and what they see and hold.

use std::{collections::BTreeSet, fmt};

use anyhow::{Result, bail, ensure};
use client::{Guild, Taken};
use discord_sim::{InteractionHandle, MessageView};
use domain::{UserId, permit::Scope};
use messages::{
    api::{CreateToken, EntryView, IssuedToken, MAX_LIMIT, PageQuery, SubmitRequest},
    outcome::{Outcome, SubmissionOutcome},
};
use serde_json::{Value, json};

use crate::{
    GuildTest,
    time::{PATIENCE, until},
};

/// How the bot's answer begins while it does not know yet.
const STILL_WORKING: &str = "⏳ Still working";

/// Somebody in a test's guild.
#[derive(Clone)]
pub struct Member {
    test: GuildTest,
    user: discord_sim::UserId,
    id: UserId,
    name: String,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.id)
    }
}

impl Member {
    pub(crate) fn new(test: GuildTest, user: discord_sim::UserId, name: &str) -> Result<Self> {
        Ok(Self { test, user, id: UserId::new(user.0)?, name: name.to_owned() })
    }

    /// Their account.
    #[must_use]
    pub const fn id(&self) -> UserId {
        self.id
    }

    /// Their account, as the simulated Discord has it.
    #[must_use]
    pub const fn discord_id(&self) -> discord_sim::UserId {
        self.user
    }

    /// Their name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The API with the bot's key, in their name.
    #[must_use]
    pub fn api(&self) -> Guild {
        self.test.api().as_user(self.id)
    }

    // ---- in Discord --------------------------------------------------------------------------------------------

    /// Uses a slash command in the hall.
    ///
    /// # Errors
    /// When Discord would not let them.
    pub async fn uses(&self, command: &str, options: Value) -> Result<InteractionHandle> {
        let place = self.test.place();
        let used = self.test.discord().run_command(place.guild, self.user, place.hall, command, options).await?;
        Ok(used.patience(PATIENCE))
    }

    /// Uses a slash command and waits for the bot's final answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn asks(&self, command: &str, options: Value) -> Result<MessageView> {
        final_answer(&self.uses(command, options).await?).await
    }

    /// Uses a slash command whose answer is theirs alone, and reads it.
    ///
    /// # Errors
    /// When there is no answer, or everybody sees it.
    pub async fn says(&self, command: &str, options: Value) -> Result<String> {
        let answer = self.asks(command, options).await?;
        ensure!(answer.ephemeral, "everybody sees the answer to /{command}: {:?}", answer.text());
        Ok(answer.text())
    }

    /// Uses a command that is refused: with one sentence, for their eyes only.
    ///
    /// # Errors
    /// When it is not refused, or not like that.
    pub async fn is_told_off(&self, command: &str, options: Value, sentence: &str) -> Result<()> {
        let answer = self.says(command, options.clone()).await?;
        ensure!(answer.starts_with("❌ "), "/{command} {options} was not refused: {answer:?}");
        ensure!(answer.contains(sentence), "/{command} {options} was refused with {answer:?}, not with {sentence:?}");
        ensure!(!answer.contains('\n') && !answer.contains('{'), "not one kind sentence: {answer:?}");
        Ok(())
    }

    /// Clicks the button whose id begins with `custom_id`, on the newest message of a channel that has one.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn clicks(&self, channel: discord_sim::ChannelId, custom_id: &str) -> Result<InteractionHandle> {
        let sim = self.test.discord();
        let (message, button) = until(&format!("a button {custom_id}…"), async || {
            let messages = sim.messages(channel, Some(self.user)).await?;
            let buttons = messages.iter().rev().find_map(|message| {
                let ids = message.custom_ids();
                let found = ids.into_iter().find(|id| id.starts_with(custom_id))?;
                Some((message.id, found.to_owned()))
            });
            Ok(buttons)
        })
        .await?;
        Ok(sim.click(self.user, channel, message, &button).await?.patience(PATIENCE))
    }

    /// Hands something in with `/submit`, and reads the answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn submit(&self, item: &str, quantity: i64) -> Result<String> {
        self.says("submit", json!({ "item": item, "quantity": quantity })).await
    }

    /// Leaves the Discord guild.
    ///
    /// # Errors
    /// When they are not in it.
    pub async fn leaves(&self) -> Result<()> {
        self.test.discord().leave(self.test.place().guild, self.user).await
    }

    /// Comes back to the Discord guild, without roles.
    ///
    /// # Errors
    /// Never, as far as Discord is concerned.
    pub async fn rejoins(&self) -> Result<()> {
        self.test.discord().join(self.test.place().guild, &self.name, Some(self.user)).await.map(drop)
    }

    /// The names of the roles they hold.
    ///
    /// # Errors
    /// When they are not in the guild.
    pub async fn roles(&self) -> Result<BTreeSet<String>> {
        let member = self.test.discord().member(self.test.place().guild, self.user).await?;
        Ok(member.role_names().into_iter().map(str::to_owned).collect())
    }

    /// Waits until they hold these roles and no others.
    ///
    /// # Errors
    /// When they do not, with what they hold and what Guildhall thinks of it.
    pub async fn expect_roles(&self, names: &[&str]) -> Result<()> {
        let wanted: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let what = format!("{self:?} to hold the roles {wanted:?}");
        let held = until(&what, async || Ok((self.roles().await? == wanted).then_some(()))).await;
        if let Err(error) = held {
            let desired = self.test.officer()?.member_roles(self.id).await;
            bail!("{error:#}; they hold {:?}, and Guildhall says {desired:#?}", self.roles().await?);
        }
        Ok(())
    }

    /// How often the bot gave them this role (and that changed something).
    ///
    /// # Errors
    /// Never, in this process.
    pub async fn times_given(&self, role: discord_sim::RoleId) -> Result<usize> {
        let changes = self.test.discord().role_changes().await?;
        let given = |change: &&discord_sim::RoleChange| {
            change.user == self.user && change.role == role && change.given && change.by_bot && change.changed
        };
        Ok(changes.iter().filter(given).count())
    }

    // ---- over REST ---------------------------------------------------------------------------------------------

    /// What they would send to hand something in.
    ///
    /// # Errors
    /// When no item has that name.
    pub async fn submission(&self, item: &str, quantity: i64) -> Result<SubmitRequest> {
        let item_id = self.test.item_named(item).await?.id;
        Ok(SubmitRequest { user_id: None, season_id: None, item_id, quantity, note: None })
    }

    /// Hands something in over REST and waits for what came of it.
    ///
    /// # Errors
    /// When it was refused, or nothing came of it.
    pub async fn hands_in(&self, item: &str, quantity: i64) -> Result<SubmissionOutcome> {
        let request = self.submission(item, quantity).await?;
        let taken = self.api().waiting(10).submit(&request).await?;
        self.test.applied(taken).await
    }

    /// Their ledger entries in the current season, the newest first.
    ///
    /// # Errors
    /// When the API gives no answer.
    pub async fn entries(&self) -> Result<Vec<EntryView>> {
        let officer = self.test.officer()?;
        let mut page = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
        let mut entries = Vec::new();
        loop {
            let read = officer.entries(self.id, None, &page).await?;
            entries.extend(read.items);
            match read.next_cursor {
                Some(next) => page.cursor = Some(next),
                None => return Ok(entries),
            }
        }
    }

    /// A personal token of theirs.
    ///
    /// # Errors
    /// When the API gives them none.
    pub async fn token(&self, scopes: &[Scope]) -> Result<IssuedToken> {
        let create = CreateToken { label: None, scopes: scopes.to_vec(), expires_in_days: None };
        Ok(self.api().create_token(self.id, &create).await?)
    }
}

impl GuildTest {
    /// What a point command led to, waiting for it if need be.
    ///
    /// # Errors
    /// When it was rejected.
    pub async fn applied(&self, taken: Taken) -> Result<SubmissionOutcome> {
        let outcome = match taken {
            Taken::Outcome(outcome) => outcome,
            Taken::Accepted(accepted) => self.outcome(accepted.command_id).await?,
        };
        match outcome {
            Outcome::Applied { submission: Some(submission) } => Ok(submission),
            other => bail!("it came to {other:?}"),
        }
    }
}

/// The bot's last word to an interaction.
///
/// # Errors
/// When there is none.
pub async fn final_answer(handle: &InteractionHandle) -> Result<MessageView> {
    handle.reply_where("a final answer", |text| !text.is_empty() && !text.starts_with(STILL_WORKING)).await
}
