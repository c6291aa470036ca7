//! What workers make of commands, on both databases: points once, whatever comes how often and in which order.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where its world breaks")]

mod orders;
mod world;

use chrono::TimeDelta;
use domain::{EffectId, Rejection, ladder::OnFall, submission::SubmissionState};
use messages::{
    command::{CloseSeasonV1, Command, CommandEnvelope, CorrectV1, RefreshEffectsV1, ReviewV1, VerdictV1, VoidV1},
    effect::{EffectReport, EffectResult},
    outcome::{Outcome, SubmissionOutcome},
};
use orders::any_order_ends_where_some_serial_order_does;
use uuid::Uuid;
use world::{World, root, submission, user};

macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::World::embedded().await).await;
            })+
        }
        mod scaled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::World::scaled().await).await;
            })+
        }
    };
}

on_both_engines!(
    every_command_three_times_is_done_once,
    many_members_on_two_workers_lose_nothing,
    a_rank_gives_every_rank_up_to_it_and_all_their_prizes,
    a_fall_takes_ranks_back_where_the_season_says_so,
    a_ladder_reaches_a_book_of_thousands,
    a_void_that_comes_first_absorbs,
    a_review_that_comes_first_waits_for_its_submission,
    another_deed_under_the_same_id_is_refused,
    refusals_leave_no_trace_but_their_outcome,
    one_bad_message_does_not_hold_up_the_others,
    a_season_closes_once_and_waits_for_reviews,
    verify_names_the_member_whose_standing_is_wrong,
    any_order_ends_where_some_serial_order_does,
);

fn applied(outcome: &Outcome) -> &SubmissionOutcome {
    match outcome {
        Outcome::Applied { submission: Some(submission) } => submission,
        other => panic!("not applied: {other:?}"),
    }
}

fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Rejected { code, .. } => code,
        other => panic!("not rejected: {other:?}"),
    }
}

fn review(world: &World, deed: &str, of: &str, verdict: VerdictV1) -> CommandEnvelope {
    let review = ReviewV1 { submission_id: submission(of), expected_version: 1, verdict };
    world.command(deed, Some(root()), Command::Review(review))
}

fn void(world: &World, deed: &str, of: &str) -> CommandEnvelope {
    let void = VoidV1 { submission_id: submission(of), expected_version: None, reason: Some("a slip".into()) };
    world.command(deed, Some(root()), Command::Void(void))
}

async fn every_command_three_times_is_done_once(mut world: World) {
    world.work();
    world.work();
    let bram = world.member(2, "Bram").await;
    let season = world.season(true, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 50).await;
    let ladder = world.ladder(&season, &[("Rookie", 100, 77)]).await;
    let correct = CorrectV1 { submission_id: submission("one"), expected_version: 2, quantity: 5 };
    let report = EffectReport {
        effect_id: EffectId::new(Uuid::from_u128(5)),
        version: 1,
        result: EffectResult::Done { external_id: None },
    };
    for (command, points) in [
        (ladder, 0),
        (world.submit("one", user(2), ore, 3), 0),
        (review(&world, "approve", "one", VerdictV1::Approve), 150),
        (world.command("correct", Some(root()), Command::Correct(correct)), 250),
        (world.command("report", None, Command::ReportEffect(report)), 250),
        (world.command("refresh", None, Command::RefreshEffects(RefreshEffectsV1::Parked)), 250),
        (world.command("close", None, Command::CloseSeason(CloseSeasonV1 { season_id: season.id })), 250),
        (void(&world, "void", "one"), 0),
    ] {
        for _ in 0..3 {
            world.publish(&command).await;
        }
        let outcome = world.outcome(command.id).await;
        assert!(matches!(outcome, Outcome::Applied { .. }), "{}: {outcome:?}", command.command.kind());
        world.quiet().await;
        assert_eq!(world.points(&season, bram).await, points, "{}", command.command.kind());
    }
    assert_eq!(world.entries(&season, bram).await, 3);
    world.end().await;
}

async fn many_members_on_two_workers_lose_nothing(mut world: World) {
    let season = world.season(false, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 3).await;
    let mut members = Vec::new();
    for n in 0..8 {
        members.push(world.member(10 + n, &format!("Member {n}")).await);
    }
    world.work();
    world.work();
    let commands: Vec<CommandEnvelope> =
        (0..400).map(|n| world.submit(&format!("s{n}"), user(10 + n % 8), ore, 1 + (n % 5).cast_signed())).collect();
    for command in &commands {
        world.publish(command).await;
    }
    for command in &commands {
        applied(&world.outcome(command.id).await);
    }
    for (n, member) in (0..8).zip(&members) {
        let want: i64 = (0..400_i64).filter(|s| s % 8 == n).map(|s| 3 * (1 + s % 5)).sum();
        assert_eq!(world.points(&season, *member).await, want, "member {n}");
        assert_eq!(world.entries(&season, *member).await, 50, "member {n}");
    }
    world.end().await;
}

async fn a_rank_gives_every_rank_up_to_it_and_all_their_prizes(mut world: World) {
    world.work();
    let (bram, cleo) = (world.member(2, "Bram").await, world.member(3, "Cleo").await);
    let season = world.season(false, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 50).await;
    let early = world.submit("early", user(3), ore, 2);
    applied(&world.send(&early).await);
    world.send(&world.ladder(&season, &[("Rookie", 100, 71), ("Veteran", 200, 72), ("Champion", 900, 73)]).await).await;
    // Who had the points before the ladder counted holds the rank by it.
    assert_eq!(world.roles(cleo).await, [71].into());

    let outcome = world.send(&world.submit("much", user(2), ore, 5)).await;
    assert_eq!(applied(&outcome).ranks, ["Rookie", "Veteran"]);
    assert_eq!(applied(&outcome).total.get(), 250);
    assert_eq!(world.roles(bram).await, [71, 72].into());
    // What is kept on a fall stays.
    applied(&world.send(&void(&world, "void", "much")).await);
    assert_eq!((world.points(&season, bram).await, world.roles(bram).await), (0, [71, 72].into()));
    world.end().await;
}

async fn a_ladder_reaches_a_book_of_thousands(mut world: World) {
    // More than one statement takes, on SQLite: 32,766 parameters.
    const MEMBERS: u64 = 7_000;
    let people: Vec<_> = (0..MEMBERS).map(|n| (1_000 + n, format!("Member {n}"))).collect();
    let members = world.members(&people).await;
    let season = world.season(false, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 100).await;
    let commands: Vec<_> = (0..MEMBERS).map(|n| world.submit(&format!("s{n}"), user(1_000 + n), ore, 1)).collect();
    world.publish_all(&commands).await;
    world.work();
    world.quiet().await;
    let ladder = world.ladder(&season, &[("Rookie", 1, 71), ("Scout", 2, 72), ("Veteran", 3, 73)]).await;
    assert_eq!(world.send(&ladder).await, Outcome::done());
    assert_eq!(world.roles(members[0]).await, [71, 72, 73].into());
    world.end().await;
}

async fn a_fall_takes_ranks_back_where_the_season_says_so(mut world: World) {
    world.work();
    let bram = world.member(2, "Bram").await;
    let season = world.season(false, OnFall::TakeBack).await;
    let ore = world.item(&season, "Iron Ore", 50).await;
    world.send(&world.ladder(&season, &[("Rookie", 100, 71), ("Veteran", 200, 72)]).await).await;
    applied(&world.send(&world.submit("a", user(2), ore, 2)).await);
    applied(&world.send(&world.submit("b", user(2), ore, 2)).await);
    assert_eq!(world.roles(bram).await, [71, 72].into());
    applied(&world.send(&void(&world, "void b", "b")).await);
    assert_eq!(world.roles(bram).await, [71].into());
    let again = world.send(&world.submit("c", user(2), ore, 2)).await;
    assert_eq!(applied(&again).ranks, ["Veteran"]);
    assert_eq!(world.roles(bram).await, [71, 72].into());
    world.end().await;
}

async fn a_void_that_comes_first_absorbs(mut world: World) {
    world.work();
    let bram = world.member(2, "Bram").await;
    let season = world.season(false, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 50).await;
    let by_member =
        CommandEnvelope { actor: world.submit("x", user(2), ore, 1).actor, ..void(&world, "not mine", "late") };
    assert_eq!(code(&world.send(&by_member).await), Rejection::NotOfficer.code());
    assert_eq!(world.send(&void(&world, "void", "late")).await, Outcome::done());
    let late = world.send(&world.submit("late", user(2), ore, 3)).await;
    assert_eq!(code(&late), Rejection::Voided.code());
    assert_eq!(world.standing(&season, bram).await, None);
    world.end().await;
}

async fn a_review_that_comes_first_waits_for_its_submission(mut world: World) {
    world.work();
    let bram = world.member(2, "Bram").await;
    let season = world.season(true, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 50).await;
    let approve = review(&world, "approve", "one", VerdictV1::Approve);
    let lost = review(&world, "lost", "never", VerdictV1::Approve);
    world.publish(&approve).await;
    world.publish(&lost).await;
    world
        .until("the first try", async || {
            let depth = world.broker.depth(broker::Queue::Scoring).await.unwrap();
            (depth.retry == 2).then_some(())
        })
        .await;
    let outcome = world.send(&world.submit("one", user(2), ore, 3)).await;
    assert_eq!(applied(&outcome).state, SubmissionState::Pending);
    assert_eq!(applied(&world.outcome(approve.id).await).state, SubmissionState::Counted);
    assert_eq!(world.points(&season, bram).await, 150);
    assert_eq!(code(&world.outcome(lost.id).await), Rejection::UnknownSubmission.code());
    world.end().await;
}

async fn another_deed_under_the_same_id_is_refused(mut world: World) {
    world.work();
    let bram = world.member(2, "Bram").await;
    let season = world.season(false, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 50).await;
    let first = world.submit("one", user(2), ore, 3);
    applied(&world.send(&first).await);
    world.publish(&world.submit("one", user(2), ore, 300)).await;
    world.quiet().await;
    assert_eq!(applied(&world.outcome(first.id).await).quantity, 3);
    assert_eq!(world.points(&season, bram).await, 150);
    world.end().await;
}

async fn refusals_leave_no_trace_but_their_outcome(mut world: World) {
    world.work();
    let bram = world.member(2, "Bram").await;
    let season = world.season(false, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 50).await;
    let huge = world.item(&season, "Crown", domain::Points::MAX.get()).await;
    let nothing = domain::ItemId::new(Uuid::from_u128(1));
    let at = |command: CommandEnvelope, time| CommandEnvelope { accepted_at: time, ..command };
    let named = |mut command: CommandEnvelope| {
        if let Command::Submit(submit) = &mut command.command {
            submit.season_id = Some(season.id);
        }
        command
    };
    for (command, want) in [
        (world.submit("zero", user(2), ore, 0), Rejection::Quantity),
        (world.submit("many", user(2), ore, 1_000_001), Rejection::Quantity),
        (world.submit("overflow", user(2), huge, 2), Rejection::PointsOverflow),
        (world.submit("unknown item", user(2), nothing, 1), Rejection::UnknownItem),
        (world.submit("stranger", user(66), ore, 1), Rejection::NotRegistered),
        (at(world.submit("long ago", user(2), ore, 1), world::at("2026-08-31T23:59:59.999999Z")), Rejection::NoSeason),
        (
            at(named(world.submit("early", user(2), ore, 1)), world::at("2026-08-31T23:59:59.999999Z")),
            Rejection::SeasonNotStarted,
        ),
        (at(world.submit("exact end", user(2), ore, 1), season.ends_at), Rejection::SeasonEnded),
    ] {
        let outcome = world.send(&command).await;
        assert_eq!(code(&outcome), want.code());
    }
    assert_eq!(world.standing(&season, bram).await, None, "a refusal makes nobody a participant");
    // The first and the last moment that count.
    applied(&world.send(&at(world.submit("first", user(2), ore, 1), season.starts_at)).await);
    let last = season.ends_at - TimeDelta::microseconds(1);
    applied(&world.send(&at(world.submit("last", user(2), ore, 1), last)).await);
    assert_eq!(world.points(&season, bram).await, 100);
    world.end().await;
}

async fn one_bad_message_does_not_hold_up_the_others(mut world: World) {
    let bram = world.member(2, "Bram").await;
    let season = world.season(false, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 1).await;
    let nonsense = Uuid::from_u128(9);
    world.publish_body(nonsense, b"{\"type\": \"nonsense\"}".to_vec()).await;
    let mut good = Vec::new();
    for n in 0..20 {
        let command = world.submit(&format!("good {n}"), user(2), ore, 1);
        world.publish(&command).await;
        good.push(command);
    }
    // PostgreSQL takes no NUL in a text, so that its whole transaction fails.
    let mut bad = world.submit("bad", user(2), ore, 1);
    if let Command::Submit(submit) = &mut bad.command {
        submit.note = Some("\0".into());
    }
    world.publish(&bad).await;
    world.work();
    for command in &good {
        applied(&world.outcome(command.id).await);
    }
    world.quiet().await;
    let dead = world.broker.dead_letters(broker::Queue::Scoring, 10).await.unwrap();
    assert!(dead.iter().any(|letter| letter.id == nonsense), "{dead:?}");
    let bad_died = dead.iter().any(|letter| letter.id == bad.id.uuid());
    assert_eq!(world.points(&season, bram).await, if bad_died { 20 } else { 21 });
    world.end().await;
}

async fn a_season_closes_once_and_waits_for_reviews(mut world: World) {
    let (bram, _) = (world.member(2, "Bram").await, world.member(3, "Cleo").await);
    let season = world.season(true, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 50).await;
    world.work();
    world.work();
    applied(&world.send(&world.submit("one", user(2), ore, 3)).await);
    world.pass(season.ends_at - world.now() + domain::season::GRACE);
    let close = world.command("by hand", None, Command::CloseSeason(CloseSeasonV1 { season_id: season.id }));
    world.send(&close).await;
    assert_eq!(closed(&world).await, None, "something waits for review");
    applied(&world.send(&review(&world, "approve", "one", VerdictV1::Approve)).await);
    assert_eq!(world.points(&season, bram).await, 150);
    // The clock closes it in the next minute: this minute's try has been made.
    world.pass(TimeDelta::minutes(1));
    world.until("the closing", async || closed(&world).await).await;
    let (notices, waiting) = {
        let mut tx = world.store.read().await.unwrap();
        let effects = store::effects::unsettled(&mut tx).await.unwrap();
        let closed = EffectId::derived(Uuid::NAMESPACE_OID, &format!("1:message:closed:{}", season.id));
        (store::effects::find(&mut tx, world::guild(), closed).await.unwrap(), effects)
    };
    assert!(format!("{notices:?}").contains("Bram"), "the winner is announced: {notices:?} of {waiting:?}");
    let mut late = world.submit("late", user(3), ore, 1);
    late.accepted_at = season.starts_at;
    assert_eq!(code(&world.send(&late).await), Rejection::SeasonClosed.code());
    world.end().await;
}

async fn closed(world: &World) -> Option<domain::Timestamp> {
    let mut tx = world.store.read().await.unwrap();
    let seasons = store::seasons::of_guilds(&mut tx, &[world::guild()]).await.unwrap();
    seasons.first().and_then(|season| season.closed_at)
}

async fn verify_names_the_member_whose_standing_is_wrong(mut world: World) {
    world.work();
    let bram = world.member(2, "Bram").await;
    let season = world.season(false, OnFall::Keep).await;
    let ore = world.item(&season, "Iron Ore", 50).await;
    applied(&world.send(&world.submit("one", user(2), ore, 3)).await);
    let mut standing = world.standing(&season, bram).await.unwrap();
    let right = standing;
    standing.points = domain::Points::new(151).unwrap();
    write(&world, &season, bram, standing).await;
    let report = store::verify::run(&world.store).await.unwrap();
    assert_eq!(report.differences.len(), 1, "{report:?}");
    assert_eq!(report.differences[0].member, "Bram");
    write(&world, &season, bram, right).await;
    world.end().await;
}

async fn write(
    world: &World,
    season: &domain::season::Season,
    member: domain::MemberId,
    standing: domain::ledger::Standing,
) {
    let mut tx = world.store.begin().await.unwrap();
    store::standings::write(&mut tx, &[((season.book, member), standing)]).await.unwrap();
    tx.commit().await.unwrap();
}
