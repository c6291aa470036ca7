//! Who may do what: every route of the router with every sort of caller. A route that is not listed fails.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{As, BANNED, MIRA, ODO, OFFICER, PENDING, ROOT, STRANGER, at};

/// The answers to: nobody, the bot alone, a stranger, pending, banned, verified, an officer, the root admin who never
/// registered. The target of a deed is always another verified member.
type Answers = [u16; 8];

/// Reading what every verified member may read.
const READ: Answers = [401, 401, 403, 403, 403, 200, 200, 200];
/// Reading what only officers may read.
const OFFICERS: Answers = [401, 401, 403, 403, 403, 403, 200, 200];
/// An officer's command on points.
const COMMAND: Answers = [401, 401, 403, 403, 403, 403, 202, 202];
/// Open to everybody.
const OPEN: Answers = [200; 8];

/// An officer's deed: done once by the officer, then met by the root admin in the state it left.
const fn deed(officer: u16, root: u16) -> Answers {
    [401, 401, 403, 403, 403, 403, officer, root]
}

fn listed() -> BTreeMap<(&'static str, &'static str), (Answers, Value)> {
    let nothing = Value::Null;
    let own = |path: &'static str| format!("/api/v1/guilds/{{guild_id}}{path}").leak() as &'static str;
    let season = json!({"name": "Winter", "starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-02-01T00:00:00Z"});
    BTreeMap::from([
        (("get", "/health"), (OPEN, nothing.clone())),
        (("get", "/ready"), (OPEN, nothing.clone())),
        (("get", "/metrics"), (OPEN, nothing.clone())),
        (("get", own("/settings")), (OFFICERS, nothing.clone())),
        (("patch", own("/settings")), (deed(200, 200), json!({"officer_channel_id": "5"}))),
        // Registering needs no rights; who is registered is told so.
        (("post", own("/members")), ([401, 401, 201, 409, 409, 409, 409, 201], json!({"name": "{who}"}))),
        (("get", own("/members")), (OFFICERS, nothing.clone())),
        (("get", own("/members/{user_id}")), (OFFICERS, nothing.clone())),
        (("patch", own("/members/{user_id}")), (deed(200, 409), json!({"status": "banned"}))),
        (("get", own("/members/{user_id}/summary")), (OFFICERS, nothing.clone())),
        (("get", own("/members/{user_id}/entries")), (OFFICERS, nothing.clone())),
        (("get", own("/members/{user_id}/roles")), (OFFICERS, nothing.clone())),
        (("get", own("/members/{user_id}/tokens")), (OFFICERS, nothing.clone())),
        // Nobody makes tokens in another's name.
        (("post", own("/members/{user_id}/tokens")), (deed(403, 403), json!({}))),
        (("delete", own("/members/{user_id}/tokens/{token_id}")), (deed(204, 404), nothing.clone())),
        (("post", own("/seasons")), (deed(201, 409), season)),
        (("get", own("/seasons")), (READ, nothing.clone())),
        (("get", own("/seasons/current")), (READ, nothing.clone())),
        (("get", own("/seasons/{season_id}")), (READ, nothing.clone())),
        (("get", own("/seasons/{season_id}/standings")), (READ, nothing.clone())),
        // The target takes part already: the rights are asked first.
        (("post", own("/seasons/{season_id}/participants")), (deed(409, 409), json!({"user_id": ODO.to_string()}))),
        (("get", own("/seasons/{season_id}/items")), (READ, nothing.clone())),
        (("post", own("/seasons/{season_id}/items")), (deed(201, 409), json!({"name": "Gem", "points": 5}))),
        (("put", own("/seasons/{season_id}/items/{item_id}")), (deed(200, 200), json!({"points": 7}))),
        (("get", own("/seasons/{season_id}/ranks")), (READ, nothing.clone())),
        (("post", own("/seasons/{season_id}/ranks")), (deed(201, 422), json!({"name": "Rookie", "threshold": 10}))),
        (("get", own("/submissions")), (READ, nothing.clone())),
        (
            ("post", own("/submissions")),
            (COMMAND, json!({"user_id": ODO.to_string(), "item_id": "{item_id}", "quantity": 1})),
        ),
        (("get", own("/submissions/{submission_id}")), ([401, 401, 403, 403, 403, 404, 404, 404], nothing.clone())),
        (("patch", own("/submissions/{submission_id}")), (COMMAND, json!({"expected_version": 1, "quantity": 2}))),
        (("delete", own("/submissions/{submission_id}")), (COMMAND, nothing.clone())),
        (
            ("post", own("/submissions/{submission_id}/review")),
            (COMMAND, json!({"expected_version": 1, "approve": true})),
        ),
        (("get", own("/commands/{command_id}")), ([401, 404, 403, 403, 403, 404, 404, 404], nothing.clone())),
        (("get", own("/effects")), (OFFICERS, nothing.clone())),
        (("get", own("/effects/{effect_id}")), ([401, 404, 403, 403, 403, 403, 404, 404], nothing.clone())),
        (("post", own("/effects/{effect_id}/retry")), (deed(404, 404), nothing)),
    ])
}

both_engines! {
    async fn every_route_asks_for_the_right_rights(w) {
        let document = serde_json::to_value(guildhall_api::openapi()).unwrap();
        let listed = listed();
        let mut seen = 0;
        let mut wrong = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                let Some((want, body)) = listed.get(&(method.as_str(), path.as_str())) else {
                    panic!("{method} {path} is not listed: say who may do it");
                };
                seen += 1;
                // A guild of its own, so that no deed is met by another route.
                let guild = 1_000 + seen;
                w.people(guild).await;
                let season = w.season(guild, "Autumn").await;
                let item = w.item(guild, &season, "Ore", 50).await;
                let participants = at(guild, &format!("/seasons/{season}/participants"));
                w.post(As::User(ODO), &participants, Value::Null).await.expect(201);
                let tokens = at(guild, &format!("/members/{ODO}/tokens"));
                let token = w.post(As::User(ODO), &tokens, json!({})).await.expect(201);
                let fill = |text: &str| {
                    text.replace("{guild_id}", &guild.to_string())
                        .replace("{user_id}", &ODO.to_string())
                        .replace("{season_id}", &season)
                        .replace("{item_id}", &item)
                        .replace("{token_id}", token["id"].as_str().unwrap())
                        .replace("{submission_id}", "0190b6f2-8c7e-7cc0-b1a4-1f6d2f0c9a11")
                        .replace("{effect_id}", "0190b6f2-8c7e-7cc0-b1a4-1f6d2f0c9a12")
                        .replace("{command_id}", "0190b6f2-8c7e-7cc0-b1a4-1f6d2f0c9a13")
                };
                let callers = [
                    As::Nobody, As::Bot, As::User(STRANGER), As::User(PENDING), As::User(BANNED), As::User(MIRA),
                    As::User(OFFICER), As::User(ROOT),
                ];
                let mut got = [0; 8];
                for (caller, got) in callers.into_iter().zip(&mut got) {
                    let who = format!("{caller:?}");
                    let body: Value =
                        serde_json::from_str(&fill(&body.to_string()).replace("{who}", &who)).unwrap();
                    let answer = w.send(&method.to_uppercase(), caller, &fill(path), body).await;
                    *got = answer.status.as_u16();
                    if answer.status.is_client_error() {
                        answer.refused(*got, answer.code());
                    }
                }
                if got != *want {
                    wrong.push(format!("{method} {path}\n  want {want:?}\n  got  {got:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(seen, listed.len() as u64, "a route is listed that does not exist");
    }

    async fn members_read_what_is_theirs(w) {
        w.people(1).await;
        let season = w.season(1, "Autumn").await;
        w.post(As::User(MIRA), &at(1, &format!("/seasons/{season}/participants")), Value::Null).await.expect(201);
        for path in ["", "/summary", "/entries", "/roles", "/tokens"] {
            w.get(As::User(MIRA), &at(1, &format!("/members/{MIRA}{path}"))).await.expect(200);
            w.get(As::User(MIRA), &at(1, &format!("/members/{ODO}{path}"))).await.refused(403, "not_officer");
        }
        w.get(As::User(MIRA), &at(1, &format!("/submissions?user_id={MIRA}"))).await.expect(200);
        w.get(As::User(MIRA), &at(1, &format!("/submissions?user_id={ODO}"))).await.refused(403, "not_officer");
    }

    async fn another_guilds_objects_are_not_there(w) {
        w.people(1).await;
        w.people(2).await;
        let season = w.season(1, "Autumn").await;
        let item = w.item(1, &season, "Ore", 50).await;
        let root = || As::User(ROOT);
        for path in ["", "/standings", "/items", "/ranks"] {
            w.get(root(), &at(2, &format!("/seasons/{season}{path}"))).await.refused(404, "unknown_season");
        }
        for (method, path, body) in [
            ("POST", "participants".to_owned(), json!({"user_id": ODO.to_string()})),
            ("POST", "items".to_owned(), json!({"name": "Gem", "points": 5})),
            ("PUT", format!("items/{item}"), json!({"points": 5})),
            ("POST", "ranks".to_owned(), json!({"name": "Rookie", "threshold": 5})),
        ] {
            let path = at(2, &format!("/seasons/{season}/{path}"));
            w.send(method, root(), &path, body).await.refused(404, "unknown_season");
        }
        for path in ["summary", "entries"] {
            let path = at(2, &format!("/members/{ODO}/{path}?season_id={season}"));
            w.get(root(), &path).await.refused(404, "unknown_season");
        }
        let listed = w.get(root(), &at(2, &format!("/submissions?season_id={season}"))).await.expect(200);
        assert_eq!(listed["items"], json!([]));
        // A season of guild 2 takes no item of guild 1's.
        let other = w.season(2, "Autumn").await;
        let path = at(2, &format!("/seasons/{other}/items/{item}"));
        w.send("PUT", root(), &path, json!({"points": 5})).await.refused(404, "unknown_item");
    }
}
