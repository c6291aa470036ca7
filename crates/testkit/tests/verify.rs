//! `guildhall verify`: it names the member and fails when anything disagrees with the ledger, and the ledger itself
//! can't be changed. In a binary of its own, since whatever is broken here is broken for the whole stack.

use anyhow::{Result, ensure};
use domain::{RoleId, name::Name};
use guildhall_testkit::{GuildTest, guild_tests};
use messages::api::{AddRank, PrizeSpec};

guild_tests!(any_difference_is_found_and_named);

async fn any_difference_is_found_and_named(t: GuildTest) -> Result<()> {
    let season = t.season("Autumn").await?;
    t.item("Iron Ore", 50).await?;
    let rank = AddRank {
        name: Name::new("Rookie")?,
        threshold: 100,
        number: None,
        role_id: Some(RoleId::new(t.role("Rookie").await?.0)?),
        prizes: vec![PrizeSpec { description: Name::new("A lantern")?, role_id: None }],
    };
    let rank = t.officer()?.add_rank(season.id, &rank).await?;
    t.counts(season.id, &rank).await?;
    let mira = t.member("mira of the lake").await?;
    mira.submit("Iron Ore", 2).await?;
    mira.expect_roles(&["Rookie"]).await?;
    t.settle().await?;
    t.verify().await?;
    let stack = t.stack();
    for (what, breaking, mending) in [
        ("a total", "UPDATE standing SET points = points + 1", "UPDATE standing SET points = points - 1"),
        ("a peak", "UPDATE standing SET peak = peak + 5", "UPDATE standing SET peak = peak - 5"),
        ("a sequence", "UPDATE standing SET seq = seq + 1", "UPDATE standing SET seq = seq - 1"),
        ("a rank", "UPDATE rank_award SET revoked_at = awarded_at", "UPDATE rank_award SET revoked_at = NULL"),
        (
            "a role that a rank gives",
            "UPDATE prize_award SET revoked_at = awarded_at \
             WHERE prize_id IN (SELECT id FROM prize WHERE role_id IS NOT NULL)",
            "UPDATE prize_award SET revoked_at = NULL WHERE revoked_at IS NOT NULL",
        ),
        (
            "a prize that is no role",
            "UPDATE prize_award SET revoked_at = awarded_at WHERE prize_id IN (SELECT id FROM prize WHERE role_id IS NULL)",
            "UPDATE prize_award SET revoked_at = NULL WHERE revoked_at IS NOT NULL",
        ),
        ("a submission", "UPDATE submission SET points = 7", "UPDATE submission SET points = 100"),
    ] {
        ensure!(stack.tamper(breaking).await? == 1, "{what}: nothing was broken");
        let found = stack.guildhall(&["verify"]).await?;
        ensure!(stack.tamper(mending).await? == 1, "{what}: nothing was mended");
        ensure!(found.status == 1, "{what}: exit status {}, {}{}", found.status, found.out, found.err);
        ensure!(found.out.contains("DIFFERENT mira of the lake in "), "{what}: {:?}", found.out);
        t.verify().await?;
    }
    for sql in ["UPDATE entry SET points = 1", "DELETE FROM entry"] {
        let refused = stack.tamper(sql).await;
        ensure!(refused.is_err(), "the ledger let itself be changed: {sql}");
    }
    Ok(())
}
