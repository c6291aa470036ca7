//! Commands on points: taken, answered for, repeated, and refused early. The worker is not here; what it would write is
//! written by the tests.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use broker::{Handler, Queue, Received, RunOptions};
use domain::{CommandId, Rejection};
use messages::{
    command::{Command, CommandEnvelope, Via},
    outcome::Outcome,
};
use serde_json::{Value, json};
use store::{Store, inbox};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::world::{Answer, As, GUILD, MIRA, ODO, OFFICER, ROOT, World, at, here};

/// Takes commands from the queue and settles each with one outcome.
struct StandIn {
    store: Store,
    outcome: Outcome,
    seen: Mutex<Vec<CommandEnvelope>>,
}

impl Handler for StandIn {
    async fn handle(&self, batch: Vec<Received>) -> Vec<broker::Outcome> {
        for message in &batch {
            let envelope: CommandEnvelope = serde_json::from_slice(&message.body).unwrap();
            let mut tx = self.store.begin().await.unwrap();
            let fingerprint = envelope.fingerprint().unwrap();
            let claim = inbox::Claim { id: envelope.id, guild: envelope.guild_id, fingerprint };
            if inbox::claim(&mut tx, &[claim], envelope.accepted_at).await.unwrap().is_empty() {
                let outcome = serde_json::to_string(&self.outcome).unwrap();
                inbox::settle(&mut tx, &[(envelope.id, outcome)]).await.unwrap();
                self.seen.lock().await.push(envelope);
            }
            tx.commit().await.unwrap();
        }
        vec![broker::Outcome::Done; batch.len()]
    }
}

/// Lets a stand-in work while the test runs.
fn work(w: &World, outcome: Outcome) -> (Arc<StandIn>, CancellationToken) {
    let worker = Arc::new(StandIn { store: w.store.clone(), outcome, seen: Mutex::default() });
    let (broker, end, handler) = (w.broker.clone(), CancellationToken::new(), worker.clone());
    let shutdown = end.clone();
    tokio::spawn(async move { broker.run(Queue::Scoring, RunOptions::default(), shutdown, handler).await });
    (worker, end)
}

async fn submit(w: &World, who: As, body: &Value, key: Option<&str>, wait: Option<&str>) -> Answer {
    let mut request = World::request("POST", &here("/submissions"), &who).header("Content-Type", "application/json");
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    if let Some(wait) = wait {
        request = request.header("Prefer", wait);
    }
    let traced = request.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    w.raw(traced.body(Body::from(body.to_string())).unwrap()).await
}

const ITEM: &str = "0190b6f2-8c7e-7cc0-b1a4-1f6d2f0c9a11";

fn one() -> Value {
    json!({"item_id": ITEM, "quantity": 1})
}

both_engines! {
    async fn what_is_taken_is_in_the_queue_with_its_trace(w) {
        w.people(GUILD).await;
        let answer = submit(&w, As::User(MIRA), &json!({"item_id": ITEM, "quantity": 3, "note": " two chests "}), Some("k"), None).await;
        assert_eq!(answer.headers["x-request-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        let location = answer.headers["location"].to_str().unwrap().to_owned();
        let body = answer.expect(202);
        assert_eq!(location, here(&format!("/commands/{}", body["command_id"].as_str().unwrap())));
        assert_eq!(body["idempotency_key"], "k");
        let pending = w.get(As::User(MIRA), &location).await;
        assert_eq!(pending.headers["retry-after"], "1");
        pending.refused(404, "not_applied_yet");
        let (worker, end) = work(&w, Outcome::done());
        // A repeat before it is known and one after.
        let again = submit(&w, As::User(MIRA), &json!({"item_id": ITEM, "quantity": 3, "note": "two chests"}), Some("k"), Some("wait=10")).await;
        assert_eq!(again.headers["preference-applied"], "wait=10");
        assert_eq!(again.expect(200)["status"], "applied");
        let after = submit(&w, As::User(MIRA), &json!({"item_id": ITEM, "quantity": 3, "note": "two chests"}), Some("k"), None).await;
        assert_eq!(after.expect(202), body);
        assert_eq!(w.get(As::User(MIRA), &location).await.expect(200)["status"], "applied");
        assert_eq!(w.get(As::Bot, &location).await.expect(200)["status"], "applied");
        // Another guild knows nothing of it.
        let elsewhere = at(200, &format!("/commands/{}", body["command_id"].as_str().unwrap()));
        w.get(As::Bot, &elsewhere).await.refused(404, "not_applied_yet");
        let other = submit(&w, As::User(MIRA), &json!({"item_id": ITEM, "quantity": 4}), Some("k"), None).await;
        other.refused(422, "id_reused");
        end.cancel();
        let seen = worker.seen.lock().await;
        let [envelope] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(envelope.traceparent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((envelope.actor.user_id.unwrap().get(), envelope.actor.via), (MIRA, Via::Bot));
        let Command::Submit(submit) = &envelope.command else { panic!("{envelope:?}") };
        assert_eq!(submit.note.as_deref(), Some("two chests"));
        assert_eq!(json!(submit.submission_id), body["submission_id"]);
        assert!((envelope.accepted_at - w.now()).abs() < chrono::TimeDelta::minutes(1));
    }

    async fn who_waits_gets_the_outcome_as_an_answer(w) {
        w.people(GUILD).await;
        // Nobody works: the wait ends with 202.
        let began = std::time::Instant::now();
        submit(&w, As::User(MIRA), &one(), None, Some("respond-async, wait=1")).await.expect(202);
        assert!(began.elapsed() >= Duration::from_secs(1));
        for ignored in ["wait=soon", "wait=-1", "wait=0", "return=minimal"] {
            let answer = submit(&w, As::User(MIRA), &one(), None, Some(ignored)).await;
            assert!(!answer.headers.contains_key("preference-applied"), "{ignored}");
            answer.expect(202);
        }
        let (_, end) = work(&w, Outcome::from(Rejection::SeasonEnded));
        let refused = submit(&w, As::User(MIRA), &one(), None, Some("wait=10")).await;
        refused.refused(409, "season_ended");
        assert!(refused.headers.contains_key("idempotency-key"));
        assert_eq!(refused.headers["preference-applied"], "wait=10");
        end.cancel();
    }

    async fn what_can_be_refused_early_is(w) {
        w.people(GUILD).await;
        for quantity in [0, -1, 1_000_001, i64::MAX] {
            let body = json!({"item_id": ITEM, "quantity": quantity});
            submit(&w, As::User(MIRA), &body, None, None).await.refused(422, "quantity_out_of_range");
        }
        for (note, code) in [("x".repeat(501), "text_too_long"), ("a\u{0}b".to_owned(), "text_not_plain"), ("gold\u{202e}dlog".to_owned(), "text_not_plain")] {
            let body = json!({"item_id": ITEM, "quantity": 1, "note": note});
            submit(&w, As::User(MIRA), &body, None, None).await.refused(422, code);
        }
        let for_odo = json!({"item_id": ITEM, "quantity": 1, "user_id": ODO.to_string()});
        submit(&w, As::User(MIRA), &for_odo, None, None).await.refused(403, "not_officer");
        submit(&w, As::User(OFFICER), &for_odo, None, None).await.expect(202);
        submit(&w, As::User(ROOT), &one(), None, None).await.refused(403, "not_registered");
        let submission = here(&format!("/submissions/{ITEM}"));
        let reviewing = format!("{submission}/review");
        let review = |body: Value| w.post(As::User(OFFICER), &reviewing, body);
        review(json!({"expected_version": 1, "approve": false})).await.refused(422, "reason_missing");
        review(json!({"expected_version": 1, "approve": false, "reason": "  "})).await.refused(422, "reason_missing");
        review(json!({"expected_version": 1, "approve": false, "reason": "blurry"})).await.expect(202);
        let correct = json!({"expected_version": 1, "quantity": 0});
        w.send("PATCH", As::User(OFFICER), &submission, correct).await.refused(422, "quantity_out_of_range");
        let void = format!("{submission}?expected_version=x");
        w.send("DELETE", As::User(OFFICER), &void, Value::Null).await.refused(422, "invalid_query");
        let void = format!("{submission}?reason={}", "x".repeat(501));
        w.send("DELETE", As::User(OFFICER), &void, Value::Null).await.refused(422, "text_too_long");
        let void = format!("{submission}?expected_version=2&reason=twice");
        w.send("DELETE", As::User(OFFICER), &void, Value::Null).await.expect(202);
        w.get(As::User(OFFICER), &submission).await.refused(404, "unknown_submission");
    }

    async fn a_deed_and_a_command_do_not_share_a_key(w) {
        w.people(GUILD).await;
        let season = w.season(GUILD, "Autumn").await;
        let join = here(&format!("/seasons/{season}/participants"));
        w.keyed("POST", As::User(MIRA), &join, Value::Null, Some("k")).await.expect(201);
        submit(&w, As::User(MIRA), &one(), Some("k"), None).await.refused(422, "id_reused");
        // What became of a deed can be asked like what became of a command.
        let id = CommandId::of_request(crate::world::guild(GUILD), &format!("bot:{MIRA}"), "k");
        let outcome = w.get(As::User(MIRA), &here(&format!("/commands/{id}"))).await.expect(200);
        assert_eq!(outcome, json!({"status": "applied"}));
    }

    async fn without_a_queue_nothing_is_promised(w) {
        w.people(GUILD).await;
        w.broker.close().await;
        let answer = submit(&w, As::User(MIRA), &one(), Some("k"), None).await;
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!(answer.headers["idempotency-key"], "k");
        answer.refused(503, "not_taken");
        w.get(As::Nobody, "/health").await.expect(200);
        let ready = w.get(As::Nobody, "/ready").await;
        assert!(ready.body["detail"].as_str().unwrap().contains("broker"), "{}", ready.text);
        ready.refused(503, "not_ready");
    }
}
