//! The connection to Discord: made, lost, refused.

use std::time::Duration;

use broker::EmbeddedConfig;
use discord_sim::{Demo, Fault, GatewayFault, SimConfig, World};
use serde_json::json;

use crate::stage::{self, PATIENCE, Stage, effect, roles};

const CALLBACK: &str = "/interactions/{}/{}/callback";

#[tokio::test]
async fn it_answers_is_ready_and_registers_its_commands_once() {
    let mut stage = Stage::ready().await;
    let pong = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "ping", json!({})).await.unwrap();
    let pong = pong.reply().await.unwrap();
    assert_eq!((pong.content.as_str(), pong.ephemeral), ("🏓 Pong!", true));
    stage.health.check().await.unwrap();

    stage.restart_bot().await;
    stage.expect_refresh().await;
    assert_eq!(stage.calls("PUT", "/applications/{}/commands").await, 1);
    assert_eq!(stage.calls("GET", "/applications/{}/commands").await, 2);
    stage.end().await;
}

#[tokio::test]
async fn without_the_members_intent_it_works_on() {
    let sim = SimConfig { privileged_intents: 0, ..SimConfig::new(World::demo()) };
    let stage = Stage::set_with(sim, EmbeddedConfig::default()).await;
    stage.sim.wait_for_bot(PATIENCE).await.unwrap();
    let pong = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "ping", json!({})).await.unwrap();
    pong.reply_containing("Pong").await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn a_refused_token_stops_every_call_and_readiness_tells() {
    let stage = Stage::ready().await;
    stage.sim.add_fault(Fault::unauthorized("*", "/guilds/**").forever()).await.unwrap();
    stage.want(effect(1), 1, roles(Demo::BRAM, &[Demo::ROOKIE], &[])).await;
    let refused = async {
        while stage.health.check().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert!(stage.health.check().await.unwrap_err().contains("token"));
    let before = stage.sim.requests(0).await.unwrap().len();
    tokio::time::sleep(stage::QUIET).await;
    assert_eq!(stage.sim.requests(0).await.unwrap().len(), before);
    stage.end().await;
}

#[tokio::test]
async fn a_dropped_gateway_comes_back() {
    let stage = Stage::ready().await;
    stage.sim.gateway_fault(GatewayFault::Drop).await.unwrap();
    stage.sim.wait_for_bot(PATIENCE).await.unwrap();
    let ping = async || {
        let ping = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "ping", json!({})).await.unwrap();
        ping.patience(Duration::from_secs(5)).reply_containing("Pong").await
    };
    let answered = async {
        while ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(40), answered).await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn after_a_long_outage_there_is_one_session() {
    let stage = Stage::ready().await;
    stage.sim.gateway_fault(GatewayFault::RefuseConnections).await.unwrap();
    stage.sim.gateway_fault(GatewayFault::Drop).await.unwrap();
    // Longer than serenity is left alone with a connection that doesn't serve.
    tokio::time::sleep(Duration::from_secs(55)).await;
    stage.health.check().await.unwrap_err();
    stage.sim.gateway_fault(GatewayFault::AcceptConnections).await.unwrap();
    stage.sim.wait_for_bot(Duration::from_secs(60)).await.unwrap();
    // Whoever else still dials does so every five seconds.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let sessions = stage.sim.bot().await.unwrap().sessions;
    assert_eq!(sessions.iter().filter(|session| session.connected).count(), 1, "{sessions:?}");
    let before = stage.calls("POST", CALLBACK).await;
    let ping = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "ping", json!({})).await.unwrap();
    ping.reply_containing("Pong").await.unwrap();
    tokio::time::sleep(stage::QUIET).await;
    assert_eq!(stage.calls("POST", CALLBACK).await, before + 1);
    stage.end().await;
}

#[tokio::test]
async fn the_last_starts_of_a_day_are_kept() {
    let mut sim = SimConfig::new(World::demo());
    sim.limits.session_starts = 9;
    let stage = Stage::set_with(sim, EmbeddedConfig::default()).await;
    tokio::time::sleep(stage::QUIET).await;
    assert!(stage.sim.bot().await.unwrap().sessions.is_empty());
    stage.end().await;
}

#[tokio::test]
async fn commands_are_registered_when_discord_is_able_to() {
    let sim = SimConfig::new(World::demo());
    let stage = Stage::set_with(sim, EmbeddedConfig::default()).await;
    stage.sim.add_fault(Fault::status("GET", "/applications/*/commands", 503).times(2)).await.unwrap();
    stage.sim.add_fault(Fault::status("PUT", "/applications/*/commands", 500)).await.unwrap();
    let registered = async {
        while stage.sim.commands().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, registered).await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn a_wrong_token_is_told_and_tried_once() {
    let stage = Stage::ready().await;
    let other = stage.with_token("MTEw.wrong.token");
    let refused = async {
        while !other.health.check().await.unwrap_err().contains("token") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    other.stop().await;
    stage.end().await;
}
