//! Interactions over HTTP: signed POSTs to the bot's interactions endpoint, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::core::Core;
use crate::error::DiscordError;
use crate::form::Form;
use crate::ids::InteractionId;
use crate::rest::first_response;

/// Sets where interactions are posted. As Discord does, first asks the endpoint: it must answer a PING, and must
/// refuse one with a wrong signature. `None` goes back to the gateway.
pub(crate) async fn set_endpoint(core: &Core, url: Option<String>) -> Result<()> {
    if let Some(url) = &url {
        let ping = json!({
            "id": core.clock.snowflake().to_string(), "application_id": core.application_id, "type": 1, "version": 1,
            "token": "ping", "entitlements": [], "user": null,
        });
        let body = ping.to_string();
        let answer = send(core, url, &body, true).await.context("the endpoint could not be reached")?;
        ensure!(answer.status() == StatusCode::OK, "the endpoint answered a PING with {}", answer.status());
        let pong: Value = answer.json().await.context("the endpoint answered a PING without JSON")?;
        ensure!(pong["type"] == 1, "the endpoint answered a PING with {pong}");
        let forged = send(core, url, &body, false).await.context("the endpoint could not be reached")?;
        ensure!(
            forged.status() == StatusCode::UNAUTHORIZED,
            "the endpoint answered a wrong signature with {}, not 401",
            forged.status()
        );
    }
    core.update(|state| state.endpoint = url);
    Ok(())
}

async fn send(core: &Core, url: &str, body: &str, genuine: bool) -> reqwest::Result<Response> {
    let timestamp = core.clock.now().timestamp().to_string();
    let signed = if genuine { body } else { "something else" };
    core.http
        .post(url)
        .header("X-Signature-Ed25519", core.sign(&timestamp, signed.as_bytes()))
        .header("X-Signature-Timestamp", timestamp)
        .header(CONTENT_TYPE, "application/json")
        .timeout(Duration::from_secs(3))
        .body(body.to_owned())
        .send()
        .await
}

/// Posts an interaction. A 202 says that the callback route is used; any other body is the first response.
pub(super) async fn post(core: Arc<Core>, id: InteractionId, url: String, payload: Value) {
    let delivered = async {
        let answer = send(&core, &url, &payload.to_string(), true).await.context("the endpoint did not answer")?;
        match answer.status() {
            StatusCode::ACCEPTED => Ok(()),
            StatusCode::OK => {
                let body: Value = answer.json().await.context("the endpoint answered without JSON")?;
                respond(&core, id, &body).context("the endpoint's answer was refused")
            }
            other => anyhow::bail!("the endpoint answered {other}"),
        }
    };
    let outcome = tokio::select! {
        () = core.cancel.cancelled() => return,
        outcome = delivered => outcome,
    };
    if let Err(error) = outcome {
        core.update(|state| state.world.note_delivery(id, &format!("{error:#}")));
    }
}

fn respond(core: &Core, id: InteractionId, body: &Value) -> Result<(), DiscordError> {
    let mut form = Form::default();
    let (interaction, token) = core.read(|state| {
        let interaction = state.world.interactions.get(&id).ok_or(DiscordError::UNKNOWN_INTERACTION)?;
        Ok((interaction.clone(), interaction.token.clone()))
    })?;
    let response = first_response(&mut form, &interaction, body);
    let (verdict, violations) = form.finish();
    for what in violations {
        core.violation("interactions endpoint", what);
    }
    verdict?;
    core.update(|state| {
        state.world.callback_target(id, &token, &state.limits)?;
        state.world.respond(id, response.ok_or(DiscordError::INVALID_FORM)?)
    })
}
