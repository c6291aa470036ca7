//! Every message three times, and messages that nobody can handle: what is done is done once, and what is bad stands
//! aside for the others.

use anyhow::{Context, Result, ensure};
use broker::Message;
use domain::{CommandId, SubmissionId, member::MemberStatus, submission::SubmissionState};
use guildhall_testkit::{GuildTest, Member, guild_tests, until};
use messages::{
    command::{
        ActivateLadderV1, Command, CommandEnvelope, CorrectV1, RefreshEffectsV1, ReviewV1, SubmitV1, VerdictV1, VoidV1,
    },
    effect::{EffectReport, EffectResult, EffectState},
    event::{EffectWantedV1, Event, EventEnvelope},
    outcome::Outcome,
    topology::{Exchange, Route},
    trace::TraceParent,
};
use serde_json::json;
use store::{inbox, ladders, seasons};
use uuid::Uuid;

guild_tests!(
    every_command_three_times_is_done_once,
    another_deed_under_a_used_id_is_refused,
    a_void_before_its_submission_leaves_nothing_to_count,
    a_poison_message_stands_aside_and_can_be_looked_at,
    what_cannot_be_done_is_refused_once_and_for_all,
    an_event_that_comes_again_changes_nothing,
);

fn submit(member: &Member, item: domain::ItemId, quantity: i64) -> Command {
    Command::Submit(SubmitV1 {
        submission_id: SubmissionId::new(Uuid::now_v7()),
        season_id: None,
        user_id: member.id(),
        item_id: item,
        quantity,
        note: None,
    })
}

/// Publishes a command three times and gives its outcome, which is the same however often it is asked for.
async fn thrice(t: &GuildTest, envelope: &CommandEnvelope) -> Result<Outcome> {
    for _ in 0..3 {
        t.publish(envelope).await?;
    }
    let outcome = t.outcome(envelope.id).await?;
    let kept = kept(t, envelope.id).await?;
    // A second round, surely behind the first.
    t.publish(envelope).await?;
    let after = t.command(None, Command::RefreshEffects(RefreshEffectsV1::Parked));
    t.publish(&after).await?;
    t.outcome(after.id).await?;
    assert_eq!(kept, self::kept(t, envelope.id).await?, "the outcome changed: {}", envelope.command.kind());
    Ok(outcome)
}

/// The outcome as the inbox keeps it.
async fn kept(t: &GuildTest, id: CommandId) -> Result<String> {
    let mut tx = t.stack().store().read().await?;
    Ok(inbox::find(&mut tx, id).await?.context("no outcome is kept")?.outcome)
}

async fn every_command_three_times_is_done_once(t: GuildTest) -> Result<()> {
    let season = t.season_with("Autumn", |season| season.review = true).await?;
    t.choose_channels().await?;
    let ore = t.item("Iron Ore", 50).await?.id;
    t.rank("Rookie", 100, Some("Rookie")).await?;
    let mira = t.member("mira").await?;
    let officer = Some(t.root()?.id());

    let submit = submit(&mira, ore, 4);
    let Command::Submit(SubmitV1 { submission_id, .. }) = submit else { unreachable!() };
    let state = async || {
        t.officer()?.submission(submission_id).await.map(|s| (s.state, s.version)).map_err(anyhow::Error::from)
    };
    let points = async || Ok::<_, anyhow::Error>(t.standings().await?.first().map_or(0, |(_, points)| *points));
    thrice(&t, &t.command(Some(mira.id()), submit)).await?;
    assert_eq!((state().await?, points().await?), ((SubmissionState::Pending, 1), 0));

    let approve = ReviewV1 { submission_id, expected_version: 1, verdict: VerdictV1::Approve };
    let reviewed = thrice(&t, &t.command(officer, Command::Review(approve))).await?;
    ensure!(matches!(reviewed, Outcome::Applied { submission: Some(ref s) } if s.ranks == ["Rookie"]), "{reviewed:?}");
    assert_eq!((state().await?, points().await?), ((SubmissionState::Counted, 2), 200));
    mira.expect_roles(&["Rookie"]).await?;

    let correct = CorrectV1 { submission_id, expected_version: 2, quantity: 3 };
    thrice(&t, &t.command(officer, Command::Correct(correct))).await?;
    assert_eq!((state().await?, points().await?), ((SubmissionState::Counted, 3), 150));

    let void = VoidV1 { submission_id, expected_version: Some(3), reason: Some("twice".into()) };
    thrice(&t, &t.command(officer, Command::Void(void))).await?;
    assert_eq!((state().await?, points().await?), ((SubmissionState::Void, 4), 0));
    let moved: Vec<i64> = mira.entries().await?.iter().rev().map(|entry| entry.points.get()).collect();
    assert_eq!(moved, [200, -50, -150]);

    let mut tx = t.stack().store().read().await?;
    let book = seasons::find(&mut tx, t.id(), season.id).await?.context("the season is gone")?.book;
    let (version, _) = ladders::newest(&mut tx, book).await?;
    drop(tx);
    thrice(&t, &t.command(None, Command::ActivateLadder(ActivateLadderV1 { book_id: book, version }))).await?;
    thrice(&t, &t.command(None, Command::RefreshEffects(RefreshEffectsV1::Member { user_id: mira.id() }))).await?;
    thrice(&t, &t.command(None, Command::CloseSeason(messages::command::CloseSeasonV1 { season_id: season.id })))
        .await?;
    ensure!(t.officer()?.season(season.id).await?.closed_at.is_none(), "a season that runs was closed");
    t.settle().await?;
    let roles = t.officer()?.member_roles(mira.id()).await?.effect.context("no effect of roles")?;
    // A report that is older than what is wanted by now changes nothing.
    let result = EffectResult::Done { external_id: None };
    let report = EffectReport { effect_id: roles.id, version: roles.version - 1, result };
    thrice(&t, &t.command(None, Command::ReportEffect(report))).await?;
    t.settle().await?;
    assert_eq!(mira.times_given(t.role("Rookie").await?).await?, 1);
    let news = t.notices(t.place().news).await?;
    assert_eq!(news.len(), 2, "one decision, one rank: {news:#?}");
    Ok(())
}

async fn another_deed_under_a_used_id_is_refused(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    let ore = t.item("Iron Ore", 50).await?.id;
    let mira = t.member("mira").await?;
    let first = t.command(Some(mira.id()), submit(&mira, ore, 1));
    t.publish(&first).await?;
    t.outcome(first.id).await?;
    let before = kept(&t, first.id).await?;
    let other = CommandEnvelope { command: submit(&mira, ore, 500), ..first.clone() };
    t.publish(&other).await?;
    // Something that surely comes behind it.
    mira.hands_in("Iron Ore", 1).await?;
    until("both to be counted, and no more", async || {
        Ok((t.standings().await? == [("mira".to_owned(), 100)]).then_some(()))
    })
    .await?;
    assert_eq!(kept(&t, first.id).await?, before);
    Ok(())
}

async fn a_void_before_its_submission_leaves_nothing_to_count(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    let ore = t.item("Iron Ore", 50).await?.id;
    let mira = t.member("mira").await?;
    let submit = submit(&mira, ore, 3);
    let Command::Submit(SubmitV1 { submission_id, .. }) = submit else { unreachable!() };
    let void = VoidV1 { submission_id, expected_version: None, reason: None };
    thrice(&t, &t.command(Some(t.root()?.id()), Command::Void(void))).await?;
    let outcome = thrice(&t, &t.command(Some(mira.id()), submit)).await?;
    ensure!(matches!(outcome, Outcome::Rejected { ref code, .. } if code == "submission_voided"), "{outcome:?}");
    assert_eq!(mira.entries().await.map_or(0, |entries| entries.len()), 0);
    Ok(())
}

/// A message to the workers that is no command of a version they know.
fn poison(t: &GuildTest, body: impl Into<bytes::Bytes>) -> Message {
    Message {
        id: Uuid::now_v7(),
        route: Route { exchange: Exchange::Commands, key: format!("scoring.{}", t.id()) },
        kind: "submission.submit.v1".into(),
        body: body.into(),
    }
}

async fn is_dead(t: &GuildTest, id: Uuid) -> Result<String> {
    until(&format!("dead letter {id}"), async || {
        let list = t.stack().guildhall(&["dead-letters", "list"]).await?.ok()?;
        Ok(list.lines().find(|line| line.starts_with(&id.to_string())).map(str::to_owned))
    })
    .await
}

async fn a_poison_message_stands_aside_and_can_be_looked_at(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    let ore = t.item("Iron Ore", 50).await?.id;
    let mira = t.member("mira").await?;
    let good = t.command(Some(mira.id()), submit(&mira, ore, 1));
    let mut future = serde_json::to_value(&good)?;
    future["type"] = json!("submission.submit.v99");
    let foreign = t.command(Some(mira.id()), submit(&mira, ore, 1));
    let poisons = [
        poison(&t, "not even JSON"),
        poison(&t, future.to_string()),
        poison(&t, json!({"id": good.id, "guild_id": "0"}).to_string()),
        // A command in a message of another id could be done under two names.
        poison(&t, serde_json::to_vec(&foreign)?),
    ];
    for message in &poisons {
        t.stack().broker().publish(message).await?;
    }
    t.publish(&good).await?;
    let outcome = t.outcome(good.id).await?;
    ensure!(matches!(outcome, Outcome::Applied { .. }), "the others go on: {outcome:?}");
    for message in &poisons {
        let line = is_dead(&t, message.id).await?;
        ensure!(line.contains("scoring") && line.contains("attempt 1"), "dead at once: {line:?}");
    }
    let shown = t.stack().guildhall(&["dead-letters", "show", &poisons[0].id.to_string()]).await?.ok()?;
    ensure!(shown.contains("queue    scoring") && shown.contains("body     not even JSON"), "{shown}");
    ensure!(shown.contains(&format!("key      scoring.{}", t.id())), "{shown}");

    // Sent again, it dies again.
    let sent = t.stack().guildhall(&["dead-letters", "redrive", &poisons[0].id.to_string()]).await?.ok()?;
    assert_eq!(sent, "1 sent again\n");
    is_dead(&t, poisons[0].id).await?;
    let unknown = t.stack().guildhall(&["dead-letters", "redrive", &Uuid::now_v7().to_string()]).await?;
    ensure!(unknown.status == 1 && unknown.err.contains("no dead letter has the id"), "{unknown:?}");
    assert_eq!(t.standings().await?, [("mira".to_owned(), 50)]);
    Ok(())
}

/// A review of a submission that never comes is retried, then refused, not lost; and an outcome stays what it was.
async fn what_cannot_be_done_is_refused_once_and_for_all(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    let ore = t.item("Iron Ore", 50).await?.id;
    let nowhere = SubmissionId::new(Uuid::now_v7());
    let review = ReviewV1 { submission_id: nowhere, expected_version: 1, verdict: VerdictV1::Approve };
    let review = t.command(Some(t.root()?.id()), Command::Review(review));
    t.publish(&review).await?;

    let late = t.newcomer("late").await?;
    let command = t.command(Some(late.id()), submit(&late, ore, 1));
    let outcome = thrice(&t, &command).await?;
    ensure!(matches!(outcome, Outcome::Rejected { ref code, .. } if code == "not_registered"), "{outcome:?}");
    late.says("register", json!({"name": "late"})).await?;
    t.stands(&late, MemberStatus::Verified).await?;
    assert_eq!(thrice(&t, &command).await?, outcome);
    assert_eq!(t.standings().await?, []);

    let outcome = t.outcome(review.id).await?;
    ensure!(matches!(outcome, Outcome::Rejected { ref code, .. } if code == "unknown_submission"), "{outcome:?}");
    Ok(())
}

/// The bot's side: events only hint, so that one more changes nothing.
async fn an_event_that_comes_again_changes_nothing(t: GuildTest) -> Result<()> {
    t.choose_channels().await?;
    t.season("Autumn").await?;
    t.item("Iron Ore", 50).await?;
    t.rank("Rookie", 100, Some("Rookie")).await?;
    let mira = t.member("mira").await?;
    mira.submit("Iron Ore", 2).await?;
    mira.expect_roles(&["Rookie"]).await?;
    t.settle().await?;
    let done = t.effects(EffectState::Done).await?;
    assert_eq!(done.len(), 3, "registered, roles, rank: {done:#?}");
    for effect in &done {
        let wanted = EffectWantedV1 { effect_id: effect.id, kind: effect.kind, version: effect.version };
        let trace = TraceParent::of(Uuid::now_v7());
        let event = EventEnvelope { guild_id: t.id(), traceparent: trace, event: Event::EffectWanted(wanted) };
        let (kind, body) = (event.event.kind().to_owned(), serde_json::to_vec(&event)?);
        let message = Message { id: Uuid::now_v7(), route: event.route(), kind, body: body.into() };
        for _ in 0..3 {
            t.stack().broker().publish(&message).await?;
        }
    }
    // What comes behind them on the same queues is brought to Discord; by then they have been looked at.
    t.rank("Veteran", 200, Some("Veteran")).await?;
    mira.submit("Iron Ore", 2).await?;
    mira.expect_roles(&["Rookie", "Veteran"]).await?;
    t.settle().await?;
    assert_eq!(mira.times_given(t.role("Rookie").await?).await?, 1);
    assert_eq!(t.notices(t.place().news).await?.len(), 2);
    assert_eq!(t.notices(t.place().officers).await?.len(), 1);
    Ok(())
}
