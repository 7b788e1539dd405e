//! Rows of a CSV file (RFC 4180, in UTF-8), whose first line names the columns.

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::enrichment::lists::form::Form;
use crate::enrichment::lists::problem::ListProblem;
use crate::enrichment::lists::source::{AHEAD, Source, Whole};
use crate::enrichment::lists::table::{Builder, Table};

pub(super) fn read(
    source: Source,
    file_len: u64,
    form: &'static Form,
) -> Result<(Table, Whole), ListProblem> {
    let progress = source.progress();
    let mut reader = ReaderBuilder::new()
        .buffer_capacity(AHEAD)
        .from_reader(source);
    let rows = read_rows(&mut reader, file_len, form);
    // A row that is too long ends the reading, and the parser tells only that reading ended.
    let rows = rows.map_err(|problem| match (problem, progress.too_long()) {
        (ListProblem::Csv(_), Some(too_long)) => too_long,
        (problem, _) => problem,
    })?;
    let whole = reader.into_inner().finish();
    match whole.last {
        Some(b'\n' | b'\r') => Ok((rows.finish()?, whole)),
        _ => Err(ListProblem::Truncated),
    }
}

fn read_rows(
    reader: &mut Reader<Source>,
    file_len: u64,
    form: &'static Form,
) -> Result<Builder, ListProblem> {
    let columns = columns(reader.headers().map_err(ListProblem::Csv)?, form)?;
    let progress = reader.get_ref().progress();
    let mut rows = Builder::new(form, "line", file_len);
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(ListProblem::Csv)? {
        let line = record.position().map_or(0, csv::Position::line);
        let cells = columns
            .iter()
            .map(|index| index.and_then(|index| record.get(index)).unwrap_or(""));
        rows.add(cells, line)?;
        progress.row_done();
    }
    Ok(rows)
}

/// Where in a record each column of the form stands.
fn columns(head: &StringRecord, form: &Form) -> Result<Vec<Option<usize>>, ListProblem> {
    let wrong = || ListProblem::Head {
        key: form.key,
        others: form.others(),
    };
    let mut columns = vec![None; form.columns().count()];
    for (index, name) in head.iter().enumerate() {
        let position = form.position(name.trim()).ok_or_else(wrong)?;
        let column = columns.get_mut(position).ok_or_else(wrong)?;
        if column.replace(index).is_some() {
            return Err(wrong());
        }
    }
    match columns.first() {
        Some(Some(_)) => Ok(columns),
        _ => Err(wrong()),
    }
}
