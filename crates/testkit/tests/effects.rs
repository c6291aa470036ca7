//! What must become true in Discord: parked with its reason when it can't be, granted when the cause is gone, done once
//! whatever Discord answers, and nothing touched that Guildhall did not give.

use anyhow::{Result, ensure};
use discord_sim::{ChannelPatch, Fault, RolePatch, too_early};
use domain::ladder::OnFall;
use guildhall_testkit::{GuildTest, Member, expect_code, guild_tests, until};
use messages::{
    api::VoidQuery,
    effect::{EffectKind, EffectState},
};
use serde_json::json;

guild_tests!(
    a_role_above_the_bot_is_parked_and_granted_once_it_is_below,
    a_role_that_is_gone_is_parked_and_keeps_no_other_back,
    who_comes_back_gets_their_roles_again,
    only_roles_that_guildhall_gave_are_touched,
    a_role_is_granted_once_through_rate_limits_and_faults,
    a_notice_is_not_doubled_when_its_answer_is_lost,
    a_closed_channel_parks_its_notices_until_it_opens,
    an_officer_retries_a_parked_effect,
);

/// Above and below all roles there are.
const TOP: i64 = 99;
const BOTTOM: i64 = 1;

/// A season where the first thing handed in reaches Rookie, with a role.
async fn season_with_a_role(t: &GuildTest) -> Result<Member> {
    t.season("Autumn").await?;
    t.item("Iron Ore", 50).await?;
    t.rank("Rookie", 100, Some("Rookie")).await?;
    t.member("mira").await
}

async fn drag(t: &GuildTest, role: &str, position: i64) -> Result<()> {
    let role = t.role(role).await?;
    let patch = RolePatch { position: Some(position), ..RolePatch::default() };
    t.discord().patch_role(t.place().guild, role, patch).await.map(drop)
}

async fn a_role_above_the_bot_is_parked_and_granted_once_it_is_below(t: GuildTest) -> Result<()> {
    let mira = season_with_a_role(&t).await?;
    drag(&t, "Rookie", TOP).await?;
    ensure!(mira.submit("Iron Ore", 2).await?.contains("Rookie"), "the points don't depend on Discord");
    let parked = t.parked().await?;
    assert_eq!(parked.len(), 1, "{parked:#?}");
    assert_eq!((parked[0].kind, parked[0].target.as_str()), (EffectKind::Roles, mira.id().to_string().as_str()));
    assert_eq!(parked[0].reason.as_deref(), Some("role_above_bot"));
    ensure!(parked[0].detail.as_deref().is_some_and(|detail| detail.contains("Rookie")), "{parked:#?}");
    let report = t.root()?.says("setup", json!({})).await?;
    ensure!(report.contains("⚠️ Stuck") && report.contains(&format!("roles of <@{}>", mira.id())), "{report:?}");
    ensure!(report.contains("move my role above the roles I give"), "{report:?}");
    mira.expect_roles(&[]).await?;

    drag(&t, "Rookie", BOTTOM).await?;
    mira.expect_roles(&["Rookie"]).await?;
    t.settle().await?;
    assert_eq!(t.effects(EffectState::Parked).await?, []);
    let report = t.root()?.says("setup", json!({})).await?;
    ensure!(report.ends_with("✅ Nothing is stuck."), "{report:?}");
    Ok(())
}

async fn a_role_that_is_gone_is_parked_and_keeps_no_other_back(t: GuildTest) -> Result<()> {
    let mira = season_with_a_role(&t).await?;
    t.rank("Veteran", 200, Some("Veteran")).await?;
    t.discord().delete_role(t.place().guild, t.role("Rookie").await?).await?;
    mira.submit("Iron Ore", 4).await?;
    mira.expect_roles(&["Veteran"]).await?;
    let parked = t.parked().await?;
    assert_eq!(parked[0].reason.as_deref(), Some("unknown_role"), "{parked:#?}");
    Ok(())
}

async fn who_comes_back_gets_their_roles_again(t: GuildTest) -> Result<()> {
    let mira = season_with_a_role(&t).await?;
    mira.submit("Iron Ore", 2).await?;
    mira.expect_roles(&["Rookie"]).await?;
    t.settle().await?;
    mira.leaves().await?;
    mira.rejoins().await?;
    mira.expect_roles(&["Rookie"]).await?;

    // Points that come while somebody is away wait for them.
    t.settle().await?;
    t.rank("Veteran", 200, Some("Veteran")).await?;
    mira.leaves().await?;
    mira.hands_in("Iron Ore", 2).await?;
    let parked = t.parked().await?;
    assert_eq!(parked[0].reason.as_deref(), Some("member_gone"), "{parked:#?}");
    mira.rejoins().await?;
    mira.expect_roles(&["Rookie", "Veteran"]).await
}

async fn only_roles_that_guildhall_gave_are_touched(t: GuildTest) -> Result<()> {
    t.season_with("Autumn", |season| season.on_fall = OnFall::TakeBack).await?;
    t.item("Iron Ore", 50).await?;
    t.rank("Rookie", 100, Some("Rookie")).await?;
    t.rank("Veteran", 200, Some("Veteran")).await?;
    let mira = t.member("mira").await?;
    let (guild, by_hand) = (t.place().guild, t.role("Friend of Ada").await?);
    t.discord().give_role(guild, mira.discord_id(), by_hand).await?;
    let handed_in = mira.hands_in("Iron Ore", 4).await?;
    mira.expect_roles(&["Friend of Ada", "Rookie", "Veteran"]).await?;
    t.settle().await?;

    t.officer()?.waiting(10).void(handed_in.submission_id, &VoidQuery::default()).await?;
    mira.expect_roles(&["Friend of Ada"]).await?;
    // A role of the ladder that somebody gave by hand, to a member whom Guildhall never gave it.
    let bram = t.member("bram").await?;
    t.discord().give_role(guild, bram.discord_id(), t.role("Veteran").await?).await?;
    bram.hands_in("Iron Ore", 2).await?;
    bram.expect_roles(&["Rookie", "Veteran"]).await?;
    t.settle().await?;
    let touched: Vec<_> =
        t.discord().role_changes().await?.into_iter().filter(|c| c.guild == guild && c.by_bot).collect();
    ensure!(touched.iter().all(|change| change.role != by_hand), "{touched:#?}");
    ensure!(touched.iter().all(|change| change.reason.is_some()), "a change without a reason: {touched:#?}");
    Ok(())
}

async fn a_role_is_granted_once_through_rate_limits_and_faults(t: GuildTest) -> Result<()> {
    let mira = season_with_a_role(&t).await?;
    t.rank("Veteran", 200, Some("Veteran")).await?;
    let (guild, rookie) = (t.place().guild, t.role("Rookie").await?);
    let since = t.discord().requests(0).await?.len() as u64;
    let route = format!("/guilds/{guild}/members/{}/roles/{rookie}", mira.discord_id());
    for fault in [
        Fault::rate_limit("PUT", &route, 0.3),
        Fault::status("PUT", &route, 500),
        Fault::disconnect("PUT", &route),
        Fault::answer_lost("PUT", &route),
    ] {
        t.discord().add_fault(fault).await?;
    }
    mira.submit("Iron Ore", 4).await?;
    mira.expect_roles(&["Rookie", "Veteran"]).await?;
    t.settle().await?;
    let requests = t.discord().requests(since).await?;
    let tries = requests.iter().filter(|request| request.method == "PUT" && request.path == route).count();
    // After the answer that was lost, a look at the member may tell that it was done.
    ensure!(tries >= 4, "each of four faults strikes a try, not {tries}");
    assert_eq!(too_early(&requests), [], "nothing is asked inside Retry-After");
    assert_eq!(mira.times_given(rookie).await?, 1);
    assert_eq!(mira.times_given(t.role("Veteran").await?).await?, 1);
    Ok(())
}

async fn a_notice_is_not_doubled_when_its_answer_is_lost(t: GuildTest) -> Result<()> {
    let mira = season_with_a_role(&t).await?;
    t.choose_channels().await?;
    let route = format!("/channels/{}/messages", t.place().news);
    t.discord().add_fault(Fault::status("POST", &route, 500)).await?;
    t.discord().add_fault(Fault::answer_lost("POST", &route).times(2)).await?;
    mira.submit("Iron Ore", 2).await?;
    until("the announcement", async || Ok(t.notices(t.place().news).await?.pop())).await?;
    t.settle().await?;
    let told = t.notices(t.place().news).await?;
    assert_eq!(told.len(), 1, "{told:#?}");
    Ok(())
}

async fn a_closed_channel_parks_its_notices_until_it_opens(t: GuildTest) -> Result<()> {
    let mira = season_with_a_role(&t).await?;
    t.choose_channels().await?;
    let closed = |may| ChannelPatch { bot_may_send: Some(may), ..ChannelPatch::default() };
    t.discord().patch_channel(t.place().news, closed(false)).await?;
    mira.submit("Iron Ore", 2).await?;
    let parked = t.parked().await?;
    assert_eq!(parked[0].reason.as_deref(), Some("channel_closed"), "{parked:#?}");
    assert_eq!(parked[0].target, t.place().news.to_string());
    t.discord().patch_channel(t.place().news, closed(true)).await?;
    let told = until("the announcement", async || Ok(t.notices(t.place().news).await?.pop())).await?;
    ensure!(told.contains("reached **Rookie**"), "{told:?}");
    Ok(())
}

async fn an_officer_retries_a_parked_effect(t: GuildTest) -> Result<()> {
    let mira = season_with_a_role(&t).await?;
    let (guild, rookie) = (t.place().guild, t.role("Rookie").await?);
    let route = format!("/guilds/{guild}/members/{}/roles/{rookie}", mira.discord_id());
    t.discord().add_fault(Fault::missing_permissions("PUT", &route)).await?;
    mira.submit("Iron Ore", 2).await?;
    let parked = t.parked().await?;
    t.officer()?.waiting(10).retry_effect(parked[0].id).await?;
    mira.expect_roles(&["Rookie"]).await?;
    expect_code("a member's retry", mira.api().retry_effect(parked[0].id).await, 403, "not_officer")
}
