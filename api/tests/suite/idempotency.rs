//! A deed that is asked for twice is done once.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::world::{As, GUILD, MIRA, ODO, OFFICER, ROOT, STRANGER, guild, here};

both_engines! {
    async fn a_repeat_gets_the_answer_it_had(w) {
        w.people(GUILD).await;
        let body = json!({"name": "Autumn", "starts_at": "2026-09-01T00:00:00Z", "ends_at": "2026-10-01T00:00:00Z"});
        let ask = async |body: &Value, key: &str| {
            w.keyed("POST", As::User(OFFICER), &here("/seasons"), body.clone(), Some(key)).await
        };
        let first = ask(&body, "one").await;
        let again = ask(&body, "one").await;
        assert_eq!(first.headers["idempotency-key"], "one");
        assert_eq!((first.status, &first.headers["location"]), (again.status, &again.headers["location"]));
        assert_eq!(first.expect(201), again.expect(201));
        let other = json!({"name": "Spring", "starts_at": "2026-09-01T00:00:00Z", "ends_at": "2026-10-01T00:00:00Z"});
        ask(&other, "one").await.refused(422, "id_reused");
        // Another key: another deed, which the first one is in the way of.
        ask(&body, "two").await.refused(409, "season_name_taken");
        // A refusal is no deed: the same key may be used when its cause is gone.
        ask(&other, "two").await.expect(201);
        // Another caller's keys are their own.
        w.keyed("POST", As::User(ROOT), &here("/seasons"), body, Some("one")).await.refused(409, "season_name_taken");
    }

    async fn a_key_is_made_when_there_is_none(w) {
        w.people(GUILD).await;
        let body = json!({"officer_channel_id": "77"});
        let first = w.send("PATCH", As::User(ROOT), &here("/settings"), body.clone()).await;
        let key = first.headers["idempotency-key"].to_str().unwrap().to_owned();
        assert!(uuid::Uuid::try_parse(&key).is_ok());
        w.keyed("PATCH", As::User(ROOT), &here("/settings"), body, Some(&key)).await.expect(200);
        let other = json!({"officer_channel_id": null});
        w.keyed("PATCH", As::User(ROOT), &here("/settings"), other, Some(&key)).await.refused(422, "id_reused");
        for bad in ["", " ", &"x".repeat(256), "ü"] {
            let answer = w.keyed("PATCH", As::User(ROOT), &here("/settings"), json!({}), Some(bad)).await;
            answer.refused(422, "invalid_idempotency_key");
        }
    }

    async fn a_deed_asked_for_by_many_at_once_is_done_once(w) {
        w.people(GUILD).await;
        let season = w.season(GUILD, "Autumn").await;
        let path = here(&format!("/seasons/{season}/items"));
        let ask = || {
            w.keyed("POST", As::User(OFFICER), &path, json!({"name": "Ore", "points": 5}), Some("same"))
        };
        let answers = join_all((0..8).map(|_| ask())).await;
        let ids: std::collections::BTreeSet<String> =
            answers.into_iter().map(|answer| answer.expect(201)["id"].to_string()).collect();
        assert_eq!(ids.len(), 1);
        let mut tx = w.store.read().await.unwrap();
        let audit = store::audit::newest(&mut tx, guild(GUILD), 100).await.unwrap();
        assert_eq!(audit.iter().filter(|entry| entry.act == "item.add").count(), 1);
    }

    async fn what_many_want_at_once_only_one_gets(w) {
        w.people(GUILD).await;
        let season = w.season(GUILD, "Autumn").await;
        let join = here(&format!("/seasons/{season}/participants"));
        let rank = here(&format!("/seasons/{season}/ranks"));
        let joins = join_all((0..6).map(|_| w.post(As::User(MIRA), &join, Value::Null))).await;
        assert_eq!(joins.iter().filter(|answer| answer.status == 201).count(), 1);
        assert!(joins.iter().all(|answer| answer.status == 201 || answer.code() == "already_joined"));
        // Ranks added at once end on one ladder, in versions one after the other.
        let ranks = join_all((1..=6).map(|n| {
            w.post(As::User(OFFICER), &rank, json!({"name": format!("Rank {n}"), "threshold": n * 10, "number": n}))
        })).await;
        ranks.into_iter().for_each(|answer| drop(answer.expect(201)));
        let listed = w.get(As::User(ODO), &rank).await.expect(200);
        let numbers: Vec<_> = listed["items"].as_array().unwrap().iter().map(|rank| rank["number"].clone()).collect();
        assert_eq!(json!(numbers), json!([1, 2, 3, 4, 5, 6]));
        // Numbers nobody chose are all different.
        let seasons = join_all((0..5).map(|n| {
            let body = json!({"name": format!("S{n}"), "starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-02T00:00:00Z"});
            let w = w.clone();
            async move { w.post(As::User(OFFICER), &here("/seasons"), body).await }
        })).await;
        seasons.into_iter().for_each(|answer| drop(answer.expect(201)));
    }

    async fn a_client_that_goes_away_does_not_stop_the_deed(w) {
        let path = here("/members");
        let ask = w.post(As::User(STRANGER), &path, json!({"name": "Sol"}));
        // Enough to begin, then gone.
        let _ = tokio::time::timeout(std::time::Duration::from_micros(200), ask).await;
        let mut found = false;
        for _ in 0..100 {
            found |= w.get(As::User(ROOT), &here(&format!("/members/{STRANGER}"))).await.status == 200;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            if found {
                break;
            }
        }
        assert!(found);
    }
}
