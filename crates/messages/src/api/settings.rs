//! Owns the types of `/settings`.

use domain::ChannelId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A guild's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// Where officers are told of registrations and reviews.
    #[schema(value_type = Option<String>)]
    pub officer_channel_id: Option<ChannelId>,
    /// Where everybody is told of ranks and winners.
    #[schema(value_type = Option<String>)]
    pub announcement_channel_id: Option<ChannelId>,
}

/// Changes to a guild's settings: what is absent stays, `null` clears.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSettings {
    /// See [`Settings::officer_channel_id`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub officer_channel_id: Option<Option<ChannelId>>,
    /// See [`Settings::announcement_channel_id`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub announcement_channel_id: Option<Option<ChannelId>>,
}

/// Tells a field that is `null` from one that is absent.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
