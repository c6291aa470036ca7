//! What goes over the wire, and how answers are read: against a stub that speaks plain HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::{GuildId, SubmissionId, UserId, submission::SubmissionState};
use guildhall_client::{Client, ClientError, Credential, SubmissionQuery, Taken};
use messages::{
    api::{ChangeSettings, PageQuery, SubmitRequest, VoidQuery},
    outcome::Outcome,
    trace::TraceParent,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

/// Answers one request with `answer` and returns what was asked.
async fn stub(answer: String) -> (String, tokio::task::JoinHandle<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let read = stream.read(&mut chunk).await.unwrap();
            seen.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&seen).to_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
                if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                    break;
                }
            }
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8(seen).unwrap()
    });
    (base, served)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn guild(base: &str) -> guildhall_client::Guild {
    Client::new(base, Credential::BotKey("secret".into())).unwrap().guild(GuildId::new(10).unwrap())
}

#[tokio::test]
async fn a_call_carries_who_what_and_which_trace() {
    let (base, served) = stub(answer("200 OK", "", r#"{"status":"applied"}"#)).await;
    let trace = TraceParent::of(Uuid::from_u128(7));
    let request = SubmitRequest {
        user_id: None,
        season_id: None,
        item_id: domain::ItemId::new(Uuid::from_u128(1)),
        quantity: 3,
        note: None,
    };
    let api = guild(&base).as_user(UserId::new(20).unwrap()).with_key("discord:5").traced(&trace).waiting(1);
    assert_eq!(api.submit(&request).await.unwrap(), Taken::Outcome(Outcome::done()));
    let asked = served.await.unwrap();
    assert!(asked.starts_with("POST /api/v1/guilds/10/submissions HTTP/1.1\r\n"), "{asked}");
    let asked = asked.to_lowercase();
    for header in [
        "x-api-key: secret\r\n",
        "x-user-discord-id: 20\r\n",
        "idempotency-key: discord:5\r\n",
        "prefer: wait=1\r\n",
        &format!("traceparent: {trace}\r\n"),
    ] {
        assert!(asked.contains(header), "{header:?} in {asked}");
    }
    assert!(asked.ends_with(r#"{"item_id":"00000000-0000-0000-0000-000000000001","quantity":3}"#), "{asked}");
}

#[tokio::test]
async fn queries_are_flat() {
    let page = PageQuery { limit: Some(25), cursor: Some("a b".into()) };
    let (base, served) = stub(answer("200 OK", "", r#"{"items":[]}"#)).await;
    let query = SubmissionQuery { state: Some(SubmissionState::Pending), page: page.clone(), ..Default::default() };
    guild(&base).submissions(&query).await.unwrap();
    let asked = served.await.unwrap();
    assert!(asked.starts_with("GET /api/v1/guilds/10/submissions?state=pending&limit=25&cursor=a+b HTTP"), "{asked}");

    let (base, served) = stub(answer(
        "202 Accepted",
        "",
        r#"{"command_id":"00000000-0000-0000-0000-000000000001","submission_id":null,"idempotency_key":"k"}"#,
    ))
    .await;
    let query = VoidQuery { expected_version: Some(2), reason: None };
    let taken = guild(&base).void(SubmissionId::new(Uuid::nil()), &query).await.unwrap();
    assert!(matches!(taken, Taken::Accepted(_)), "{taken:?}");
    let asked = served.await.unwrap();
    assert!(asked.contains("?expected_version=2 HTTP"), "{asked}");
}

#[tokio::test]
async fn errors_are_read_for_what_they_are() {
    let problem =
        r#"{"type":"about:blank","title":"Not Found","status":404,"code":"not_applied_yet","detail":"Wait."}"#;
    let (base, _served) = stub(answer("404 Not Found", "retry-after: 2\r\n", problem)).await;
    let error = guild(&base).settings().await.unwrap_err();
    assert_eq!((error.code(), error.status(), error.is_passing()), (Some("not_applied_yet"), Some(404), false));
    assert!(matches!(error, ClientError::Problem { retry_after: Some(after), .. } if after.as_secs() == 2));

    let (base, _served) = stub(answer("502 Bad Gateway", "", "<html>")).await;
    let error = guild(&base).settings().await.unwrap_err();
    assert!(matches!(error, ClientError::Undecodable { status: 502, .. }), "{error:?}");
    assert!(error.is_passing());

    let (base, _served) = stub(answer("200 OK", "", "[]")).await;
    let error = guild(&base).change_settings(&ChangeSettings::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Undecodable { status: 200, .. }) && !error.is_passing(), "{error:?}");

    let error = guild("http://127.0.0.1:1").settings().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable(_)) && error.is_passing(), "{error:?}");
    assert!(matches!(Client::new("ftp://x", Credential::Token("t".into())), Err(ClientError::Config(_))));
}
