//! Owns the slash commands: their definitions, and who answers which. One file per command.

mod define;
mod item;
mod leaderboard;
mod me;
mod ping;
mod rank;
mod register;
mod resolve;
mod review;
mod season;
mod setup;
mod submit;
mod verify;

pub(crate) use define::{definitions, differ};
pub(crate) use leaderboard::turn_page;
pub(crate) use review::decide;

use messages::command::VerdictV1;

use crate::{
    handle::{Ask, Handled, Trouble},
    reply::Reply,
    text,
};

/// The longest note or reason.
pub(crate) const TEXT_LIMIT: usize = domain::text::MAX;

/// The paths of all commands.
const PATHS: [&str; 14] = [
    "ping",
    "register",
    "verify",
    "season create",
    "season list",
    "season join",
    "item add",
    "rank add",
    "submit",
    "review approve",
    "review refuse",
    "me",
    "leaderboard",
    "setup",
];

/// The path, when it's one of ours; for metrics and logs, which must not hold what others make up.
pub(crate) fn known(path: &str) -> &'static str {
    PATHS.into_iter().find(|known| *known == path).unwrap_or("unknown")
}

/// A note or a reason, if it can be taken; `None` when there is none.
fn plain(text: &str) -> Result<Option<String>, Trouble> {
    domain::text::note(text).map_err(|error| Trouble::Say(error.to_string()))
}

/// Answers a command.
pub(crate) fn run(path: &str, ask: Ask) -> Handled {
    match known(path) {
        "ping" => ping::run(),
        "register" => Handled::later(ask, register::answer),
        "verify" => Handled::later(ask, verify::answer),
        "season create" => Handled::later(ask, season::create),
        "season list" => Handled::later(ask, season::list),
        "season join" => Handled::later(ask, season::join),
        "item add" => Handled::later(ask, item::add),
        "rank add" => Handled::later(ask, rank::add),
        "submit" => Handled::publish(ask, submit::command),
        "review approve" => Handled::publish(ask, |ask| review::command(ask, |_| Ok(VerdictV1::Approve))),
        "review refuse" => Handled::publish(ask, |ask| review::command(ask, review::refusal)),
        "me" => Handled::later(ask, me::answer),
        "leaderboard" => leaderboard::run(ask),
        "setup" => Handled::later(ask, setup::answer),
        _ => Handled::at_once(Reply::private(text::UNKNOWN_COMMAND)),
    }
}
