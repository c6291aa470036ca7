//! The season loop: from `/register` to the Discord role, the review of what is handed in, and what people read.

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use client::SubmissionQuery;
use discord_sim::MessageView;
use domain::{name::Name, submission::SubmissionState};
use guildhall_testkit::{GuildTest, PATIENCE, final_answer, guild_tests, now};
use messages::api::{AddRank, JoinSeason, PrizeSpec};
use serde_json::{Map, json};

guild_tests!(
    a_newcomer_earns_a_role,
    officers_set_a_season_up_in_discord,
    a_review_approves_and_refuses,
    every_rank_up_to_the_points_and_all_their_prizes,
    a_rank_added_later_is_awarded_to_those_who_have_the_points,
    what_people_read,
);

/// The whole way in Discord alone: register, verify, join, submit, role, announcement.
async fn a_newcomer_earns_a_role(t: GuildTest) -> Result<()> {
    t.choose_channels().await?;
    t.season("Autumn").await?;
    t.item("Iron Ore", 50).await?;
    t.rank("Rookie", 100, Some("Rookie")).await?;

    let mira = t.pending("mira").await?;
    let notice = t.discord().wait_for_message(t.place().officers, "mira", PATIENCE).await?;
    let told = format!("🆕 <@{}> registered as **mira**. Use `/verify` to let them take part.", mira.id());
    assert_eq!(notice.text(), told);
    mira.is_told_off("submit", json!({"item": "Iron Ore", "quantity": 1}), "An officer has yet to verify you").await?;

    let verified = t.root()?.says("verify", json!({"member": mira.discord_id()})).await?;
    assert_eq!(verified, format!("✅ **mira** (<@{}>) is verified and can take part.", mira.id()));
    let again = t.root()?.says("verify", json!({"member": mira.discord_id()})).await?;
    ensure!(again.contains("is verified already"), "{again:?}");
    let joined = mira.says("season join", json!({})).await?;
    ensure!(joined.starts_with("✅ You take part in **Autumn** (#1)."), "{joined:?}");
    assert_eq!(t.standings().await?, [("mira".to_owned(), 0)]);

    assert_eq!(mira.submit("Iron Ore", 1).await?, "✅ **1 × Iron Ore** counts **50 points**. The total is now **50**.");
    assert!(mira.roles().await?.is_empty());
    let rookie = "✅ **2 × Iron Ore** counts **100 points**. The total is now **150**.\n🎉 Reached: **Rookie**";
    assert_eq!(mira.submit("iron ore", 2).await?, rookie, "names are found whatever their case");
    mira.expect_roles(&["Rookie"]).await?;
    t.settle().await?;
    assert_eq!(t.standings().await?, [("mira".to_owned(), 150)]);
    let news = t.notices(t.place().news).await?;
    assert_eq!(news, [format!("🎉 <@{}> reached **Rookie** in **Autumn** with **150 points**!", mira.id())]);

    mira.submit("Iron Ore", 5).await?;
    t.settle().await?;
    assert_eq!(t.notices(t.place().news).await?.len(), 1, "a rank is announced once");
    assert_eq!(mira.times_given(t.role("Rookie").await?).await?, 1);
    Ok(())
}

/// Everything officers need is in Discord, and is said back to them.
async fn officers_set_a_season_up_in_discord(t: GuildTest) -> Result<()> {
    let root = t.root()?;
    let report = root.says("setup", json!({})).await?;
    assert_eq!(
        report,
        "🛠️ Officer channel: not set\n📣 Announcement channel: not set\n✅ I may manage roles.\n✅ Nothing is stuck."
    );
    let (from, to) = (now() - TimeDelta::days(2), now() + TimeDelta::days(9));
    let days = json!({
        "name": "Season of Frost", "starts": from.format("%Y-%m-%d").to_string(),
        "ends": to.format("%Y-%m-%d %H:%M").to_string(),
    });
    let created = root.says("season create", days.clone()).await?;
    ensure!(created.starts_with("✅ Season **Season of Frost** (#1) runs from <t:"), "{created:?}");
    root.is_told_off("season create", days, "a season with that name already").await?;
    let wrong = json!({"name": "x", "starts": "tomorrow", "ends": "2030-01-01"});
    root.is_told_off("season create", wrong, "YYYY-MM-DD").await?;

    let item = root.says("item add", json!({"name": "Silver Thread", "points": 120})).await?;
    assert_eq!(item, "✅ **Silver Thread** is worth **120 points** in **Season of Frost** (#1).");
    let role = t.role("Weaver").await?;
    let rank = root.says("rank add", json!({"name": "Weaver", "threshold": 240, "role": role})).await?;
    let wanted =
        format!("✅ Rank **Weaver** (#1) takes **240 points** in **Season of Frost** (#1) and gives <@&{role}>.");
    assert_eq!(rank, wanted);
    let season = t.officer()?.current_season().await?;
    let ranks = t.officer()?.ranks(season.id, &Default::default()).await?.items;
    t.counts(season.id, ranks.first().context("the rank is not listed")?).await?;
    let list = root.says("season list", json!({})).await?;
    ensure!(list.starts_with("• **Season of Frost** (#1): runs, ends <t:"), "{list:?}");

    // An officer hands in for somebody else; a member can't, and none of this is for members.
    let (mira, bram) = (t.member("mira").await?, t.member("bram").await?);
    let for_mira = json!({"item": "Silver Thread", "quantity": 2, "member": mira.discord_id(), "note": "found *it*"});
    bram.is_told_off("submit", for_mira.clone(), "Only officers").await?;
    let counted = root.says("submit", for_mira).await?;
    ensure!(counted.contains("counts **240 points**"), "{counted:?}");
    mira.expect_roles(&["Weaver"]).await?;
    for (command, options) in [
        ("item add", json!({"name": "Nail", "points": 1})),
        ("rank add", json!({"name": "Nailer", "threshold": 999})),
        ("season create", json!({"name": "Mine", "starts": "2030-01-01", "ends": "2030-02-01"})),
        ("verify", json!({"member": mira.discord_id()})),
    ] {
        bram.is_told_off(command, options, "Only officers").await?;
    }
    Ok(())
}

/// Pending, told to officers with buttons; approved by button and by command, refused with a reason; all announced.
async fn a_review_approves_and_refuses(t: GuildTest) -> Result<()> {
    t.choose_channels().await?;
    t.season_with("Autumn", |season| season.review = true).await?;
    t.item("Iron Ore", 50).await?;
    t.rank("Rookie", 100, Some("Rookie")).await?;
    let (root, mira, bram) = (t.root()?, t.member("mira").await?, t.member("bram").await?);
    let (officers, news) = (t.place().officers, t.place().news);

    let waits = mira.says("submit", json!({"item": "Iron Ore", "quantity": 2, "note": "from the cave"})).await?;
    assert_eq!(waits, "⏳ **2 × Iron Ore** is handed in for **100 points**. An officer will look at it.");
    let notice = t.discord().wait_for_message(officers, "🔎", PATIENCE).await?;
    let asked = format!("🔎 <@{}> hands in **2 × Iron Ore** for **100 points**.\n> from the cave", mira.id());
    assert_eq!(notice.text(), asked);
    ensure!(notice.mentions.is_empty(), "officers are not pinged");

    // A button is for everybody to see, not for everybody to use.
    let refused = final_answer(&bram.clicks(officers, "review:approve:").await?).await?;
    ensure!(refused.ephemeral && refused.text() == "❌ Only officers can do this.", "{refused:?}");
    let approved = final_answer(&root.clicks(officers, "review:approve:").await?).await?;
    ensure!(approved.ephemeral && approved.text().contains("counts **100 points**"), "{approved:?}");
    mira.expect_roles(&["Rookie"]).await?;
    let late = final_answer(&root.clicks(officers, "review:approve:").await?).await?;
    ensure!(late.text().starts_with("❌ "), "decided twice: {late:?}");

    bram.submit("Iron Ore", 7).await?;
    let place = t.place();
    let offered = t.discord().autocomplete(
        place.guild,
        root.discord_id(),
        place.hall,
        "review approve",
        json!({"submission": "bram"}),
        "submission",
    );
    let offered = offered.await?;
    assert_eq!(offered[0].name, "bram: 7 × Iron Ore (350 points)");
    let approved = root.says("review approve", json!({"submission": offered[0].value})).await?;
    ensure!(approved.contains("counts **350 points**"), "{approved:?}");

    bram.submit("Iron Ore", 9).await?;
    t.discord().wait_for_message(officers, "**9 × Iron Ore**", PATIENCE).await?;
    let form = root.clicks(officers, "review:refuse:").await?;
    ensure!(form.modal().await?["title"] == "Refuse the submission");
    let reason = Map::from_iter([("reason".to_owned(), json!("the picture is *blurry*"))]);
    let refused = final_answer(&form.submit_modal(reason).await?).await?;
    assert_eq!(refused.text(), "🚫 **9 × Iron Ore** is refused; no points were given.");

    bram.submit("Iron Ore", 11).await?;
    let waiting = SubmissionQuery { state: Some(SubmissionState::Pending), ..SubmissionQuery::default() };
    let waiting = t.officer()?.submissions(&waiting).await?.items;
    let picked = format!("{}:{}", waiting[0].id, waiting[0].version);
    root.is_told_off("review refuse", json!({"submission": picked, "reason": " "}), "needs a reason").await?;
    let refused = root.says("review refuse", json!({"submission": picked, "reason": "twice"})).await?;
    ensure!(refused.contains("is refused"), "{refused:?}");
    t.settle().await?;

    let (mira_id, bram_id) = (mira.id(), bram.id());
    let told = t.notices(news).await?;
    for wanted in [
        format!("✅ <@{mira_id}>: **2 × Iron Ore** counts **100 points**."),
        format!("🎉 <@{mira_id}> reached **Rookie** in **Autumn** with **100 points**!"),
        format!("✅ <@{bram_id}>: **7 × Iron Ore** counts **350 points**."),
        format!("🎉 <@{bram_id}> reached **Rookie** in **Autumn** with **350 points**!"),
        format!(
            "🚫 <@{bram_id}>: **9 × Iron Ore** was refused. Reason: the picture is \\*blurry\\* \
             You can hand it in again with `/submit`."
        ),
        format!(
            "🚫 <@{bram_id}>: **11 × Iron Ore** was refused. Reason: twice You can hand it in again with `/submit`."
        ),
    ] {
        assert_eq!(told.iter().filter(|notice| **notice == wanted).count(), 1, "{wanted:?} in {told:#?}");
    }
    assert_eq!(told.len(), 6, "{told:#?}");
    assert_eq!(t.standings().await?, [("bram".to_owned(), 350), ("mira".to_owned(), 100)]);
    Ok(())
}

/// Crossing several thresholds at once gives every rank, every role and every prize, and one notice.
async fn every_rank_up_to_the_points_and_all_their_prizes(t: GuildTest) -> Result<()> {
    t.choose_channels().await?;
    let season = t.season("Autumn").await?;
    t.item("Dragon Scale", 400).await?;
    t.rank("Rookie", 100, Some("Rookie")).await?;
    let prize = |text: &str, role: Option<domain::RoleId>| -> Result<PrizeSpec> {
        Ok(PrizeSpec { description: Name::new(text)?, role_id: role })
    };
    let lamp = domain::RoleId::new(t.role("Lamplighter").await?.0)?;
    let veteran = AddRank {
        name: Name::new("Veteran")?,
        threshold: 300,
        number: None,
        role_id: Some(domain::RoleId::new(t.role("Veteran").await?.0)?),
        prizes: vec![prize("A lantern", None)?, prize("The lamp role", Some(lamp))?],
    };
    let veteran = t.officer()?.add_rank(season.id, &veteran).await?;
    t.counts(season.id, &veteran).await?;
    t.rank("Champion", 500, Some("Champion")).await?;

    let mira = t.member("mira").await?;
    let counted = mira.submit("Dragon Scale", 1).await?;
    ensure!(counted.ends_with("🎉 Reached: **Rookie**, **Veteran**"), "{counted:?}");
    mira.expect_roles(&["Rookie", "Veteran", "Lamplighter"]).await?;
    let summary = t.officer()?.summary(mira.id(), None).await?;
    assert_eq!(summary.rank.context("no rank")?.name, "Veteran");
    assert_eq!(summary.next_rank.context("no next rank")?.name, "Champion");
    let prizes: Vec<&str> = summary.prizes.iter().map(|prize| prize.prize.description.as_str()).collect();
    assert_eq!(prizes, ["Discord role", "Discord role", "A lantern", "The lamp role"]);
    t.settle().await?;
    let news = t.notices(t.place().news).await?;
    let reached = format!("🎉 <@{}> reached **Rookie**, **Veteran** in **Autumn** with **400 points**!", mira.id());
    assert_eq!(news, [reached]);
    Ok(())
}

/// A rank that comes when its points are there already is awarded too, to those who have them.
async fn a_rank_added_later_is_awarded_to_those_who_have_the_points(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    t.item("Iron Ore", 50).await?;
    let (mira, bram) = (t.member("mira").await?, t.member("bram").await?);
    mira.submit("Iron Ore", 4).await?;
    bram.submit("Iron Ore", 1).await?;
    t.rank("Rookie", 100, Some("Rookie")).await?;
    mira.expect_roles(&["Rookie"]).await?;
    t.settle().await?;
    bram.expect_roles(&[]).await?;
    bram.submit("Iron Ore", 1).await?;
    bram.expect_roles(&["Rookie"]).await
}

/// `/me`, `/leaderboard` with its pages, `/ping`, and the choices offered while somebody types.
async fn what_people_read(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    t.item("Iron Ore", 50).await?;
    t.item("Iron *Nail*", 1).await?;
    t.rank("Rookie", 100, None).await?;
    t.rank("Veteran", 1_000, None).await?;
    let (mira, bram) = (t.member("mira").await?, t.member("bram_the_bold").await?);
    assert_eq!(mira.says("ping", json!({})).await?, "🏓 Pong!");
    mira.is_told_off("me", json!({}), "/season join").await?;

    let place = t.place();
    let typed = json!({"item": "iron o"});
    let offered = t.discord().autocomplete(place.guild, mira.discord_id(), place.hall, "submit", typed, "item").await?;
    assert_eq!(offered.iter().map(|choice| choice.name.as_str()).collect::<Vec<_>>(), ["Iron Ore (50 points)"]);
    let picked = json!({"item": offered[0].value, "quantity": 3});
    ensure!(mira.says("submit", picked).await?.contains("counts **150 points**"));
    bram.submit("Iron Ore", 5).await?;

    let me = mira.says("me", json!({})).await?;
    let wanted = "mira: Autumn\n**150 points**\nPlace **2**\nRank: **Rookie**\n**850 points** to **Veteran**\n\n\
                  __Handed in__\n3 × Iron Ore: 150 points";
    assert_eq!(me, wanted);
    let board = mira.asks("leaderboard", json!({})).await?;
    ensure!(!board.ephemeral, "a leaderboard is for everybody");
    let wanted = "🏆 Autumn\n🥇 **bram\\_the\\_bold**: 250 points · Rookie\n🥈 **mira**: 150 points · Rookie\nPage 1";
    assert_eq!(board.text(), wanted);
    turn_pages(&t).await
}

/// A board of more than ten members has pages; turning them changes the same message.
async fn turn_pages(t: &GuildTest) -> Result<()> {
    let officer = t.officer()?;
    let season = t.current().await?;
    for number in 1..=11 {
        let one = t.enrolled(&format!("m{number}")).await?;
        officer.join_season(season, &JoinSeason { user_id: Some(one.id()) }).await?;
    }
    let asked = t.root()?.uses("leaderboard", json!({})).await?;
    let page = |message: &MessageView| message.text().lines().last().unwrap_or_default().to_owned();
    assert_eq!(page(&final_answer(&asked).await?), "Page 1");
    let next = final_answer(&asked).await?;
    let button = next.custom_ids().into_iter().find(|id| id.ends_with(":Next")).context("no next page")?.to_owned();
    let turned = asked.click(&button).await?.reply_containing("Page 2").await?;
    assert_eq!(turned.text().lines().filter(|line| line.starts_with('`')).count(), 3);
    assert_eq!(turned.id, next.id, "the same message");
    Ok(())
}
