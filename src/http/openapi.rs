//! What is said of the routes: an OpenAPI 3.1 document for devices and relying parties, another one for
//! operators. Both are read off the routes' tables and their handlers' types; nothing is written twice.

pub(super) mod draft;
pub(super) mod signature;

use std::sync::LazyLock;

use axum::body::Bytes;
use utoipa::openapi::path::{PathItem, PathsBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, OpenApiVersion,
};

use crate::http::admin::entry::Auditor;
use crate::http::answer::{Medium, Octets};
use crate::http::openapi::draft::{CERTIFICATE, TOKEN};
use crate::http::routes::{Route, Routes};
use crate::http::{admin, public_routes};

/// The JSON text of one.
#[derive(Debug)]
pub(super) enum Description {}

impl Medium for Description {
    const TYPE: &'static str = "application/json";
    const KEPT: &'static str = "no-store";
    const ABOUT: &'static str = "This document.";
}

/// `GET /v1/openapi.json`.
pub(super) async fn public() -> Octets<Description> {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| text(&public_document()));
    Octets::new(TEXT.clone())
}

/// `GET /v1/admin/openapi.json`. What it says is no secret, but that it is here would tell a stranger
/// that something is.
pub(super) async fn of_operators(Auditor(_): Auditor) -> Octets<Description> {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| text(&admin_document()));
    Octets::new(TEXT.clone())
}

fn text(document: &OpenApi) -> Bytes {
    document.to_pretty_json().unwrap_or_default().into()
}

fn public_document() -> OpenApi {
    document(
        "vaca",
        "Certificates for managed Chromebooks: enrolment, and what relying parties fetch. Every failure is a \
         problem document (RFC 9457) whose `code` is stable and whose `action` says what a program may do next.",
        &public_routes(),
    )
}

fn admin_document() -> OpenApi {
    let mut document = document(
        "vaca, for operators",
        "The record, who has to wait, and who may see it. Without a credential whose role is high enough, every \
         route answers 404, as an address at which there is nothing.",
        &admin::all_routes(),
    );
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("vaca_ID_SECRET")
        .description(Some(
            "A token that `vaca tokens create` or `POST /v1/admin/tokens` made.",
        ));
    let certificate = SecurityScheme::MutualTls {
        description: Some(
            "A certificate that the configuration names in `[[admin.client]]`.".to_owned(),
        ),
        deprecated: None,
        extensions: None,
    };
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token.build()));
    components.add_security_scheme(CERTIFICATE, certificate);
    document
}

fn document(title: &str, about: &str, routes: &Routes) -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new();
    for route in routes.table() {
        let draft = route.draft();
        let (operation, schemas) = draft.finish(id(route), route.about, route.tag);
        // The rest of an address is one segment to OpenAPI.
        let path = route.path.replace("{*", "{");
        paths = paths.path(path, PathItem::new(route.method.clone(), operation));
        components = components.schemas_from_iter(schemas);
    }
    let license = License::builder()
        .name("Apache-2.0")
        .identifier(Some("Apache-2.0"));
    let info = InfoBuilder::new()
        .title(title)
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(about))
        .license(Some(license.build()));
    OpenApiBuilder::new()
        .openapi(OpenApiVersion::Version31)
        .info(info)
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

/// A name for programs: the method, and the address in its words.
fn id(route: &Route) -> String {
    let words = route
        .path
        .split(|letter: char| !letter.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty() && *word != "v1");
    let method = route.method_name().to_ascii_lowercase();
    // An address with nothing behind its last slash is another one than without the slash.
    let words = words.chain(route.path.ends_with('/').then_some("root"));
    words.fold(method, |id, word| id + "_" + word)
}

#[cfg(test)]
mod tests;
