//! Bad input from people: each is refused where it was made, with a code and a kind sentence, and nothing is half-done.

use anyhow::{Context, Result, ensure};
use chrono::{SecondsFormat, TimeDelta};
use domain::{SubmissionId, member::MemberStatus};
use guildhall_testkit::{GuildTest, Member, guild_tests, now};
use messages::{
    api::PageQuery,
    command::{Command, CommandEnvelope, SubmitV1},
    outcome::Outcome,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

guild_tests!(
    quantities_items_and_members,
    a_season_counts_from_its_start_to_just_before_its_end,
    totals_stay_exact,
    names_times_and_thresholds,
    the_same_key_is_the_same_deed,
    in_discord_a_refusal_is_one_sentence_for_one_person,
);

/// What must be the same after something was refused.
async fn everything(t: &GuildTest) -> Result<Value> {
    let (officer, page) = (t.officer()?, PageQuery::default());
    let season = t.current().await?;
    Ok(json!({
        "seasons": officer.seasons(&page).await?,
        "items": officer.items(season, None, &page).await?,
        "ranks": officer.ranks(season, &page).await?,
        "standings": officer.standings(season, &page).await?,
        "members": officer.members(None, None, &page).await?,
        "submissions": officer.submissions(&client::SubmissionQuery::default()).await?,
        "settings": officer.settings().await?,
    }))
}

/// Sends `body` and expects a refusal.
async fn refused(t: &GuildTest, who: &Member, request: (Method, &str, Value), status: u16, code: &str) -> Result<()> {
    let (method, path, body) = request;
    let what = format!("{method} {path} {body}");
    t.request(method, path).bot(who.id()).waiting().json(&body).send().await?.is_problem(status, code, &what)
}

async fn quantities_items_and_members(t: GuildTest) -> Result<()> {
    let season = t.season("Autumn").await?.id;
    let ore = t.item("Iron Ore", 50).await?.id;
    let (mira, root) = (t.member("mira").await?, t.root()?);
    let (pending, banned) = (t.pending("pia").await?, t.member("bodo").await?);
    t.stands(&banned, MemberStatus::Banned).await?;
    let stranger = t.newcomer("stan").await?;
    mira.hands_in("Iron Ore", 1).await?;
    let before = everything(&t).await?;
    let of = |quantity: Value| json!({"item_id": ore, "quantity": quantity});
    let to = |user: &Member| json!({"item_id": ore, "quantity": 1, "user_id": user.id()});
    let long = "x".repeat(501);
    for (who, body, status, code) in [
        (&mira, of(json!(0)), 422, "quantity_out_of_range"),
        (&mira, of(json!(-1)), 422, "quantity_out_of_range"),
        (&mira, of(json!(1_000_001)), 422, "quantity_out_of_range"),
        (&mira, of(json!(i64::MAX)), 422, "quantity_out_of_range"),
        (&mira, of(json!(1.5)), 422, "invalid_body"),
        (&mira, of(json!("3")), 422, "invalid_body"),
        (&mira, of(json!(null)), 422, "invalid_body"),
        (&mira, json!({"item_id": Uuid::now_v7(), "quantity": 1}), 404, "unknown_item"),
        (&mira, json!({"item_id": "Iron Ore", "quantity": 1}), 422, "invalid_body"),
        (&mira, json!({"item_id": ore, "quantity": 1, "season_id": Uuid::now_v7()}), 404, "unknown_season"),
        (&mira, json!({"item_id": ore, "quantity": 1, "note": long}), 422, "text_too_long"),
        (&mira, json!({"item_id": ore, "quantity": 1, "note": "a\u{0}b"}), 422, "text_not_plain"),
        (&mira, json!({"item_id": ore, "quantity": 1, "points": 9}), 422, "invalid_body"),
        (&mira, to(&root), 403, "not_officer"),
        (&pending, of(json!(1)), 403, "not_verified"),
        (&banned, of(json!(1)), 403, "banned"),
        (&stranger, of(json!(1)), 403, "not_registered"),
        (&root, of(json!(1)), 403, "not_registered"),
        (&root, to(&stranger), 404, "unknown_member"),
        (&root, to(&pending), 409, "member_not_verified"),
        (&root, to(&banned), 409, "member_banned"),
        (&root, json!({"item_id": ore, "quantity": 1, "user_id": "mira"}), 422, "invalid_body"),
    ] {
        refused(&t, who, (Method::POST, "/submissions", body), status, code).await?;
    }
    let join = format!("/seasons/{season}/participants");
    for (who, body, status, code) in [
        (&mira, json!({}), 409, "already_joined"),
        (&pending, json!({}), 403, "not_verified"),
        (&root, json!({"user_id": banned.id()}), 409, "member_banned"),
        (&root, json!({"user_id": stranger.id()}), 404, "unknown_member"),
    ] {
        refused(&t, who, (Method::POST, &join, body), status, code).await?;
    }
    assert_eq!(everything(&t).await?, before);
    Ok(())
}

/// A submission, accepted at a moment that the test chooses.
fn at(t: &GuildTest, who: &Member, item: domain::ItemId, moment: domain::Timestamp) -> CommandEnvelope {
    let submit = SubmitV1 {
        submission_id: SubmissionId::new(Uuid::now_v7()),
        season_id: None,
        user_id: who.id(),
        item_id: item,
        quantity: 1,
        note: None,
    };
    CommandEnvelope { accepted_at: moment, ..t.command(Some(who.id()), Command::Submit(submit)) }
}

async fn a_season_counts_from_its_start_to_just_before_its_end(t: GuildTest) -> Result<()> {
    let (starts, ends) = (now() - TimeDelta::days(2), now() - TimeDelta::seconds(1));
    let just = TimeDelta::microseconds(1);
    let mira = t.member("mira").await?;
    let nothing = json!({"item_id": Uuid::now_v7(), "quantity": 1});
    refused(&t, &mira, (Method::POST, "/submissions", nothing), 404, "no_season").await?;
    let season = t
        .season_with("Autumn", |season| {
            season.starts_at = starts;
            season.ends_at = ends;
        })
        .await?;
    let ore = t.item("Iron Ore", 50).await?.id;
    let mut commands = Vec::new();
    for (moment, want) in [
        (starts - just, Some("no_season")),
        (starts, None),
        (ends - just, None),
        (ends, Some("season_ended")),
        (ends + just, Some("season_ended")),
    ] {
        let command = at(&t, &mira, ore, moment);
        t.publish(&command).await?;
        commands.push((command, moment, want));
    }
    for (command, moment, want) in commands {
        let code = match t.outcome(command.id).await? {
            Outcome::Applied { .. } => None,
            Outcome::Rejected { code, .. } => Some(code),
        };
        assert_eq!(code.as_deref(), want, "{moment}");
    }
    assert_eq!(t.standings().await?, [("mira".to_owned(), 100)]);

    let late = json!({"item_id": ore, "quantity": 1});
    refused(&t, &mira, (Method::POST, "/submissions", late), 409, "season_ended").await?;
    mira.is_told_off("submit", json!({"item": "Iron Ore", "quantity": 1}), "That season is over.").await?;
    let join = format!("/seasons/{}/participants", season.id);
    let bram = t.member("bram").await?;
    refused(&t, &bram, (Method::POST, &join, json!({})), 409, "season_ended").await?;
    let future = t.season_with("Winter", |season| season.starts_at = now() + TimeDelta::days(1)).await?;
    let early = json!({"item_id": ore, "quantity": 1, "season_id": future.id});
    refused(&t, &mira, (Method::POST, "/submissions", early), 409, "season_not_started").await?;
    assert_eq!(t.standings().await?, [("mira".to_owned(), 100)]);
    Ok(())
}

async fn totals_stay_exact(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    let hoard = t.item("Dragon Hoard", 1_000_000_000).await?.id;
    let mira = t.member("mira").await?;
    for round in 1..=9 {
        let total = mira.hands_in("Dragon Hoard", 1_000_000).await?.total;
        assert_eq!(total.get(), round * 1_000_000_000_000_000);
    }
    let more = json!({"item_id": hoard, "quantity": 1_000_000});
    refused(&t, &mira, (Method::POST, "/submissions", more), 422, "points_overflow").await?;
    assert_eq!(t.standings().await?, [("mira".to_owned(), 9_000_000_000_000_000)]);
    let board = mira.asks("leaderboard", json!({})).await?.text();
    ensure!(board.contains("9,000,000,000,000,000 points"), "{board:?}");
    Ok(())
}

async fn names_times_and_thresholds(t: GuildTest) -> Result<()> {
    let season = t.season("Autumn").await?.id;
    let ore = t.item("Iron Ore", 50).await?.id;
    t.rank("Rookie", 100, None).await?;
    t.rank("Champion", 500, None).await?;
    let (mira, root, stranger) = (t.member("mira").await?, t.root()?, t.newcomer("stan").await?);
    let before = everything(&t).await?;
    let moment = |days| (now() + TimeDelta::days(days)).to_rfc3339_opts(SecondsFormat::Micros, true);
    let time = |name: &str, from, to| json!({"name": name, "starts_at": moment(from), "ends_at": moment(to)});
    let same = moment(3);
    let rank = |name: &str, threshold: i64| json!({"name": name, "threshold": threshold});
    let (items, ranks) = (format!("/seasons/{season}/items"), format!("/seasons/{season}/ranks"));
    let price = format!("/seasons/{season}/items/{ore}");
    let (post, put) = (Method::POST, Method::PUT);
    for (who, (method, path, body), status, code) in [
        (&stranger, (&post, "/members", json!({"name": "MIRA"})), 409, "name_taken"),
        (&mira, (&post, "/members", json!({"name": "somebody else"})), 409, "already_registered"),
        (&stranger, (&post, "/members", json!({"name": "  "})), 422, "invalid_body"),
        (&stranger, (&post, "/members", json!({"name": "a\u{202e}b"})), 422, "invalid_body"),
        (&stranger, (&post, "/members", json!({"name": "x".repeat(101)})), 422, "invalid_body"),
        (&root, (&post, "/seasons", time("autumn", 1, 2)), 409, "season_name_taken"),
        (&root, (&post, "/seasons", time("Winter", 2, 1)), 422, "ends_before_start"),
        (
            &root,
            (&post, "/seasons", json!({"name": "Winter", "starts_at": same, "ends_at": same})),
            422,
            "ends_before_start",
        ),
        (
            &root,
            (&post, "/seasons", json!({"name": "Winter", "starts_at": "soon", "ends_at": same})),
            422,
            "invalid_body",
        ),
        (
            &root,
            (&post, "/seasons", json!({"name": "W", "starts_at": same, "ends_at": "9999-12-31T00:00:00Z"})),
            422,
            "time_out_of_range",
        ),
        (&mira, (&post, "/seasons", time("Winter", 1, 2)), 403, "not_officer"),
        (&root, (&post, &items, json!({"name": "iron ore", "points": 5})), 409, "item_exists"),
        (&root, (&post, &items, json!({"name": "Nail", "points": 0})), 422, "points_out_of_range"),
        (&root, (&post, &items, json!({"name": "Nail", "points": 1_000_000_001})), 422, "points_out_of_range"),
        (&mira, (&post, &items, json!({"name": "Nail", "points": 1})), 403, "not_officer"),
        (&root, (&put, &price, json!({"points": 0})), 422, "points_out_of_range"),
        (&mira, (&put, &price, json!({"points": 9})), 403, "not_officer"),
        (&root, (&post, &ranks, rank("rookie", 600)), 409, "rank_name_taken"),
        (&root, (&post, &ranks, rank("Veteran", 500)), 422, "threshold_not_rising"),
        (&root, (&post, &ranks, rank("Veteran", 0)), 422, "threshold_not_positive"),
        (&root, (&post, &ranks, rank("Veteran", i64::MAX)), 422, "points_overflow"),
        (&root, (&post, &ranks, json!({"name": "Veteran", "threshold": 600, "number": 1})), 409, "rank_number_taken"),
        (&root, (&post, &ranks, json!({"name": "Veteran", "threshold": 600, "number": 0})), 422, "number_out_of_range"),
        (&mira, (&post, &ranks, rank("Veteran", 600)), 403, "not_officer"),
    ] {
        refused(&t, who, (method.clone(), path, body), status, code).await?;
    }
    assert_eq!(everything(&t).await?, before);
    Ok(())
}

async fn the_same_key_is_the_same_deed(t: GuildTest) -> Result<()> {
    t.season("Autumn").await?;
    let ore = t.item("Iron Ore", 50).await?.id;
    let (mira, bram, root) = (t.member("mira").await?, t.member("bram").await?, t.root()?);
    let body = json!({"item_id": ore, "quantity": 2});
    let key = t.fresh("key");
    let send = async |who: &Member, body: &Value| {
        t.request(Method::POST, "/submissions").bot(who.id()).key(&key).waiting().json(body).send().await
    };
    let first = send(&mira, &body).await?;
    ensure!(first.headers.get("idempotency-key").is_some_and(|sent| sent == key.as_str()), "{first:?}");
    let outcome = first.ok("the first")?;
    for _ in 0..3 {
        assert_eq!(send(&mira, &body).await?.ok("a repeat")?, outcome);
    }
    let other = send(&mira, &json!({"item_id": ore, "quantity": 3})).await?;
    other.is_problem(422, "id_reused", "the same key with another body")?;
    // Somebody else's key of the same text is another key.
    send(&bram, &json!({"item_id": ore, "quantity": 3})).await?.ok("another caller")?;
    assert_eq!(t.standings().await?, [("bram".to_owned(), 150), ("mira".to_owned(), 100)]);

    // Without waiting: 202 with where to look, both times.
    let quiet = async |body: &Value| {
        t.request(Method::POST, "/submissions").bot(mira.id()).key("quiet").json(body).send().await
    };
    let accepted = quiet(&body).await?;
    assert_eq!(accepted.status, 202);
    let place =
        accepted.headers.get("location").and_then(|place| place.to_str().ok()).context("no location")?.to_owned();
    let command = accepted.body["command_id"].as_str().context("no command")?.parse()?;
    t.outcome(command).await?;
    t.request_to(Method::GET, &place).bot(mira.id()).send().await?.ok("the outcome")?;
    assert_eq!(quiet(&body).await?.body["command_id"], accepted.body["command_id"]);
    assert_eq!(mira.entries().await?.len(), 2);

    // What is not points is kept with its answer too.
    let season = json!({"name": "Winter", "starts_at": "2031-01-01T00:00:00Z", "ends_at": "2031-02-01T00:00:00Z"});
    let create =
        async |body: &Value| t.request(Method::POST, "/seasons").bot(root.id()).key("winter").json(body).send().await;
    let first = create(&season).await?;
    let again = create(&season).await?;
    assert_eq!((first.status, &first.body), (201, &again.body));
    assert_eq!(again.status, 201);
    let other = json!({"name": "Spring", "starts_at": "2031-01-01T00:00:00Z", "ends_at": "2031-02-01T00:00:00Z"});
    create(&other).await?.is_problem(422, "id_reused", "the same key for another season")?;
    assert_eq!(t.officer()?.seasons(&PageQuery::default()).await?.items.len(), 2);
    let long = "k".repeat(256);
    let long = t.request(Method::POST, "/seasons").bot(root.id()).key(&long).json(&other).send().await?;
    long.is_problem(422, "invalid_idempotency_key", "a key of 256 characters")
}

async fn in_discord_a_refusal_is_one_sentence_for_one_person(t: GuildTest) -> Result<()> {
    let (mira, root) = (t.member("mira").await?, t.root()?);
    let (pending, banned) = (t.pending("pia").await?, t.member("bodo").await?);
    t.stands(&banned, MemberStatus::Banned).await?;
    let stranger = t.newcomer("stan").await?;
    let ore = json!({"item": "Iron Ore", "quantity": 1});
    mira.is_told_off("submit", ore.clone(), "No season has started yet").await?;
    mira.is_told_off("leaderboard", json!({}), "No season has started yet").await?;
    t.season("Autumn").await?;
    t.item("Iron Ore", 50).await?;
    t.rank("Rookie", 100, None).await?;
    let before = everything(&t).await?;
    let dates = |from: &str, to: &str| json!({"name": "Winter", "starts": from, "ends": to});
    for (who, command, options, sentence) in [
        (&mira, "submit", json!({"item": "Gold", "quantity": 1}), "isn't part of this season"),
        (&mira, "submit", json!({"item": Uuid::now_v7().to_string(), "quantity": 1}), "isn't part of this season"),
        (&stranger, "submit", ore.clone(), "not registered here yet"),
        (&pending, "submit", ore.clone(), "An officer has yet to verify you"),
        (&banned, "submit", ore.clone(), "You're banned"),
        (&stranger, "me", json!({}), "not registered here yet"),
        (&stranger, "register", json!({"name": "Mira"}), "has that name already"),
        (&stranger, "register", json!({"name": " "}), "a name can't be empty"),
        (&mira, "register", json!({"name": "mira two"}), "registered here already"),
        (&mira, "season join", json!({"season": "Spring"}), "no such season"),
        (&pending, "season join", json!({}), "An officer has yet to verify you"),
        (&mira, "leaderboard", json!({"season": "Spring"}), "no such season"),
        (&root, "verify", json!({"member": stranger.discord_id()}), "isn't registered"),
        (&root, "season create", dates("2031-02-02", "2031-01-01"), "has to end after it starts"),
        (&root, "season create", dates("2.2.2031", "2031-03-01"), "Write dates as"),
        (&root, "item add", json!({"name": "iron ORE", "points": 4}), "part of"),
        (&root, "rank add", json!({"name": "Veteran", "threshold": 100}), "A rank needs more points"),
        (&root, "rank add", json!({"name": "Rookie", "threshold": 200}), "that name already"),
        (&root, "review approve", json!({"submission": "the first"}), "Pick a submission from the list"),
        (
            &root,
            "submit",
            json!({"item": "Iron Ore", "quantity": 1, "member": stranger.discord_id()}),
            "isn't registered",
        ),
        (&root, "submit", json!({"item": "Iron Ore", "quantity": 1, "member": banned.discord_id()}), "banned"),
    ] {
        who.is_told_off(command, options, sentence).await?;
    }
    assert_eq!(everything(&t).await?, before);
    Ok(())
}
