//! Rows of a JSON file (RFC 8259): an array of objects, whose members are the columns. Nothing nests
//! deeper than that, so no input can make the parser call itself.

use std::fmt;
use std::io::{BufRead as _, BufReader};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer as _, de};
use serde_json::error::Category;

use crate::enrichment::lists::form::Form;
use crate::enrichment::lists::problem::{ListProblem, Place};
use crate::enrichment::lists::source::{AHEAD, Progress, Source, Whole};
use crate::enrichment::lists::table::{Builder, Table};

/// Some programs begin a file in UTF-8 with it; it says nothing.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub(super) fn read(
    source: Source,
    file_len: u64,
    form: &'static Form,
) -> Result<(Table, Whole), ListProblem> {
    let mut rows = Rows {
        builder: Builder::new(form, "object", file_len),
        form,
        cells: vec![None; form.columns().count()],
        number: 0,
        progress: source.progress(),
        problem: None,
    };
    let mut reader = BufReader::with_capacity(AHEAD, source);
    if reader.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        reader.consume(BYTE_ORDER_MARK.len());
    }
    let mut json = serde_json::Deserializer::from_reader(&mut reader);
    let read = json.deserialize_seq(&mut rows).and_then(|()| json.end());
    if let Err(error) = read {
        let found = rows.problem.or_else(|| rows.progress.too_long());
        return Err(found.unwrap_or_else(|| problem(error)));
    }
    Ok((rows.builder.finish()?, reader.into_inner().finish()))
}

/// The parser's own words show values where the shape is wrong; where the syntax is, they do not.
fn problem(error: serde_json::Error) -> ListProblem {
    match error.classify() {
        Category::Data => ListProblem::Shape {
            line: error.line(),
            column: error.column(),
        },
        Category::Io => ListProblem::Read(error.into()),
        Category::Syntax | Category::Eof => ListProblem::Json(error),
    }
}

struct Rows {
    builder: Builder,
    form: &'static Form,
    /// Those of the object in work, in the form's order.
    cells: Vec<Option<String>>,
    /// The object in work, counted from 1.
    number: u64,
    progress: Progress,
    /// What is wrong, in our own words.
    problem: Option<ListProblem>,
}

impl Rows {
    fn fail<E: de::Error>(&mut self, problem: ListProblem) -> E {
        self.problem = Some(problem);
        E::custom("see above")
    }

    fn members<E: de::Error>(&mut self) -> E {
        let (key, others) = (self.form.key, self.form.others());
        let place = Place {
            unit: "object",
            number: self.number,
        };
        self.fail(ListProblem::Members { place, key, others })
    }
}

/// The array.
impl<'de> Visitor<'de> for &mut Rows {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut objects: A) -> Result<(), A::Error> {
        while objects.next_element_seed(Object(self))?.is_some() {}
        Ok(())
    }
}

/// One element of it.
struct Object<'a>(&'a mut Rows);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, element: D) -> Result<(), D::Error> {
        element.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let rows = self.0;
        rows.number += 1;
        rows.cells.fill(None);
        let mut seen = vec![false; rows.cells.len()];
        while let Some(column) = members.next_key_seed(Column(rows.form))? {
            let column = column.and_then(|index| Some((index, seen.get_mut(index)?)));
            let Some((index, seen)) = column.filter(|(_, seen)| !**seen) else {
                return Err(rows.members());
            };
            *seen = true;
            let text = members.next_value_seed(Text)?;
            if let Some(cell) = rows.cells.get_mut(index) {
                *cell = text;
            }
        }
        if seen.first() != Some(&true) {
            return Err(rows.members());
        }
        let cells = rows.cells.iter().map(|cell| cell.as_deref().unwrap_or(""));
        match rows.builder.add(cells, rows.number) {
            Ok(()) => {
                rows.progress.row_done();
                Ok(())
            }
            Err(problem) => Err(rows.fail(problem)),
        }
    }
}

/// A member's name: where its column stands, if it has one.
struct Column(&'static Form);

impl<'de> DeserializeSeed<'de> for Column {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, name: D) -> Result<Option<usize>, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Column {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.position(name))
    }
}

/// A member's value.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<String>;

    fn deserialize<D: serde::Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    // Not looked into, however deep it is.
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Option<String>, A::Error> {
        Err(A::Error::custom("an object"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Option<String>, A::Error> {
        Err(A::Error::custom("an array"))
    }
}
