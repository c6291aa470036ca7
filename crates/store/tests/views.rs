//! The read side, and the modules of what is not points, on both engines. Rows that the worker writes are written here
//! through the same functions.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets the unexpected fails")]

#[macro_use]
mod common;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::{
    BookId, ChannelId, CommandId, EffectId, EntryId, GuildId, ItemId, MemberId, Points, PrizeId, Quantity, RankId,
    RoleId, SeasonId, SubmissionId, Timestamp, TokenId, UserId,
    ladder::{Ladder, OnFall},
    ledger::{EntryKind, Standing},
    member::{Member, MemberStatus},
    name::Name,
    permit::Scope,
    season::Season,
    submission::{ItemValue, Submission, SubmissionState},
};
use guildhall_store::{
    Store, Tx, audit, awards, clock, effects, entries, guilds, items, ladders, members, seasons, standings,
    submissions, tokens, views,
};
use messages::{
    api::{PrizeView, SeasonView, Settings, TokenView},
    effect::{EffectKind, EffectReport, EffectResult, EffectState, Notice, ParkReason},
    trace::TraceParent,
};
use uuid::Uuid;

fn at(second: i64) -> Timestamp {
    chrono::DateTime::from_timestamp(1_800_000_000 + second, 123_456_000).unwrap()
}

fn guild() -> GuildId {
    GuildId::new(100).unwrap()
}

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

fn points(n: i64) -> Points {
    Points::new(n).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

async fn member(tx: &mut Tx, id: u64, called: &str) -> Member {
    let member = Member {
        id: MemberId::new(uuid(id.into())),
        guild: guild(),
        user: user(id),
        name: name(called),
        game_id: None,
        status: MemberStatus::Verified,
        admin: false,
    };
    members::insert(tx, &member, at(0)).await.unwrap();
    member
}

async fn season(tx: &mut Tx, number: i32) -> Season {
    let n = u128::from(number.unsigned_abs());
    let season = Season {
        id: SeasonId::new(uuid(1_000 + n)),
        guild: guild(),
        book: BookId::new(uuid(2_000 + n)),
        number,
        name: name(&format!("Season {number}")),
        starts_at: at(0),
        ends_at: at(1_000),
        review: false,
        on_fall: OnFall::Keep,
        closed_at: None,
    };
    seasons::insert(tx, &season, at(0)).await.unwrap();
    season
}

async fn item(tx: &mut Tx, season: &Season, n: u128, called: &str, value: i64) -> ItemId {
    let new = items::NewItem { id: ItemId::new(uuid(n)), name: &name(called), game_id: None };
    let id = items::catalogue(tx, guild(), &new, at(0)).await.unwrap();
    items::price(tx, season.id, id, ItemValue { version: 1, points: points(value) }, at(0)).await.unwrap();
    id
}

fn handed(
    n: u128,
    season: &Season,
    member: &Member,
    item: ItemId,
    quantity: i64,
    state: SubmissionState,
) -> Submission {
    let value = ItemValue { version: 1, points: points(50) };
    let quantity = Quantity::new(quantity).unwrap();
    Submission {
        id: SubmissionId::new(uuid(n)),
        guild: guild(),
        season: season.id,
        member: member.id,
        item,
        quantity,
        value,
        points: value.points.times(quantity).unwrap(),
        note: Some("two\nlines".into()),
        state,
        version: 1,
        submitted_by: member.user,
        // Pairs of submissions share a moment, so that the id decides.
        accepted_at: at(i64::try_from(n / 2).unwrap()),
        decided_by: None,
        decided_at: None,
        reason: None,
    }
}

fn shown(season: &Season) -> SeasonView {
    SeasonView {
        id: season.id,
        number: season.number,
        name: season.name.clone(),
        starts_at: season.starts_at,
        ends_at: season.ends_at,
        phase: season.phase(at(10)),
        review: season.review,
        on_fall: season.on_fall,
        closed_at: season.closed_at,
    }
}

async fn begun(store: &Store) -> Tx {
    let mut tx = store.begin().await.unwrap();
    guilds::ensure(&mut tx, guild(), at(0)).await.unwrap();
    tx
}

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

    async fn a_summary_tells_everything_of_a_season(store: Store) {
        let mut tx = begun(&store).await;
        let season = season(&mut tx, 1).await;
        let (mira, odo, boris) =
            (member(&mut tx, 1, "Mira").await, member(&mut tx, 2, "Odo").await, member(&mut tx, 3, "Boris").await);
        let (ore, log) = (item(&mut tx, &season, 11, "Ore", 50).await, item(&mut tx, &season, 12, "Log", 50).await);
        let role = RoleId::new(900).unwrap();
        let mut ladder = Ladder::default();
        for (n, at_points) in [(1_u128, 100), (2, 200), (3, 999)] {
            let rank = RankId::new(uuid(20 + n));
            let prize = PrizeView { id: PrizeId::new(uuid(30 + n)), description: format!("Prize {n}"), role_id: Some(role) };
            let called = name(&format!("Rank {n}"));
            ladders::insert_rank(&mut tx, season.id, rank, &called, &[prize], at(0)).await.unwrap();
            ladder = ladder.with(rank, None, points(at_points)).unwrap();
        }
        ladders::write(&mut tx, season.book, 1, &ladder).await.unwrap();
        assert_eq!(ladders::newest(&mut tx, season.book).await.unwrap(), (1, ladder));
        assert!(ladders::activate(&mut tx, season.book, 1).await.unwrap());
        let mut places = vec![(season.book, mira.id), (season.book, odo.id), (season.book, boris.id)];
        places.sort_unstable();
        standings::join(&mut tx, &places, at(0)).await.unwrap();
        // Mira and Odo tie; Mira was there later. Boris is ahead of both, but banned.
        let standing = |n, second| Standing { points: points(n), peak: points(n), seq: 2, reached_at: at(second) };
        let written = [
            ((season.book, mira.id), standing(250, 20)),
            ((season.book, odo.id), standing(250, 10)),
            ((season.book, boris.id), standing(999, 10)),
        ];
        standings::write(&mut tx, &written).await.unwrap();
        members::write_standing(&mut tx, &Member { status: MemberStatus::Banned, ..boris.clone() }).await.unwrap();
        let mut ranks = vec![((season.book, mira.id), RankId::new(uuid(21))), ((season.book, mira.id), RankId::new(uuid(22)))];
        ranks.sort_unstable();
        awards::give(&mut tx, &ranks, at(20)).await.unwrap();
        let all = [
            handed(101, &season, &mira, ore, 3, SubmissionState::Counted),
            handed(102, &season, &mira, ore, 1, SubmissionState::Counted),
            handed(103, &season, &mira, log, 1, SubmissionState::Counted),
            handed(104, &season, &mira, log, 5, SubmissionState::Pending),
            handed(105, &season, &mira, log, 5, SubmissionState::Void),
            handed(106, &season, &odo, log, 5, SubmissionState::Counted),
        ];
        submissions::write(&mut tx, &all.iter().collect::<Vec<_>>()).await.unwrap();
        let found = views::summary::find(&mut tx, &season, shown(&season), &mira).await.unwrap().unwrap();
        assert_eq!((found.points, found.position, found.pending_submissions), (points(250), Some(2), 1));
        assert_eq!(found.rank.map(|rank| (rank.number, rank.name)), Some((2, "Rank 2".to_owned())));
        assert_eq!(found.next_rank.map(|rank| (rank.number, rank.threshold)), Some((3, points(999))));
        let prizes: Vec<_> = found.prizes.iter().map(|award| award.prize.description.as_str()).collect();
        assert_eq!(prizes, ["Prize 1", "Prize 2"]);
        assert_eq!(found.prizes[0].prize.role_id, Some(role));
        let handed_in: Vec<_> = found.items.iter().map(|item| (item.name.as_str(), item.quantity, item.points.get())).collect();
        assert_eq!(handed_in, [("Log", 1, 50), ("Ore", 4, 200)]);
        let of_odo = views::summary::find(&mut tx, &season, shown(&season), &odo).await.unwrap().unwrap();
        assert_eq!((of_odo.position, of_odo.rank, of_odo.next_rank.map(|rank| rank.number)), (Some(1), None, Some(1)));
        let banned = Member { status: MemberStatus::Banned, ..boris };
        let of_boris = views::summary::find(&mut tx, &season, shown(&season), &banned).await.unwrap().unwrap();
        assert_eq!(of_boris.position, None);
        let stranger = member(&mut tx, 4, "Sol").await;
        assert!(views::summary::find(&mut tx, &season, shown(&season), &stranger).await.unwrap().is_none());
        // The leaderboard says the same, with the highest rank held.
        let board = views::standings::page(&mut tx, season.book, None, 10).await.unwrap();
        let rows: Vec<_> = board.iter().map(|(_, row)| (row.position, row.name.as_str(), row.rank.as_deref())).collect();
        assert_eq!(rows, [(1, "Odo", None), (2, "Mira", Some("Rank 2"))]);
        let rest = views::standings::page(&mut tx, season.book, Some(board[0].0), 10).await.unwrap();
        assert_eq!(rest, board[1..]);
        assert_eq!(views::standings::joined_at(&mut tx, season.book, mira.id).await.unwrap(), Some(at(0)));
        // Roles of all ranks, once each.
        let roles = awards::roles_of(&mut tx, &[mira.id, odo.id]).await.unwrap();
        assert_eq!(roles[&mira.id], BTreeSet::from([role]));
        assert!(!roles.contains_key(&odo.id));
        // What is shown of the ranks, prizes included.
        let shown = views::seasons::ranks(&mut tx, season.book, Some(1), 1).await.unwrap();
        assert_eq!((shown.len(), shown[0].number, shown[0].prizes[0].description.as_str()), (1, 2, "Prize 2"));
    }

    async fn submissions_are_listed_newest_first_by_what_is_wanted(store: Store) {
        let mut tx = begun(&store).await;
        let (one, two) = (season(&mut tx, 1).await, season(&mut tx, 2).await);
        let (mira, odo) = (member(&mut tx, 1, "Mira").await, member(&mut tx, 2, "Odo").await);
        let ore = item(&mut tx, &one, 11, "Ore", 50).await;
        let all: Vec<Submission> = (100..110)
            .map(|n| {
                let state = if n % 3 == 0 { SubmissionState::Pending } else { SubmissionState::Counted };
                handed(n, if n < 104 { &two } else { &one }, if n % 2 == 0 { &mira } else { &odo }, ore, 1, state)
            })
            .collect();
        submissions::write(&mut tx, &all.iter().collect::<Vec<_>>()).await.unwrap();
        let ids = |rows: &[messages::api::SubmissionView]| rows.iter().map(|row| row.id.uuid().as_u128()).collect::<Vec<_>>();
        let mut after = None;
        let mut walked = Vec::new();
        loop {
            let page = views::submissions::page(&mut tx, guild(), Default::default(), after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.accepted_at, last.id));
            walked.extend(ids(&page));
        }
        assert_eq!(walked, (100..110).rev().collect::<Vec<u128>>());
        let wanted = |season: Option<&Season>, user: Option<&Member>, state| views::submissions::Wanted {
            season: season.map(|season| season.id),
            user: user.map(|member| member.user),
            state,
        };
        for (wanted, want) in [
            (wanted(Some(&two), None, None), vec![103, 102, 101, 100]),
            (wanted(Some(&two), Some(&mira), None), vec![102, 100]),
            (wanted(None, None, Some(SubmissionState::Pending)), vec![108, 105, 102]),
            (wanted(Some(&one), Some(&odo), Some(SubmissionState::Pending)), vec![105]),
            (wanted(None, None, Some(SubmissionState::Void)), vec![]),
        ] {
            let page = views::submissions::page(&mut tx, guild(), wanted, None, 100).await.unwrap();
            assert_eq!(ids(&page), want, "{wanted:?}");
        }
        let nobody = views::submissions::Wanted { user: Some(user(99)), ..Default::default() };
        assert!(views::submissions::page(&mut tx, guild(), nobody, None, 100).await.unwrap().is_empty());
        let found = views::submissions::find(&mut tx, guild(), all[0].id).await.unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.item.as_str(), found.value, found.note), ("Mira", "Ore", points(50), Some("two\nlines".into())));
        let other = GuildId::new(200).unwrap();
        assert!(views::submissions::find(&mut tx, other, all[0].id).await.unwrap().is_none());
        assert!(views::submissions::page(&mut tx, other, Default::default(), None, 9).await.unwrap().is_empty());
    }

    async fn entries_tell_why_a_total_is_what_it_is(store: Store) {
        let mut tx = begun(&store).await;
        let season = season(&mut tx, 1).await;
        let (mira, odo) = (member(&mut tx, 1, "Mira").await, member(&mut tx, 2, "Odo").await);
        let ore = item(&mut tx, &season, 11, "Ore", 50).await;
        let one = handed(100, &season, &mira, ore, 2, SubmissionState::Counted);
        submissions::write(&mut tx, &[&one]).await.unwrap();
        standings::join(&mut tx, &[(season.book, mira.id)], at(0)).await.unwrap();
        let entry = |seq: i64, kind, amount, balance, submission, actor| entries::Entry {
            id: EntryId::new(uuid(300 + u128::from(seq.unsigned_abs()))),
            place: (season.book, mira.id),
            seq,
            balance: points(balance),
            kind,
            points: points(amount),
            command: CommandId::new(uuid(400 + u128::from(seq.unsigned_abs()))),
            submission,
            actor,
            value_version: Some(1),
            accepted_at: at(seq),
            applied_at: at(seq + 1),
        };
        entries::add(&mut tx, &[
            entry(1, EntryKind::Submission, 100, 100, Some(one.id), Some(mira.id)),
            entry(2, EntryKind::Correction, -50, 50, Some(one.id), Some(odo.id)),
            entry(3, EntryKind::Adjustment, 7, 57, None, None),
        ]).await.unwrap();
        let page = views::entries::page(&mut tx, season.book, mira.id, None, 2).await.unwrap();
        let row = &page[0];
        assert_eq!((row.seq, row.kind, row.item.as_deref(), row.actor_user_id), (3, EntryKind::Adjustment, None, None));
        let row = &page[1];
        assert_eq!((row.seq, row.points, row.balance), (2, points(-50), points(50)));
        assert_eq!((row.item.as_deref(), row.actor_user_id, row.submission_id), (Some("Ore"), Some(odo.user), Some(one.id)));
        let rest = views::entries::page(&mut tx, season.book, mira.id, Some(2), 9).await.unwrap();
        assert_eq!(rest.iter().map(|row| row.seq).collect::<Vec<_>>(), [1]);
        assert!(views::entries::page(&mut tx, season.book, odo.id, None, 9).await.unwrap().is_empty());
    }

    async fn effects_are_listed_with_what_is_in_their_way(store: Store) {
        let mut tx = begun(&store).await;
        let trace = TraceParent::of(uuid(1));
        let roles = effects::RolesWanted { guild: guild(), user: user(1), roles: BTreeSet::from([RoleId::new(900).unwrap()]), trace: trace.clone() };
        effects::want_roles(&mut tx, &[roles], at(0)).await.unwrap();
        for n in 1..=3 {
            let notice = Notice::Registered { user_id: user(n), name: "Sol".into(), game_id: None };
            let channel = ChannelId::new(70 + n).unwrap();
            let wanted = effects::NoticeWanted { guild: guild(), cause: format!("n{n}"), channel, notice, trace: trace.clone() };
            effects::want_notices(&mut tx, &[wanted], at(i64::try_from(n).unwrap())).await.unwrap();
        }
        let mut after = None;
        let mut targets = Vec::new();
        loop {
            let page = views::effects::page(&mut tx, guild(), None, after, 3).await.unwrap();
            let Some((key, _)) = page.last() else { break };
            after = Some(*key);
            targets.extend(page.into_iter().map(|(_, view)| view.target));
        }
        assert_eq!(targets, ["73", "72", "71", "1"]);
        let of_roles = views::effects::of_roles(&mut tx, guild(), user(1)).await.unwrap().unwrap();
        assert_eq!((of_roles.kind, of_roles.state), (EffectKind::Roles, EffectState::Waiting));
        let result = EffectResult::Parked { reason: ParkReason::RoleAboveBot, detail: "role 900".into() };
        effects::report(&mut tx, guild(), &EffectReport { effect_id: of_roles.id, version: 1, result }, at(9)).await.unwrap();
        let parked = views::effects::page(&mut tx, guild(), Some(EffectState::Parked), None, 9).await.unwrap();
        let [(_, parked)] = &parked[..] else { panic!("{parked:?}") };
        assert_eq!((parked.id, parked.reason.as_deref(), parked.detail.as_deref(), parked.updated_at), (of_roles.id, Some("role_above_bot"), Some("role 900"), at(9)));
        assert!(views::effects::of_roles(&mut tx, guild(), user(2)).await.unwrap().is_none());
        let other = GuildId::new(200).unwrap();
        assert!(views::effects::page(&mut tx, other, None, None, 9).await.unwrap().is_empty());
        assert!(effects::find(&mut tx, other, EffectId::new(of_roles.id.uuid())).await.unwrap().is_none());
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
