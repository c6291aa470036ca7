//! The connection to Discord: made, lost, refused.

use std::time::Duration;

use broker::EmbeddedConfig;
use discord_sim::{Demo, Fault, GatewayFault, SimConfig, World};
use serde_json::json;

use crate::stage::{self, PATIENCE, Stage, effect, roles};

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
