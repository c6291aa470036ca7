//! What channels are told.

use messages::effect::Notice;

use super::{escape, items, mention, points};
use crate::{
    components,
    reply::{Button, Reply, Style},
};

/// A notice as a message. Only members it's about are pinged; officers aren't.
pub(crate) fn notice(notice: &Notice) -> Reply {
    match notice {
        Notice::Registered { user_id, name, game_id } => {
            let profile = game_id.as_ref().map_or_else(String::new, |id| format!(" (game id {})", escape(id)));
            let user = mention(*user_id);
            said(format!("🆕 {user} registered as **{}**{profile}. Use `/verify` to let them take part.", escape(name)))
        }
        Notice::ReviewWanted { submission_id, version, user_id, item, quantity, points: worth, note } => {
            let note = note.as_ref().map_or_else(String::new, |note| format!("\n> {}", escape(note)));
            let user = mention(*user_id);
            let content = format!("🔎 {user} hands in {} for **{}**.{note}", items(*quantity, item), points(*worth));
            let button = |custom_id, label, style| Button { custom_id, label, style, disabled: false };
            Reply {
                content,
                buttons: vec![
                    button(components::approve_id(*submission_id, *version), "Approve", Style::Good),
                    button(components::refuse_id(*submission_id, *version), "Refuse…", Style::Bad),
                ],
                ..Reply::default()
            }
        }
        Notice::Reviewed { user_id, item, quantity, points: counted, reason } => {
            let (user, what) = (mention(*user_id), items(*quantity, item));
            let content = match counted {
                Some(counted) => format!("✅ {user}: {what} counts **{}**.", points(*counted)),
                None => {
                    let reason =
                        reason.as_ref().map_or_else(String::new, |reason| format!(" Reason: {}", escape(reason)));
                    format!("🚫 {user}: {what} was refused.{reason} You can hand it in again with `/submit`.")
                }
            };
            Reply { mentions: vec![*user_id], ..said(content) }
        }
        Notice::RankReached { user_id, ranks, points: total, season } => {
            let ranks = super::outcomes::ranks(ranks);
            let (user, season) = (mention(*user_id), escape(season));
            let content = format!("🎉 {user} reached {ranks} in **{season}** with **{}**!", points(*total));
            Reply { mentions: vec![*user_id], ..said(content) }
        }
        Notice::SeasonClosed { season, winners } => {
            let mut content = format!("🏁 **{}** is over.", escape(season));
            for (medal, winner) in MEDALS.iter().zip(winners) {
                let (user, name) = (mention(winner.user_id), escape(&winner.name));
                content.push_str(&format!("\n{medal} {user} ({name}): **{}**", points(winner.points)));
            }
            if winners.is_empty() {
                content.push_str(" Nobody scored this time.");
            }
            Reply { mentions: winners.iter().map(|winner| winner.user_id).collect(), ..said(content) }
        }
    }
}

/// For the first three places.
pub(super) const MEDALS: [&str; 3] = ["🥇", "🥈", "🥉"];

fn said(content: String) -> Reply {
    Reply { content, ..Reply::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Points, SubmissionId, UserId};
    use messages::effect::Winner;

    #[test]
    fn notices_read_well_and_ping_only_the_member_concerned() {
        let user_id = UserId::new(20).unwrap();
        let worth = |n| Points::new(n).unwrap();
        for (given, want, pinged) in [
            (
                Notice::Registered { user_id, name: "@here".into(), game_id: Some("7".into()) },
                "🆕 <@20> registered as **\\@here** (game id 7). Use `/verify` to let them take part.",
                false,
            ),
            (
                Notice::ReviewWanted {
                    submission_id: SubmissionId::new(uuid::Uuid::nil()),
                    version: 1,
                    user_id,
                    item: "Ore".into(),
                    quantity: 3,
                    points: worth(150),
                    note: Some("two\nlines".into()),
                },
                "🔎 <@20> hands in **3 × Ore** for **150 points**.\n> two lines",
                false,
            ),
            (
                Notice::Reviewed {
                    user_id,
                    item: "Ore".into(),
                    quantity: 1,
                    points: None,
                    reason: Some("blurry".into()),
                },
                "🚫 <@20>: **1 × Ore** was refused. Reason: blurry You can hand it in again with `/submit`.",
                true,
            ),
            (
                Notice::RankReached {
                    user_id,
                    ranks: vec!["Rookie".into()],
                    points: worth(1),
                    season: "Autumn".into(),
                },
                "🎉 <@20> reached **Rookie** in **Autumn** with **1 point**!",
                true,
            ),
            (
                Notice::SeasonClosed {
                    season: "Autumn".into(),
                    winners: vec![Winner { user_id, name: "mira".into(), points: worth(9) }],
                },
                "🏁 **Autumn** is over.\n🥇 <@20> (mira): **9 points**",
                true,
            ),
        ] {
            let message = notice(&given);
            assert_eq!(message.content, want);
            assert_eq!(message.mentions, if pinged { vec![user_id] } else { vec![] }, "{want}");
        }
    }
}
