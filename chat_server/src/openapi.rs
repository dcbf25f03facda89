//! The OpenAPI document, assembled from the handlers, so that it always agrees with them.

pub mod events;

use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components, Content, Object, OpenApi as Document, Ref, RefOr, Required, Response, Type,
        path::{ParameterBuilder, ParameterIn},
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
    security(("access_token" = [])),
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
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        document
            .components
            .get_or_insert_with(Components::new)
            .add_security_scheme("access_token", SecurityScheme::Http(scheme));
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
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.options,
            &mut item.head,
            &mut item.patch,
            &mut item.trace,
        ];
        for operation in operations.into_iter().flatten() {
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
