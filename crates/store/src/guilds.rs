//! Owns guilds and their settings. A guild's row is made when somebody first does something in it.

use std::collections::HashMap;

use domain::{ChannelId, GuildId, Timestamp};
use messages::api::Settings;
use sqlx::FromRow;

use crate::{StoreError, Tx, row};

#[derive(FromRow)]
struct SettingsRow {
    id: i64,
    officer_channel_id: Option<i64>,
    announcement_channel_id: Option<i64>,
}

impl SettingsRow {
    fn read(self) -> Result<(GuildId, Settings), StoreError> {
        let settings = Settings {
            officer_channel_id: row::optional(self.officer_channel_id, ChannelId::from_i64)?,
            announcement_channel_id: row::optional(self.announcement_channel_id, ChannelId::from_i64)?,
        };
        Ok((GuildId::from_i64(self.id).map_err(StoreError::corrupt)?, settings))
    }
}

/// Makes the guild known, if it is not yet.
///
/// # Errors
/// See [`StoreError`].
pub async fn ensure(tx: &mut Tx, guild: GuildId, now: Timestamp) -> Result<(), StoreError> {
    sql!(
        tx,
        execute,
        "INSERT INTO guild (id, created_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        guild.to_i64(),
        now
    )?;
    Ok(())
}

/// The settings of these guilds. A guild where nothing ever happened has those of the default: nothing set.
///
/// # Errors
/// See [`StoreError`].
pub async fn settings_of(tx: &mut Tx, guilds: &[GuildId]) -> Result<HashMap<GuildId, Settings>, StoreError> {
    if guilds.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = build!(tx, all SettingsRow, |q| {
        q.push("SELECT id, officer_channel_id, announcement_channel_id FROM guild WHERE id IN ");
        push_list!(q, guilds.iter().map(|guild| guild.to_i64()));
    })?;
    let mut settings: HashMap<_, _> = guilds.iter().map(|guild| (*guild, Settings::default())).collect();
    for row in rows {
        let (guild, found) = row.read()?;
        settings.insert(guild, found);
    }
    Ok(settings)
}

/// The settings of one guild, as [`settings_of`].
///
/// # Errors
/// See [`StoreError`].
pub async fn settings(tx: &mut Tx, guild: GuildId) -> Result<Settings, StoreError> {
    Ok(settings_of(tx, &[guild]).await?.remove(&guild).unwrap_or_default())
}

/// Holds the guild's row alone while the transaction lasts, so that its settings don't change in between.
///
/// # Errors
/// See [`StoreError`].
pub async fn lock(tx: &mut Tx, guild: GuildId) -> Result<(), StoreError> {
    let suffix = tx.for_update();
    let _: (i64,) = build!(tx, one row::Only<i64>, |q| {
        q.push("SELECT id FROM guild WHERE id = ").push_bind(guild.to_i64()).push(suffix);
    })?;
    Ok(())
}

/// Writes a known guild's settings, all of them.
///
/// # Errors
/// See [`StoreError`].
pub async fn write_settings(tx: &mut Tx, guild: GuildId, settings: &Settings) -> Result<(), StoreError> {
    let touched = sql!(
        tx,
        execute,
        "UPDATE guild SET officer_channel_id = $1, announcement_channel_id = $2 WHERE id = $3",
        settings.officer_channel_id.map(ChannelId::to_i64),
        settings.announcement_channel_id.map(ChannelId::to_i64),
        guild.to_i64()
    )?;
    row::touched("writing a guild's settings", touched, 1)
}
