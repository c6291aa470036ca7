//! Lists: every row once, in one order, whatever changes meanwhile.

use chrono::TimeDelta;
use domain::{BookId, MemberId, Points, ledger::Standing};
use serde_json::{Value, json};
use store::{seasons, standings};

use crate::world::{As, GUILD, MIRA, ODO, OFFICER, ROOT, World, guild, here, user};

/// Walks a list to its end.
async fn walk(w: &World, path: &str, limit: u32) -> Vec<Value> {
    let join = if path.contains('?') { '&' } else { '?' };
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = w.get(As::User(ROOT), &format!("{path}{join}limit={limit}{cursor}")).await.expect(200);
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.len() <= limit as usize);
        rows.extend(items);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

fn column(rows: &[Value], name: &str) -> Value {
    json!(rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>())
}

both_engines! {
    async fn members_seasons_items_ranks_and_tokens(w) {
        w.people(GUILD).await;
        let members = walk(&w, &here("/members"), 2).await;
        assert_eq!(column(&members, "name"), json!(["Boris", "Mira", "Odo", "Olga", "Pelle"]));
        assert_eq!(column(&walk(&w, &here("/members?name=O"), 1).await, "name"), json!(["Odo", "Olga"]));
        assert_eq!(column(&walk(&w, &here("/members?status=pending"), 5).await, "name"), json!(["Pelle"]));
        // Wildcards are letters like others.
        for text in ["%25", "_", "%5C", "o%25"] {
            assert!(walk(&w, &here(&format!("/members?name={text}")), 5).await.is_empty(), "{text}");
        }
        for name in ["A", "B", "C"] {
            w.season(GUILD, name).await;
        }
        assert_eq!(column(&walk(&w, &here("/seasons"), 2).await, "number"), json!([3, 2, 1]));
        let season = w.season(GUILD, "D").await;
        for name in ["Oak log", "Iron ore", "100% wool", "Ärmel", "Gold Ore"] {
            w.item(GUILD, &season, name, 5).await;
        }
        let items = here(&format!("/seasons/{season}/items"));
        let all = walk(&w, &items, 2).await;
        assert_eq!(all.len(), 5);
        assert_eq!(column(&walk(&w, &format!("{items}?name=ORE"), 1).await, "name"), json!(["Gold Ore", "Iron ore"]));
        assert_eq!(column(&walk(&w, &format!("{items}?name=%25"), 9).await, "name"), json!(["100% wool"]));
        assert_eq!(column(&walk(&w, &format!("{items}?name=%C3%84R"), 9).await, "name"), json!(["Ärmel"]));
        let ranks = here(&format!("/seasons/{season}/ranks"));
        for n in 1..=5 {
            let rank = json!({"name": format!("Rank {n}"), "threshold": n * 10});
            w.post(As::User(OFFICER), &ranks, rank).await.expect(201);
        }
        assert_eq!(column(&walk(&w, &ranks, 2).await, "number"), json!([1, 2, 3, 4, 5]));
        let tokens = here(&format!("/members/{MIRA}/tokens"));
        for _ in 0..5 {
            // All within one second, so that their ids decide.
            w.post(As::User(MIRA), &tokens, json!({})).await.expect(201);
        }
        let ids: std::collections::BTreeSet<String> =
            walk(&w, &tokens, 2).await.iter().map(|token| token["id"].to_string()).collect();
        assert_eq!(ids.len(), 5);
    }

    async fn the_leaderboard_has_one_order_and_no_row_twice(w) {
        w.people(GUILD).await;
        let season = w.season(GUILD, "Autumn").await;
        let reached = w.now();
        let mut tx = w.store.begin().await.unwrap();
        let book = seasons::current(&mut tx, guild(GUILD), w.now()).await.unwrap().unwrap().book;
        let mut places: Vec<(BookId, MemberId)> = Vec::new();
        // 40 members with few different totals: ties by time, and by member within one time.
        for n in 0..40_u64 {
            let member = domain::member::Member {
                id: MemberId::new(uuid::Uuid::from_u128(u128::from(n + 1) << 64)),
                guild: guild(GUILD),
                user: user(1_000 + n),
                name: domain::name::Name::new(&format!("Tie {n:02}")).unwrap(),
                game_id: None,
                status: domain::member::MemberStatus::Verified,
                admin: false,
            };
            store::members::insert(&mut tx, &member, reached).await.unwrap();
            places.push((book, member.id));
        }
        standings::join(&mut tx, &places, reached).await.unwrap();
        let rows: Vec<_> = places
            .iter()
            .zip(0_i64..)
            .map(|(place, n)| {
                let points = Points::new(n % 3 * 100 - 100).unwrap();
                let reached_at = reached + TimeDelta::microseconds(n % 2);
                (*place, Standing { points, peak: Points::new(100).unwrap(), seq: 1, reached_at })
            })
            .collect();
        standings::write(&mut tx, &rows).await.unwrap();
        tx.commit().await.unwrap();
        let mut want = rows.clone();
        want.sort_by_key(|((_, member), s)| (std::cmp::Reverse(s.points), s.reached_at, *member));
        let users: std::collections::HashMap<MemberId, u64> =
            places.iter().zip(1_000..).map(|((_, member), user)| (*member, user)).collect();
        let want: Vec<String> = want.iter().map(|((_, member), _)| users[member].to_string()).collect();
        let board = here(&format!("/seasons/{season}/standings"));
        for limit in [1, 7, 40, 100] {
            let got = walk(&w, &board, limit).await;
            assert_eq!(column(&got, "user_id"), json!(want), "limit {limit}");
            assert_eq!(column(&got, "position"), json!((1..=40).collect::<Vec<i32>>()), "limit {limit}");
        }
        // Somebody is banned between two pages: nobody is shown twice, nobody else is left out.
        let first = w.get(As::User(ROOT), &format!("{board}?limit=10")).await.expect(200);
        let gone = first["items"][9]["user_id"].as_str().unwrap().to_owned();
        let ban = json!({"status": "banned"});
        w.send("PATCH", As::User(ROOT), &here(&format!("/members/{gone}")), ban).await.expect(200);
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = w.get(As::User(ROOT), &format!("{board}?limit=10&cursor={cursor}")).await.expect(200);
        assert_eq!(column(second["items"].as_array().unwrap(), "user_id"), json!(want[10..20]));
        assert_eq!(second["items"][0]["position"], 11);
        let all = walk(&w, &board, 9).await;
        assert_eq!((all.len(), &all[38]["position"]), (39, &json!(39)));
        // The summary tells the same place.
        let last = w.get(As::User(ROOT), &here(&format!("/members/{}/summary", want[39]))).await.expect(200);
        assert_eq!((&last["position"], &last["points"]), (&json!(39), &json!(-100)));
        let banned = w.get(As::User(ROOT), &here(&format!("/members/{gone}/summary"))).await.expect(200);
        assert_eq!(banned["position"], Value::Null);
        w.post(As::User(ODO), &here(&format!("/seasons/{season}/participants")), Value::Null).await.expect(201);
        let zero = w.get(As::User(ODO), &here(&format!("/members/{ODO}/summary"))).await.expect(200);
        assert_eq!(zero["points"], 0);
    }
}
