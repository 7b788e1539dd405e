//! What is said of one route, while its handler's types fill it in.

use std::collections::BTreeMap;

use http::StatusCode;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Ref, RefOr, Required, Schema};
use utoipa::{IntoParams, ToSchema};

use crate::http::problem::table::row;
use crate::http::problem::{Document, MEDIA_TYPE};
use crate::model::problem_code::ProblemCode;
use crate::model::role::Role;

/// The names of the ways in, as the document lists them.
pub(super) const TOKEN: &str = "token";
/// See [`TOKEN`].
pub(super) const CERTIFICATE: &str = "certificate";

/// Schemas by their names.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// One route.
#[derive(Default)]
pub(in crate::http) struct Draft {
    path: &'static str,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    answers: BTreeMap<u16, ResponseBuilder>,
    problems: Vec<ProblemCode>,
    least_role: Option<Role>,
    schemas: Schemas,
}

impl Draft {
    /// Of the route at this path, variable segments in braces.
    pub(in crate::http) fn of(path: &'static str) -> Self {
        Self {
            path,
            ..Self::default()
        }
    }

    /// It answers JSON.
    pub(in crate::http) fn answers<T: ToSchema>(&mut self, status: StatusCode, about: &str) {
        let schema = self.reference::<T>();
        self.answer(status, about, "application/json", content(schema));
    }

    /// It answers 200 with what is no JSON of ours. Parameters of the media type say how it is encoded,
    /// not what it is.
    pub(in crate::http) fn answers_octets(&mut self, media_type: &str, about: &str) {
        let essence = media_type.split(';').next().unwrap_or_default();
        let schema = match essence {
            "application/json" => {
                Schema::Object(ObjectBuilder::new().schema_type(Type::Object).build())
            }
            text if text.starts_with("text/") => {
                Schema::Object(ObjectBuilder::new().schema_type(Type::String).build())
            }
            // Octets have no schema in OpenAPI 3.1 (section 4.8.14.3).
            _ => return self.answer(StatusCode::OK, about, essence, Content::default()),
        };
        self.answer(StatusCode::OK, about, essence, content(schema));
    }

    /// It answers this status without a body that anybody reads.
    pub(in crate::http) fn answers_status(&mut self, status: StatusCode, about: &str) {
        let response = self.answers.remove(&status.as_u16()).unwrap_or_default();
        let response = response.description(about);
        self.answers.insert(status.as_u16(), response);
    }

    fn answer(&mut self, status: StatusCode, about: &str, media_type: &str, content: Content) {
        let status = status.as_u16();
        let response = self.answers.remove(&status).unwrap_or_default();
        let response = response.description(about).content(media_type, content);
        self.answers.insert(status, response);
    }

    /// It may refuse a request with one of these.
    pub(in crate::http) fn refuses(&mut self, codes: &[ProblemCode]) {
        self.problems.extend(codes);
    }

    /// Operators alone enter, by whatever proves who they are.
    pub(in crate::http) fn admits(&mut self, least: Role) {
        self.least_role = Some(least);
    }

    /// It takes a JSON object.
    pub(in crate::http) fn takes<T: ToSchema>(&mut self) {
        let schema = self.reference::<T>();
        let body = RequestBodyBuilder::new()
            .required(Some(Required::True))
            .content("application/json", content(schema));
        self.body = Some(body.build());
    }

    /// It takes these behind `?`.
    pub(in crate::http) fn takes_query<T: IntoParams>(&mut self) {
        self.parameters
            .extend(T::into_params(|| Some(ParameterIn::Query)));
    }

    /// It takes the variable segments of its path.
    pub(in crate::http) fn takes_segments(&mut self) {
        let names = self
            .path
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .map(|name| name.trim_start_matches('*'));
        let parameters = names.map(|name| {
            let text = ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1));
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(segment(name))
                .schema(Some(text))
                .build()
        });
        self.parameters.extend(parameters.collect::<Vec<_>>());
    }

    fn reference<T: ToSchema>(&mut self) -> Ref {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        Ref::from_schema_name(T::name())
    }

    /// The whole of it, with the schemas that it refers to.
    pub(super) fn finish(mut self, id: String, about: &str, tag: &str) -> (Operation, Schemas) {
        let mut problems: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
        for code in ProblemCode::ALL
            .iter()
            .filter(|code| self.problems.contains(code))
        {
            problems.entry(row(*code).status).or_default().push(*code);
        }
        let problem = self.reference::<Document<'_>>();
        for (status, codes) in problems {
            let response = self.answers.remove(&status).unwrap_or_default();
            self.answers
                .insert(status, refusal(response, status, &codes, &problem));
        }
        let mut operation = OperationBuilder::new()
            .operation_id(Some(id))
            .tag(tag)
            .summary(Some(about))
            .parameters((!self.parameters.is_empty()).then_some(self.parameters))
            .request_body(self.body);
        for (status, response) in self.answers {
            operation = operation.response(status.to_string(), response.build());
        }
        if let Some(role) = self.least_role {
            operation = operation
                .description(Some(format!(
                    "For the role `{role}` and those that include it."
                )))
                .security(SecurityRequirement::new::<_, _, String>(TOKEN, []))
                .security(SecurityRequirement::new::<_, _, String>(CERTIFICATE, []));
        }
        (operation.build(), self.schemas)
    }
}

fn content(schema: impl Into<RefOr<Schema>>) -> Content {
    ContentBuilder::new().schema(Some(schema)).build()
}

/// A problem of this status, with one of these codes.
fn refusal(
    response: ResponseBuilder,
    status: u16,
    codes: &[ProblemCode],
    problem: &Ref,
) -> ResponseBuilder {
    let words: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let lines = codes
        .iter()
        .map(|code| format!("- `{}`: {}", code.as_str(), row(*code).meaning));
    let about = lines.collect::<Vec<_>>().join("\n");
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([status]));
    let word = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words));
    let narrowed = ObjectBuilder::new()
        .property("status", number)
        .property("code", word);
    let schema = AllOfBuilder::new()
        .item(problem.clone())
        .item(narrowed)
        .build();
    let retry_after = HeaderBuilder::new()
        .description(Some("`retry_after` of the document."))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(0)),
        ))
        .build();
    response
        .description(about)
        .header("Retry-After", retry_after)
        .content(MEDIA_TYPE, content(Schema::AllOf(schema)))
}

/// What a variable segment is. A new name needs a line here; a test asks for it.
pub(super) fn segment(name: &str) -> Option<&'static str> {
    Some(match name {
        "id" => "The id, as a list or an answer names it: 8 characters.",
        "issuer" => "The id of the issuer: 16 hexadecimal digits.",
        "serial" => "The serial number, hexadecimal.",
        "identity" => "`user:EMAIL` or `device:ID`.",
        "code" => "A code of a problem.",
        "issuer_crt" => "The id of the issuer, 16 hexadecimal digits, and `.crt`.",
        "request" => "An OCSP request, DER, in base64.",
        "gate" => "The name of a `[[gate]]` of the configuration.",
        "path" => "Whatever a proxy puts there; it is not looked at.",
        "fingerprint" => "SHA-256 of the certificate: 64 hexadecimal digits.",
        "sink" => "The name of a service that is told of events.",
        "issuer_crl" => "The id of the CA, 16 hexadecimal digits, and `.crl`.",
        _ => return None,
    })
}
