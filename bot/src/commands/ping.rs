//! `/ping`.

use crate::{handle::Handled, reply::Reply, text};

pub(super) fn run() -> Handled {
    Handled::at_once(Reply::private(text::PONG))
}
