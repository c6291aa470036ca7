//! The REST API against Discord's documentation: statuses, error codes, bodies, rate-limit headers, violations.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Rest, config, sim};
use discord_sim::{
    ChannelPatch, Demo, Fault, Limits, NewRole, Quota, RolePatch, Sim, SimConfig, permissions, too_early,
};
use serde_json::{Value, json};

const MEMBER_ROLE: &str = "/guilds/1210000000000000000/members/1210000000000000302/roles/1210000000000000204";

fn code(body: &Value) -> u64 {
    body["code"].as_u64().unwrap_or(u64::MAX)
}

#[tokio::test]
async fn documented_errors() {
    let sim = sim().await;
    let rest = Rest::of(&sim);
    let (guild, hall, app) = (Demo::GUILD, Demo::HALL, sim.application_id());
    let long = "x".repeat(2001);
    for (method, path, body, status, want) in [
        ("GET", "/channels/1".into(), None, 404, 10003),
        ("GET", "/guilds/1".into(), None, 404, 10004),
        ("GET", format!("/guilds/{guild}/members/{}", Demo::ADA.0 + 77), None, 404, 10013),
        ("GET", format!("/channels/{hall}/messages/1"), None, 404, 10008),
        ("PUT", format!("/guilds/{guild}/members/{}/roles/1", Demo::ADA), None, 404, 10011),
        ("GET", "/users/1".into(), None, 404, 10013),
        ("PATCH", format!("/webhooks/{app}/nonsense/messages/@original"), Some(json!({})), 401, 50027),
        ("PATCH", "/webhooks/1/nonsense/messages/@original".into(), Some(json!({})), 404, 10015),
        ("POST", "/interactions/1/nonsense/callback".into(), Some(json!({"type": 5})), 404, 10062),
        ("POST", format!("/channels/{hall}/messages"), Some(json!({"content": "  "})), 400, 50006),
        ("POST", format!("/channels/{hall}/messages"), Some(json!({"content": long})), 400, 50035),
        ("POST", "/users/@me/channels".into(), Some(json!({"recipient_id": "1"})), 404, 10013),
        ("GET", format!("/applications/{app}/commands/5"), None, 404, 10063),
        ("GET", "/applications/5/commands".into(), None, 404, 10002),
        ("GET", "/guilds/nonsense".into(), None, 400, 50035),
        ("GET", "/guilds/1/emojis".into(), None, 404, 0),
        ("PATCH", MEMBER_ROLE.into(), None, 405, 0),
    ] {
        let (got, answer) = rest.call(method, &path, body).await;
        assert_eq!((got, code(&answer)), (status, want), "{method} {path}: {answer}");
    }
    let (status, body) = rest.clone().with_token("wrong").call("GET", "/users/@me", None).await;
    assert_eq!((status, body), (401, json!({"code": 0, "message": "401: Unauthorized"})));
    let (_, body) = rest.call("POST", &format!("/channels/{hall}/messages"), json!({"content": long})).await;
    assert_eq!(body["errors"]["content"]["_errors"][0]["code"], "BASE_TYPE_MAX_LENGTH");
    sim.leave(Demo::GUILD, Demo::ELI).await.unwrap();
    let (status, body) = rest.call("GET", &format!("/guilds/{guild}/members/{}", Demo::ELI), None).await;
    assert_eq!((status, code(&body)), (404, 10007));
    sim.shutdown().await;
}

#[tokio::test]
async fn unknown_routes_verbs_and_fields_are_violations() {
    let sim = sim().await;
    let rest = Rest::of(&sim);
    let messages = format!("/channels/{}/messages", Demo::HALL);
    rest.call("GET", "/nowhere", None).await;
    rest.call("DELETE", "/gateway", None).await;
    rest.call("POST", &messages, json!({"content": "hi", "colour": 5})).await;
    rest.call("POST", "/users/@me/channels", json!({})).await;
    let found: Vec<String> =
        sim.violations().await.unwrap().into_iter().map(|v| format!("{}: {}", v.place, v.what)).collect();
    assert_eq!(found.len(), 4, "{found:?}");
    for (found, want) in found.iter().zip([
        "no such route",
        "this method",
        "unknown field `colour`",
        "`recipient_id`: This field is required",
    ]) {
        assert!(found.contains(want), "{found} lacks {want}");
    }
    sim.shutdown().await;
}

#[tokio::test]
async fn roles_are_given_by_discords_hierarchy() {
    let sim = sim().await;
    let rest = Rest::of(&sim);
    assert_eq!(rest.call("PUT", MEMBER_ROLE, None).await.0, 204);
    assert_eq!(rest.call("PUT", MEMBER_ROLE, None).await.0, 204, "giving twice is fine");
    let changes = sim.role_changes().await.unwrap();
    assert_eq!(changes.iter().map(|c| c.changed).collect::<Vec<_>>(), [true, false]);
    assert_eq!(changes[0].reason.as_deref(), Some("Rang gained"));
    assert_eq!(sim.member(Demo::GUILD, Demo::BRAM).await.unwrap().role_names(), ["Rookie"]);

    let refused = async |why: &str| {
        let (status, body) = rest.call("DELETE", MEMBER_ROLE, None).await;
        assert_eq!((status, code(&body)), (403, 50013), "{why}");
    };
    let drag = async |position| {
        let patch = RolePatch { position: Some(position), ..RolePatch::default() };
        sim.patch_role(Demo::GUILD, Demo::ROOKIE, patch).await.unwrap()
    };
    assert!(!drag(4).await.below_bot);
    refused("the role is above the bot").await;
    assert!(drag(1).await.below_bot);
    let powerless = RolePatch { permissions: Some(0), ..RolePatch::default() };
    sim.patch_role(Demo::GUILD, Demo::BOT_ROLE, powerless).await.unwrap();
    refused("the bot lacks MANAGE_ROLES").await;
    let mighty = RolePatch { permissions: Some(permissions::MANAGE_ROLES), ..RolePatch::default() };
    sim.patch_role(Demo::GUILD, Demo::BOT_ROLE, mighty).await.unwrap();
    let managed = format!("/guilds/{}/members/{}/roles/{}", Demo::GUILD, Demo::BRAM, Demo::BOT_ROLE);
    let (status, body) = rest.call("PUT", &managed, None).await;
    assert_eq!((status, code(&body)), (403, 50013), "a managed role");
    assert_eq!(rest.call("DELETE", MEMBER_ROLE, None).await.0, 204);

    let made = sim.create_role(Demo::GUILD, NewRole { name: "Scribe".into(), ..NewRole::default() }).await.unwrap();
    assert_eq!((made.position, made.below_bot), (1, true));
    let roles = format!("/guilds/{}/roles", Demo::GUILD);
    let (status, moved) = rest.call("PATCH", &roles, json!([{"id": made.id, "position": 2}])).await;
    assert_eq!((status, moved.as_array().unwrap().len()), (200, 6));
    let (status, body) = rest.call("PATCH", &roles, json!([{"id": made.id, "position": 9}])).await;
    assert_eq!((status, code(&body)), (403, 50013), "not above itself");
    sim.shutdown().await;
}

#[tokio::test]
async fn channels_may_be_closed_to_the_bot() {
    let sim = sim().await;
    let rest = Rest::of(&sim);
    let messages = format!("/channels/{}/messages", Demo::HALL);
    let send = async || rest.call("POST", &messages, json!({"content": "hi"})).await;
    let patch = |bot_may_view, bot_may_send| ChannelPatch { bot_may_view, bot_may_send, name: None };
    sim.patch_channel(Demo::HALL, patch(None, Some(false))).await.unwrap();
    let (status, body) = send().await;
    assert_eq!((status, code(&body)), (403, 50013));
    sim.patch_channel(Demo::HALL, patch(Some(false), None)).await.unwrap();
    let (status, body) = send().await;
    assert_eq!((status, code(&body)), (403, 50001));
    sim.set_takes_dms(Demo::BRAM, false).await.unwrap();
    let (_, dm) = rest.call("POST", "/users/@me/channels", json!({"recipient_id": Demo::BRAM})).await;
    let path = format!("/channels/{}/messages", dm["id"].as_str().unwrap());
    let (status, body) = rest.call("POST", &path, json!({"content": "hi"})).await;
    assert_eq!((status, code(&body)), (403, 50007));
    sim.set_takes_dms(Demo::BRAM, true).await.unwrap();
    assert_eq!(rest.call("POST", &path, json!({"content": "hi"})).await.0, 200);
    assert_eq!(sim.direct_messages(Demo::BRAM).await.unwrap()[0].content, "hi");
    sim.shutdown().await;
}

#[tokio::test]
async fn messages_are_made_once_per_nonce_edited_and_deleted() {
    let sim = sim().await;
    let rest = Rest::of(&sim);
    let messages = format!("/channels/{}/messages", Demo::HALL);
    let body = json!({"content": "one", "nonce": "n", "enforce_nonce": true});
    let (_, first) = rest.call("POST", &messages, body.clone()).await;
    let (_, again) = rest.call("POST", &messages, body.clone()).await;
    assert_eq!(first["id"], again["id"]);
    sim.advance_clock(Duration::from_secs(600)).await.unwrap();
    assert_ne!(
        rest.call("POST", &messages, body).await.1["id"],
        first["id"],
        "the nonce is remembered some minutes only"
    );
    let message = format!("{messages}/{}", first["id"].as_str().unwrap());
    let (status, edited) = rest.call("PATCH", &message, json!({"content": "two"})).await;
    assert_eq!((status, &edited["content"]), (200, &json!("two")));
    assert!(edited["edited_timestamp"].is_string());
    assert_eq!(rest.call("DELETE", &message, None).await.0, 204);
    assert_eq!(rest.call("GET", &message, None).await.0, 404);
    let theirs = sim.say(Demo::HALL, Demo::BRAM, "mine").await.unwrap();
    let theirs = format!("{messages}/{}", theirs.id);
    let (status, body) = rest.call("PATCH", &theirs, json!({"content": "x"})).await;
    assert_eq!((status, code(&body)), (403, 50005));
    assert_eq!(rest.call("DELETE", &theirs, None).await.0, 403);
    let (_, listed) = rest.call("GET", &format!("{messages}?limit=1"), None).await;
    assert_eq!(listed[0]["content"], "mine");
    sim.shutdown().await;
}

async fn limited(change: impl FnOnce(&mut Limits)) -> (Sim, Rest) {
    let mut limits = Limits::unlimited();
    change(&mut limits);
    let sim = Sim::start(SimConfig { limits, ..config() }).await.unwrap();
    let rest = Rest::of(&sim);
    (sim, rest)
}

#[tokio::test]
async fn buckets_and_their_headers() {
    let (sim, rest) =
        limited(|limits| limits.member_roles = Quota { limit: 2, window: Duration::from_millis(400) }).await;
    let header =
        |response: &reqwest::Response, name: &str| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
    let first = rest.raw("PUT", MEMBER_ROLE, None).await.unwrap();
    assert_eq!(header(&first, "x-ratelimit-limit").unwrap(), "2");
    assert_eq!(header(&first, "x-ratelimit-remaining").unwrap(), "1");
    let second = rest.raw("DELETE", MEMBER_ROLE, None).await.unwrap();
    assert_eq!(header(&second, "x-ratelimit-bucket"), header(&first, "x-ratelimit-bucket"));
    let refused = rest.raw("PUT", MEMBER_ROLE, None).await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "x-ratelimit-scope").unwrap(), "user");
    let wait: f64 = header(&refused, "retry-after").unwrap().parse().unwrap();
    assert!(wait > 0.0 && wait <= 0.4, "{wait}");
    assert!(header(&refused, "x-ratelimit-reset").is_some() && header(&refused, "x-ratelimit-reset-after").is_some());
    let body: Value = refused.json().await.unwrap();
    assert_eq!((&body["global"], body["retry_after"].as_f64()), (&json!(false), Some(wait)));
    let other = MEMBER_ROLE.replace("/guilds/1210000000000000000", "/guilds/5");
    assert_eq!(rest.call("PUT", &other, None).await.0, 404, "another guild has its own bucket");
    tokio::time::sleep(Duration::from_secs_f64(wait)).await;
    assert_eq!(rest.call("PUT", MEMBER_ROLE, None).await.0, 204);
    assert_eq!(too_early(&sim.requests(0).await.unwrap()), []);
    sim.shutdown().await;
}

#[tokio::test]
async fn the_global_limit_spares_interactions() {
    let (sim, rest) = limited(|limits| limits.global = Quota::per_seconds(1, 60)).await;
    assert_eq!(rest.call("GET", "/users/@me", None).await.0, 200);
    let (status, body) = rest.call("GET", "/gateway/bot", None).await;
    assert_eq!((status, &body["global"]), (429, &json!(true)));
    assert_eq!(rest.call("POST", "/interactions/1/t/callback", json!({"type": 5})).await.0, 404);
    assert_eq!(rest.call("GET", "/gateway", None).await.0, 200);
    sim.shutdown().await;
}

#[tokio::test]
async fn faults_strike_as_set() {
    let sim = sim().await;
    let rest = Rest::of(&sim);
    let me = async || rest.call("GET", "/users/@me", None).await;
    for (fault, status, want) in [
        (Fault::status("GET", "/users/*", 502), 502, 0),
        (Fault::status("*", "**", 500), 500, 0),
        (Fault::unauthorized("GET", "/users/@me"), 401, 0),
        (Fault::missing_permissions("GET", "/users/@me"), 403, 50013),
    ] {
        sim.add_fault(fault).await.unwrap();
        let (got, body) = me().await;
        assert_eq!((got, code(&body)), (status, want));
        assert_eq!(me().await.0, 200, "it strikes once");
    }
    sim.add_fault(Fault::global_rate_limit("GET", "/users/@me", 30.0).times(2)).await.unwrap();
    let response = rest.raw("GET", "/users/@me", None).await.unwrap();
    assert_eq!(response.headers()["x-ratelimit-global"], "true");
    assert_eq!(response.headers()["retry-after"], "30.000");
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(me().await.0, 429);
    assert_eq!(too_early(&sim.requests(0).await.unwrap()).len(), 1, "a call inside Retry-After is found");

    let messages = format!("/channels/{}/messages", Demo::HALL);
    sim.add_fault(Fault::answer_lost("POST", "/channels/*/messages")).await.unwrap();
    assert!(rest.raw("POST", &messages, Some(json!({"content": "lost"}))).await.is_err());
    assert_eq!(sim.messages(Demo::HALL, None).await.unwrap().len(), 1, "it took effect");
    sim.add_fault(Fault::disconnect("POST", "/channels/*/messages")).await.unwrap();
    assert!(rest.raw("POST", &messages, Some(json!({"content": "never"}))).await.is_err());
    assert_eq!(sim.messages(Demo::HALL, None).await.unwrap().len(), 1);

    sim.add_fault(Fault::hang("GET", "/users/@me", 60_000).forever()).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(150), me()).await.is_err());
    sim.clear_faults().await.unwrap();
    sim.refuse_rest(true).await.unwrap();
    assert!(Rest::of(&sim).raw("GET", "/users/@me", None).await.is_err());
    sim.clear_faults().await.unwrap();
    assert_eq!(me().await.0, 200);
    sim.shutdown().await;
}

#[tokio::test]
async fn commands_are_registered_globally_and_per_guild() {
    let sim = sim().await;
    let rest = Rest::of(&sim);
    let global = format!("/applications/{}/commands", sim.application_id());
    let local = format!("/applications/{}/guilds/{}/commands", sim.application_id(), Demo::GUILD);
    let command = json!({"name": "rank", "description": "Ranks"});
    let (status, made) = rest.call("POST", &global, command.clone()).await;
    assert_eq!(status, 201);
    for key in ["id", "type", "application_id", "version"] {
        assert!(!made[key].is_null(), "{key}");
    }
    assert_eq!(rest.call("POST", &global, command.clone()).await.0, 200, "the same name replaces");
    let (status, all) = rest.call("PUT", &local, json!([command])).await;
    assert_eq!((status, all[0]["guild_id"].as_str()), (200, Some(Demo::GUILD.to_string().as_str())));
    let one = format!("{global}/{}", made["id"].as_str().unwrap());
    let (_, changed) = rest.call("PATCH", &one, json!({"description": "Other"})).await;
    assert_eq!(changed["description"], "Other");
    assert_ne!(changed["version"], made["version"]);
    let (status, body) = rest.call("PUT", &global, json!([command, command])).await;
    assert_eq!((status, code(&body)), (400, 50035));
    let (status, body) = rest.call("POST", &global, json!({"name": "Bad Name", "description": "d"})).await;
    assert_eq!(
        (status, &body["errors"]["name"]["_errors"][0]["code"]),
        (400, &json!("APPLICATION_COMMAND_INVALID_NAME"))
    );
    assert_eq!(rest.call("DELETE", &one, None).await.0, 204);
    assert_eq!(rest.call("GET", &one, None).await.0, 404);
    sim.shutdown().await;
}

#[tokio::test]
async fn reading_guilds_and_members() {
    let sim = sim().await;
    let rest = Rest::of(&sim);
    let guild = format!("/guilds/{}", Demo::GUILD);
    let (_, page) = rest.call("GET", &format!("{guild}/members?limit=2&after={}", Demo::ADA), None).await;
    let names: Vec<&str> = page.as_array().unwrap().iter().map(|m| m["user"]["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["bram", "cleo"]);
    assert_eq!(rest.call("GET", &format!("{guild}/members?limit=1001"), None).await.0, 400);
    assert_eq!(rest.call("GET", &format!("{guild}/channels"), None).await.1.as_array().unwrap().len(), 3);
    let (_, counted) = rest.call("GET", &format!("{guild}?with_counts=true"), None).await;
    assert_eq!(counted["approximate_member_count"], 6);
    let (_, app) = rest.call("GET", "/oauth2/applications/@me", None).await;
    assert_eq!(app["verify_key"], sim.public_key());
    let (_, gateway) = rest.call("GET", "/gateway/bot", None).await;
    assert_eq!(gateway["url"], sim.gateway_url());
    assert_eq!(gateway["session_start_limit"]["max_concurrency"], 1);
    sim.shutdown().await;
}
