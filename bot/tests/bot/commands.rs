//! What members and officers do, and what they read.

use std::time::Duration;

use broker::EmbeddedConfig;
use discord_sim::{Demo, Fault, SimConfig, World};
use domain::{Rejection, ids::InteractionId};
use messages::command::{Command, SubmitV1, Via};
use serde_json::json;

use crate::{
    api,
    stage::{PATIENCE, Stage, counted, guild, user},
};

#[tokio::test]
async fn a_submission_goes_to_the_worker_and_its_outcome_comes_back() {
    let mut stage = Stage::ready().await;
    let sim = &stage.sim;
    let choices =
        sim.autocomplete(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", json!({"item": "iro"}), "item").await.unwrap();
    assert_eq!(choices.len(), 1);
    assert_eq!(choices[0].name, "Iron Ore (50 points)");
    let picked = &choices[0].value;
    for typed in ["iron", "oak", ""] {
        let options = json!({"item": typed});
        sim.autocomplete(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", options, "item").await.unwrap();
    }
    assert_eq!(stage.api.asked("/items").len(), 1, "keystrokes are answered from memory");
    let options = json!({"item": picked, "quantity": 3, "note": "from the cave"});
    let submit = sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", options).await.unwrap();

    let interaction = InteractionId::new(submit.id().get()).unwrap();
    let command = stage.next_command().await;
    assert_eq!(
        (command.guild_id, command.actor.user_id, command.actor.via),
        (guild(), Some(user(Demo::BRAM)), Via::Bot)
    );
    assert_eq!(command.accepted_at, interaction.created_at());
    let Command::Submit(SubmitV1 { season_id, user_id, item_id, quantity, note, .. }) = &command.command else {
        panic!("{command:?}")
    };
    assert_eq!((*season_id, *user_id, *quantity), (None, user(Demo::BRAM), 3));
    assert_eq!((json!(item_id), note.as_deref()), (picked.clone(), Some("from the cave")));
    let state = submit.view().await.unwrap();
    assert!(state.reply.unwrap().loading, "nothing is promised before the outcome");

    // Thrice the same outcome reads as one.
    for _ in 0..3 {
        stage.outcome_of(&command, counted()).await;
    }
    let reply = submit.reply_containing("counts **150 points**").await.unwrap();
    assert_eq!(
        reply.content,
        "✅ **3 × Iron Ore** counts **150 points**. The total is now **150**.\n🎉 Reached: **Rookie**"
    );
    assert!(reply.ephemeral);
    stage.end().await;
}

#[tokio::test]
async fn what_is_typed_freely_is_found_by_name_and_a_rejection_is_shown() {
    let mut stage = Stage::ready().await;
    let options = json!({"item": "oak log", "quantity": 1});
    let submit = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", options).await.unwrap();
    let command = stage.next_command().await;
    stage.outcome_of(&command, Rejection::SeasonEnded.into()).await;
    submit.reply_containing("❌ That season is over.").await.unwrap();

    let options = json!({"item": "log", "quantity": 1});
    let submit = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", options).await.unwrap();
    submit.reply_containing("That item isn't part of this season.").await.unwrap();
    stage.no_command().await;
    stage.end().await;
}

#[tokio::test]
async fn a_command_that_is_surely_not_taken_is_said_so() {
    let queue = EmbeddedConfig { capacity: 0, ..EmbeddedConfig::default() };
    let stage = Stage::set_with(SimConfig::new(World::demo()), queue).await;
    stage.sim.wait_for_bot(PATIENCE).await.unwrap();
    let options = json!({"item": api::ORE.to_string(), "quantity": 1});
    let submit = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", options).await.unwrap();
    submit.reply_containing("nothing has changed").await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn every_other_command_asks_the_api_in_the_callers_name() {
    let stage = Stage::ready().await;
    let text = async |command: &str, options: serde_json::Value| {
        let run = stage.sim.run_command(Demo::GUILD, Demo::ADA, Demo::HALL, command, options).await.unwrap();
        let reply = run.reply().await.unwrap();
        assert!(reply.ephemeral || command == "leaderboard", "{command}");
        (reply.text(), run.id())
    };
    let (welcome, id) = text("register", json!({"name": "Mira *the* @everyone"})).await;
    assert!(welcome.contains(r"**Mira \*the\* \@everyone**"), "{welcome}");
    let asked = &stage.api.asked("POST /api/v1/guilds/1210000000000000000/members")[0];
    assert_eq!(asked["x-api-key"], "bot-key");
    assert_eq!(asked["x-user-discord-id"], Demo::ADA.to_string());
    assert_eq!(asked["idempotency-key"], format!("discord:{id}"));
    assert!(asked.contains_key("traceparent"));

    for (command, options, want) in [
        ("verify", json!({"member": Demo::BRAM}), "is verified"),
        ("season create", json!({"name": "Winter", "starts": "2026-12-01", "ends": "2026-12-31"}), "<t:1798761600:f>"),
        ("season create", json!({"name": "Winter", "starts": "01.12.2026", "ends": "2026-12-31"}), "YYYY-MM-DD"),
        ("season list", json!({}), "**Autumn** (#1): runs"),
        ("season join", json!({}), "You take part in **Autumn**"),
        ("item add", json!({"name": "Iron Ore", "points": 50}), "**Iron Ore** is worth **50 points**"),
        ("rank add", json!({"name": "Rookie", "threshold": 100, "role": Demo::ROOKIE}), "takes **100 points**"),
        ("me", json!({}), "**150 points**"),
        ("leaderboard", json!({"season": "autumn"}), "🥇 **member1**"),
        ("leaderboard", json!({"season": "spring"}), "There's no such season."),
        ("setup", json!({"officer_channel": Demo::OFFICERS}), "✅ I may manage roles."),
        ("setup", json!({}), "move my role above"),
    ] {
        if command == "leaderboard" && want.starts_with("There's") {
            // What only the caller may see never stays in a place that everybody sees.
            let run = stage.sim.run_command(Demo::GUILD, Demo::ADA, Demo::HALL, command, options).await.unwrap();
            let answer = run.followup(0).await.unwrap();
            assert!(answer.ephemeral && answer.content.contains(want), "{answer:?}");
            assert!(stage.sim.messages(Demo::HALL, None).await.unwrap().iter().all(|message| !message.loading));
            continue;
        }
        let (answer, _) = text(command, options.clone()).await;
        assert!(answer.contains(want), "{command} {options}: {answer}");
    }
    stage.end().await;
}

#[tokio::test]
async fn nobody_is_left_hanging_when_the_api_fails() {
    let stage = Stage::ready().await;
    let me = async |want: &str| {
        let run = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "me", json!({})).await.unwrap();
        run.patience(PATIENCE).reply_containing(want).await.unwrap();
    };
    stage.api.fail(404, &api::problem(404, "not_joined", "You don't take part yet. Use /season join."), 1);
    me("❌ You don't take part yet. Use /season join.").await;
    stage.api.fail(502, "<html>Bad Gateway</html>", 2);
    me("150 points").await;
    stage.api.fail(502, "<html>Bad Gateway</html>", 3);
    me("Please try again in a minute.").await;
    stage.api.fail(200, "<html>", 1);
    me("Something went wrong on our side.").await;
    stage.api.fail(401, "<html>", 1);
    me("Something went wrong on our side.").await;
    // Somebody who types waits only as long as Discord does.
    stage.api.slow_down(Some(Duration::from_secs(5)));
    let choices = stage
        .sim
        .autocomplete(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", json!({"item": ""}), "item")
        .await
        .unwrap();
    assert!(choices.is_empty());
    stage.end().await;
}

#[tokio::test]
async fn an_answer_is_tried_until_discord_shows_it() {
    let mut stage = Stage::ready().await;
    let original = "/webhooks/*/*/messages/@original";
    let patch = |status| Fault::status("PATCH", original, status).times(2);
    stage.sim.add_fault(patch(503)).await.unwrap();
    stage.sim.add_fault(Fault::disconnect("PATCH", original)).await.unwrap();
    let me = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "me", json!({})).await.unwrap();
    me.patience(PATIENCE).reply_containing("150 points").await.unwrap();

    // The placeholder is gone, though nobody heard it.
    stage.sim.add_fault(Fault::answer_lost("DELETE", original)).await.unwrap();
    stage.sim.add_fault(Fault::status("POST", "/webhooks/*/*", 500)).await.unwrap();
    let options = json!({"season": "spring"});
    let board = stage.sim.run_command(Demo::GUILD, Demo::ADA, Demo::HALL, "leaderboard", options).await.unwrap();
    let answer = board.patience(PATIENCE).followup(0).await.unwrap();
    assert!(answer.ephemeral && answer.content.contains("no such season"), "{answer:?}");

    // The worker's answer, too, and one that fails keeps no other back.
    let submit = async || {
        let options = json!({"item": api::ORE.to_string(), "quantity": 3});
        stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", options).await.unwrap()
    };
    let (first, second) = (submit().await, submit().await);
    let commands = [stage.next_command().await, stage.next_command().await];
    stage.sim.add_fault(patch(502)).await.unwrap();
    for command in &commands {
        stage.outcome_of(command, counted()).await;
    }
    for submit in [first, second] {
        submit.patience(PATIENCE).reply_containing("counts **150 points**").await.unwrap();
    }
    stage.end().await;
}

#[tokio::test]
async fn a_note_that_cannot_be_read_is_not_sent() {
    let mut stage = Stage::ready().await;
    let options = json!({"item": api::ORE.to_string(), "quantity": 3, "note": "gold\u{202E}dlog"});
    let submit = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", options).await.unwrap();
    submit.reply_containing("❌ That text holds control characters").await.unwrap();
    let options = json!({"submission": format!("{}:1", uuid::Uuid::nil()), "reason": "no\u{2066}"});
    let refuse = stage.sim.run_command(Demo::GUILD, Demo::ADA, Demo::HALL, "review refuse", options).await.unwrap();
    refuse.reply_containing("❌ That text holds control characters").await.unwrap();
    stage.no_command().await;
    stage.end().await;
}

#[tokio::test]
async fn a_leaderboard_turns_its_pages_after_a_restart_too() {
    let mut stage = Stage::ready().await;
    let board = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "leaderboard", json!({})).await.unwrap();
    let shown = board.reply_containing("Page 1").await.unwrap();
    assert!(!shown.ephemeral);
    let next = |page: usize, label: &str| format!("lb:{}:{page}:{label}", api::SEASON);
    stage.restart_bot().await;
    stage.expect_refresh().await;
    // Anybody may turn the page.
    stage.sim.click(Demo::CLEO, Demo::HALL, shown.id, &next(1, "Next")).await.unwrap();
    stage.sim.wait_for_message(Demo::HALL, "Page 2", PATIENCE).await.unwrap();
    stage.sim.click(Demo::CLEO, Demo::HALL, shown.id, &next(2, "Next")).await.unwrap();
    let last = stage.sim.wait_for_message(Demo::HALL, "Page 3", PATIENCE).await.unwrap();
    assert!(last.text().contains("member25") && !last.text().contains("member20"), "{}", last.text());
    assert!(stage.sim.click(Demo::CLEO, Demo::HALL, shown.id, &next(3, "Next")).await.is_err(), "there is no page 4");
    stage.end().await;
}

#[tokio::test]
async fn a_lost_answer_to_the_first_response_loses_no_command() {
    let mut stage = Stage::ready().await;
    stage.sim.add_fault(Fault::answer_lost("POST", "/interactions/**")).await.unwrap();
    let options = json!({"item": api::ORE.to_string(), "quantity": 3});
    let submit = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", options).await.unwrap();
    let command = stage.next_command().await;
    stage.outcome_of(&command, counted()).await;
    submit.reply_containing("counts **150 points**").await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn an_outcome_that_nobody_can_see_any_more_is_dropped() {
    let mut stage = Stage::ready().await;
    let options = json!({"item": api::ORE.to_string(), "quantity": 3});
    stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "submit", options).await.unwrap();
    let mut command = stage.next_command().await;
    let edits = stage.calls("PATCH", "/webhooks/{}/{}/messages/{}").await;
    // A reply that never existed, then one whose fifteen minutes are over.
    if let Some(reply) = &mut command.reply {
        reply.token = "sim-nothing".into();
    }
    stage.outcome_of(&command, counted()).await;
    stage.sim.advance_clock(Duration::from_secs(16 * 60)).await.unwrap();
    stage.outcome_of(&command, counted()).await;
    tokio::time::sleep(crate::stage::QUIET).await;
    let depth = stage.broker.depth(messages::topology::Queue::BotReplies).await.unwrap();
    assert_eq!((depth.ready, depth.retry, depth.dead), (0, 0, 0));
    assert!(stage.calls("PATCH", "/webhooks/{}/{}/messages/{}").await <= edits + 1);
    stage.end().await;
}
