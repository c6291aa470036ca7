//! Bad input from programs: forged and worn-out tokens, another guild's ids, requests that are no requests. Each is
//! answered with a problem document; none with a 500; none leaves anything behind.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{permit::Scope, submission::SubmissionState};
use guildhall_testkit::{Answer, GuildTest, Member, expect_code, guild_tests};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use messages::effect::EffectState;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

guild_tests!(
    only_genuine_tokens_count_and_only_for_what_they_may,
    a_revoked_token_counts_no_more,
    without_a_credential_there_is_nothing,
    another_guilds_things_are_not_there,
    requests_that_are_no_requests,
    what_is_read_is_bounded,
);

/// A token's claims, as anybody can read them.
fn claims(token: &str) -> Result<Value> {
    let payload = token.split('.').nth(1).context("not a JWT")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> Result<String> {
    Ok(jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes()))?)
}

/// The claims with one of them changed; null takes it away.
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => _ = claims.as_object_mut().map(|claims| claims.remove(name)),
        value => claims[name] = value,
    }
    claims
}

async fn reads(t: &GuildTest, token: &str) -> Result<Answer> {
    t.request(Method::GET, "/seasons").bearer(token).send().await
}

async fn only_genuine_tokens_count_and_only_for_what_they_may(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    let ore = t.item("Iron Ore", 50).await?.id;
    let mira = t.member("mira").await?;
    let genuine = mira.token(&[Scope::Read]).await?.token;
    reads(&t, &genuine).await?.ok("a genuine token")?;
    let [_, _, secret] = t.stack().secrets();
    let good = claims(&genuine)?;
    reads(&t, &signed(&good, Algorithm::HS256, secret)?).await?.ok("the same, signed again")?;

    let (head, rest) = genuine.split_once('.').context("not a JWT")?;
    let (payload, signature) = rest.split_once('.').context("not a JWT")?;
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "JWT"}).to_string());
    let now = guildhall_testkit::now().timestamp();
    let mut forged = vec![
        ("nothing", String::new()),
        ("no JWT", "abc".to_owned()),
        ("a longer one than there is", "x".repeat(5_000)),
        ("alg none", format!("{none}.{payload}.")),
        ("alg none, with the signature", format!("{none}.{payload}.{signature}")),
        ("no signature", format!("{head}.{payload}.")),
        ("another algorithm", signed(&good, Algorithm::HS512, secret)?),
        ("another secret", signed(&good, Algorithm::HS256, &"x".repeat(64))?),
    ];
    for (what, name, value) in [
        ("expired", "exp", json!(now - 60)),
        ("without an expiry", "exp", Value::Null),
        ("an expiry in words", "exp", json!("tomorrow")),
        ("not yet", "nbf", json!(now + 600)),
        ("nbf in words", "nbf", json!("now")),
        ("without nbf", "nbf", Value::Null),
        ("another issuer", "iss", json!("somebody")),
        ("without an issuer", "iss", Value::Null),
        ("another audience", "aud", json!("somewhere")),
        ("several audiences", "aud", json!(["guildhall-api", "x"])),
        ("without an audience", "aud", Value::Null),
        ("another member", "sub", json!(Uuid::now_v7())),
        ("without a member", "sub", Value::Null),
        ("an id that was never given", "jti", json!(Uuid::now_v7())),
        ("without an id", "jti", Value::Null),
    ] {
        forged.push((what, signed(&with(&good, name, value), Algorithm::HS256, secret)?));
    }
    for (what, token) in forged {
        let answer = reads(&t, &token).await?;
        answer.is_problem(401, "invalid_token", what)?;
        ensure!(answer.headers.contains_key("www-authenticate"), "{what}: no WWW-Authenticate");
    }

    // What it may do is what the store says, whatever it claims.
    let wide = signed(&with(&good, "scope", json!("read submit manage")), Algorithm::HS256, secret)?;
    let body = json!({"item_id": ore, "quantity": 1});
    for (what, token) in [("a token to read", &genuine), ("the same, claiming more", &wide)] {
        let answer = t.request(Method::POST, "/submissions").bearer(token).json(&body).send().await?;
        answer.is_problem(403, "missing_scope", what)?;
    }
    let submit = mira.token(&[Scope::Read, Scope::Submit]).await?.token;
    let answer = t.request(Method::POST, "/submissions").bearer(&submit).waiting().json(&body).send().await?;
    answer.ok("a token to submit")?;
    let manage = mira.token(&[Scope::Manage]).await?.token;
    let verify = t.request(Method::PATCH, &format!("/members/{}", mira.id())).bearer(&manage);
    verify.json(&json!({"admin": true})).send().await?.is_problem(403, "not_officer", "a member's widest token")?;
    let register = t.request(Method::POST, "/members").bearer(&manage).json(&json!({"name": "x"})).send().await?;
    register.is_problem(403, "not_bot", "registering with a token")?;
    assert_eq!(t.standings().await?, [("mira".to_owned(), 50)]);
    Ok(())
}

async fn a_revoked_token_counts_no_more(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    let (mira, bram) = (t.member("mira").await?, t.member("bram").await?);
    let token = mira.token(&[Scope::Read]).await?;
    reads(&t, &token.token).await?.ok("before")?;
    expect_code("a stranger revokes", bram.api().revoke_token(mira.id(), token.view.id).await, 403, "not_officer")?;
    expect_code("from another member", bram.api().revoke_token(bram.id(), token.view.id).await, 404, "unknown_token")?;
    let minted = t.officer()?.create_token(mira.id(), &Default::default()).await;
    expect_code("an officer makes one for a member", minted.map(drop), 403, "own_tokens_only")?;
    mira.api().revoke_token(mira.id(), token.view.id).await?;
    reads(&t, &token.token).await?.is_problem(401, "invalid_token", "a revoked token")?;
    let again = mira.api().with_key("again").revoke_token(mira.id(), token.view.id).await;
    expect_code("revoked twice", again, 404, "unknown_token")?;

    // Who is banned can do nothing with the token they still have.
    let token = mira.token(&[Scope::Read, Scope::Submit]).await?;
    t.stands(&mira, domain::member::MemberStatus::Banned).await?;
    reads(&t, &token.token).await?.is_problem(403, "banned", "a banned member's token")
}

async fn without_a_credential_there_is_nothing(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    let mira = t.member("mira").await?;
    let get = |path: &str| t.request(Method::GET, path);
    let id = mira.id().to_string();
    for (what, request, status, code) in [
        ("nothing", get("/seasons"), 401, "authentication_required"),
        (
            "a wrong key",
            get("/seasons").header("X-API-Key", "guess").header("X-User-Discord-ID", &id),
            401,
            "authentication_required",
        ),
        ("a member without a key", get("/seasons").header("X-User-Discord-ID", &id), 401, "authentication_required"),
        ("an id that is none", get("/seasons").bot(mira.id()).header("X-User-Discord-ID", "7"), 422, "invalid_id"),
        ("Basic", get("/seasons").header("Authorization", "Basic bWlyYTptaXJh"), 401, "invalid_token"),
    ] {
        request.send().await?.is_problem(status, code, what)?;
    }
    // What anybody may ask tells nothing about anybody.
    for path in ["/health", "/ready", "/metrics", "/docs/"] {
        let open = t.request_to(Method::GET, path).send().await?;
        ensure!(open.status == 200 && !open.body.to_string().contains(&id), "{path}: {}", open.status);
    }
    Ok(())
}

async fn another_guilds_things_are_not_there(t: GuildTest) -> Result<()> {
    let there = t.elsewhere()?;
    let season = there.season_with("Theirs", |season| season.review = true).await?.id;
    let item = there.item("Their Ore", 50).await?.id;
    there.choose_channels().await?;
    let ola = there.member("ola").await?;
    let submission = ola.hands_in("Their Ore", 1).await?.submission_id;
    there.settle().await?;
    let effect = there.effects(EffectState::Done).await?.first().context("no effect there")?.id;
    let token = ola.token(&[Scope::Read]).await?;
    let command =
        there.command(None, messages::command::Command::RefreshEffects(messages::command::RefreshEffectsV1::Parked));
    there.publish(&command).await?;
    there.outcome(command.id).await?;

    let own = t.season("Ours").await?.id;
    let own_item = t.item("Our Ore", 1).await?.id;
    let mira = t.member("mira").await?;
    let (root, ola_id, token_id) = (t.root()?.id(), ola.id(), token.view.id);
    let review = json!({"expected_version": 1, "approve": true});
    let correct = json!({"expected_version": 1, "quantity": 9});
    let none = Value::Null;
    for (method, path, body, code) in [
        (Method::GET, format!("/seasons/{season}"), none.clone(), "unknown_season"),
        (Method::GET, format!("/seasons/{season}/standings"), none.clone(), "unknown_season"),
        (Method::GET, format!("/seasons/{season}/items"), none.clone(), "unknown_season"),
        (Method::GET, format!("/seasons/{season}/ranks"), none.clone(), "unknown_season"),
        (Method::POST, format!("/seasons/{season}/participants"), json!({"user_id": mira.id()}), "unknown_season"),
        (Method::POST, format!("/seasons/{own}/participants"), json!({"user_id": ola_id}), "unknown_member"),
        (Method::POST, format!("/seasons/{season}/items"), json!({"name": "x", "points": 1}), "unknown_season"),
        (Method::PUT, format!("/seasons/{season}/items/{item}"), json!({"points": 9}), "unknown_season"),
        (Method::PUT, format!("/seasons/{own}/items/{item}"), json!({"points": 9}), "unknown_item"),
        (Method::POST, format!("/seasons/{season}/ranks"), json!({"name": "x", "threshold": 9}), "unknown_season"),
        (
            Method::POST,
            "/submissions".into(),
            json!({"item_id": item, "quantity": 1, "user_id": mira.id()}),
            "unknown_item",
        ),
        (
            Method::POST,
            "/submissions".into(),
            json!({"item_id": own_item, "quantity": 1, "user_id": ola_id}),
            "unknown_member",
        ),
        (
            Method::POST,
            "/submissions".into(),
            json!({"item_id": own_item, "quantity": 1, "user_id": mira.id(), "season_id": season}),
            "unknown_season",
        ),
        (Method::GET, format!("/submissions/{submission}"), none.clone(), "unknown_submission"),
        (Method::PATCH, format!("/submissions/{submission}"), correct, "unknown_submission"),
        (Method::DELETE, format!("/submissions/{submission}"), none.clone(), "unknown_submission"),
        (Method::POST, format!("/submissions/{submission}/review"), review, "unknown_submission"),
        (Method::GET, format!("/members/{ola_id}"), none.clone(), "unknown_member"),
        (Method::PATCH, format!("/members/{ola_id}"), json!({"status": "banned"}), "unknown_member"),
        (Method::GET, format!("/members/{ola_id}/summary"), none.clone(), "unknown_member"),
        (Method::GET, format!("/members/{ola_id}/entries"), none.clone(), "unknown_member"),
        (Method::GET, format!("/members/{ola_id}/roles"), none.clone(), "unknown_member"),
        (Method::GET, format!("/members/{ola_id}/tokens"), none.clone(), "unknown_member"),
        (Method::DELETE, format!("/members/{ola_id}/tokens/{token_id}"), none.clone(), "unknown_token"),
        (Method::DELETE, format!("/members/{}/tokens/{token_id}", mira.id()), none.clone(), "unknown_token"),
        (Method::GET, format!("/effects/{effect}"), none.clone(), "unknown_effect"),
        (Method::POST, format!("/effects/{effect}/retry"), none.clone(), "unknown_effect"),
        (Method::GET, format!("/commands/{}", command.id), none.clone(), "not_applied_yet"),
    ] {
        let what = format!("{method} {path} {body}");
        let mut request = t.request(method, &path).bot(root).waiting();
        if !body.is_null() {
            request = request.json(&body);
        }
        request.send().await?.is_problem(404, code, &what)?;
    }
    // A token is for one guild.
    reads(&t, &token.token).await?.is_problem(404, "unknown_guild", "another guild's token")?;
    reads(&there, &token.token).await?.ok("in its own guild")?;
    let kept = there.officer()?.submission(submission).await?;
    assert_eq!((kept.state, kept.version), (SubmissionState::Pending, 1));
    assert_eq!(there.officer()?.items(season, None, &Default::default()).await?.items.len(), 1);
    assert_eq!(t.officer()?.members(None, None, &Default::default()).await?.items.len(), 1, "mira alone");
    there.settle().await
}

async fn requests_that_are_no_requests(t: GuildTest) -> Result<()> {
    let season = t.season("Autumn").await?.id;
    let root = t.root()?.id();
    let post = |path: &str| t.request(Method::POST, path).bot(root);
    let typed = |path: &str, body: &str| post(path).header("Content-Type", "application/json").body(body.to_owned());
    let huge = format!("{{\"name\": \"{}\"}}", "x".repeat(70 * 1024));
    let deep = "[".repeat(20_000);
    let any = |method: Method, path: &str| t.request_to(method, path).bot(root);
    for (what, request, status, code) in [
        ("no JSON", typed("/seasons", "{"), 400, "invalid_body"),
        ("not even text", typed("/seasons", "\u{0}"), 400, "invalid_body"),
        ("nested deeply", typed("/seasons", &deep), 422, "invalid_body"),
        ("an empty body", typed("/seasons", ""), 400, "invalid_body"),
        ("another type", post("/seasons").header("Content-Type", "text/plain").body("{}"), 415, "not_json"),
        ("too large", typed("/seasons", &huge), 413, "body_too_large"),
        ("a list", typed("/seasons", "[]"), 422, "invalid_body"),
        ("values without names", typed("/members", r#"["listed", null]"#), 422, "invalid_body"),
        ("a field too many", typed("/members", r#"{"name": "x", "admin": true}"#), 422, "invalid_body"),
        ("a field twice", typed("/members", r#"{"name": "x", "name": "y"}"#), 422, "invalid_body"),
        ("a guild in the body", typed("/members", r#"{"name": "x", "guild_id": "1"}"#), 422, "invalid_body"),
        ("no such address", any(Method::GET, "/api/v1/nothing"), 404, "no_such_route"),
        (
            "no such method",
            any(Method::DELETE, &format!("/api/v1/guilds/{}/seasons", t.id())),
            405,
            "method_not_allowed",
        ),
        ("a guild in words", any(Method::GET, "/api/v1/guilds/home/seasons"), 422, "invalid_id"),
        ("guild 0", any(Method::GET, "/api/v1/guilds/0/seasons"), 422, "invalid_id"),
        ("a season in words", t.request(Method::GET, "/seasons/autumn").bot(root), 422, "invalid_id"),
        ("a member in words", t.request(Method::GET, "/members/mira").bot(root), 422, "invalid_id"),
        (
            "a body where none is wanted",
            t.request(Method::DELETE, &format!("/submissions/{}", Uuid::now_v7())).bot(root).json(&json!({})),
            422,
            "invalid_body",
        ),
        (
            "a season of that id",
            t.request(Method::GET, &format!("/seasons/{}", Uuid::now_v7())).bot(root),
            404,
            "unknown_season",
        ),
    ] {
        request.send().await?.is_problem(status, code, what)?;
    }
    assert_eq!(t.officer()?.seasons(&Default::default()).await?.items.len(), 1);
    ensure!(t.officer()?.season(season).await?.closed_at.is_none());
    Ok(())
}

async fn what_is_read_is_bounded(t: GuildTest) -> Result<()> {
    let season = t.season("Autumn").await?.id;
    let people: Vec<Member> = vec![t.enrolled("ada").await?, t.enrolled("bram").await?, t.enrolled("cleo").await?];
    for name in ["One", "Two", "Three"] {
        t.item(name, 5).await?;
    }
    for person in &people {
        person.hands_in("One", 1).await?;
    }
    let root = t.root()?.id();
    let lists = ["/seasons", "/members", "/submissions", "/effects"].map(str::to_owned).into_iter();
    let lists = lists.chain(["standings", "items", "ranks"].map(|list| format!("/seasons/{season}/{list}")));
    for list in
        lists.chain([format!("/members/{}/tokens", people[0].id()), format!("/members/{}/entries", people[0].id())])
    {
        for (query, code) in [
            ("limit=0", "invalid_limit"),
            ("limit=101", "invalid_limit"),
            ("limit=-1", "invalid_limit"),
            ("limit=many", "invalid_limit"),
            ("cursor=nonsense", "invalid_cursor"),
            ("cursor=bnVsbA", "invalid_cursor"),
            ("offset=5", "invalid_query"),
        ] {
            let path = format!("{list}?{query}");
            t.request(Method::GET, &path).bot(root).send().await?.is_problem(422, code, &path)?;
        }
        let page = t.request(Method::GET, &format!("{list}?limit=100")).bot(root).send().await?.ok(&list)?;
        ensure!(page["items"].is_array(), "{list}: {page}");
    }
    // Pages one by one are the list.
    for list in [
        "/members".to_owned(),
        "/submissions".into(),
        format!("/seasons/{season}/standings"),
        format!("/seasons/{season}/items"),
    ] {
        let whole = t.request(Method::GET, &list).bot(root).send().await?.ok(&list)?["items"].clone();
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = t.request(Method::GET, &format!("{list}?limit=1{cursor}")).bot(root).send().await?.ok(&list)?;
            rows.extend(page["items"].as_array().cloned().unwrap_or_default());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(Value::from(rows.clone()), whole, "{list}");
        assert_eq!(rows.len(), 3, "{list}");
    }
    Ok(())
}
