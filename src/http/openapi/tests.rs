#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::{admin_document, public_document};
use crate::http::problem::table::row;
use crate::model::problem_code::ProblemCode;

fn json(document: &OpenApi) -> Value {
    serde_json::to_value(document).unwrap()
}

/// Every route of a document: method, path, what is said of it.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        item.iter()
            .map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    operations.collect()
}

#[test]
fn the_public_document_is_as_it_was_read_by_a_person() {
    insta::assert_snapshot!(public_document().to_pretty_json().unwrap());
}

#[test]
fn the_admin_document_is_as_it_was_read_by_a_person() {
    insta::assert_snapshot!(admin_document().to_pretty_json().unwrap());
}

#[test]
fn operators_are_told_of_every_route_and_who_may_use_it() {
    let document = json(&admin_document());
    let mut described = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        if operation.get("security").is_none() {
            assert!(["/healthz", "/readyz"].contains(&path.as_str()), "{path}");
            continue;
        }
        described.insert((method, path, operation["description"].as_str().unwrap()));
    }
    let told: Vec<_> = crate::http::admin::TABLE
        .iter()
        .map(|entry| format!("For the role `{}` and those that include it.", entry.role))
        .collect();
    let table = crate::http::admin::TABLE.iter().zip(&told);
    let table = table.map(|(entry, told)| {
        // The router's mark of a segment that goes to the end is none of OpenAPI's.
        let (method, path) = (entry.method.to_owned(), entry.path.replace("{*", "{"));
        (method, path, told.as_str())
    });
    assert_eq!(described, table.collect());
}

#[test]
fn every_code_stands_under_its_status() {
    let document = json(&public_document());
    let mut seen = BTreeSet::new();
    for (_, path, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let problem = &response["content"]["application/problem+json"]["schema"];
            let codes = problem["allOf"][1]["properties"]["code"]["enum"].as_array();
            for code in codes.into_iter().flatten() {
                let code = ProblemCode::parse(code.as_str().unwrap()).unwrap();
                assert_eq!(row(code).status.to_string(), *status, "{path}");
                seen.insert(code.as_str());
            }
        }
    }
    for (_, _, operation) in operations(&json(&admin_document())) {
        let malformed = operation["responses"]["400"].to_string();
        seen.extend(
            malformed
                .contains("malformed_query")
                .then_some("malformed_query"),
        );
    }
    // A wrong method is the answer of no route.
    let missing = ProblemCode::ALL.iter().map(|code| code.as_str());
    let missing: Vec<_> = missing.filter(|code| !seen.contains(code)).collect();
    assert_eq!(missing, ["method_not_allowed"]);
    let schema = &document["components"]["schemas"]["ProblemCode"]["enum"];
    assert_eq!(*schema, serde_json::to_value(ProblemCode::ALL).unwrap());
}

/// Whether every reference leads somewhere, and every member and parameter is explained.
fn look_through(value: &Value, document: &Value, wrong: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(address)) = members.get("$ref") {
                let found = document.pointer(address.trim_start_matches('#'));
                wrong.extend(found.is_none().then(|| format!("{address} leads nowhere")));
            }
            let variable = members.contains_key("in") && members.contains_key("name");
            if variable && !members.contains_key("description") {
                wrong.push(format!("{} is not explained", members["name"]));
            }
            for (name, member) in members {
                if name == "description" && member.to_string().contains("[`") {
                    wrong.push(format!("a link of rustdoc's in {member}"));
                }
                look_through(member, document, wrong);
            }
        }
        Value::Array(items) => {
            for item in items {
                look_through(item, document, wrong);
            }
        }
        _ => {}
    }
}

#[test]
fn nothing_is_referred_to_that_is_not_there_and_nothing_is_left_unexplained() {
    for document in [public_document(), admin_document()] {
        let document = json(&document);
        let mut wrong = Vec::new();
        look_through(&document, &document, &mut wrong);
        assert_eq!(wrong, Vec::<String>::new());
        let ids: BTreeSet<_> = operations(&document)
            .iter()
            .map(|(_, _, operation)| operation["operationId"].to_string())
            .collect();
        assert_eq!(ids.len(), operations(&document).len(), "ids are unique");
    }
}
