//! `/members/{user_id}/tokens`.

use domain::{TokenId, UserId};
use messages::api::{CreateToken, IssuedToken, Page, PageQuery, TokenView};
use reqwest::Method;

use crate::{ClientError, Guild, guild::NOTHING};

impl Guild {
    /// Makes a personal token for a member.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_token(&self, user: UserId, token: &CreateToken) -> Result<IssuedToken, ClientError> {
        self.write(Method::POST, &format!("/members/{user}/tokens"), token).await
    }

    /// A member's tokens.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn tokens(&self, user: UserId, page: &PageQuery) -> Result<Page<TokenView>, ClientError> {
        self.list(&format!("/members/{user}/tokens"), page).await
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_token(&self, user: UserId, token: TokenId) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/members/{user}/tokens/{token}"), NOTHING, NOTHING).await.map(drop)
    }
}
