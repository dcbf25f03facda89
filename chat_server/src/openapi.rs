//! The OpenAPI document, assembled from the handlers, so that it always agrees with them.

pub mod events;

use axum::http::StatusCode;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components, Content, Object, OpenApi as Document, Ref, RefOr, Required, Response, Type,
        path::{Operation, ParameterBuilder, ParameterIn, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{
    error::{InvalidField, Problem},
    http::{self, messages::Anchor},
    openapi::events::{ControlFrame, EphemeralEvent, Event},
};

/// The parts that apply to all operations.
#[derive(OpenApi)]
#[openapi(
    info(title = "Parlor", description = "Team chat: REST for actions, Server-Sent Events for everything that happens.",
        license(name = "MIT", identifier = "MIT")),
    components(schemas(Problem, InvalidField, Anchor, Event, ControlFrame, EphemeralEvent)),
    servers((url = "/", description = "The server that this document comes from")),
    security(("bearer" = [])),
    modifiers(&Common),
    tags(
        (name = "account", description = "Sign-up, sign-in and sessions"),
        (name = "workspaces"), (name = "invites"), (name = "users"),
        (name = "chats"), (name = "members"), (name = "messages"),
        (name = "stream", description = "The stream of events: docs/events.md. It sends the schemas `Event`, `ControlFrame` and `EphemeralEvent`."),
        (name = "operation", description = "Health, metrics and keys, for operators"),
    )
)]
pub struct Base;

struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut Document) {
        let words = "The access token of sign-up, sign-in or a refresh, as `Authorization: Bearer`";
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(words))
            .build();
        document
            .components
            .get_or_insert_with(Components::new)
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The whole document.
pub fn document() -> Document {
    let (_, mut document) = utoipa_axum::router::OpenApiRouter::with_openapi(Base::openapi())
        .merge(http::router())
        .split_for_parts();
    complete(&mut document);
    document
}

/// Adds the parts that no handler states.
pub fn complete(document: &mut Document) {
    if let Some(components) = &mut document.components {
        events::name_variants(components);
    }
    add_revalidation(document);
    add_refusals(document);
    add_descriptions(document);
}

/// Describes each response that its handler does not describe, since OpenAPI requires it.
fn add_descriptions(document: &mut Document) {
    let operations = document.paths.paths.values_mut().flat_map(operations);
    for (status, response) in operations.flat_map(|operation| &mut operation.responses.responses) {
        let RefOr::T(response) = response else { continue };
        if response.description.is_empty() {
            let status = status.parse().ok().and_then(|status: u16| StatusCode::from_u16(status).ok());
            let reason = status.and_then(|status| status.canonical_reason()).unwrap_or("An answer");
            reason.clone_into(&mut response.description);
        }
    }
}

/// The operations of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ];
    all.into_iter().flatten()
}

/// Documents 304 and `If-None-Match` for every operation whose response has an entity tag.
fn add_revalidation(document: &mut Document) {
    for operation in document.paths.paths.values_mut().filter_map(|item| item.get.as_mut()) {
        let Some(RefOr::T(found)) = operation.responses.responses.get("200") else { continue };
        let Some(tag) = found.headers.get("ETag").cloned() else { continue };
        let has = ParameterBuilder::new()
            .name("If-None-Match")
            .parameter_in(ParameterIn::Header)
            .description(Some("The ETag of the response that the client has"))
            .required(Required::False)
            .schema(Some(Object::with_type(Type::String)));
        operation.parameters.get_or_insert_default().push(RefOr::T(has.build()));
        let mut same = Response::new("Not modified since the response with that ETag");
        same.headers.insert("ETag".into(), tag);
        operation.responses.responses.insert("304".into(), RefOr::T(same));
    }
}

/// Documents the errors that every operation may return, so that no handler repeats them.
fn add_refusals(document: &mut Document) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let mut problem = Response::new("Refused or failed; `code` says why");
            let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
            problem.content.insert("application/problem+json".into(), RefOr::T(Content::new(Some(schema))));
            for (status, response) in &mut operation.responses.responses {
                if let (true, RefOr::T(response)) =
                    (status.starts_with('4') || status.starts_with('5'), response)
                {
                    response.content.clone_from(&problem.content);
                }
            }
            operation.responses.responses.insert("default".into(), RefOr::T(problem));
        }
    }
}
