//! The control server, its client and its protection; and the world across restarts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Rest, config};
use discord_sim::{ChannelPatch, Client, Demo, Fault, GatewayFault, NewRole, RolePatch, Sim, SimConfig};
use serde_json::json;

#[tokio::test]
async fn the_client_does_what_the_simulator_does() {
    let sim = common::sim().await;
    let client = Client::new(sim.control_url()).unwrap();
    let (guild, user) = (Demo::GUILD, Demo::BRAM);
    assert_eq!(client.guilds().await.unwrap(), sim.guilds().await.unwrap());
    assert_eq!(client.guild(guild).await.unwrap().roles[0].name, "Guildhall");
    assert_eq!(client.guild(guild).await.unwrap().role("Veteran").unwrap().id, Demo::VETERAN);
    assert_eq!(client.member_named(guild, "bram").await.unwrap().id, user);
    assert_eq!(client.members(guild).await.unwrap(), sim.members(guild).await.unwrap());
    let fern = client.join(guild, "fern", None).await.unwrap();
    client.set_nick(guild, fern.id, Some("Fern".into())).await.unwrap();
    assert_eq!(client.member(guild, fern.id).await.unwrap().nick.as_deref(), Some("Fern"));
    client.leave(guild, fern.id).await.unwrap();
    let error = client.member(guild, fern.id).await.unwrap_err().to_string();
    assert!(error.contains("is not a member"), "{error}");
    let role = client
        .create_role(guild, NewRole { name: "Scribe".into(), position: Some(2), ..NewRole::default() })
        .await
        .unwrap();
    assert_eq!(role.position, 2);
    client.give_role(guild, user, role.id).await.unwrap();
    assert_eq!(client.member(guild, user).await.unwrap().role_names(), ["Scribe"]);
    client.take_role(guild, user, role.id).await.unwrap();
    let patch = RolePatch { position: Some(9), ..RolePatch::default() };
    assert!(!client.patch_role(guild, role.id, patch).await.unwrap().below_bot);
    client.delete_role(guild, role.id).await.unwrap();
    let channel = client.create_channel(guild, "new").await.unwrap();
    let patch = ChannelPatch { bot_may_send: Some(false), ..ChannelPatch::default() };
    assert!(!client.patch_channel(channel.id, patch).await.unwrap().bot_may_send);
    client.delete_channel(channel.id).await.unwrap();
    let said = client.say(Demo::HALL, user, "hello <@1210000000000000301>").await.unwrap();
    assert_eq!(client.messages(Demo::HALL, Some(user)).await.unwrap(), std::slice::from_ref(&said));
    assert_eq!(said.mentions, [Demo::ADA]);
    client.delete_message(Demo::HALL, said.id).await.unwrap();
    client.set_takes_dms(user, false).await.unwrap();
    assert_eq!(client.direct_messages(user).await.unwrap(), []);
    client.add_fault(Fault::rate_limit("GET", "/users/@me", 1.5)).await.unwrap();
    assert_eq!(client.faults().await.unwrap().len(), 1);
    assert_eq!(Rest::of(&sim).call("GET", "/users/@me", None).await.0, 429);
    client.gateway_fault(GatewayFault::InvalidSession { resumable: true }).await.unwrap();
    client.refuse_rest(true).await.unwrap();
    client.clear_faults().await.unwrap();
    assert_eq!(client.requests(0).await.unwrap()[0].retry_after, Some(1.5));
    assert_eq!(client.role_changes().await.unwrap().len(), 2);
    assert_eq!(client.violations().await.unwrap(), []);
    assert_eq!(client.ca_pem().await.unwrap(), sim.ca_pem());
    assert_eq!(client.info().await.unwrap()["rest_addr"], json!(sim.rest_addr()));
    assert_eq!(client.bot().await.unwrap(), sim.bot().await.unwrap());
    let before = sim.clock().offset_ms();
    client.advance_clock(Duration::from_secs(5)).await.unwrap();
    assert_eq!(sim.clock().offset_ms() - before, 5_000);
    let error = client.run_command(guild, user, Demo::HALL, "nothing", json!({})).await.err().unwrap().to_string();
    assert!(error.contains("no command `/nothing`"), "{error}");
    let error = client.set_interactions_endpoint(Some("http://127.0.0.1:1".into())).await.unwrap_err().to_string();
    assert!(error.contains("could not be reached"), "{error}");

    let revision = client.revision(None, Duration::ZERO).await.unwrap();
    let (waited, _) =
        tokio::join!(client.revision(Some(revision), Duration::from_secs(5)), client.say(Demo::HALL, user, "x"));
    assert!(waited.unwrap() > revision);
    client.wait_for_message(Demo::HALL, "x", Duration::from_secs(1)).await.unwrap();
    sim.shutdown().await;
}

#[tokio::test]
async fn other_websites_are_kept_out() {
    let sim = common::sim().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let own = sim.control_url();
    let say = format!("{own}/control/channels/{}/messages", Demo::HALL);
    let host = own.trim_start_matches("http://").to_owned();
    for (headers, want) in [
        (vec![], 200),
        (vec![("host", host.as_str()), ("origin", own.as_str()), ("sec-fetch-site", "same-origin")], 200),
        (vec![("origin", "http://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
        (vec![("host", "evil.example")], 403),
    ] {
        let mut request = http.post(&say).json(&json!({"user": Demo::BRAM, "content": "hi"}));
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        assert_eq!(request.send().await.unwrap().status(), want, "{headers:?}");
    }
    let rebound = http.get(format!("{own}/control/info")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), 403, "a name that was made to point here reads nothing either");
    for (path, kind) in [("/", "text/html"), ("/console.css", "text/css"), ("/console.js", "text/javascript")] {
        let page = http.get(format!("{own}{path}")).send().await.unwrap();
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with(kind));
        assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        assert!(!page.text().await.unwrap().is_empty());
    }
    sim.shutdown().await;
}

#[tokio::test]
async fn the_world_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data/discord.json");
    let start = async || Sim::start(SimConfig { state_file: Some(file.clone()), ..config() }).await;
    let sim = start().await.unwrap();
    let fern = sim.join(Demo::GUILD, "fern", None).await.unwrap();
    sim.give_role(Demo::GUILD, fern.id, Demo::ROOKIE).await.unwrap();
    let rest = Rest::of(&sim);
    rest.call("POST", &format!("/channels/{}/messages", Demo::SEASON), json!({"content": "The season is open"})).await;
    rest.call(
        "POST",
        &format!("/applications/{}/commands", sim.application_id()),
        json!({"name": "rank", "description": "d"}),
    )
    .await;
    let before = (sim.members(Demo::GUILD).await.unwrap(), sim.messages(Demo::SEASON, None).await.unwrap());
    // The file follows by itself, shortly after the change.
    for _ in 0..100 {
        if file.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(file.exists());
    sim.shutdown().await;

    let sim = start().await.unwrap();
    assert_eq!((sim.members(Demo::GUILD).await.unwrap(), sim.messages(Demo::SEASON, None).await.unwrap()), before);
    assert_eq!(sim.commands().await.unwrap()[0]["name"], "rank");
    sim.shutdown().await;

    let other = SimConfig { application_id: 5.into(), state_file: Some(file.clone()), ..config() };
    assert!(Sim::start(other).await.err().unwrap().to_string().contains("belongs to application"));
    std::fs::write(&file, "{\"half\":").unwrap();
    assert!(start().await.err().unwrap().to_string().contains("does not hold a simulated Discord"));
}

#[tokio::test]
async fn a_dropped_simulator_stops() {
    let sim = common::sim().await;
    let url = sim.control_url();
    drop(sim);
    for _ in 0..100 {
        if Client::new(&url).unwrap().guilds().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the control server still answers");
}
