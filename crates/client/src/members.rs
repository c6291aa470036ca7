//! `/members` and what hangs on a member.

use domain::{SeasonId, UserId, member::MemberStatus};
use messages::api::{ChangeMember, EntryView, MemberRoles, MemberView, Page, PageQuery, Register, Summary};
use reqwest::Method;
use serde::Serialize;

use crate::{ClientError, Guild};

#[derive(Serialize)]
struct MemberQuery<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<MemberStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(flatten)]
    page: &'a PageQuery,
}

#[derive(Serialize)]
struct OfSeason<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    season_id: Option<SeasonId>,
    #[serde(flatten)]
    page: &'a PageQuery,
}

impl Guild {
    /// Registers the member in whose name the bot calls.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn register(&self, register: &Register) -> Result<MemberView, ClientError> {
        self.write(Method::POST, "/members", register).await
    }

    /// Members, of one status or whose name begins with some text, whatever its case.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn members(
        &self,
        status: Option<MemberStatus>,
        name: Option<&str>,
        page: &PageQuery,
    ) -> Result<Page<MemberView>, ClientError> {
        self.list("/members", &MemberQuery { status, name, page }).await
    }

    /// One member.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn member(&self, user: UserId) -> Result<MemberView, ClientError> {
        self.get(&format!("/members/{user}")).await
    }

    /// Verifies, bans, or makes an officer; 409 `no_change` when there is nothing to change.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn change_member(&self, user: UserId, changes: &ChangeMember) -> Result<MemberView, ClientError> {
        self.write(Method::PATCH, &format!("/members/{user}"), changes).await
    }

    /// How a member stands in a season, or in the current one.
    ///
    /// # Errors
    /// [`ClientError`]; 404 `not_joined` when they take no part in it.
    pub async fn summary(&self, user: UserId, season_id: Option<SeasonId>) -> Result<Summary, ClientError> {
        let page = PageQuery::default();
        self.list(&format!("/members/{user}/summary"), &OfSeason { season_id, page: &page }).await
    }

    /// A member's ledger entries in a season, or in the current one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn entries(
        &self,
        user: UserId,
        season_id: Option<SeasonId>,
        page: &PageQuery,
    ) -> Result<Page<EntryView>, ClientError> {
        self.list(&format!("/members/{user}/entries"), &OfSeason { season_id, page }).await
    }

    /// The roles a member should hold, and whether they do.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn member_roles(&self, user: UserId) -> Result<MemberRoles, ClientError> {
        self.get(&format!("/members/{user}/roles")).await
    }
}
