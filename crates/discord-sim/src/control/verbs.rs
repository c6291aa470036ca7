//! The verbs that [`Sim`](crate::Sim) and [`Client`](super::Client) share, word for word, each built on the other methods.

/// Writes the shared verbs for a type with `act`, `revision`, `member`, `messages` and `bot`.
macro_rules! shared_verbs {
    ($type:ty) => {
        impl $type {
            /// A member uses a slash command (`"season create"`), with option values by name.
            pub async fn run_command(
                &self,
                guild: $crate::GuildId,
                user: $crate::UserId,
                channel: $crate::ChannelId,
                command: &str,
                options: serde_json::Value,
            ) -> anyhow::Result<$crate::InteractionHandle> {
                self.act($crate::Act::Command { guild, user, channel, command: command.into(), options }).await
            }

            /// A member types into the option `focused`; returns the choices offered.
            pub async fn autocomplete(
                &self,
                guild: $crate::GuildId,
                user: $crate::UserId,
                channel: $crate::ChannelId,
                command: &str,
                options: serde_json::Value,
                focused: &str,
            ) -> anyhow::Result<Vec<$crate::Choice>> {
                let (command, focused) = (command.into(), focused.into());
                self.act($crate::Act::Autocomplete { guild, user, channel, command, options, focused })
                    .await?
                    .choices()
                    .await
            }

            /// A member clicks a button.
            pub async fn click(
                &self,
                user: $crate::UserId,
                channel: $crate::ChannelId,
                message: $crate::MessageId,
                custom_id: &str,
            ) -> anyhow::Result<$crate::InteractionHandle> {
                self.act($crate::Act::Click { user, channel, message, custom_id: custom_id.into() }).await
            }

            /// A member chooses from a select menu.
            pub async fn select(
                &self,
                user: $crate::UserId,
                channel: $crate::ChannelId,
                message: $crate::MessageId,
                custom_id: &str,
                values: Vec<String>,
            ) -> anyhow::Result<$crate::InteractionHandle> {
                self.act($crate::Act::Select { user, channel, message, custom_id: custom_id.into(), values }).await
            }

            /// The member of this name.
            pub async fn member_named(&self, guild: $crate::GuildId, name: &str) -> anyhow::Result<$crate::MemberView> {
                let members = self.members(guild).await?;
                let named = members.into_iter().find(|member| member.name == name);
                named.ok_or_else(|| anyhow::anyhow!("nobody in guild {guild} is called {name}"))
            }

            /// Asks again after every change until `found` finds something; the error says `what` was waited for.
            pub async fn until<T>(
                &self,
                what: &str,
                patience: std::time::Duration,
                found: impl AsyncFn() -> anyhow::Result<Option<T>>,
            ) -> anyhow::Result<T> {
                let deadline = tokio::time::Instant::now() + patience;
                loop {
                    let revision = self.revision(None, std::time::Duration::ZERO).await?;
                    if let Some(found) = found().await? {
                        return Ok(found);
                    }
                    let left = deadline.saturating_duration_since(tokio::time::Instant::now());
                    anyhow::ensure!(!left.is_zero(), "waited {patience:?} for {what}, in vain");
                    self.revision(Some(revision), left).await?;
                }
            }

            /// Waits until a gateway session of the bot is connected and commands are registered.
            pub async fn wait_for_bot(&self, patience: std::time::Duration) -> anyhow::Result<$crate::BotView> {
                self.until("the bot to connect and register its commands", patience, async || {
                    let bot = self.bot().await?;
                    let ready = bot.is_connected() || bot.interactions_endpoint.is_some();
                    Ok((ready && !bot.commands.is_empty()).then_some(bot))
                })
                .await
            }

            /// Waits until a member suits.
            pub async fn wait_for_member(
                &self,
                guild: $crate::GuildId,
                user: $crate::UserId,
                what: &str,
                patience: std::time::Duration,
                suits: impl Fn(&$crate::MemberView) -> bool,
            ) -> anyhow::Result<$crate::MemberView> {
                self.until(what, patience, async || {
                    let member = self.member(guild, user).await?;
                    Ok(suits(&member).then_some(member))
                })
                .await
            }

            /// Waits until a channel holds a message (that everybody sees) whose text contains `text`; the newest such one.
            pub async fn wait_for_message(
                &self,
                channel: $crate::ChannelId,
                text: &str,
                patience: std::time::Duration,
            ) -> anyhow::Result<$crate::MessageView> {
                self.until(&format!("a message with {text:?}"), patience, async || {
                    let messages = self.messages(channel, None).await?;
                    Ok(messages.into_iter().rev().find(|message| message.text().contains(text)))
                })
                .await
            }
        }
    };
}

shared_verbs!(crate::Sim);
shared_verbs!(super::Client);
