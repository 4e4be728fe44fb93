//! Columns in memory, and their way into and out of a row group.

use std::io::Write;

use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::DataType;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::RowGroupReader;
use parquet::file::writer::SerializedRowGroupWriter;

/// A column with one value a row, or none.
#[derive(Debug)]
pub(super) struct Cells<T> {
    values: Vec<T>,
    defined: Vec<i16>,
}

impl<T> Default for Cells<T> {
    fn default() -> Self {
        Self { values: Vec::new(), defined: Vec::new() }
    }
}

impl<T> Cells<T> {
    pub(super) fn push(&mut self, value: Option<T>) {
        self.defined.push(value.is_some().into());
        self.values.extend(value);
    }
}

/// A column with a list of values a row, or none.
#[derive(Debug)]
pub(super) struct Lists<T> {
    values: Vec<T>,
    defined: Vec<i16>,
    repeated: Vec<i16>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { values: Vec::new(), defined: Vec::new(), repeated: Vec::new() }
    }
}

impl<T> Lists<T> {
    pub(super) fn push(&mut self, list: Option<Vec<T>>) {
        match list {
            None => self.mark(0, 0),
            Some(list) if list.is_empty() => self.mark(1, 0),
            Some(list) => {
                (0..list.len()).for_each(|index| self.mark(2, (index > 0).into()));
                self.values.extend(list);
            }
        }
    }

    fn mark(&mut self, defined: i16, repeated: i16) {
        self.defined.push(defined);
        self.repeated.push(repeated);
    }
}

/// Writes the next column of a row group.
pub(super) fn put<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    defined: Option<&[i16]>,
    repeated: Option<&[i16]>,
) -> Result<()> {
    let missing = || ParquetError::General("fewer columns than the schema has".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, defined, repeated)?;
    column.close()
}

/// Writes a column whose cells may be empty.
pub(super) fn put_cells<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    cells: &Cells<T::T>,
) -> Result<()> {
    put::<T, W>(group, &cells.values, Some(&cells.defined), None)
}

/// Writes a column of lists.
pub(super) fn put_lists<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    lists: &Lists<T::T>,
) -> Result<()> {
    put::<T, W>(group, &lists.values, Some(&lists.defined), Some(&lists.repeated))
}

/// A column as it is stored: values and levels.
struct Stored<T> {
    values: Vec<T>,
    defined: Vec<i16>,
    repeated: Vec<i16>,
}

/// Reads a column. The caller has made sure that it is of this type.
fn stored<T: DataType>(group: &dyn RowGroupReader, column: usize) -> Result<Stored<T::T>> {
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column)?);
    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let (records, _, levels) = reader.read_records(1024, Some(&mut defined), Some(&mut repeated), &mut values)?;
        if records == 0 && levels == 0 {
            return Ok(Stored { values, defined, repeated });
        }
    }
}

/// A column without empty cells.
pub(super) fn full<T: DataType>(group: &dyn RowGroupReader, column: usize) -> Result<Vec<T::T>> {
    Ok(stored::<T>(group, column)?.values)
}

/// A column whose cells may be empty.
pub(super) fn cells<T: DataType>(group: &dyn RowGroupReader, column: usize) -> Result<Vec<Option<T::T>>> {
    let stored = stored::<T>(group, column)?;
    let mut values = stored.values.into_iter();
    Ok(stored.defined.into_iter().map(|level| if level > 0 { values.next() } else { None }).collect())
}

/// A column of lists.
pub(super) fn lists<T: DataType>(group: &dyn RowGroupReader, column: usize) -> Result<Vec<Option<Vec<T::T>>>> {
    let stored = stored::<T>(group, column)?;
    let mut values = stored.values.into_iter();
    let mut lists: Vec<Option<Vec<T::T>>> = Vec::new();
    for (defined, repeated) in stored.defined.into_iter().zip(stored.repeated) {
        if repeated == 0 {
            lists.push((defined > 0).then(Vec::new));
        }
        if defined > 1
            && let (Some(Some(list)), Some(value)) = (lists.last_mut(), values.next())
        {
            list.push(value);
        }
    }
    Ok(lists)
}
