//! Lists, as answers.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::openapi::schema::{Array, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A part of a list, newest first.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    /// What fits, at most as many as `limit`.
    pub(super) items: Vec<T>,
    /// The `cursor` of the next part; `null` at the end.
    pub(super) next: Option<String>,
}

/// A list that is never long: all of it.
#[derive(Debug, Serialize)]
pub(super) struct Whole<T> {
    /// In the order of the configuration.
    pub(super) items: Vec<T>,
}

/// The derived one would give every page the same name.
impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let next = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("The `cursor` of the next part; `null` at the end."));
        let about = "A part of a list, newest first.";
        items::<T>(about)
            .property("next", next)
            .required("next")
            .into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("PageOf{}", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        of_item::<T>(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Whole<T> {
    fn schema() -> RefOr<Schema> {
        items::<T>("A whole list, in the order of the configuration.").into()
    }
}

impl<T: ToSchema> ToSchema for Whole<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("ListOf{}", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        of_item::<T>(schemas);
    }
}

fn items<T: ToSchema>(about: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .description(Some(about))
        .property("items", Array::new(Ref::from_schema_name(T::name())))
        .required("items")
}

fn of_item<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
}
