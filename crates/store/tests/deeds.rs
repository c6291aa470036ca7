//! What is not points: guilds, members, seasons, items, tokens and the audit trail, on both engines.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets the unexpected fails")]

#[macro_use]
mod common;

use chrono::TimeDelta;
use common::people::{at, begun, guild, item, member, name, points, season, user, uuid};
use domain::{
    BookId, ChannelId, GuildId, ItemId, MemberId, RankId, SeasonId, TokenId, member::Member, permit::Scope,
    season::Season, submission::ItemValue,
};
use guildhall_store::{audit, clock, guilds, items, ladders, members, seasons, tokens};
use messages::api::{PrizeView, Settings, TokenView};

both_engines! {
    async fn guilds_are_made_once_and_keep_their_settings(store: Store) {
        let mut tx = begun(&store).await;
        guilds::ensure(&mut tx, guild(), at(9)).await.unwrap();
        assert_eq!(guilds::settings(&mut tx, guild()).await.unwrap(), Settings::default());
        guilds::lock(&mut tx, guild()).await.unwrap();
        let settings = Settings { officer_channel_id: Some(ChannelId::new(7).unwrap()), announcement_channel_id: None };
        guilds::write_settings(&mut tx, guild(), &settings).await.unwrap();
        let other = GuildId::new(200).unwrap();
        let all = guilds::settings_of(&mut tx, &[guild(), other]).await.unwrap();
        assert_eq!((&all[&guild()], &all[&other]), (&settings, &Settings::default()));
        assert!(guilds::write_settings(&mut tx, other, &settings).await.is_err());
    }

    async fn taken_names_and_numbers_are_told_apart(store: Store) {
        // Each in a transaction of its own: a broken constraint ends one.
        let mut tx = begun(&store).await;
        let mira = member(&mut tx, 1, "Mira").await;
        let first = season(&mut tx, 1).await;
        let no_prizes: &[PrizeView] = &[];
        let rank = RankId::new(uuid(50));
        ladders::insert_rank(&mut tx, first.id, rank, &name("Rookie"), no_prizes, at(0)).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let same_user = Member { id: MemberId::new(uuid(9)), name: name("Other"), ..mira.clone() };
        let error = members::insert(&mut tx, &same_user, at(0)).await.unwrap_err();
        assert!(error.is_duplicate("member_guild_id_user_id_key"), "{error}");
        drop(tx);
        let mut tx = store.begin().await.unwrap();
        let same_name = Member { id: MemberId::new(uuid(9)), user: user(9), name: name("MIRA"), ..mira };
        let error = members::insert(&mut tx, &same_name, at(0)).await.unwrap_err();
        assert!(error.is_duplicate("member_guild_id_name_key_key"), "{error}");
        drop(tx);
        for (number, called, constraint) in
            [(1, "Other", "season_guild_id_number_key"), (2, "SEASON 1", "season_guild_id_name_key_key")]
        {
            let mut tx = store.begin().await.unwrap();
            assert_eq!(seasons::next_number(&mut tx, guild()).await.unwrap(), 2);
            let (id, book) = (SeasonId::new(uuid(9)), BookId::new(uuid(9)));
            let second = Season { id, book, number, name: name(called), ..first.clone() };
            let error = seasons::insert(&mut tx, &second, at(0)).await.unwrap_err();
            assert!(error.is_duplicate(constraint), "{error}");
        }
        let mut tx = store.begin().await.unwrap();
        let again = RankId::new(uuid(51));
        let error = ladders::insert_rank(&mut tx, first.id, again, &name("rookie"), no_prizes, at(0)).await.unwrap_err();
        assert!(error.is_duplicate("season_rank_season_id_name_key_key"), "{error}");
    }

    async fn items_have_values_in_versions(store: Store) {
        let mut tx = begun(&store).await;
        let first = season(&mut tx, 1).await;
        let ore = item(&mut tx, &first, 1, "Ore", 50).await;
        let second = season(&mut tx, 2).await;
        assert_eq!(item(&mut tx, &second, 2, "ORE", 70).await, ore);
        items::lock(&mut tx, ore).await.unwrap();
        items::price(&mut tx, first.id, ore, ItemValue { version: 2, points: points(60) }, at(1)).await.unwrap();
        let now = items::in_season(&mut tx, first.id, ore).await.unwrap().unwrap();
        assert_eq!((now.points, now.version, now.name), (points(60), 2, name("Ore")));
        let page = items::page(&mut tx, first.id, Some("O"), None, 10).await.unwrap();
        assert_eq!(page.len(), 1);
        assert!(items::page(&mut tx, first.id, None, Some("ore"), 10).await.unwrap().is_empty());
        assert!(items::in_season(&mut tx, first.id, ItemId::new(uuid(9))).await.unwrap().is_none());
    }

    async fn tokens_count_until_they_end_or_are_revoked(store: Store) {
        let mut tx = begun(&store).await;
        let mira = member(&mut tx, 1, "Mira").await;
        let odo = member(&mut tx, 2, "Odo").await;
        for n in 1..=3 {
            let view = TokenView {
                id: TokenId::new(uuid(n)),
                label: (n == 1).then(|| "laptop".to_owned()),
                scopes: vec![Scope::Read, Scope::Submit],
                created_at: at(0),
                expires_at: at(100 * i64::try_from(n).unwrap()),
                revoked_at: None,
            };
            tokens::insert(&mut tx, &tokens::Token { guild: guild(), member: mira.id, view }).await.unwrap();
        }
        let id = |n| TokenId::new(uuid(n));
        let found = tokens::find(&mut tx, id(1)).await.unwrap().unwrap();
        assert_eq!((found.member, found.view.label.as_deref(), &found.view.scopes[..]), (mira.id, Some("laptop"), &[Scope::Read, Scope::Submit][..]));
        assert!(found.counts(at(99)) && !found.counts(at(100)));
        assert_eq!(tokens::counting(&mut tx, mira.id, at(99)).await.unwrap(), 3);
        assert_eq!(tokens::counting(&mut tx, mira.id, at(100)).await.unwrap(), 2);
        assert!(!tokens::revoke(&mut tx, odo.id, id(2), at(5)).await.unwrap());
        assert!(tokens::revoke(&mut tx, mira.id, id(2), at(5)).await.unwrap());
        assert!(!tokens::revoke(&mut tx, mira.id, id(2), at(6)).await.unwrap());
        let revoked = tokens::find(&mut tx, id(2)).await.unwrap().unwrap();
        assert_eq!((revoked.view.revoked_at, revoked.counts(at(6))), (Some(at(5)), false));
        let first = tokens::of_member(&mut tx, mira.id, None, 2).await.unwrap();
        assert_eq!(first.iter().map(|token| token.id).collect::<Vec<_>>(), [id(3), id(2)]);
        let rest = tokens::of_member(&mut tx, mira.id, Some((at(0), id(2))), 2).await.unwrap();
        assert_eq!(rest.iter().map(|token| token.id).collect::<Vec<_>>(), [id(1)]);
        assert!(tokens::find(&mut tx, id(9)).await.unwrap().is_none());
    }

    async fn the_audit_trail_keeps_what_was_and_what_is(store: Store) {
        let mut tx = begun(&store).await;
        for n in 1..=3_u64 {
            let detail = serde_json::json!({"before": null, "after": {"name": "Ærø \"quoted\""}});
            let actor = (n != 2).then(|| user(n));
            let entry = audit::Entry {
                id: uuid(n.into()), guild: guild(), at: at(0), actor, act: "item.add".into(), target: n.to_string(), detail,
            };
            audit::append(&mut tx, &entry).await.unwrap();
        }
        let newest = audit::newest(&mut tx, guild(), 2).await.unwrap();
        assert_eq!(newest.iter().map(|entry| entry.target.as_str()).collect::<Vec<_>>(), ["3", "2"]);
        assert_eq!((newest[1].actor, &newest[0].detail["after"]["name"]), (None, &serde_json::json!("Ærø \"quoted\"")));
    }

    async fn the_database_tells_the_time(store: Store) {
        let mut tx = store.read().await.unwrap();
        let first = clock::now(&mut tx).await.unwrap();
        let second = clock::now(&mut tx).await.unwrap();
        assert!(first <= second && second - first < TimeDelta::seconds(5), "{first} {second}");
        assert!(first > at(0) - TimeDelta::days(3650));
    }
}
