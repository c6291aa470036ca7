//! Interactions against Discord's documentation: deadlines, deferrals, follow-ups, and delivery over signed HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use common::Rest;
use discord_sim::{Demo, InteractionHandle, InteractionState, Sim};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// An interactions endpoint that checks signatures and answers what it is told.
struct Endpoint {
    key: VerifyingKey,
    answer: Option<Value>,
    heard: UnboundedSender<Value>,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

async fn receive(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> axum::response::Response {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let signed = [text("x-signature-timestamp").as_bytes(), &body].concat();
    let signature = Signature::from_slice(&unhex(&text("x-signature-ed25519"))).unwrap();
    if endpoint.key.verify_strict(&signed, &signature).is_err() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let interaction: Value = serde_json::from_slice(&body).unwrap();
    if interaction["type"] == 1 {
        return axum::Json(json!({"type": 1})).into_response();
    }
    endpoint.heard.send(interaction).unwrap();
    match &endpoint.answer {
        Some(answer) => axum::Json(answer.clone()).into_response(),
        None => StatusCode::ACCEPTED.into_response(),
    }
}

struct Scene {
    sim: Sim,
    rest: Rest,
    inbox: UnboundedReceiver<Value>,
}

impl Scene {
    /// A simulator whose interactions go to an endpoint that answers `answer`, or 202.
    async fn set(answer: Option<Value>) -> Self {
        let sim = common::sim().await;
        let rest = Rest::of(&sim);
        let key = VerifyingKey::from_bytes(&unhex(&sim.public_key()).try_into().unwrap()).unwrap();
        let (heard, inbox) = unbounded_channel();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/interactions", listener.local_addr().unwrap());
        let app =
            Router::new().route("/interactions", post(receive)).with_state(Arc::new(Endpoint { key, answer, heard }));
        tokio::spawn(async move { axum::serve(listener, app).await });
        sim.set_interactions_endpoint(Some(url)).await.unwrap();
        let commands = format!("/applications/{}/commands", sim.application_id());
        let option = json!({"type": 3, "name": "what", "description": "d", "autocomplete": true});
        let (status, _) =
            rest.call("POST", &commands, json!({"name": "go", "description": "d", "options": [option]})).await;
        assert_eq!(status, 201);
        Self { sim, rest, inbox }
    }

    async fn go(&mut self) -> (InteractionHandle, Value) {
        let used = self.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "go", json!({})).await.unwrap();
        (used, self.inbox.recv().await.unwrap())
    }

    async fn respond(&self, interaction: &Value, body: Value) -> (u16, Value) {
        let path = format!(
            "/interactions/{}/{}/callback",
            interaction["id"].as_str().unwrap(),
            interaction["token"].as_str().unwrap()
        );
        self.rest.call("POST", &path, body).await
    }

    async fn webhook(&self, method: &str, interaction: &Value, rest: &str, body: Option<Value>) -> (u16, u64, Value) {
        let path = format!("/webhooks/{}/{}{rest}", self.sim.application_id(), interaction["token"].as_str().unwrap());
        let (status, body) = self.rest.call(method, &path, body).await;
        (status, body["code"].as_u64().unwrap_or(0), body)
    }
}

#[tokio::test]
async fn from_deferral_to_follow_up() {
    let mut scene = Scene::set(None).await;
    let (used, interaction) = scene.go().await;
    for key in
        ["member", "channel", "app_permissions", "locale", "guild_locale", "entitlements", "attachment_size_limit"]
    {
        assert!(!interaction[key].is_null(), "{key}");
    }
    assert_eq!(interaction["authorizing_integration_owners"], json!({"0": Demo::GUILD}));
    assert!(interaction["member"]["permissions"].is_string());
    assert_eq!(used.state().await.unwrap(), InteractionState::Waiting);
    let edit = Some(json!({"content": "done"}));
    let (status, code, _) = scene.webhook("PATCH", &interaction, "/messages/@original", edit.clone()).await;
    assert_eq!((status, code), (404, 10015), "there is nothing to edit before the first response");
    let (status, code, _) = scene.webhook("POST", &interaction, "", edit.clone()).await;
    assert_eq!((status, code), (404, 10015), "nor to follow up");

    assert_eq!(scene.respond(&interaction, json!({"type": 5, "data": {"flags": 64}})).await.0, 204);
    let (status, body) = scene.respond(&interaction, json!({"type": 4, "data": {"content": "x"}})).await;
    assert_eq!((status, &body["code"]), (400, &json!(40060)));
    assert!(used.view().await.unwrap().reply.unwrap().loading);
    let (_, _, shown) = scene.webhook("GET", &interaction, "/messages/@original", None).await;
    assert_eq!(shown["flags"], 64 | 128);
    // Directly after a deferral a follow-up fills in the original.
    let (_, _, filled) = scene.webhook("POST", &interaction, "", edit).await;
    assert_eq!(filled["id"], shown["id"]);
    let reply = used.reply().await.unwrap();
    assert_eq!((reply.content.as_str(), reply.ephemeral, reply.edits), ("done", true, 1));
    let (_, _, more) = scene.webhook("POST", &interaction, "", Some(json!({"content": "more"}))).await;
    assert!(!used.followup(0).await.unwrap().ephemeral);
    let more = format!("/messages/{}", more["id"].as_str().unwrap());
    assert_eq!(scene.webhook("PATCH", &interaction, &more, Some(json!({"content": "most"}))).await.0, 200);
    used.reply_containing("most").await.unwrap();
    assert_eq!(scene.webhook("DELETE", &interaction, &more, None).await.0, 204);
    assert_eq!(scene.webhook("GET", &interaction, &more, None).await.1, 10008);
    assert_eq!(scene.webhook("DELETE", &interaction, "/messages/@original", None).await.0, 204);
    assert_eq!(used.state().await.unwrap(), InteractionState::Deleted);
    assert_eq!(scene.sim.violations().await.unwrap(), []);

    // An ephemeral message is nobody else's, and not in the channel for the bot either.
    let list = format!("/channels/{}/messages", Demo::HALL);
    assert_eq!(scene.rest.call("GET", &list, None).await.1, json!([]));
}

#[tokio::test]
async fn three_seconds_and_fifteen_minutes() {
    let mut scene = Scene::set(None).await;
    let (used, late) = scene.go().await;
    scene.sim.advance_clock(Duration::from_secs(4)).await.unwrap();
    let (status, body) = scene.respond(&late, json!({"type": 5})).await;
    assert_eq!((status, &body["code"]), (404, &json!(10062)));
    let error = used.reply().await.unwrap_err().to_string();
    assert!(error.contains("did not respond") && error.contains("Expired"), "{error}");
    assert_eq!(scene.webhook("POST", &late, "", Some(json!({"content": "x"}))).await.1, 10015);

    let (_, interaction) = scene.go().await;
    scene.respond(&interaction, json!({"type": 5})).await;
    scene.sim.advance_clock(Duration::from_secs(14 * 60)).await.unwrap();
    let edit = || Some(json!({"content": "x"}));
    assert_eq!(scene.webhook("PATCH", &interaction, "/messages/@original", edit()).await.0, 200);
    scene.sim.advance_clock(Duration::from_secs(2 * 60)).await.unwrap();
    let (status, code, _) = scene.webhook("PATCH", &interaction, "/messages/@original", edit()).await;
    assert_eq!((status, code), (401, 50027));
}

#[tokio::test]
async fn an_unanswered_interaction_is_reported_with_its_state() {
    let mut scene = Scene::set(None).await;
    scene.sim.set_limits(|limits| limits.first_response = Duration::from_millis(150));
    let (used, _) = scene.go().await;
    let error = used.reply().await.unwrap_err().to_string();
    assert!(error.contains("Expired"), "{error}");
    scene.sim.set_limits(|limits| limits.first_response = Duration::from_secs(3));
    let (used, interaction) = scene.go().await;
    scene.respond(&interaction, json!({"type": 5})).await;
    let error = used.patience(Duration::from_millis(100)).reply().await.unwrap_err().to_string();
    assert!(error.contains("Deferred") && error.contains("not in time"), "{error}");
}

#[tokio::test]
async fn responses_must_suit_the_interaction() {
    let mut scene = Scene::set(None).await;
    let (_, interaction) = scene.go().await;
    let choices: Vec<Value> = (0..26).map(|n| json!({"name": n.to_string(), "value": n.to_string()})).collect();
    for body in [
        json!({"type": 6}),
        json!({"type": 7, "data": {"content": "x"}}),
        json!({"type": 8, "data": {"choices": []}}),
        json!({"type": 77}),
        json!({"type": 4}),
        json!({"type": 4, "data": {"content": "x".repeat(2001)}}),
        json!({"type": 9, "data": {"custom_id": "m", "title": "t", "components": []}}),
    ] {
        let (status, answer) = scene.respond(&interaction, body.clone()).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50035)), "{body}");
    }
    let (status, answer) = scene.respond(&interaction, json!({"type": 4, "data": {}})).await;
    assert_eq!((status, &answer["code"]), (400, &json!(50006)));
    let path = format!(
        "/interactions/{}/{}/callback?with_response=true",
        interaction["id"].as_str().unwrap(),
        interaction["token"].as_str().unwrap()
    );
    let (status, told) = scene.rest.call("POST", &path, json!({"type": 4, "data": {"content": "hi"}})).await;
    assert_eq!((status, &told["resource"]["message"]["content"]), (200, &json!("hi")));

    let sim = scene.sim.clone();
    let typing = tokio::spawn(async move {
        sim.autocomplete(Demo::GUILD, Demo::BRAM, Demo::HALL, "go", json!({"what": "a"}), "what").await
    });
    let typed = scene.inbox.recv().await.unwrap();
    assert_eq!(typed["data"]["options"][0], json!({"name": "what", "type": 3, "value": "a", "focused": true}));
    assert_eq!(scene.respond(&typed, json!({"type": 8, "data": {"choices": choices}})).await.0, 400, "26 choices");
    assert_eq!(scene.respond(&typed, json!({"type": 8, "data": {"choices": choices[..25]}})).await.0, 204);
    assert_eq!(typing.await.unwrap().unwrap().len(), 25);
}

#[tokio::test]
async fn the_body_of_an_http_answer_is_the_first_response() {
    let mut scene = Scene::set(Some(json!({"type": 4, "data": {"content": "at once", "flags": 64}}))).await;
    let (used, interaction) = scene.go().await;
    assert_eq!(used.content().await.unwrap(), "at once");
    assert!(used.is_ephemeral().await.unwrap());
    let (again, _) = scene.go().await;
    let answered = format!("{}/control/interactions/{}?wait=5000", scene.sim.control_url(), again.id());
    let answered: Value = reqwest::get(answered).await.unwrap().json().await.unwrap();
    assert_eq!((&answered["state"], &answered["reply"]["content"]), (&json!("replied"), &json!("at once")));
    let (status, body) = scene.respond(&interaction, json!({"type": 5})).await;
    assert_eq!((status, &body["code"]), (400, &json!(40060)));
    scene.sim.set_interactions_endpoint(None).await.unwrap();
    let used = scene.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "go", json!({})).await.unwrap();
    let history = used.view().await.unwrap().history;
    assert!(history[0].contains("no gateway session"), "{history:?}");
}

#[tokio::test]
async fn buttons_and_menus_are_for_those_who_see_them() {
    let mut scene = Scene::set(None).await;
    let (used, interaction) = scene.go().await;
    let row = |component: Value| json!({"type": 1, "components": [component]});
    let components = json!([
        row(json!({"type": 2, "style": 1, "label": "Yes", "custom_id": "yes"})),
        row(json!({"type": 3, "custom_id": "pick", "options": [{"label": "A", "value": "a"}]})),
        row(json!({"type": 2, "style": 2, "label": "No", "custom_id": "no", "disabled": true}))
    ]);
    let data = json!({"content": "choose", "flags": 64, "components": components});
    assert_eq!(scene.respond(&interaction, json!({"type": 4, "data": data})).await.0, 204);
    let reply = used.reply().await.unwrap();
    let sim = &scene.sim;
    for (user, id, want) in [
        (Demo::CLEO, "yes", "does not see"),
        (Demo::BRAM, "maybe", "no component `maybe`"),
        (Demo::BRAM, "no", "is disabled"),
        (Demo::BRAM, "pick", "not a button"),
    ] {
        let error = sim.click(user, Demo::HALL, reply.id, id).await.err().unwrap().to_string();
        assert!(error.contains(want), "{error}");
    }
    assert!(used.select("pick", &["z"]).await.is_err());
    let picked = used.select("pick", &["a"]).await.unwrap();
    let heard = scene.inbox.recv().await.unwrap();
    assert_eq!((&heard["type"], &heard["data"]["values"]), (&json!(3), &json!(["a"])));
    assert_eq!(heard["message"]["id"], json!(reply.id));
    assert_eq!(scene.respond(&heard, json!({"type": 6})).await.0, 204);
    assert_eq!(
        scene
            .webhook("PATCH", &heard, "/messages/@original", Some(json!({"content": "chosen", "components": []})))
            .await
            .0,
        200
    );
    assert_eq!(picked.content().await.unwrap(), "chosen");
    assert_eq!(used.view().await.unwrap().reply.unwrap().content, "chosen", "it is the same message");
}

#[tokio::test]
async fn an_endpoint_must_answer_pings_and_refuse_forgeries() {
    let sim = common::sim().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let careless = Router::new().route("/", post(async || axum::Json(json!({"type": 1}))));
    tokio::spawn(async move { axum::serve(listener, careless).await });
    let error = sim.set_interactions_endpoint(Some(url)).await.unwrap_err().to_string();
    assert!(error.contains("wrong signature"), "{error}");
    let error = sim.set_interactions_endpoint(Some("http://127.0.0.1:1/".into())).await.unwrap_err().to_string();
    assert!(error.contains("could not be reached"), "{error}");
    assert_eq!(sim.bot().await.unwrap().interactions_endpoint, None);
}
