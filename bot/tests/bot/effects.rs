//! What was decided is brought to Discord: roles and notices.

use std::time::Duration;

use broker::EmbeddedConfig;
use discord_sim::{ChannelPatch, Demo, Fault, RolePatch, SimConfig, World};
use domain::{ChannelId, CommandId, Points, SubmissionId};
use messages::{
    command::{Command, RefreshEffectsV1, ReviewV1, VerdictV1, Via},
    effect::{Desired, EffectKind, EffectOrder, EffectReport, EffectResult, EffectState, Notice, ParkReason},
    topology::Queue,
};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::stage::{PATIENCE, QUIET, Stage, counted, effect, guild, role_set, roles, user};

const ROLE_ROUTE: &str = "/guilds/{}/members/{}/roles/{}";

#[tokio::test]
async fn roles_are_brought_into_line_and_only_ours_are_touched() {
    let mut stage = Stage::ready().await;
    stage.sim.give_role(Demo::GUILD, Demo::BRAM, Demo::CHAMPION).await.unwrap();
    let wanted = roles(Demo::BRAM, &[Demo::ROOKIE, Demo::VETERAN], &[]);
    stage.want(effect(1), 1, wanted).await;
    let report = stage.next_report().await;
    assert_eq!((report.effect_id, report.version), (effect(1), 1));
    assert_eq!(report.result, EffectResult::Done { external_id: None });
    let bram = stage.sim.member(Demo::GUILD, Demo::BRAM).await.unwrap();
    assert_eq!(bram.role_names(), ["Champion", "Veteran", "Rookie"]);
    let given = stage.sim.role_changes().await.unwrap();
    let given: Vec<_> = given.iter().filter(|change| change.by_bot).collect();
    assert_eq!(given.len(), 2, "one call per role");
    assert!(given.iter().all(|change| change.reason.as_deref().is_some_and(|why| why.starts_with("Guildhall: "))));

    // The same hint twice more changes nothing in Discord, and reports the same deed.
    let first = stage.calls("PUT", ROLE_ROUTE).await;
    for _ in 0..2 {
        stage.hint(effect(1), 1, EffectKind::Roles).await;
        assert_eq!(stage.next_report().await, report);
    }
    assert_eq!(stage.calls("PUT", ROLE_ROUTE).await, first);

    // Fallen below: only what was ours goes.
    stage.want(effect(1), 2, roles(Demo::BRAM, &[Demo::ROOKIE], &[Demo::ROOKIE, Demo::VETERAN])).await;
    assert_eq!(stage.next_report().await.version, 2);
    assert_eq!(stage.sim.member(Demo::GUILD, Demo::BRAM).await.unwrap().role_names(), ["Champion", "Rookie"]);

    // What is settled already is left alone.
    for state in [EffectState::Done, EffectState::Parked, EffectState::Dead] {
        let desired = roles(Demo::BRAM, &[], &[Demo::ROOKIE]);
        stage.api.order(EffectOrder { id: effect(1), guild_id: guild(), version: 2, state, desired });
        stage.hint(effect(1), 2, EffectKind::Roles).await;
    }
    stage.no_command().await;
    stage.end().await;
}

#[tokio::test]
async fn what_is_given_is_said_before() {
    let mut stage = Stage::ready().await;
    stage.sim.give_role(Demo::GUILD, Demo::BRAM, Demo::ROOKIE).await.unwrap();
    let route = "/guilds/*/members/*/roles/*";
    stage.sim.add_fault(Fault::status("PUT", route, 503).times(2)).await.unwrap();
    let wanted = roles(Demo::BRAM, &[Demo::ROOKIE, Demo::VETERAN], &[]);
    stage.want(effect(1), 3, wanted).await;
    // Once, and the role the member held before is not among them.
    let said = stage.next_command().await;
    assert!(stage.sim.role_changes().await.unwrap().iter().all(|change| !change.by_bot), "nothing is given yet");
    let veteran = role_set(&[Demo::VETERAN]);
    assert_eq!(said.id, CommandId::of_deed(&format!("giving:{}:3:{}", effect(1), Demo::VETERAN)));
    let giving = EffectReport { effect_id: effect(1), version: 3, result: EffectResult::Giving { roles: veteran } };
    assert_eq!(said.command, Command::ReportEffect(giving));
    let Command::ReportEffect(report) = stage.next_command().await.command else { panic!("a report was expected") };
    assert_eq!(report.result, EffectResult::Done { external_id: None });
    // Nothing to give, nothing to say.
    stage.want(effect(1), 4, roles(Demo::BRAM, &[Demo::ROOKIE], &[Demo::VETERAN])).await;
    let Command::ReportEffect(report) = stage.next_command().await.command else { panic!("a report was expected") };
    assert_eq!(report.result, EffectResult::Done { external_id: None });
    stage.end().await;
}

#[tokio::test]
async fn roles_that_cannot_be_said_are_not_given() {
    // Room for the event alone.
    let queue = EmbeddedConfig { capacity: 1, ..EmbeddedConfig::default() };
    let mut stage = Stage::set_with(SimConfig::new(World::demo()), queue).await;
    stage.sim.wait_for_bot(PATIENCE).await.unwrap();
    stage.expect_refresh().await;
    tokio::time::sleep(QUIET).await;
    stage.want(effect(1), 1, roles(Demo::BRAM, &[Demo::ROOKIE], &[])).await;
    tokio::time::sleep(QUIET).await;
    assert!(stage.calls("GET", "/guilds/{}/members/{}").await > 0);
    assert_eq!(stage.calls("PUT", ROLE_ROUTE).await, 0);
    stage.end().await;
}

#[tokio::test]
async fn an_effect_that_fails_for_long_holds_nothing_up_and_is_left() {
    let mut stage = Stage::ready().await;
    for n in 1..=3 {
        stage.api.fail_on(&format!("/effects/{}", effect(n)));
        for _ in 0..5 {
            stage.want(effect(n), 1, roles(Demo::CLEO, &[Demo::ROOKIE], &[])).await;
        }
    }
    stage.want(effect(9), 1, roles(Demo::BRAM, &[Demo::ROOKIE], &[])).await;
    let report = tokio::time::timeout(Duration::from_secs(5), stage.next_report()).await.unwrap();
    assert_eq!(report.effect_id, effect(9));
    // It is not dead: the row waits, and the worker reminds of it.
    let left = async {
        loop {
            let depth = stage.broker.depth(Queue::BotRoles).await.unwrap();
            assert_eq!((depth.retry, depth.dead), (0, 0));
            if depth.ready == 0 && depth.unacked == Some(0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(40), left).await.unwrap();
    stage.api.heal();
    stage.hint(effect(1), 1, EffectKind::Roles).await;
    assert_eq!(stage.next_report().await.effect_id, effect(1));
    stage.end().await;
}

#[tokio::test]
async fn a_limit_longer_than_a_call_may_take_is_kept() {
    let mut stage = Stage::ready().await;
    stage.sim.add_fault(Fault::rate_limit("PUT", "/guilds/*/members/*/roles/*", 15.0)).await.unwrap();
    for n in 1..=2 {
        stage.want(effect(n), 1, roles(Demo::BRAM, &[Demo::ROOKIE], &[])).await;
    }
    for _ in 1..=2 {
        let report = stage.next_report().await;
        assert!(matches!(report.result, EffectResult::Done { .. }));
    }
    assert_eq!(stage.sim.member(Demo::GUILD, Demo::BRAM).await.unwrap().role_names(), ["Rookie"]);
    let early = discord_sim::too_early(&stage.sim.requests(0).await.unwrap());
    assert!(early.is_empty(), "{early:#?}");
    stage.end().await;
}

#[tokio::test]
async fn a_limit_over_all_routes_is_kept_and_spares_interactions() {
    let mut stage = Stage::ready().await;
    stage.sim.add_fault(Fault::global_rate_limit("PUT", "/guilds/*/members/*/roles/*", 4.0)).await.unwrap();
    for n in 1..=3 {
        stage.want(effect(n), 1, roles(Demo::BRAM, &[Demo::ROOKIE, Demo::VETERAN], &[])).await;
    }
    while stage.calls("PUT", ROLE_ROUTE).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let began = std::time::Instant::now();
    let me = stage.sim.run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "me", json!({})).await.unwrap();
    me.reply_containing("150 points").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    for _ in 1..=3 {
        assert!(matches!(stage.next_report().await.result, EffectResult::Done { .. }));
    }
    let early = discord_sim::too_early(&stage.sim.requests(0).await.unwrap());
    assert!(early.is_empty(), "{early:#?}");
    stage.end().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_one_call_and_no_more() {
    let mut stage = Stage::ready().await;
    stage.sim.add_fault(Fault::hang("PUT", "/guilds/*/members/*/roles/*", 5_000).times(3)).await.unwrap();
    stage.want(effect(1), 1, roles(Demo::BRAM, &[Demo::ROOKIE, Demo::VETERAN, Demo::CHAMPION], &[])).await;
    // Said just before the first is given.
    stage.next_command().await;
    let began = std::time::Instant::now();
    stage.end().await;
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_wanted_meanwhile_is_what_is_done() {
    let mut stage = Stage::ready().await;
    let route = "/guilds/*/members/*/roles/*";
    stage.sim.add_fault(Fault::status("PUT", route, 503).forever()).await.unwrap();
    stage.want(effect(1), 1, roles(Demo::BRAM, &[Demo::VETERAN], &[])).await;
    stage.next_command().await;
    let desired = roles(Demo::BRAM, &[Demo::ROOKIE], &[]);
    let order = EffectOrder { id: effect(1), guild_id: guild(), version: 2, state: EffectState::Waiting, desired };
    stage.api.order(order);
    let path = format!("/effects/{}", effect(1));
    let before = stage.api.asked(&path).len();
    while stage.api.asked(&path).len() == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stage.sim.clear_faults().await.unwrap();
    let report = stage.next_report().await;
    assert_eq!((report.version, report.result), (2, EffectResult::Done { external_id: None }));
    assert_eq!(stage.sim.member(Demo::GUILD, Demo::BRAM).await.unwrap().role_names(), ["Rookie"]);
    stage.end().await;
}

#[tokio::test]
async fn what_is_in_the_way_is_reported_and_keeps_nothing_else_back() {
    let mut stage = Stage::ready().await;
    let above = RolePatch { position: Some(10), ..RolePatch::default() };
    stage.sim.patch_role(Demo::GUILD, Demo::CHAMPION, above).await.unwrap();
    let refresh = stage.next_command().await;
    assert_eq!(refresh.command, Command::RefreshEffects(RefreshEffectsV1::Parked));
    assert_eq!((refresh.actor.user_id, refresh.actor.via), (None, Via::System));

    let parked = |result: EffectResult| match result {
        EffectResult::Parked { reason, detail } => (reason, detail),
        _ => panic!("{result:?}"),
    };
    stage.want(effect(1), 1, roles(Demo::BRAM, &[Demo::CHAMPION, Demo::ROOKIE], &[])).await;
    let (reason, detail) = parked(stage.next_report().await.result);
    assert_eq!((reason, detail.as_str()), (ParkReason::RoleAboveBot, "role Champion: Missing Permissions"));
    assert_eq!(stage.sim.member(Demo::GUILD, Demo::BRAM).await.unwrap().role_names(), ["Rookie"]);

    stage.sim.delete_role(Demo::GUILD, Demo::VETERAN).await.unwrap();
    stage.want(effect(2), 1, roles(Demo::CLEO, &[Demo::VETERAN], &[])).await;
    let (reason, _) = parked(stage.next_report().await.result);
    assert_eq!(reason, ParkReason::UnknownRole);

    stage.sim.leave(Demo::GUILD, Demo::DARA).await.unwrap();
    stage.want(effect(3), 1, roles(Demo::DARA, &[Demo::ROOKIE], &[])).await;
    let (reason, _) = parked(stage.next_report().await.result);
    assert_eq!(reason, ParkReason::MemberGone);

    stage.sim.join(Demo::GUILD, "dara", Some(Demo::DARA)).await.unwrap();
    let rejoined = stage.next_command().await;
    let member = RefreshEffectsV1::Member { user_id: user(Demo::DARA) };
    assert_eq!(rejoined.command, Command::RefreshEffects(member));
    stage.want(effect(3), 2, roles(Demo::DARA, &[Demo::ROOKIE], &[])).await;
    assert!(matches!(stage.next_report().await.result, EffectResult::Done { .. }));
    stage.end().await;
}

#[tokio::test]
async fn failures_of_discord_and_of_the_api_cost_no_message_a_try() {
    let mut stage = Stage::ready().await;
    let route = "/guilds/*/members/*/roles/*";
    stage.sim.add_fault(Fault::rate_limit("PUT", route, 0.3)).await.unwrap();
    stage.sim.add_fault(Fault::status("PUT", route, 503).times(4)).await.unwrap();
    stage.sim.add_fault(Fault::answer_lost("PUT", route)).await.unwrap();
    stage.api.fail(500, "{}", 2);
    stage.want(effect(1), 1, roles(Demo::BRAM, &[Demo::ROOKIE], &[])).await;
    assert!(matches!(stage.next_report().await.result, EffectResult::Done { .. }));
    let depth = stage.broker.depth(Queue::BotRoles).await.unwrap();
    assert_eq!((depth.retry, depth.dead), (0, 0));
    let changes = stage.sim.role_changes().await.unwrap();
    assert_eq!(changes.iter().filter(|change| change.by_bot && change.changed).count(), 1);
    stage.end().await;
}

fn review_wanted() -> Desired {
    Desired::Message {
        channel_id: ChannelId::new(Demo::OFFICERS.get()).unwrap(),
        notice: Notice::ReviewWanted {
            submission_id: SubmissionId::new(Uuid::from_u128(9)),
            version: 4,
            user_id: user(Demo::BRAM),
            item: "Iron Ore".into(),
            quantity: 3,
            points: Points::new(150).unwrap(),
            note: Some("@everyone look".into()),
        },
    }
}

#[tokio::test]
async fn officers_decide_with_buttons_that_survive_a_restart() {
    let mut stage = Stage::ready().await;
    stage.sim.add_fault(Fault::answer_lost("POST", "/channels/*/messages")).await.unwrap();
    stage.want(effect(1), 1, review_wanted()).await;
    let report = stage.next_report().await;
    let notices = stage.sim.messages(Demo::OFFICERS, None).await.unwrap();
    assert_eq!(notices.len(), 1, "the nonce keeps a lost answer from doubling the message");
    assert_eq!(report.result, EffectResult::Done { external_id: Some(notices[0].id.to_string()) });
    assert!(notices[0].mentions.is_empty() && !notices[0].mention_everyone, "{:?}", notices[0]);

    stage.restart_bot().await;
    stage.expect_refresh().await;
    let submission = SubmissionId::new(Uuid::from_u128(9));
    let (approve, refuse) = (format!("review:approve:{submission}:4"), format!("review:refuse:{submission}:4"));
    let review = |verdict| Command::Review(ReviewV1 { submission_id: submission, expected_version: 4, verdict });

    let click = stage.sim.click(Demo::ADA, Demo::OFFICERS, notices[0].id, &approve).await.unwrap();
    let command = stage.next_command().await;
    assert_eq!(command.command, review(VerdictV1::Approve));
    assert_eq!(command.actor.user_id, Some(user(Demo::ADA)));
    stage.outcome_of(&command, counted()).await;
    let answer = click.reply_containing("counts **150 points**").await.unwrap();
    assert!(answer.ephemeral);
    assert!(!stage.sim.messages(Demo::OFFICERS, None).await.unwrap()[0].components.is_empty(), "the notice stays");

    let click = stage.sim.click(Demo::ADA, Demo::OFFICERS, notices[0].id, &refuse).await.unwrap();
    let reason = Map::from_iter([("reason".to_owned(), json!("blurry"))]);
    click.submit_modal(reason).await.unwrap();
    let command = stage.next_command().await;
    assert_eq!(command.command, review(VerdictV1::Refuse { reason: "blurry".into() }));

    // The command does the same, with what is picked from the list.
    let choices = stage
        .sim
        .autocomplete(Demo::GUILD, Demo::ADA, Demo::HALL, "review refuse", json!({"submission": ""}), "submission")
        .await
        .unwrap();
    assert_eq!(choices[0].name, "bram: 3 × Iron Ore (150 points)");
    let options = json!({"submission": choices[0].value, "reason": "no"});
    stage.sim.run_command(Demo::GUILD, Demo::ADA, Demo::HALL, "review refuse", options).await.unwrap();
    let Command::Review(decision) = stage.next_command().await.command else { panic!("a review was expected") };
    assert_eq!((decision.expected_version, decision.verdict), (2, VerdictV1::Refuse { reason: "no".into() }));
    stage.end().await;
}

#[tokio::test]
async fn a_closed_or_missing_channel_is_reported() {
    let mut stage = Stage::ready().await;
    let closed = ChannelPatch { bot_may_send: Some(false), ..ChannelPatch::default() };
    stage.sim.patch_channel(Demo::OFFICERS, closed).await.unwrap();
    stage.expect_refresh().await;
    for (id, reason) in [(1, ParkReason::ChannelClosed), (2, ParkReason::UnknownChannel)] {
        if reason == ParkReason::UnknownChannel {
            stage.sim.delete_channel(Demo::OFFICERS).await.unwrap();
        }
        stage.want(effect(id), 1, review_wanted()).await;
        let report = stage.next_report().await;
        assert!(matches!(report.result, EffectResult::Parked { reason: found, .. } if found == reason), "{report:?}");
    }
    stage.end().await;
}
