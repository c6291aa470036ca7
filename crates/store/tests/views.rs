//! The read side, on both engines. Rows that the worker writes are written here through the same functions.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets the unexpected fails")]

#[macro_use]
mod common;

use std::collections::BTreeSet;

use common::people::{at, begun, guild, item, member, name, points, season, user, uuid};
use domain::{
    ChannelId, CommandId, EffectId, EntryId, GuildId, ItemId, PrizeId, Quantity, RankId, RoleId, SubmissionId,
    ladder::Ladder,
    ledger::{EntryKind, Standing},
    member::{Member, MemberStatus},
    season::Season,
    submission::{ItemValue, Submission, SubmissionState},
};
use guildhall_store::{awards, effects, entries, ladders, members, standings, submissions, views};
use messages::{
    api::{PrizeView, SeasonView},
    effect::{EffectKind, EffectReport, EffectResult, EffectState, Notice, ParkReason},
    trace::TraceParent,
};

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

both_engines! {
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
}
