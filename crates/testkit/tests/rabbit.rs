//! What only a broker in a process of its own can show. "Accepted" means durable: while it is away nothing is accepted,
//! the caller is told what is known, and the same deed repeated counts once. (On the embedded stack queue and API are
//! one process; `kill` cuts that one off.) And what it delivers to the bot can be listened to, and delivered again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use broker::{Exchange, Live, Message, Queue, Route};
use client::{Client, Credential};
use domain::{CommandId, ids::InteractionId};
use guildhall_testkit::{GuildTest, Proxy, final_answer, until};
use messages::{
    api::SubmitRequest,
    event::{Event, EventEnvelope},
};
use serde_json::json;
use tokio::time::timeout;

mod scaled {
    use guildhall_testkit::{Failed, Kind, run};

    #[test]
    fn nothing_is_accepted_while_the_broker_is_away() -> Result<(), Failed> {
        run(
            Kind::Scaled,
            "nothing_is_accepted_while_the_broker_is_away",
            super::nothing_is_accepted_while_the_broker_is_away,
        )
    }

    #[test]
    fn an_outcome_that_comes_again_changes_nothing() -> Result<(), Failed> {
        run(
            Kind::Scaled,
            "an_outcome_that_comes_again_changes_nothing",
            super::an_outcome_that_comes_again_changes_nothing,
        )
    }
}

async fn nothing_is_accepted_while_the_broker_is_away(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    let item_id = t.item("Iron Ore", 50).await?.id;
    let mira = t.member("mira").await?;
    let mut url = reqwest::Url::parse(t.stack().setting("AMQP_URL")?)?;
    let proxy = Proxy::to(format!("{}:{}", url.host_str().context("no host")?, url.port().context("no port")?)).await?;
    ensure!(url.set_port(Some(proxy.addr().port())).is_ok() && url.set_host(Some("127.0.0.1")).is_ok());
    let (mut process, address) = t.stack().another("api", &[("AMQP_URL", url.to_string())]).await?;
    let [_, bot_key, _] = t.stack().secrets();
    let api = Client::new(&format!("http://{address}"), Credential::BotKey(bot_key.to_owned()))?;
    let mira_there = api.guild(t.id()).as_user(mira.id()).with_key("through the proxy");
    let request = SubmitRequest { user_id: None, season_id: None, item_id, quantity: 1, note: None };

    proxy.cut();
    for round in 0..3 {
        let began = Instant::now();
        let refused = mira_there.submit(&request).await.err().context("accepted without a broker")?;
        ensure!(began.elapsed() < Duration::from_secs(2), "round {round} took {:?}", began.elapsed());
        assert_eq!(refused.status(), Some(503), "{refused:?}");
        ensure!(matches!(refused.code(), Some("not_taken" | "unknown")), "{refused:?}");
        let client::ClientError::Problem { problem, retry_after } = refused else { unreachable!() };
        ensure!(retry_after.is_some(), "no Retry-After: {problem:?}");
        let key = (problem.code == "unknown").then(|| "through the proxy".to_owned());
        assert_eq!(problem.idempotency_key, key, "what is unknown names the key to repeat");
    }
    // Reads and everything that is not points go on meanwhile: they need the store alone.
    ensure!(api.guild(t.id()).as_user(mira.id()).current_season().await.is_ok());

    proxy.mend();
    until("the deed to be accepted", async || Ok(mira_there.submit(&request).await.ok())).await?;
    for _ in 0..3 {
        mira_there.waiting(5).submit(&request).await?;
    }
    t.settle().await?;
    assert_eq!(t.standings().await?, [("mira".to_owned(), 50)]);
    process.signal("TERM").await?;
    assert_eq!(process.end(Duration::from_secs(25)).await?, 0);
    Ok(())
}

/// The outcome's event three times more: the caller reads the same answer, in the same place.
async fn an_outcome_that_comes_again_changes_nothing(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    t.item("Iron Ore", 50).await?;
    let mira = t.member("mira").await?;
    let topic = format!("reply.{}", t.id());
    let mut listener = t.stack().broker().listen(Exchange::Events, &topic, 100).await?;
    // A listener hears what passes once it is bound, which nobody announces: so submissions are made until one is heard.
    let mut asked = Vec::new();
    let heard = loop {
        let used = mira.uses("submit", json!({"item": "Iron Ore", "quantity": 1})).await?;
        final_answer(&used).await?;
        asked.push(used);
        if let Ok(Some(Live::Message(heard))) = timeout(Duration::from_millis(500), listener.next()).await {
            break heard;
        }
    };
    let Event::Outcome(outcome) = serde_json::from_slice::<EventEnvelope>(&heard.body)?.event else {
        bail!("{heard:?}")
    };
    let of = |id: u64| Ok::<_, anyhow::Error>(CommandId::of_interaction(InteractionId::new(id)?, "command"));
    let used = asked.iter().find(|used| of(used.id().get()).is_ok_and(|id| id == outcome.command_id));
    let used = used.context("an outcome that nobody asked for")?;
    let answer = final_answer(used).await?;
    let before = answer.edits;
    let message = Message {
        id: heard.id,
        route: Route { exchange: Exchange::Events, key: heard.key },
        kind: heard.kind,
        body: heard.body,
    };
    for _ in 0..3 {
        t.stack().broker().publish(&message).await?;
    }
    let handled = async || {
        let view = used.view().await?;
        let reply = view.reply.context("the answer is gone")?;
        ensure!(view.followups.is_empty() && reply.text() == answer.text(), "{reply:?}, {:?}", view.followups);
        Ok((reply.edits == before + 3).then_some(()))
    };
    until("the outcome to be shown three times more", handled).await?;
    let depth = t.stack().broker().depth(Queue::BotReplies).await?;
    assert_eq!(depth.dead, 0, "an answer that was shown before is no dead letter");
    Ok(())
}
