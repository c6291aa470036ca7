//! What is said about seasons, items, ranks and standings.

use domain::{RoleId, season::Phase};
use messages::api::{SeasonItem, SeasonRank, SeasonView, StandingView, SubmissionView, Summary};

use super::{clip, escape, moment, notices::MEDALS, number, points, relative};
use crate::reply::Embed;

fn name(season: &SeasonView) -> String {
    format!("**{}** (#{})", escape(season.name.as_str()), season.number)
}

pub(crate) fn season_created(season: &SeasonView) -> String {
    let review = if season.review { " Submissions wait for an officer's review." } else { "" };
    format!(
        "✅ Season {} runs from {} until {}.{review}\nNext: `/item add` and `/rank add`.",
        name(season),
        moment(season.starts_at),
        moment(season.ends_at)
    )
}

pub(crate) fn season_list(seasons: &[SeasonView]) -> String {
    if seasons.is_empty() {
        return "There are no seasons yet.".into();
    }
    let line = |season: &SeasonView| {
        let when = match season.phase {
            Phase::Upcoming => format!("starts {}", relative(season.starts_at)),
            Phase::Open => format!("runs, ends {}", relative(season.ends_at)),
            Phase::Closing | Phase::Closed => format!("ended {}", relative(season.ends_at)),
        };
        format!("• {}: {when}", name(season))
    };
    seasons.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(crate) fn season_choice(season: &SeasonView) -> String {
    let phase = match season.phase {
        Phase::Upcoming => "upcoming",
        Phase::Open => "running",
        Phase::Closing | Phase::Closed => "over",
    };
    format!("{} ({phase})", clip(season.name.as_str(), 80))
}

pub(crate) fn joined(season: &SeasonView) -> String {
    format!(
        "✅ You take part in {}. Hand things in with `/submit`. It ends {}.",
        name(season),
        relative(season.ends_at)
    )
}

pub(crate) fn item_added(item: &SeasonItem, season: &SeasonView) -> String {
    format!("✅ **{}** is worth **{}** in {}.", escape(item.name.as_str()), points(item.points), name(season))
}

pub(crate) fn item_choice(item: &SeasonItem) -> String {
    format!("{} ({})", clip(item.name.as_str(), 70), points(item.points))
}

pub(crate) fn rank_added(rank: &SeasonRank, role: Option<RoleId>, season: &SeasonView) -> String {
    let role = role.map_or_else(String::new, |role| format!(" and gives <@&{role}>"));
    let rank_name = escape(rank.name.as_str());
    format!(
        "✅ Rank **{rank_name}** (#{}) takes **{}** in {}{role}.",
        rank.number,
        points(rank.threshold),
        name(season)
    )
}

pub(crate) fn pending_choice(submission: &SubmissionView) -> String {
    format!(
        "{}: {} × {} ({})",
        clip(&submission.name, 30),
        number(i64::from(submission.quantity)),
        clip(&submission.item, 30),
        points(submission.points)
    )
}

/// The caller's own standing.
pub(crate) fn me(summary: &Summary) -> Embed {
    let mut lines = vec![format!("**{}**", points(summary.points))];
    if let Some(position) = summary.position {
        lines.push(format!("Place **{}**", number(position)));
    }
    let rank = summary.rank.as_ref().map_or_else(|| "Unranked".into(), |rank| format!("**{}**", escape(&rank.name)));
    lines.push(format!("Rank: {rank}"));
    if let Some(next) = &summary.next_rank {
        let missing = i64::from(next.threshold).saturating_sub(summary.points.into());
        lines.push(format!("**{}** to **{}**", points(missing.max(0)), escape(&next.name)));
    }
    if summary.pending_submissions > 0 {
        lines.push(format!("Waiting for review: {}", number(summary.pending_submissions)));
    }
    // Enough to recognise oneself; the whole list is a page of its own.
    const SHOWN: usize = 10;
    if !summary.items.is_empty() {
        lines.push("\n__Handed in__".into());
        lines.extend(
            summary
                .items
                .iter()
                .take(SHOWN)
                .map(|item| format!("{} × {}: {}", number(item.quantity), escape(&item.name), points(item.points))),
        );
        lines.extend(more(summary.items.len(), SHOWN));
    }
    if !summary.prizes.is_empty() {
        lines.push("\n__Prizes__".into());
        lines.extend(summary.prizes.iter().take(SHOWN).map(|prize| match prize.prize.role_id {
            Some(role) => format!("<@&{role}>"),
            None => escape(&prize.prize.description),
        }));
        lines.extend(more(summary.prizes.len(), SHOWN));
    }
    Embed {
        title: format!("{}: {}", escape(&summary.name), escape(summary.season.name.as_str())),
        description: lines.join("\n"),
        footer: None,
    }
}

fn more(all: usize, shown: usize) -> Option<String> {
    let rest = all.saturating_sub(shown);
    (rest > 0).then(|| format!("… and {rest} more"))
}

/// One page of a leaderboard.
pub(crate) fn leaderboard(season: &SeasonView, rows: &[StandingView], page: usize) -> Embed {
    let line = |row: &StandingView| {
        let place = usize::try_from(row.position).ok().and_then(|place| MEDALS.get(place.checked_sub(1)?).copied());
        let place = place.map_or_else(|| format!("`{}.`", row.position), str::to_owned);
        let rank = row.rank.as_ref().map_or_else(String::new, |rank| format!(" · {}", escape(&clip(rank, 40))));
        format!("{place} **{}**: {}{rank}", escape(&clip(&row.name, 40)), points(row.points))
    };
    let description = if rows.is_empty() {
        "Nobody is on this page.".to_owned()
    } else {
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    Embed {
        title: format!("🏆 {}", escape(season.name.as_str())),
        description,
        footer: Some(format!("Page {}", page + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Points, SeasonId, UserId, ladder::OnFall, name::Name};
    use messages::api::RankView;

    fn season() -> SeasonView {
        SeasonView {
            id: SeasonId::new(uuid::Uuid::nil()),
            number: 3,
            name: Name::new("Autumn_1").unwrap(),
            starts_at: "2026-09-01T00:00:00Z".parse().unwrap(),
            ends_at: "2026-12-01T00:00:00Z".parse().unwrap(),
            phase: Phase::Open,
            review: true,
            on_fall: OnFall::Keep,
            closed_at: None,
        }
    }

    #[test]
    fn a_leaderboard_has_medals_for_the_first_three_and_stays_within_the_limits() {
        let row = |position| StandingView {
            position,
            user_id: UserId::new(20).unwrap(),
            name: "*".repeat(100),
            points: Points::MAX,
            reached_at: season().starts_at,
            rank: Some("_".repeat(100)),
        };
        let rows: Vec<_> = (1..=10).map(row).collect();
        let board = leaderboard(&season(), &rows, 0);
        assert_eq!(board.title, "🏆 Autumn\\_1");
        let starts: Vec<_> = board.description.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(starts, ["🥇", "🥈", "🥉", "`4.`", "`5.`", "`6.`", "`7.`", "`8.`", "`9.`", "`10.`"]);
        assert!(board.description.chars().count() <= 4_096);
        assert_eq!(leaderboard(&season(), &[], 4).footer.as_deref(), Some("Page 5"));
    }

    #[test]
    fn ones_own_standing_reads_well() {
        let rank = |name: &str, threshold| RankView {
            rank_id: domain::RankId::new(uuid::Uuid::nil()),
            number: 1,
            name: name.into(),
            threshold: Points::new(threshold).unwrap(),
        };
        let summary = Summary {
            season: season(),
            user_id: UserId::new(20).unwrap(),
            name: "mira".into(),
            points: Points::new(150).unwrap(),
            position: Some(2),
            rank: None,
            next_rank: Some(rank("Rookie", 200)),
            prizes: vec![],
            items: vec![],
            pending_submissions: 1,
        };
        let embed = me(&summary);
        assert_eq!(embed.title, "mira: Autumn\\_1");
        let want = "**150 points**\nPlace **2**\nRank: Unranked\n**50 points** to **Rookie**\nWaiting for review: 1";
        assert_eq!(embed.description, want);
    }

    #[test]
    fn seasons_are_told_apart_by_their_phase() {
        let upcoming = SeasonView { phase: Phase::Upcoming, ..season() };
        let over = SeasonView { phase: Phase::Closing, ..season() };
        let want = "• **Autumn\\_1** (#3): starts <t:1788220800:R>\n• **Autumn\\_1** (#3): runs, ends <t:1796083200:R>\n\
                    • **Autumn\\_1** (#3): ended <t:1796083200:R>";
        assert_eq!(season_list(&[upcoming, season(), over]), want);
        assert_eq!(season_list(&[]), "There are no seasons yet.");
    }
}
