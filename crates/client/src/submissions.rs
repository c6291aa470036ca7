//! `/submissions` and `/commands`: what moves points, and what came of it.

use domain::{CommandId, SeasonId, SubmissionId, UserId, submission::SubmissionState};
use messages::{
    api::{Accepted, CorrectSubmission, Page, PageQuery, ReviewSubmission, SubmissionView, SubmitRequest, VoidQuery},
    outcome::Outcome,
};
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;

use crate::{ClientError, Guild, error, guild::NOTHING};

/// What the API said to a point command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It's durable and will be applied.
    Accepted(Accepted),
    /// It was applied or rejected within the time the caller was willing to wait.
    Outcome(Outcome),
}

/// Which submissions are wanted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SubmissionQuery {
    /// Of one season.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub season_id: Option<SeasonId>,
    /// Of one member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// In one state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<SubmissionState>,
    /// Which page.
    #[serde(flatten)]
    pub page: PageQuery,
}

impl Guild {
    /// Hands something in.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submit(&self, submission: &SubmitRequest) -> Result<Taken, ClientError> {
        taken(self.send(Method::POST, "/submissions", NOTHING, Some(submission)).await?).await
    }

    /// Submissions, newest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submissions(&self, query: &SubmissionQuery) -> Result<Page<SubmissionView>, ClientError> {
        self.list("/submissions", query).await
    }

    /// One submission.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submission(&self, id: SubmissionId) -> Result<SubmissionView, ClientError> {
        self.get(&format!("/submissions/{id}")).await
    }

    /// Decides on a pending submission.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn review(&self, id: SubmissionId, review: &ReviewSubmission) -> Result<Taken, ClientError> {
        taken(self.send(Method::POST, &format!("/submissions/{id}/review"), NOTHING, Some(review)).await?).await
    }

    /// Puts a counted submission's quantity right.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn correct(&self, id: SubmissionId, correction: &CorrectSubmission) -> Result<Taken, ClientError> {
        taken(self.send(Method::PATCH, &format!("/submissions/{id}"), NOTHING, Some(correction)).await?).await
    }

    /// Takes a submission back.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn void(&self, id: SubmissionId, query: &VoidQuery) -> Result<Taken, ClientError> {
        taken(self.send(Method::DELETE, &format!("/submissions/{id}"), Some(query), NOTHING).await?).await
    }

    /// What became of a command.
    ///
    /// # Errors
    /// [`ClientError`]; 404 `not_applied_yet` while it is on its way.
    pub async fn outcome(&self, command: CommandId) -> Result<Outcome, ClientError> {
        self.get(&format!("/commands/{command}")).await
    }
}

pub(crate) async fn taken(response: Response) -> Result<Taken, ClientError> {
    if response.status() == StatusCode::ACCEPTED {
        error::decoded(response).await.map(Taken::Accepted)
    } else {
        error::decoded(response).await.map(Taken::Outcome)
    }
}
