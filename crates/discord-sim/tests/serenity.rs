//! Compatibility: a real serenity client connects, registers commands, answers interactions, edits, and gives a role.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use discord_sim::{Client as Control, Demo, GatewayFault, InteractionState};
use serde_json::json;
use serenity::all::{
    ActionRowComponent, AutocompleteChoice, ButtonStyle, CommandInteraction, CommandOptionType, Context,
    CreateActionRow, CreateAutocompleteResponse, CreateButton, CreateCommand, CreateCommandOption, CreateEmbed,
    CreateInputText, CreateInteractionResponse, CreateInteractionResponseFollowup, CreateInteractionResponseMessage,
    CreateMessage, CreateModal, EditInteractionResponse, EventHandler, GatewayIntents, Guild, GuildId, HttpBuilder,
    InputTextStyle, Interaction, Member, Nonce, Ready, RoleId, UserId,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

struct Bot {
    heard: UnboundedSender<String>,
}

#[serenity::async_trait]
impl EventHandler for Bot {
    async fn ready(&self, context: Context, ready: Ready) {
        let rank = CreateCommandOption::new(CommandOptionType::SubCommand, "give", "Give a rank")
            .add_sub_option(CreateCommandOption::new(CommandOptionType::User, "member", "Who").required(true))
            .add_sub_option(CreateCommandOption::new(CommandOptionType::String, "item", "What").set_autocomplete(true));
        let ask = CreateCommandOption::new(CommandOptionType::SubCommand, "ask", "Ask");
        let command = CreateCommand::new("rank").description("Ranks").add_option(rank).add_option(ask);
        let registered = serenity::all::Command::set_global_commands(&context.http, vec![command]).await.unwrap();
        self.heard.send(format!("ready {} {}", ready.user.name, registered.len())).unwrap();
    }

    async fn guild_create(&self, _: Context, guild: Guild, _: Option<bool>) {
        self.heard.send(format!("guild {} {} {}", guild.name, guild.roles.len(), guild.channels.len())).unwrap();
    }

    async fn guild_member_addition(&self, _: Context, member: Member) {
        self.heard.send(format!("joined {}", member.user.name)).unwrap();
    }

    async fn guild_member_update(
        &self,
        _: Context,
        _: Option<Member>,
        _: Option<Member>,
        event: serenity::all::GuildMemberUpdateEvent,
    ) {
        self.heard.send(format!("updated {} {}", event.user.name, event.roles.len())).unwrap();
    }

    async fn resume(&self, _: Context, _: serenity::all::ResumedEvent) {
        self.heard.send("resumed".into()).unwrap();
    }

    async fn interaction_create(&self, context: Context, interaction: Interaction) {
        let http = &context.http;
        match interaction {
            Interaction::Command(command) if command.data.options[0].name == "ask" => {
                let input = CreateInputText::new(InputTextStyle::Short, "Why", "why");
                let modal = CreateModal::new("reason", "A reason").components(vec![CreateActionRow::InputText(input)]);
                command.create_response(http, CreateInteractionResponse::Modal(modal)).await.unwrap();
            }
            Interaction::Command(command) => give(&context, &command).await,
            Interaction::Autocomplete(typed) => {
                let value = typed.data.autocomplete().unwrap().value.to_owned();
                let choices = CreateAutocompleteResponse::new()
                    .set_choices(vec![AutocompleteChoice::new(format!("{value}!"), "sword")]);
                typed.create_response(http, CreateInteractionResponse::Autocomplete(choices)).await.unwrap();
            }
            Interaction::Component(click) => {
                let update = CreateInteractionResponseMessage::new().content("clicked").components(vec![]);
                click.create_response(http, CreateInteractionResponse::UpdateMessage(update)).await.unwrap();
            }
            Interaction::Modal(modal) => {
                let ActionRowComponent::InputText(input) = &modal.data.components[0].components[0] else { panic!() };
                let text = format!("because {}", input.value.clone().unwrap());
                let message = CreateInteractionResponseMessage::new().content(text);
                modal.create_response(http, CreateInteractionResponse::Message(message)).await.unwrap();
            }
            _ => {}
        }
    }
}

async fn give(context: &Context, command: &CommandInteraction) {
    let http = &context.http;
    let deferral = CreateInteractionResponseMessage::new().ephemeral(true);
    command.create_response(http, CreateInteractionResponse::Defer(deferral)).await.unwrap();
    let (user, role) = (UserId::new(Demo::BRAM.0), RoleId::new(Demo::ROOKIE.0));
    http.add_member_role(command.guild_id.unwrap(), user, role, Some("reached 10 points")).await.unwrap();
    let button = CreateButton::new("more").label("More").style(ButtonStyle::Primary);
    let edit = EditInteractionResponse::new()
        .content("Given.")
        .embed(CreateEmbed::new().title("Rank").field("Rookie", "10", true))
        .components(vec![CreateActionRow::Buttons(vec![button])]);
    let edited = command.edit_response(http, edit).await.unwrap();
    assert_eq!(edited.content, "Given.");
    let followup = CreateInteractionResponseFollowup::new().content("And more.").ephemeral(true);
    command.create_followup(http, followup).await.unwrap();
    let announcement =
        CreateMessage::new().content("Bram is a Rookie!").nonce(Nonce::String("n1".into())).enforce_nonce(true);
    let first = command.channel_id.send_message(http, announcement.clone()).await.unwrap();
    let second = command.channel_id.send_message(http, announcement).await.unwrap();
    assert_eq!(first.id, second.id);
}

async fn heard(inbox: &mut UnboundedReceiver<String>) -> String {
    tokio::time::timeout(Duration::from_secs(10), inbox.recv()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serenity_bot_lives_in_the_simulated_discord() -> Result<()> {
    let sim = common::sim().await;
    // serenity asks for https://discord.com without a port; the resolver's address brings its own.
    let http = Arc::new(HttpBuilder::new(sim.token()).client(common::http(&sim)).build());
    let (tell, mut inbox) = unbounded_channel();
    let intents = GatewayIntents::GUILDS | GatewayIntents::GUILD_MEMBERS;
    let http = Arc::into_inner(http).unwrap();
    let mut bot =
        serenity::client::ClientBuilder::new_with_http(http, intents).event_handler(Bot { heard: tell }).await?;
    let shards = Arc::clone(&bot.shard_manager);
    let rest = Arc::clone(&bot.http);
    let running = tokio::spawn(async move { bot.start().await });

    let mut first = [heard(&mut inbox).await, heard(&mut inbox).await];
    first.sort();
    assert_eq!(first, ["guild The Lantern Guild 5 3", "ready Guildhall 1"]);
    sim.wait_for_bot(Duration::from_secs(5)).await?;

    // Deferred, role given, edited, followed up; the person sees all of it.
    let options = json!({"member": Demo::BRAM});
    let use_ = sim.run_command(Demo::GUILD, Demo::ADA, Demo::HALL, "rank give", options).await?;
    let reply = use_.reply().await?;
    assert_eq!((reply.content.as_str(), reply.ephemeral), ("Given.", true));
    assert_eq!(reply.text(), "Given.\nRank\nRookie: 10");
    assert_eq!(use_.followup(0).await?.content, "And more.");
    let member = sim
        .wait_for_member(Demo::GUILD, Demo::BRAM, "a Rookie", Duration::from_secs(5), |m| m.has(Demo::ROOKIE))
        .await?;
    assert_eq!(member.role_names(), ["Rookie"]);
    assert_eq!(sim.role_changes().await?[0].reason.as_deref(), Some("reached 10 points"));
    assert_eq!(heard(&mut inbox).await, "updated bram 1");
    sim.wait_for_message(Demo::HALL, "Bram is a Rookie!", Duration::from_secs(5)).await?;
    assert_eq!(sim.messages(Demo::HALL, None).await?.len(), 1, "the nonce kept the second one away");

    // The same over the control server, as from another process.
    let control = Control::new(sim.control_url())?;
    let update = control.handle(use_.id()).click("more").await?.reply().await?;
    assert_eq!((update.content.as_str(), update.components.len()), ("clicked", 0));
    let choices =
        control.autocomplete(Demo::GUILD, Demo::CLEO, Demo::HALL, "rank give", json!({"item": "swo"}), "item").await?;
    assert_eq!((choices[0].name.as_str(), &choices[0].value), ("swo!", &json!("sword")));
    let asked = control.run_command(Demo::GUILD, Demo::CLEO, Demo::HALL, "rank ask", json!({})).await?;
    let values = json!({"why": "fun"}).as_object().unwrap().clone();
    assert_eq!(asked.submit_modal(values).await?.content().await?, "because fun");
    assert_eq!(asked.state().await?, InteractionState::Modal);

    // A dropped connection is resumed; nothing is missed.
    sim.gateway_fault(GatewayFault::Drop).await?;
    sim.join(Demo::GUILD, "fern", None).await?;
    let mut after = vec![heard(&mut inbox).await, heard(&mut inbox).await];
    after.sort();
    assert_eq!(after, ["joined fern", "resumed"]);

    let guild = rest.get_guild(GuildId::new(Demo::GUILD.0)).await?;
    assert_eq!(guild.roles.len(), 5);
    let members = rest.get_guild_members(guild.id, Some(100), None).await?;
    assert_eq!(members.len(), 7);
    assert_eq!(sim.violations().await?, []);
    assert_eq!(control.violations().await?, []);

    shards.shutdown_all().await;
    running.await??;
    sim.shutdown().await;
    Ok(())
}
