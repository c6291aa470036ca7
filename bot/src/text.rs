//! Owns every word the bot says. One language so far; a further one is a second set of these functions.
//!
//! Whatever people typed passes through [`escape`] before it's shown.

mod notices;
mod outcomes;
mod seasons;
mod setup;

pub(crate) use notices::notice;
pub(crate) use outcomes::outcome;
pub(crate) use seasons::{
    item_added, item_choice, joined, leaderboard, me, pending_choice, rank_added, season_choice, season_created,
    season_list,
};
pub(crate) use setup::setup_report;

use domain::{Timestamp, UserId};
use messages::api::MemberView;

pub(crate) const ONLY_IN_SERVERS: &str = "❌ I only work inside a server.";
pub(crate) const NOT_SERVED: &str = "❌ I don't serve this server.";
pub(crate) const PONG: &str = "🏓 Pong!";
pub(crate) const UNKNOWN_COMMAND: &str =
    "❌ I don't know that command any more. Discord shows the current ones in a minute.";
pub(crate) const UNKNOWN_BUTTON: &str = "❌ I don't know that button any more.";
pub(crate) const STILL_WORKING: &str =
    "⏳ Still working on it. The result will appear here; there's no need to send it again.";
pub(crate) const NOT_TAKEN: &str = "❌ That could not be taken just now, and nothing has changed. Please try again.";
pub(crate) const GAVE_UP: &str =
    "❌ I couldn't find out whether that was taken. Please check with /me before you send it again.";
pub(crate) const NO_SUCH_SEASON: &str = "There's no such season. Pick one from the list.";
pub(crate) const NO_SUCH_ITEM: &str = "That item isn't part of this season. Pick one from the list.";
pub(crate) const NO_SUCH_SUBMISSION: &str = "Pick a submission from the list.";
pub(crate) const REASON_NEEDED: &str = "A refusal needs a reason, so that the member knows what to do better.";
pub(crate) const BAD_DATE: &str =
    "Write dates as `YYYY-MM-DD` or `YYYY-MM-DD HH:MM`, in UTC. A plain end date counts to the end of that day.";
pub(crate) const BAD_NUMBER: &str = "A season's or rank's number has to be between 1 and 2147483647.";
pub(crate) const REFUSE_TITLE: &str = "Refuse the submission";
pub(crate) const REFUSE_LABEL: &str = "Why? The member reads this.";

/// Text that people typed, so that it shows as it was typed: markdown, mentions and line breaks do nothing, and what
/// would garble the rest is left out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if domain::text::spoils(c) {
            continue;
        }
        if c.is_control() {
            escaped.push(' ');
        } else {
            if matches!(
                c,
                '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '-' | '[' | ']' | '(' | ')' | ':' | '@'
            ) {
                escaped.push('\\');
            }
            escaped.push(c);
        }
    }
    escaped
}

/// The first `max` characters, with an ellipsis where something is left out.
pub(crate) fn clip(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(max.saturating_sub(1)).collect();
    clipped.push('…');
    clipped
}

/// A number with separators: 1,234,567.
pub(crate) fn number(number: impl Into<i64>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("−{text}") } else { text }
}

/// `1 point`, `2 points`.
pub(crate) fn points(points: impl Into<i64>) -> String {
    let points = points.into();
    format!("{} {}", number(points), if points == 1 { "point" } else { "points" })
}

/// A moment, as each reader's own Discord writes it: "in 3 days".
pub(crate) fn relative(at: Timestamp) -> String {
    format!("<t:{}:R>", at.timestamp())
}

/// A moment, as each reader's own Discord writes it: date and time.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("<t:{}:f>", at.timestamp())
}

pub(crate) fn mention(user: UserId) -> String {
    format!("<@{user}>")
}

/// `3 × Iron Ore`.
pub(crate) fn items(quantity: u32, item: &str) -> String {
    format!("**{} × {}**", number(i64::from(quantity)), escape(item))
}

pub(crate) fn sorry(sentence: &str) -> String {
    format!("❌ {sentence}")
}

pub(crate) fn try_again(reference: &str) -> String {
    format!(
        "❌ I can't reach our own records just now. Please try again in a minute. (Reference `{}`)",
        short(reference)
    )
}

pub(crate) fn unforeseen(reference: &str) -> String {
    format!(
        "❌ Something went wrong on our side. If it happens again, tell an officer this reference: `{}`",
        short(reference)
    )
}

/// Enough of a trace id to find it in the logs.
fn short(reference: &str) -> &str {
    reference.get(..12).unwrap_or(reference)
}

pub(crate) fn registered(member: &MemberView) -> String {
    format!(
        "👋 Welcome, **{}**! You're registered. An officer will verify you; after that you can join the season.",
        escape(member.name.as_str())
    )
}

pub(crate) fn verified(member: &MemberView) -> String {
    format!("✅ **{}** ({}) is verified and can take part.", escape(member.name.as_str()), mention(member.user_id))
}

pub(crate) fn already_verified(user: UserId) -> String {
    format!("{} is verified already.", mention(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_shows_as_typed() {
        for (typed, want) in [
            ("Iron Ore", "Iron Ore"),
            ("**bold** _it_", r"\*\*bold\*\* \_it\_"),
            ("@everyone <@1>", r"\@everyone \<\@1\>"),
            ("[x](https://evil)", r"\[x\]\(https\://evil\)"),
            ("a\n# b", r"a \# b"),
            ("gold\u{202E}\0 ore", "gold ore"),
            ("`code` ||spoiler|| ~~no~~", r"\`code\` \|\|spoiler\|\| \~\~no\~\~"),
            (r"back\slash", r"back\\slash"),
            ("Ærø 🛡️", "Ærø 🛡️"),
        ] {
            assert_eq!(escape(typed), want, "{typed:?}");
        }
    }

    #[test]
    fn numbers_are_easy_to_read() {
        for (value, want) in [
            (0_i64, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (-1_234_567, "−1,234,567"),
            (9_007_199_254_740_991, "9,007,199,254,740,991"),
        ] {
            assert_eq!(number(value), want);
        }
        assert_eq!((points(1), points(2)), ("1 point".into(), "2 points".into()));
        assert_eq!((clip("abcd", 4), clip("abcde", 4)), ("abcd".into(), "abc…".into()));
    }
}
