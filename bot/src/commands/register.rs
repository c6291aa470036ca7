//! `/register name [game_id]`.

use domain::name::Name;
use messages::api::Register;

use crate::{
    handle::{Ask, Trouble, patiently},
    reply::Reply,
    text,
};

pub(super) async fn answer(ask: Ask) -> Result<Reply, Trouble> {
    let name = name(&ask)?;
    let register = Register { name, game_id: ask.options.text("game_id").map(str::to_owned) };
    let api = ask.api();
    let member = patiently(|| api.register(&register)).await?;
    Ok(Reply::private(text::registered(&member)))
}

/// The name that was given, if it can be one.
pub(super) fn name(ask: &Ask) -> Result<Name, Trouble> {
    Name::new(ask.options.text("name").unwrap_or_default()).map_err(|error| Trouble::Say(format!("Sorry, {error}.")))
}
