//! Personal tokens: what counts, and everything that must not.

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::world::{As, JWT_SECRET, MIRA, ODO, OFFICER, World, at, here};

fn tokens(user: u64) -> String {
    here(&format!("/members/{user}/tokens"))
}

fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn base64(text: &str) -> String {
    use std::fmt::Write;
    // base64url without padding, by hand: only for the token that no library would sign.
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let n = chunk.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            write!(out, "{}", DIGITS[(n >> (18 - 6 * i)) as usize & 63] as char).unwrap();
        }
    }
    out
}

/// A token of Mira's, and what it says.
async fn minted(w: &World, body: Value) -> (String, String, Value) {
    let made = w.post(As::User(MIRA), &tokens(MIRA), body).await.expect(201);
    let token = made["token"].as_str().unwrap().to_owned();
    let mut validation = jsonwebtoken::Validation::new(Algorithm::HS256);
    validation.set_audience(&[guildhall_api::AUDIENCE]);
    let key = jsonwebtoken::DecodingKey::from_secret(JWT_SECRET.as_bytes());
    let claims = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap().claims;
    (token, made["id"].as_str().unwrap().to_owned(), claims)
}

both_engines! {
    async fn a_token_acts_for_its_owner_within_its_scopes(w) {
        w.people(crate::world::GUILD).await;
        let season = w.season(crate::world::GUILD, "Autumn").await;
        let (token, _, claims) = minted(&w, json!({"label": "laptop"})).await;
        assert_eq!(claims["scope"], "read");
        assert_eq!(claims["gid"], crate::world::GUILD.to_string());
        let me = || As::Token(token.clone());
        w.get(me(), &here("/seasons/current")).await.expect(200);
        w.get(me(), &here(&format!("/members/{MIRA}"))).await.expect(200);
        w.get(me(), &here(&format!("/members/{ODO}"))).await.refused(403, "not_officer");
        let join = here(&format!("/seasons/{season}/participants"));
        w.post(me(), &join, Value::Null).await.refused(403, "missing_scope");
        let (wider, ..) = minted(&w, json!({"scopes": ["submit", "read", "submit"]})).await;
        w.post(As::Token(wider.clone()), &join, Value::Null).await.expect(201);
        // The bot's own ways stay the bot's; a token makes no tokens.
        w.post(me(), &here("/members"), json!({"name": "Again"})).await.refused(403, "not_bot");
        w.post(me(), &tokens(MIRA), json!({})).await.refused(403, "not_bot");
        w.get(me(), &here("/effects/0190b6f2-8c7e-7cc0-b1a4-1f6d2f0c9a12")).await.refused(403, "not_bot");
        // A token goes before the bot's key.
        let both = World::request("GET", &here("/settings"), &As::User(crate::world::ROOT))
            .header("Authorization", format!("Bearer {token}"));
        w.raw(both.body(axum::body::Body::empty()).unwrap()).await.refused(403, "missing_scope");
    }

    async fn what_is_no_token_of_ours_does_not_count(w) {
        w.people(crate::world::GUILD).await;
        let (token, id, claims) = minted(&w, json!({})).await;
        let now = w.now().timestamp();
        let with = |name: &str, value: Value| {
            let mut claims = claims.clone();
            claims[name] = value;
            claims
        };
        let without = |name: &str| {
            let mut claims = claims.clone();
            claims.as_object_mut().unwrap().remove(name);
            claims
        };
        let hs256 = |claims: &Value| signed(Algorithm::HS256, JWT_SECRET, claims);
        let parts: Vec<&str> = token.split('.').collect();
        let none = base64(r#"{"typ":"JWT","alg":"none"}"#);
        let mut bad = vec![
            ("alg none", format!("{none}.{}.", parts[1])),
            ("alg none with the old signature", format!("{none}.{}.{}", parts[1], parts[2])),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            ("other content", format!("{}.{}.{}", parts[0], base64(&with("sub", json!(uuid::Uuid::nil())).to_string()), parts[2])),
            ("HS384", signed(Algorithm::HS384, JWT_SECRET, &claims)),
            ("HS512", signed(Algorithm::HS512, JWT_SECRET, &claims)),
            ("another secret", signed(Algorithm::HS256, "another-secret-of-32-bytes-or-more!!", &claims)),
            ("another issuer", hs256(&with("iss", json!("somebody")))),
            ("another audience", hs256(&with("aud", json!("something")))),
            ("a list of audiences", hs256(&with("aud", json!([guildhall_api::AUDIENCE, "x"])))),
            ("expired", hs256(&with("exp", json!(now - 6)))),
            ("not yet", hs256(&with("nbf", json!(now + 60)))),
            ("nbf as text", hs256(&with("nbf", json!("0")))),
            ("exp as text", hs256(&with("exp", json!("9999999999")))),
            ("from the future", hs256(&with("iat", json!(now + 60)))),
            ("another member", hs256(&with("sub", json!(uuid::Uuid::now_v7())))),
            ("an unknown id", hs256(&with("jti", json!(uuid::Uuid::now_v7())))),
            ("garbage", "x.y.z".to_owned()),
            ("empty", String::new()),
        ];
        let missing = ["exp", "nbf", "iat", "iss", "aud", "sub", "jti", "gid", "scope"];
        bad.extend(missing.map(|name| (name, hs256(&without(name)))));
        for (what, token) in bad {
            let answer = w.get(As::Token(token), &here("/seasons")).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (401, "invalid_token"), "{what}: {}", answer.text);
            assert!(answer.headers.contains_key("www-authenticate"), "{what}");
        }
        w.get(As::Token(hs256(&claims)), &here("/seasons")).await.expect(200);
        // Another guild: nothing there, whether the path or the token says so.
        w.get(As::Token(token.clone()), &at(200, "/seasons")).await.refused(404, "unknown_guild");
        w.get(As::Token(hs256(&with("gid", json!("200")))), &at(200, "/seasons")).await.refused(401, "invalid_token");
        // Revoked.
        w.send("DELETE", As::User(OFFICER), &format!("{}/{id}", tokens(MIRA)), Value::Null).await.expect(204);
        w.get(As::Token(token), &here("/seasons")).await.refused(401, "invalid_token");
        w.send("DELETE", As::User(OFFICER), &format!("{}/{id}", tokens(MIRA)), Value::Null).await
            .refused(404, "unknown_token");
    }

    async fn a_token_ends_with_its_time_and_with_its_owners_rights(w) {
        w.people(crate::world::GUILD).await;
        let (token, ..) = minted(&w, json!({"expires_in_days": 1})).await;
        w.advance(TimeDelta::hours(23));
        w.get(As::Token(token.clone()), &here("/seasons")).await.expect(200);
        w.advance(TimeDelta::hours(1) + TimeDelta::seconds(6));
        w.get(As::Token(token), &here("/seasons")).await.refused(401, "invalid_token");
        let (token, ..) = minted(&w, json!({})).await;
        let ban = json!({"status": "banned"});
        w.send("PATCH", As::User(OFFICER), &here(&format!("/members/{MIRA}")), ban).await.expect(200);
        w.get(As::Token(token), &here("/seasons")).await.refused(403, "banned");
        w.post(As::User(MIRA), &tokens(MIRA), json!({})).await.refused(403, "banned");
    }

    async fn a_repeated_request_for_a_token_gets_the_same_one_and_nothing_keeps_it(w) {
        w.people(crate::world::GUILD).await;
        let ask = async || {
            w.keyed("POST", As::User(MIRA), &tokens(MIRA), json!({"label": "x"}), Some("once")).await.expect(201)
        };
        let (first, second) = (ask().await, ask().await);
        assert_eq!(first, second);
        let listed = w.get(As::User(MIRA), &tokens(MIRA)).await;
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
        assert!(!listed.text.contains(first["token"].as_str().unwrap()));
        let id = domain::CommandId::of_request(crate::world::guild(crate::world::GUILD), &format!("bot:{MIRA}"), "once");
        let mut tx = w.store.read().await.unwrap();
        let kept = store::inbox::find(&mut tx, id).await.unwrap().unwrap();
        assert!(!kept.outcome.contains(first["token"].as_str().unwrap()));
    }

    async fn tokens_have_bounds(w) {
        w.people(crate::world::GUILD).await;
        for (body, code) in [
            (json!({"expires_in_days": 0}), "expiry_out_of_range"),
            (json!({"expires_in_days": 366}), "expiry_out_of_range"),
            (json!({"scopes": ["all"]}), "invalid_body"),
            (json!({"label": "x".repeat(101)}), "text_too_long"),
        ] {
            w.post(As::User(MIRA), &tokens(MIRA), body).await.refused(422, code);
        }
        w.post(As::User(OFFICER), &tokens(MIRA), json!({})).await.refused(403, "own_tokens_only");
        for _ in 0..20 {
            w.post(As::User(MIRA), &tokens(MIRA), json!({})).await.expect(201);
        }
        w.post(As::User(MIRA), &tokens(MIRA), json!({})).await.refused(409, "too_many_tokens");
    }
}
