//! What operators see: one trace from the interaction to the role, health and readiness of every part, figures, and no
//! secret anywhere.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use domain::{CommandId, ids::InteractionId, permit::Scope};
use guildhall_testkit::{Answer, GuildTest, Kind, PATIENCE, Proxy, guild_tests, until};
use messages::trace::TraceParent;
use reqwest::Method;
use serde_json::{Value, json};

guild_tests!(
    one_trace_from_the_interaction_to_the_role,
    every_part_tells_how_it_is,
    a_part_that_lacks_something_says_what,
    no_secret_is_in_a_log,
    the_documentation_is_served_offline,
);

/// The events of all processes that belong to a trace: where from, and what.
fn traced(t: &GuildTest, trace: &str) -> Vec<(String, String)> {
    let events = t.stack().logs().events().into_iter().filter(|event| {
        let spans = event["spans"].as_array().cloned().unwrap_or_default();
        spans.iter().chain([event]).any(|place| place["trace.id"] == trace)
    });
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    events.map(|event| (text(&event, "target"), text(&event, "message"))).collect()
}

/// Waits until this was logged in the trace by that crate.
async fn logged(t: &GuildTest, trace: &str, by: &str, what: &str) -> Result<()> {
    let awaited = format!("{by} to log {what:?} in trace {trace}");
    let waited = until(&awaited, async || {
        Ok(traced(t, trace)
            .iter()
            .any(|(target, message)| target.starts_with(by) && message.contains(what))
            .then_some(()))
    });
    match waited.await {
        Ok(()) => Ok(()),
        Err(error) => bail!("{error:#}; the trace has {:#?}", traced(t, trace)),
    }
}

async fn one_trace_from_the_interaction_to_the_role(t: GuildTest) -> Result<()> {
    t.choose_channels().await?;
    t.season("Autumn").await?;
    t.item("Iron Ore", 50).await?;
    t.rank("Rookie", 100, Some("Rookie")).await?;
    let mira = t.member("mira").await?;
    let used = mira.uses("submit", json!({"item": "Iron Ore", "quantity": 2})).await?;
    mira.expect_roles(&["Rookie"]).await?;
    let command = CommandId::of_interaction(InteractionId::new(used.id().get())?, "command");
    let trace = TraceParent::of(command.uuid()).trace_id();
    logged(&t, &trace, "guildhall_api", "answered a request").await?;
    logged(&t, &trace, "guildhall_worker", "command settled").await?;
    logged(&t, &trace, "guildhall_bot", "a role was changed").await?;
    logged(&t, &trace, "guildhall_bot", "an effect is true in Discord").await?;

    // A caller's own trace goes the same way.
    let bram = t.member("bram").await?;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let body = json!({"item_id": t.item_named("Iron Ore").await?.id, "quantity": 2});
    let request = t.request(Method::POST, "/submissions").bot(bram.id()).json(&body);
    let answer = request.header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01")).send().await?;
    ensure!(answer.headers.get("x-request-id").is_some_and(|id| id == trace), "{answer:?}");
    logged(&t, trace, "guildhall_api", "took a command").await?;
    logged(&t, trace, "guildhall_worker", "command settled").await?;
    logged(&t, trace, "guildhall_bot", "a role was changed").await
}

async fn get(t: &GuildTest, url: &str) -> Result<Answer> {
    let response = t.stack().http().get(url).send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    Ok(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}

async fn every_part_tells_how_it_is(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    t.item("Iron Ore", 50).await?;
    t.member("mira").await?.submit("Iron Ore", 1).await?;
    let mut figures = String::new();
    for name in t.stack().names() {
        let address = t.stack().address(name)?;
        for path in ["health", "ready"] {
            let answer = get(&t, &format!("http://{address}/{path}")).await?;
            ensure!(answer.status == 200 && answer.body["status"].is_string(), "{name} /{path}: {answer:?}");
        }
        let answer = get(&t, &format!("http://{address}/metrics")).await?;
        let text = answer.body.as_str().with_context(|| format!("{name} /metrics: {answer:?}"))?.to_owned();
        ensure!(text.contains("# TYPE guildhall_"), "{name} has no figures: {text}");
        figures.push_str(&text);
        let asked = t.stack().guildhall(&["health", "--health-listen", &address.to_string()]).await?;
        ensure!(asked.status == 0, "guildhall health for {name}: {asked:?}");
    }
    for figure in [
        "guildhall_interactions_total",
        "guildhall_http_requests_total",
        "guildhall_http_request_seconds",
        "guildhall_commands_applied_total",
        "guildhall_entries_total",
        "guildhall_published_total",
        "guildhall_consumed_total",
        "guildhall_batch_seconds",
        "guildhall_discord_calls_total",
    ] {
        ensure!(figures.contains(figure), "no part counts {figure}");
    }
    let nobody = t.stack().guildhall(&["health", "--health-listen", "127.0.0.1:9"]).await?;
    ensure!(nobody.status == 1, "guildhall health where nobody is: {nobody:?}");
    Ok(())
}

/// Waits for that status of `/ready`, and gives the answer.
async fn readiness(t: &GuildTest, address: std::net::SocketAddr, status: u16) -> Result<String> {
    until(&format!("/ready of {address} to be {status}"), async || {
        let answer = get(t, &format!("http://{address}/ready")).await?;
        Ok((answer.status == status).then(|| answer.body.to_string().to_lowercase()))
    })
    .await
}

async fn a_part_that_lacks_something_says_what(t: GuildTest) -> Result<()> {
    if t.stack().kind() == Kind::Embedded {
        // Its store and queue are files of its own; nobody else may serve them.
        let Err(second) = t.stack().another("guildhall", &[]).await else { bail!("two processes serve one folder") };
        ensure!(format!("{second:#}").contains("another guildhall process serves the data folder"), "{second:#}");
        return Ok(());
    }
    for (part, lacking, names) in [
        ("api", "DATABASE_URL", ["store", "database"]),
        ("api", "AMQP_URL", ["broker", "queue"]),
        ("worker-1", "DATABASE_URL", ["store", "database"]),
        ("worker-1", "AMQP_URL", ["broker", "queue"]),
    ] {
        let mut url = reqwest::Url::parse(t.stack().setting(lacking)?)?;
        let target = format!("{}:{}", url.host_str().context("no host")?, url.port().context("no port")?);
        let proxy = Proxy::to(target).await?;
        ensure!(url.set_port(Some(proxy.addr().port())).is_ok() && url.set_host(Some("127.0.0.1")).is_ok());
        let (mut process, address) = t.stack().another(part, &[(lacking, url.to_string())]).await?;
        readiness(&t, address, 200).await?;
        proxy.cut();
        let why = readiness(&t, address, 503).await?;
        ensure!(names.iter().any(|name| why.contains(name)), "{part} without {lacking} says {why:?}");
        let asked = t.stack().guildhall(&["health", "--health-listen", &address.to_string()]).await?;
        ensure!(asked.status == 1, "guildhall health: {asked:?}");
        proxy.mend();
        readiness(&t, address, 200).await?;
        process.signal("TERM").await?;
        assert_eq!(process.end(Duration::from_secs(25)).await?, 0, "{part} after {lacking} was away");
    }
    Ok(())
}

async fn no_secret_is_in_a_log(t: GuildTest) -> Result<()> {
    t.choose_channels().await?;
    t.season_with("Autumn", |season| season.review = true).await?;
    t.item("Iron Ore", 50).await?;
    let mira = t.member("mira").await?;
    let note = "plantednoteofamember";
    let used = mira.uses("submit", json!({"item": "Iron Ore", "quantity": 1, "note": note})).await?;
    used.reply_containing("An officer will look at it").await?;
    t.discord().wait_for_message(t.place().officers, note, PATIENCE).await?;
    let refused = mira.uses("season join", json!({"season": "plantedseason"})).await?;
    refused.reply().await?;
    let token = mira.token(&[Scope::Read, Scope::Submit]).await?.token;
    t.request(Method::GET, "/seasons").bearer(&token).send().await?.ok("the token")?;
    let broken = format!("{token}x");
    t.request(Method::GET, "/seasons").bearer(&broken).send().await?.is_problem(401, "invalid_token", "broken")?;
    t.settle().await?;

    let mut planted: Vec<String> = t.stack().secrets().map(str::to_owned).to_vec();
    // An interaction's token holds its id between dots, as Discord's do.
    planted.extend([used.id(), refused.id()].map(|id| format!(".{id}.")));
    planted.extend([token, note.to_owned(), "plantedseason".to_owned()]);
    for variable in ["DATABASE_URL", "AMQP_URL"] {
        let password = t.stack().setting(variable).ok().and_then(|url| reqwest::Url::parse(url).ok());
        let password = password.and_then(|url| Some(format!(":{}@", url.password()?)));
        planted.extend(password);
    }
    for (name, text) in t.stack().logs().texts() {
        ensure!(!text.is_empty(), "{name} logged nothing");
        for secret in &planted {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            ensure!(line.is_none(), "{name} logged {secret:?}: {line:?}");
        }
    }
    for name in t.stack().names() {
        let figures = get(&t, &format!("http://{}/metrics", t.stack().address(name)?)).await?.body.to_string();
        let told = planted.iter().find(|secret| figures.contains(secret.as_str()));
        ensure!(told.is_none(), "the figures of {name} hold {told:?}");
    }
    Ok(())
}

async fn the_documentation_is_served_offline(t: GuildTest) -> Result<()> {
    let page = t.request_to(Method::GET, "/docs/").send().await?;
    let html = page.body.as_str().context("no page")?;
    ensure!(page.status == 200 && html.contains("swagger"), "{page:?}");
    ensure!(!html.contains("https://") && !html.contains("//cdn"), "the page fetches from elsewhere: {html}");
    let policy = page.headers.get("content-security-policy").and_then(|policy| policy.to_str().ok());
    ensure!(policy.is_some_and(|policy| policy.contains("default-src 'self'")), "{policy:?}");
    Ok(())
}
