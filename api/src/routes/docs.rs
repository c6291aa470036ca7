//! Owns the OpenAPI document: what the routes say of themselves, and what is the same for all of them.

use axum::{Router, routing::get};
use messages::api::{BOT_KEY_HEADER, BOT_USER_HEADER, IDEMPOTENCY_HEADER, PROBLEM_JSON, Problem};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, Info, KnownFormat, Object, ObjectBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder,
        SchemaFormat,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{health, work};
use crate::state::ApiState;

/// Where the document is served.
const DOCUMENT: &str = "/api/v1/openapi.json";

/// The OpenAPI document of every route.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut api = work().into_openapi();
    for item in api.paths.paths.values_mut() {
        for operation in operations(item) {
            let named = || SecurityRequirement::new::<_, [&str; 0], _>("bot", []).add::<_, [&str; 0], _>("member", []);
            let bot = || SecurityRequirement::new::<_, [&str; 0], _>("bot", []);
            let token = || SecurityRequirement::new::<_, [&str; 0], _>("token", []);
            operation.security = Some(match operation.operation_id.as_deref() {
                Some("register" | "create_token") => vec![named()],
                Some("show_effect") => vec![bot()],
                Some("show_outcome") => vec![named(), token(), bot()],
                _ => vec![named(), token()],
            });
        }
    }
    api.merge(health::routes().into_openapi());
    let mut info = Info::new("Guildhall", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Seasons of a Discord guild. Commands on points answer 202 with the `Location` of their outcome, or the outcome \
         itself with `Prefer: wait=N`. Repeating a request with the same `Idempotency-Key` does nothing twice. Errors are \
         problem documents (RFC 9457) with a stable `code`."
            .into(),
    );
    api.info = info;
    for (path, item) in &mut api.paths.paths {
        for (writes, operation) in [
            (false, &mut item.get),
            (true, &mut item.post),
            (true, &mut item.put),
            (true, &mut item.patch),
            (true, &mut item.delete),
        ] {
            if let Some(operation) = operation {
                complete(path, writes, operation);
            }
        }
    }
    let components = api.components.get_or_insert_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    for (name, scheme) in [
        ("bot", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(BOT_KEY_HEADER)))),
        ("member", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(BOT_USER_HEADER)))),
        ("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer))),
    ] {
        components.add_security_scheme(name, scheme);
    }
    api
}

fn operations(item: &mut utoipa::openapi::PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// Adds what follows from a path and a method: the ids in the path, the idempotency key, the error answer.
fn complete(path: &str, writes: bool, operation: &mut Operation) {
    let mut parameters: Vec<Parameter> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let is_discord = matches!(name, "guild_id" | "user_id");
            let schema = if is_discord {
                ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[1-9][0-9]{0,18}$"))
            } else {
                let format = SchemaFormat::KnownFormat(KnownFormat::Uuid);
                ObjectBuilder::new().schema_type(Type::String).format(Some(format))
            };
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(if is_discord { "A Discord id." } else { "An id of Guildhall's." }))
                .schema(Some(schema))
                .build()
        })
        .collect();
    if writes {
        parameters.push(
            ParameterBuilder::new()
                .name(IDEMPOTENCY_HEADER)
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some("Makes a repeat the same deed; made by the server when absent."))
                .schema(Some(ObjectBuilder::new().schema_type(Type::String).max_length(Some(255))))
                .build(),
        );
    }
    if operation.responses.responses.contains_key("202") {
        parameters.push(
            ParameterBuilder::new()
                .name("Prefer")
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some("`wait=N`: waits up to N ≤ 10 seconds for the outcome."))
                .schema(Some(Object::with_type(Type::String)))
                .build(),
        );
    }
    operation.parameters.get_or_insert_default().splice(0..0, parameters.into_iter().map(Into::into));
    for (status, response) in &mut operation.responses.responses {
        // OpenAPI demands words here; the operation's own description says the rest.
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description = match status.as_str() {
                "201" => "Made.",
                "202" => "Taken: durable, and going to be applied. `Location` leads to the outcome.",
                "204" => "Done.",
                _ => "As asked.",
            }
            .to_owned();
        }
    }
    let problem = ResponseBuilder::new()
        .description("Why it failed.")
        .content(PROBLEM_JSON, ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build())
        .build();
    operation.responses.responses.insert("default".into(), problem.into());
}

/// The document, and the page that shows it; both work offline.
pub(super) fn pages() -> Router<ApiState> {
    let served = openapi();
    let shown = SwaggerUi::new("/docs").config(Config::from(DOCUMENT).validator_url("none"));
    Router::from(shown).route(DOCUMENT, get(async move || axum::Json(served)))
}
