//! What makes no sense is refused with a code and a sentence, never with a 500.

use axum::body::Body;
use serde_json::{Value, json};

use crate::world::{As, GUILD, MIRA, ODO, OFFICER, PENDING, ROOT, STRANGER, World, here};

both_engines! {
    async fn bodies(w) {
        w.people(GUILD).await;
        let ask = async |kind: Option<&str>, body: Vec<u8>| {
            let mut request = World::request("POST", &here("/seasons"), &As::User(ROOT));
            if let Some(kind) = kind {
                request = request.header("Content-Type", kind);
            }
            w.raw(request.body(Body::from(body)).unwrap()).await
        };
        let json = Some("application/json");
        let good = json!({"name": "A", "starts_at": "2026-09-01T00:00:00Z", "ends_at": "2026-10-01T00:00:00Z"});
        let with = |name: &str, value: Value| {
            let mut body = good.clone();
            body[name] = value;
            body.to_string().into_bytes()
        };
        for (kind, body, status, code) in [
            (json, b"".to_vec(), 400, "invalid_body"),
            (json, b"{".to_vec(), 400, "invalid_body"),
            (json, b"\xff\xfe".to_vec(), 400, "invalid_body"),
            (json, b"[]".to_vec(), 422, "invalid_body"),
            (json, b"null".to_vec(), 422, "invalid_body"),
            (json, b"{}".to_vec(), 422, "invalid_body"),
            (json, vec![b'['; 20_000], 422, "invalid_body"),
            (json, br#"{"name": "#.iter().copied().chain([b'['; 20_000]).collect(), 422, "invalid_body"),
            (json, br#"["A", null, "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z", false, "keep"]"#.to_vec(), 422, "invalid_body"),
            (json, vec![b' '; 65 * 1024], 413, "body_too_large"),
            (None, good.to_string().into_bytes(), 415, "not_json"),
            (Some("text/plain"), good.to_string().into_bytes(), 415, "not_json"),
            (json, with("surprise", json!(1)), 422, "invalid_body"),
            (json, with("number", json!("1")), 422, "invalid_body"),
            (json, with("number", json!(1.5)), 422, "invalid_body"),
            (json, with("number", json!(99_999_999_999_u64)), 422, "invalid_body"),
            (json, with("number", json!(0)), 422, "number_out_of_range"),
            (json, with("name", json!("")), 422, "invalid_body"),
            (json, with("name", json!("a\u{0}b")), 422, "invalid_body"),
            (json, with("name", json!("gold\u{202e}dlog")), 422, "invalid_body"),
            (json, with("name", json!("x".repeat(101))), 422, "invalid_body"),
            (json, with("name", Value::Null), 422, "invalid_body"),
            (json, with("on_fall", json!("explode")), 422, "invalid_body"),
            (json, with("starts_at", json!("yesterday")), 422, "invalid_body"),
            (json, with("ends_at", json!("2026-09-01T00:00:00Z")), 422, "ends_before_start"),
            (json, with("ends_at", json!("2026-08-01T00:00:00Z")), 422, "ends_before_start"),
            (json, with("ends_at", json!("9999-12-31T23:59:60Z")), 422, "time_out_of_range"),
            (json, with("starts_at", json!("0001-01-01T00:00:00Z")), 422, "time_out_of_range"),
        ] {
            let shown = String::from_utf8_lossy(&body).chars().take(200).collect::<String>();
            let answer = ask(kind, body).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{shown}: {}", answer.text);
            answer.refused(status, code);
        }
        ask(Some("application/json; charset=utf-8"), good.to_string().into_bytes()).await.expect(201);
    }

    async fn addresses_and_queries(w) {
        w.people(GUILD).await;
        let season = w.season(GUILD, "Autumn").await;
        for (path, status, code) in [
            ("/nothing".to_owned(), 404, "no_such_route"),
            ("/api/v1/guilds/abc/seasons".to_owned(), 422, "invalid_id"),
            ("/api/v1/guilds/0/seasons".to_owned(), 422, "invalid_id"),
            ("/api/v1/guilds/18446744073709551615/seasons".to_owned(), 422, "invalid_id"),
            (here("/seasons/not-a-uuid"), 422, "invalid_id"),
            (here("/members/me"), 422, "invalid_id"),
            (here("/members/%00"), 422, "invalid_id"),
            (here("/members/%ff"), 422, "invalid_id"),
            (here("/seasons?limit=0"), 422, "invalid_limit"),
            (here("/seasons?limit=101"), 422, "invalid_limit"),
            (here("/seasons?limit=-1"), 422, "invalid_limit"),
            (here("/seasons?limit=ten"), 422, "invalid_limit"),
            (here("/seasons?limit="), 422, "invalid_limit"),
            (here("/seasons?cursor=%21"), 422, "invalid_cursor"),
            (here("/seasons?cursor="), 422, "invalid_cursor"),
            (here("/seasons?cursor=Im5vcGUi"), 422, "invalid_cursor"),
            (here("/seasons?offset=5"), 422, "invalid_query"),
            (here("/seasons?limit=5&limit=6"), 422, "invalid_query"),
            (here("/members?status=famous"), 422, "invalid_query"),
            (here("/members?name=a%00b"), 422, "text_not_plain"),
            // "a\u0000" as a cursor.
            (here("/members?cursor=ImFcdTAwMDAi"), 422, "invalid_cursor"),
            // {"at":"+262142-01-01T00:00:00Z","id":"…"} and a year before any database's first.
            (here("/submissions?cursor=eyJhdCI6IisyNjIxNDItMDEtMDFUMDA6MDA6MDBaIiwiaWQiOiIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEifQ"), 422, "invalid_cursor"),
            (here("/submissions?state=lost"), 422, "invalid_query"),
            (here("/submissions?season_id=1"), 422, "invalid_id"),
            (here("/submissions?user_id=x"), 422, "invalid_id"),
            (here("/effects?state=maybe"), 422, "invalid_query"),
            (here(&format!("/members/{STRANGER}")), 404, "unknown_member"),
            (here(&format!("/members/{STRANGER}/summary")), 404, "unknown_member"),
            (here(&format!("/members/{MIRA}/summary")), 404, "not_joined"),
            (here("/seasons/0190b6f2-8c7e-7cc0-b1a4-1f6d2f0c9a11"), 404, "unknown_season"),
            ("/api/v1/guilds/555/seasons/current".to_owned(), 404, "no_season"),
        ] {
            let answer = w.get(As::User(ROOT), &path).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{path}: {}", answer.text);
            answer.refused(status, code);
        }
        // A guild where nothing ever happened is empty.
        let empty = w.get(As::User(ROOT), "/api/v1/guilds/555/seasons").await.expect(200);
        assert_eq!(empty, json!({"items": []}));
        w.get(As::User(ROOT), "/api/v1/guilds/555/settings").await.expect(200);
        w.send("PUT", As::User(ROOT), &here(&format!("/seasons/{season}")), json!({})).await
            .refused(405, "method_not_allowed");
        let named = World::request("GET", &here("/seasons"), &As::Bot).header("X-User-Discord-ID", "me");
        w.raw(named.body(Body::empty()).unwrap()).await.refused(422, "invalid_id");
        let wrong = World::request("GET", &here("/seasons"), &As::Nobody).header("X-API-Key", "guessed");
        w.raw(wrong.body(Body::empty()).unwrap()).await.refused(401, "authentication_required");
    }

    async fn names_and_numbers_that_are_taken(w) {
        w.people(GUILD).await;
        let season = w.season(GUILD, "Autumn").await;
        let members = here("/members");
        w.post(As::User(MIRA), &members, json!({"name": "Other"})).await.refused(409, "already_registered");
        w.post(As::User(STRANGER), &members, json!({"name": "  mIRA "})).await.refused(409, "name_taken");
        let long = json!({"name": "Sol", "game_id": "x".repeat(101)});
        w.post(As::User(STRANGER), &members, long).await.refused(422, "text_too_long");
        let dates = |name: &str, number: Value| {
            json!({"name": name, "number": number, "starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-02T00:00:00Z"})
        };
        w.post(As::User(ROOT), &here("/seasons"), dates("AUTUMN", json!(9))).await.refused(409, "season_name_taken");
        w.post(As::User(ROOT), &here("/seasons"), dates("New", json!(1))).await.refused(409, "season_number_taken");
        let items = here(&format!("/seasons/{season}/items"));
        let ore = json!({"name": "Ore", "points": 50});
        w.post(As::User(ROOT), &items, ore.clone()).await.expect(201);
        w.post(As::User(ROOT), &items, ore).await.refused(409, "item_exists");
        for points in [0, -1, 1_000_000_001, i64::MAX] {
            let item = json!({"name": "Gem", "points": points});
            w.post(As::User(ROOT), &items, item).await.refused(422, "points_out_of_range");
        }
        let ranks = here(&format!("/seasons/{season}/ranks"));
        let rank = |name: &str, number: Value, threshold: i64| json!({"name": name, "number": number, "threshold": threshold});
        w.post(As::User(ROOT), &ranks, rank("Silver", json!(5), 100)).await.expect(201);
        for (body, status, code) in [
            (rank("silver", Value::Null, 200), 409, "rank_name_taken"),
            (rank("Gold", json!(5), 200), 409, "rank_number_taken"),
            (rank("Gold", json!(6), 100), 422, "threshold_not_rising"),
            (rank("Gold", json!(4), 100), 422, "threshold_not_rising"),
            (rank("Gold", json!(1), 0), 422, "threshold_not_positive"),
            (rank("Gold", json!(0), 1), 422, "number_out_of_range"),
            (rank("Gold", Value::Null, i64::MAX), 422, "points_overflow"),
            (json!({"name": "Gold", "threshold": 200, "prizes": vec![json!({"description": "x"}); 21]}), 422, "too_many_prizes"),
        ] {
            w.post(As::User(ROOT), &ranks, body).await.refused(status, code);
        }
    }

    async fn members_in_the_wrong_state(w) {
        w.people(GUILD).await;
        let season = w.season(GUILD, "Autumn").await;
        let join = here(&format!("/seasons/{season}/participants"));
        let whom = |user: u64| json!({"user_id": user.to_string()});
        w.post(As::User(OFFICER), &join, whom(PENDING)).await.refused(409, "member_not_verified");
        w.post(As::User(OFFICER), &join, whom(crate::world::BANNED)).await.refused(409, "member_banned");
        w.post(As::User(OFFICER), &join, whom(STRANGER)).await.refused(404, "unknown_member");
        w.post(As::User(ROOT), &join, Value::Null).await.refused(403, "not_registered");
        let over = json!({"name": "Old", "starts_at": "2020-01-01T00:00:00Z", "ends_at": "2020-02-01T00:00:00Z"});
        let over = w.post(As::User(ROOT), &here("/seasons"), over).await.expect(201);
        let old = here(&format!("/seasons/{}/participants", over["id"].as_str().unwrap()));
        w.post(As::User(MIRA), &old, Value::Null).await.refused(409, "season_ended");
        let member = |user: u64| here(&format!("/members/{user}"));
        for (user, body, status, code) in [
            (PENDING, json!({"admin": true}), 409, "member_not_verified"),
            (crate::world::BANNED, json!({"admin": true}), 409, "member_banned"),
            (MIRA, json!({"status": "verified"}), 409, "no_change"),
            (MIRA, json!({}), 409, "no_change"),
            (STRANGER, json!({"status": "verified"}), 404, "unknown_member"),
            (MIRA, json!({"status": "famous"}), 422, "invalid_body"),
        ] {
            w.send("PATCH", As::User(ROOT), &member(user), body).await.refused(status, code);
        }
        // Who is banned is no officer, and being verified again does not make them one.
        w.send("PATCH", As::User(ROOT), &member(OFFICER), json!({"status": "banned"})).await.expect(200);
        let back = w.send("PATCH", As::User(ROOT), &member(OFFICER), json!({"status": "verified"})).await.expect(200);
        assert_eq!((&back["status"], &back["admin"]), (&json!("verified"), &json!(false)));
        w.send("PATCH", As::User(OFFICER), &member(ODO), json!({"admin": true})).await.refused(403, "not_officer");
    }
}
