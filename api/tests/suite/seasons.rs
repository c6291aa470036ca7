//! The season loop as far as it is not points: settings, notices, items, ranks, audit.

use domain::UserId;
use messages::{
    command::{Command, CommandEnvelope},
    effect::{Desired, Notice},
};
use serde_json::{Value, json};
use store::{audit, outbox};

use crate::world::{As, GUILD, MIRA, OFFICER, ROOT, STRANGER, World, guild, here};

/// What waits to be published.
async fn outgoing(w: &World) -> Vec<outbox::Outgoing> {
    let mut tx = w.store.begin().await.unwrap();
    let claimed = outbox::claim(&mut tx, 100, w.now(), chrono::TimeDelta::seconds(30)).await.unwrap();
    tx.rollback().await.unwrap();
    claimed.into_iter().map(|(_, message)| message).collect()
}

both_engines! {
    async fn officers_are_told_of_registrations_where_they_chose(w) {
        w.post(As::User(MIRA), &here("/members"), json!({"name": "Mira"})).await.expect(201);
        assert!(outgoing(&w).await.is_empty());
        let set = json!({"officer_channel_id": "77"});
        let settings = w.send("PATCH", As::User(ROOT), &here("/settings"), set).await.expect(200);
        assert_eq!(settings, json!({"officer_channel_id": "77", "announcement_channel_id": null}));
        let body = json!({"name": "Sol", "game_id": "123"});
        let made = w.post(As::User(STRANGER), &here("/members"), body).await;
        assert_eq!(made.headers["location"], here(&format!("/members/{STRANGER}")).as_str());
        let member = made.expect(201);
        assert_eq!((&member["status"], &member["admin"]), (&json!("pending"), &json!(false)));
        let sent = outgoing(&w).await;
        assert_eq!(sent.iter().map(|message| message.kind.as_str()).collect::<Vec<_>>(), ["effect.wanted.v1"]);
        let effects = w.get(As::User(ROOT), &here("/effects?state=waiting")).await.expect(200);
        assert_eq!(effects["items"][0]["target"], "77");
        // The bot alone reads what it is to do.
        let id = effects["items"][0]["id"].as_str().unwrap();
        let order = w.get(As::Bot, &here(&format!("/effects/{id}"))).await.expect(200);
        let desired: Desired = serde_json::from_value(order["desired"].clone()).unwrap();
        let want = Notice::Registered { user_id: UserId::new(STRANGER).unwrap(), name: "Sol".into(), game_id: Some("123".into()) };
        assert_eq!(desired, Desired::Message { channel_id: domain::ChannelId::new(77).unwrap(), notice: want });
        // Absent stays, null clears.
        let kept = w.send("PATCH", As::User(ROOT), &here("/settings"), json!({"announcement_channel_id": "78"})).await;
        assert_eq!(kept.expect(200), json!({"officer_channel_id": "77", "announcement_channel_id": "78"}));
        let cleared = w.send("PATCH", As::User(ROOT), &here("/settings"), json!({"officer_channel_id": null})).await;
        assert_eq!(cleared.expect(200), json!({"officer_channel_id": null, "announcement_channel_id": "78"}));
    }

    async fn a_new_rank_is_a_new_ladder_for_the_worker(w) {
        w.people(GUILD).await;
        let season = w.season(GUILD, "Autumn").await;
        let ranks = here(&format!("/seasons/{season}/ranks"));
        let prizes = json!([{"description": "A mug"}, {"description": "Hall of fame", "role_id": "901"}]);
        let rank = json!({"name": "Rookie", "threshold": 100, "role_id": "900", "prizes": prizes});
        let made = w.post(As::User(OFFICER), &ranks, rank).await.expect(201);
        assert_eq!(made["number"], 1);
        w.post(As::User(OFFICER), &ranks, json!({"name": "Veteran", "threshold": 500})).await.expect(201);
        let listed = w.get(As::User(MIRA), &ranks).await.expect(200);
        assert_eq!(listed["items"][0], made);
        assert_eq!(listed["items"][1]["number"], 2);
        let given: Vec<_> = made["prizes"].as_array().unwrap().iter().map(|p| (&p["description"], &p["role_id"])).collect();
        assert_eq!(
            given,
            [
                (&json!("Discord role"), &json!("900")),
                (&json!("A mug"), &Value::Null),
                (&json!("Hall of fame"), &json!("901")),
            ]
        );
        let versions: Vec<i32> = outgoing(&w).await.iter().map(|message| {
            assert_eq!(message.route.queue(), Some(messages::topology::Queue::Scoring));
            match serde_json::from_slice::<CommandEnvelope>(&message.body).unwrap().command {
                Command::ActivateLadder(activate) => activate.version,
                other => panic!("{other:?}"),
            }
        }).collect();
        assert_eq!(versions, [1, 2]);
    }

    async fn an_item_is_one_of_the_guild_with_a_value_in_each_season(w) {
        w.people(GUILD).await;
        let (first, second) = (w.season(GUILD, "One").await, w.season(GUILD, "Two").await);
        let ore = w.item(GUILD, &first, "Iron Ore", 50).await;
        assert_eq!(w.item(GUILD, &second, "iron ore", 70).await, ore);
        let path = here(&format!("/seasons/{first}/items/{ore}"));
        let priced = w.send("PUT", As::User(OFFICER), &path, json!({"points": 60})).await.expect(200);
        assert_eq!((&priced["points"], &priced["version"], &priced["name"]), (&json!(60), &json!(2), &json!("Iron Ore")));
        let same = w.send("PUT", As::User(OFFICER), &path, json!({"points": 60})).await.expect(200);
        assert_eq!(same["version"], 2);
        let other = w.get(As::User(MIRA), &here(&format!("/seasons/{second}/items"))).await.expect(200);
        assert_eq!((&other["items"][0]["points"], &other["items"][0]["version"]), (&json!(70), &json!(1)));
        let unknown = here(&format!("/seasons/{first}/items/0190b6f2-8c7e-7cc0-b1a4-1f6d2f0c9a11"));
        w.send("PUT", As::User(OFFICER), &unknown, json!({"points": 60})).await.refused(404, "unknown_item");
    }

    async fn every_deed_leaves_a_trace(w) {
        w.people(GUILD).await;
        let season = w.season(GUILD, "Autumn").await;
        let ore = w.item(GUILD, &season, "Ore", 50).await;
        let path = here(&format!("/seasons/{season}/items/{ore}"));
        w.send("PUT", As::User(OFFICER), &path, json!({"points": 60})).await.expect(200);
        w.send("PUT", As::User(MIRA), &path, json!({"points": 70})).await.refused(403, "not_officer");
        let mut tx = w.store.read().await.unwrap();
        let entries = audit::newest(&mut tx, guild(GUILD), 100).await.unwrap();
        assert_eq!(entries.iter().filter(|entry| entry.act == "member.register").count(), 5);
        assert_eq!(entries.iter().filter(|entry| entry.act == "member.change").count(), 4);
        let priced: Vec<_> = entries.iter().filter(|entry| entry.act == "item.price").collect();
        let [priced] = priced[..] else { panic!("{priced:?}") };
        assert_eq!((priced.actor.unwrap().get(), &priced.target), (OFFICER, &ore));
        assert_eq!((&priced.detail["before"]["points"], &priced.detail["after"]["points"]), (&json!(50), &json!(60)));
    }
}
