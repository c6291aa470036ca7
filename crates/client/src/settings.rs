//! `/settings`.

use messages::api::{ChangeSettings, Settings};
use reqwest::Method;

use crate::{ClientError, Guild};

impl Guild {
    /// The guild's settings.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn settings(&self) -> Result<Settings, ClientError> {
        self.get("/settings").await
    }

    /// Changes the guild's settings.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn change_settings(&self, changes: &ChangeSettings) -> Result<Settings, ClientError> {
        self.write(Method::PATCH, "/settings", changes).await
    }
}
