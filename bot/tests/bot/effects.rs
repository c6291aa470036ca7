//! What was decided is brought to Discord: roles and notices.

use discord_sim::{ChannelPatch, Demo, Fault, RolePatch};
use domain::{ChannelId, Points, SubmissionId};
use messages::{
    command::{Command, RefreshEffectsV1, ReviewV1, VerdictV1, Via},
    effect::{Desired, EffectKind, EffectResult, EffectState, Notice, ParkReason},
    topology::Queue,
};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::stage::{Stage, counted, effect, guild, roles, user};

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
    stage.want(effect(1), 2, roles(Demo::BRAM, &[Demo::ROOKIE], &[Demo::VETERAN])).await;
    assert_eq!(stage.next_report().await.version, 2);
    assert_eq!(stage.sim.member(Demo::GUILD, Demo::BRAM).await.unwrap().role_names(), ["Champion", "Rookie"]);

    // What is done already is left alone.
    let done = messages::effect::EffectOrder {
        id: effect(1),
        guild_id: guild(),
        version: 2,
        state: EffectState::Done,
        desired: roles(Demo::BRAM, &[], &[Demo::ROOKIE]),
    };
    stage.api.order(done);
    stage.hint(effect(1), 2, EffectKind::Roles).await;
    stage.no_command().await;
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
        EffectResult::Done { .. } => panic!("{result:?}"),
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
