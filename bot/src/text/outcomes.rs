//! What the caller reads when a point command was applied or rejected.

use domain::submission::SubmissionState;
use messages::outcome::{Outcome, SubmissionOutcome};

use super::{escape, items, number, points};

/// The answer to whoever waits for a command.
pub(crate) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied { submission: Some(submission) } => applied(submission),
        Outcome::Applied { submission: None } => "✅ Done.".into(),
        Outcome::Rejected { detail, .. } => format!("❌ {detail}"),
    }
}

fn applied(submission: &SubmissionOutcome) -> String {
    let what = items(submission.quantity, &submission.item);
    match submission.state {
        SubmissionState::Pending => {
            format!("⏳ {what} is handed in for **{}**. An officer will look at it.", points(submission.points))
        }
        SubmissionState::Counted => {
            let mut text = format!(
                "✅ {what} counts **{}**. The total is now **{}**.",
                points(submission.points),
                number(submission.total)
            );
            if !submission.ranks.is_empty() {
                text.push_str(&format!("\n🎉 Reached: {}", ranks(&submission.ranks)));
            }
            text
        }
        SubmissionState::Refused => format!("🚫 {what} is refused; no points were given."),
        SubmissionState::Void => {
            format!("🗑️ {what} is taken back. The total is now **{}**.", number(submission.total))
        }
    }
}

/// Ranks' names, lowest first.
pub(super) fn ranks(ranks: &[String]) -> String {
    ranks.iter().map(|rank| format!("**{}**", escape(rank))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Points, Rejection, SubmissionId};

    #[test]
    fn outcomes_read_well() {
        let of = |state, ranks: &[&str]| Outcome::Applied {
            submission: Some(SubmissionOutcome {
                submission_id: SubmissionId::new(uuid::Uuid::nil()),
                version: 1,
                state,
                item: "Iron *Ore*".into(),
                quantity: 1_000,
                points: Points::new(50_000).unwrap(),
                total: Points::new(61_000).unwrap(),
                ranks: ranks.iter().map(|rank| (*rank).to_owned()).collect(),
            }),
        };
        for (given, want) in [
            (
                of(SubmissionState::Pending, &[]),
                "⏳ **1,000 × Iron \\*Ore\\*** is handed in for **50,000 points**. An officer will look at it.",
            ),
            (
                of(SubmissionState::Counted, &["Rookie", "Veteran"]),
                "✅ **1,000 × Iron \\*Ore\\*** counts **50,000 points**. The total is now **61,000**.\n🎉 Reached: **Rookie**, **Veteran**",
            ),
            (of(SubmissionState::Refused, &[]), "🚫 **1,000 × Iron \\*Ore\\*** is refused; no points were given."),
            (
                of(SubmissionState::Void, &[]),
                "🗑️ **1,000 × Iron \\*Ore\\*** is taken back. The total is now **61,000**.",
            ),
            (Outcome::done(), "✅ Done."),
            (Rejection::SeasonEnded.into(), "❌ That season is over."),
        ] {
            assert_eq!(outcome(&given), want);
        }
    }
}
