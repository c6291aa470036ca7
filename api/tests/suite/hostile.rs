//! Hostile values in every parameter, body field and header that the OpenAPI document knows: whatever is sent, the
//! answer is never a 5xx, and every refusal is a problem document.

use axum::body::Body;
use messages::api::Cursor;
use serde_json::{Map, Value, json};

use crate::world::{As, GUILD, MIRA, ODO, ROOT, World, here};

fn texts() -> Vec<String> {
    [
        "",
        " ",
        "\0",
        "a\0b",
        "\u{202e}x",
        "\u{feff}",
        "%",
        "_",
        "\\",
        "'; DROP TABLE member; --",
        "\"",
        "<script>",
        "@everyone",
        "9223372036854775807",
        "9223372036854775808",
        "-1",
        "0",
        "1e400",
        "NaN",
        "null",
        "true",
        "+262142-01-01T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "-4713-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "e\u{301}\u{1f600}",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain(["x".repeat(5_000)])
    .collect()
}

fn values() -> Vec<Value> {
    let mut all: Vec<Value> = texts().into_iter().map(Value::from).collect();
    all.extend([
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1.5),
        json!(1e300),
        json!([]),
        json!({}),
        json!([[[]]]),
        json!({"a": {"b": null}}),
        json!(i32::MAX),
        json!(i32::MIN),
    ]);
    all
}

fn cursors() -> Vec<String> {
    let moments =
        ["+262142-01-01T00:00:00Z", "-4713-01-01T00:00:00Z", "2026-01-01T00:00:00.999999999Z", "9999-12-31T23:59:59Z"];
    let mut keys = values();
    for at in moments {
        keys.push(json!({"at": at, "id": uuid::Uuid::max()}));
        for number in [i64::MIN, -1, 0, (1 << 53) - 1, i64::MAX] {
            keys.push(json!({"points": number, "reached_at": at, "member": uuid::Uuid::nil(), "position": number}));
        }
    }
    keys.iter().map(|key| Cursor::encode(key).unwrap()).collect()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A body that the API would take, as far as a schema and names tell.
fn plausible(document: &Value, name: &str, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let reference = reference.rsplit('/').next().unwrap();
        return plausible(document, name, &document["components"]["schemas"][reference]);
    }
    if let Some(properties) = schema["properties"].as_object() {
        let fields = properties.iter().map(|(name, schema)| (name.clone(), plausible(document, name, schema)));
        return fields.collect::<Map<_, _>>().into();
    }
    let kinds = schema["type"].to_string();
    match (schema["format"].as_str(), name) {
        (Some("uuid"), _) => json!(uuid::Uuid::now_v7()),
        (_, "ends_at") => json!("2030-09-01T00:00:00Z"),
        (Some("date-time"), _) => json!("2026-09-01T00:00:00Z"),
        _ if kinds.contains("integer") => json!(1),
        _ if kinds.contains("boolean") => json!(false),
        _ if kinds.contains("array") => json!([]),
        (_, "on_fall") => json!("keep"),
        (_, "status") => json!("verified"),
        _ if name.ends_with("_id") => json!(ODO.to_string()),
        _ => json!("plausible"),
    }
}

struct Asked<'a> {
    w: &'a World,
    method: String,
    count: usize,
}

impl Asked<'_> {
    async fn send(&mut self, path: &str, body: &Value) {
        let answer = self.w.send(&self.method, As::User(ROOT), path, body.clone()).await;
        self.count += 1;
        let what = || format!("{} {path} {body}: {} {}", self.method, answer.status, answer.text);
        assert!(!answer.status.is_server_error(), "{}", what());
        if answer.status.is_client_error() {
            assert!(!answer.code().is_empty(), "{}", what());
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", what());
        }
    }
}

both_engines! {
    async fn no_value_anywhere_breaks_anything(w) {
        w.people(GUILD).await;
        let season = w.season(GUILD, "Autumn").await;
        let item = w.item(GUILD, &season, "Ore", 5).await;
        let document = serde_json::to_value(guildhall_api::openapi()).unwrap();
        let mut count = 0;
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let mut asked = Asked { w: &w, method: method.to_uppercase(), count: 0 };
                let fill = |path: &str| {
                    path.replace("{guild_id}", &GUILD.to_string())
                        .replace("{user_id}", &ODO.to_string())
                        .replace("{season_id}", &season)
                        .replace("{item_id}", &item)
                        .replace("{submission_id}", &item)
                        .replace("{token_id}", &item)
                        .replace("{effect_id}", &item)
                        .replace("{command_id}", &item)
                };
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
                let body = if schema.is_null() { Value::Null } else { plausible(&document, "", schema) };
                for parameter in operation["parameters"].as_array().unwrap_or(&Vec::new()) {
                    let name = parameter["name"].as_str().unwrap();
                    match parameter["in"].as_str().unwrap() {
                        "path" => {
                            for text in texts().iter().filter(|text| !text.is_empty()) {
                                let with = path.replace(&format!("{{{name}}}"), &encoded(text));
                                asked.send(&fill(&with), &body).await;
                            }
                        }
                        "query" => {
                            let more = if name == "cursor" { cursors() } else { Vec::new() };
                            for text in texts().iter().chain(&more) {
                                asked.send(&format!("{}?{name}={}", fill(path), encoded(text)), &body).await;
                            }
                        }
                        _ => {}
                    }
                }
                if let Some(fields) = body.as_object() {
                    // What is varied below is taken as it is, or stands in its own way: never misread.
                    let first = w.send(&asked.method, As::User(ROOT), &fill(path), body.clone()).await;
                    assert_ne!(first.status, 422, "{method} {path} {body}: {}", first.text);
                    for name in fields.keys() {
                        for value in values() {
                            let mut body = body.clone();
                            body[name] = value;
                            asked.send(&fill(path), &body).await;
                        }
                    }
                    for value in values() {
                        asked.send(&fill(path), &value).await;
                    }
                }
                count += asked.count;
            }
        }
        assert!(count > 2_000, "{count}");
    }

    async fn no_header_breaks_anything(w) {
        w.people(GUILD).await;
        let long = "x".repeat(10_000);
        let values: [&[u8]; 9] =
            [b"", b" ", b"\xff\xfe", b"0", b"-1", b"Bearer", b"Bearer a.b.c", b"wait=99999999999999999999", long.as_bytes()];
        for name in ["X-API-Key", "X-User-Discord-ID", "Authorization", "Idempotency-Key", "Prefer", "traceparent", "Content-Type", "Content-Length"] {
            for value in values {
                let mut request = World::request("POST", &here("/submissions"), &As::User(MIRA)).body(Body::from("{}")).unwrap();
                request.headers_mut().insert(
                    axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    axum::http::HeaderValue::from_bytes(value).unwrap(),
                );
                let answer = w.raw(request).await;
                assert!(answer.status.is_client_error() && !answer.code().is_empty(), "{name}: {value:?}: {}", answer.text);
            }
        }
    }
}
