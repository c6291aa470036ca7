//! Owns buttons and forms: what their `custom_id` means. All state is in there, so that they work after a restart;
//! nothing in it is trusted, since rights are decided where the deed is done.

use std::collections::BTreeMap;

use domain::{SeasonId, SubmissionId};

use crate::{
    commands,
    handle::{Ask, Handled},
    reply::{First, Form, Reply},
    text,
};

/// The labels that turn a leaderboard's pages.
pub(crate) const PREVIOUS: &str = "Previous";
pub(crate) const NEXT: &str = "Next";

/// The field of the form that asks for a reason.
const REASON: &str = "reason";

/// What a `custom_id` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Approve(SubmissionId, i32),
    Refuse(SubmissionId, i32),
    Board(SeasonId, usize),
}

pub(crate) fn approve_id(submission: SubmissionId, version: i32) -> String {
    format!("review:approve:{}", pending(submission, version))
}

pub(crate) fn refuse_id(submission: SubmissionId, version: i32) -> String {
    format!("review:refuse:{}", pending(submission, version))
}

/// `label` keeps the two buttons of the first page apart: no two ids in one message may be the same.
pub(crate) fn board_id(season: SeasonId, page: usize, label: &str) -> String {
    format!("lb:{season}:{page}:{label}")
}

/// A submission with the version that was looked at.
pub(crate) fn pending(submission: SubmissionId, version: i32) -> String {
    format!("{submission}:{version}")
}

/// Reads what [`pending`] wrote.
pub(crate) fn read_pending(value: &str) -> Option<(SubmissionId, i32)> {
    let (submission, version) = value.split_once(':')?;
    Some((submission.parse().ok()?, version.parse().ok().filter(|version| *version >= 0)?))
}

fn read(custom_id: &str) -> Option<Meaning> {
    if let Some(rest) = custom_id.strip_prefix("review:approve:") {
        read_pending(rest).map(|(submission, version)| Meaning::Approve(submission, version))
    } else if let Some(rest) = custom_id.strip_prefix("review:refuse:") {
        read_pending(rest).map(|(submission, version)| Meaning::Refuse(submission, version))
    } else {
        let mut parts = custom_id.strip_prefix("lb:")?.split(':');
        Some(Meaning::Board(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// Somebody clicked a button.
pub(crate) fn clicked(ask: Ask, custom_id: &str) -> Handled {
    match read(custom_id) {
        Some(Meaning::Approve(submission, version)) => commands::decide(ask, submission, version, None),
        Some(Meaning::Refuse(submission, version)) => {
            let form = Form {
                custom_id: refuse_id(submission, version),
                title: text::REFUSE_TITLE,
                field: REASON,
                label: text::REFUSE_LABEL,
                max_length: commands::TEXT_LIMIT,
            };
            Handled { first: First::Form(form), then: None }
        }
        Some(Meaning::Board(season, page)) => commands::turn_page(ask, season, page),
        None => unknown(),
    }
}

/// Somebody sent off a form.
pub(crate) fn filled_in(ask: Ask, custom_id: &str, fields: &BTreeMap<String, String>) -> Handled {
    match read(custom_id) {
        Some(Meaning::Refuse(submission, version)) => {
            let reason = fields.get(REASON).map_or("", String::as_str);
            commands::decide(ask, submission, version, Some(reason))
        }
        Some(Meaning::Approve(..) | Meaning::Board(..)) | None => unknown(),
    }
}

fn unknown() -> Handled {
    Handled::at_once(Reply::private(text::UNKNOWN_BUTTON))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn ids_survive_the_round_trip_and_fit() {
        let submission = SubmissionId::new(Uuid::from_u128(u128::MAX));
        let season = SeasonId::new(Uuid::from_u128(7));
        for (id, want) in [
            (approve_id(submission, i32::MAX), Meaning::Approve(submission, i32::MAX)),
            (refuse_id(submission, 1), Meaning::Refuse(submission, 1)),
            (board_id(season, usize::MAX, PREVIOUS), Meaning::Board(season, usize::MAX)),
            (board_id(season, 0, NEXT), Meaning::Board(season, 0)),
        ] {
            assert!(id.len() <= 100, "{id}");
            assert_eq!(read(&id), Some(want), "{id}");
        }
    }

    #[test]
    fn made_up_ids_mean_nothing() {
        for id in ["", "lb:", "lb:x:1", "review:approve:", "review:approve:x:1", "review:burn:x", "lb:1:2:3:4"] {
            assert_eq!(read(id), None, "{id:?}");
        }
        let nil = Uuid::nil();
        for value in
            ["", "x", &nil.to_string(), &format!("{nil}:-1"), &format!("{nil}:99999999999"), &format!("{nil}:1:2")]
        {
            assert_eq!(read_pending(value), None, "{value:?}");
        }
    }
}
