//! Writes the file of a scan, one row group after the other.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::SCHEMA;
use super::rows::Rows;
use crate::methods::excitation::Channel;
use crate::scan::header::Header;

/// A file that is being written.
pub(in crate::scan) struct Writer<'a> {
    file: SerializedFileWriter<&'a mut (dyn Write + Send)>,
    groups: usize,
}

impl<'a> Writer<'a> {
    pub(in crate::scan) fn new(out: &'a mut (dyn Write + Send)) -> io::Result<Self> {
        // Crops are compressed already, and nothing can be looked up by their bytes. Deep layers see whole pictures, and many
        // channels the same ones: each is stored once for a row group.
        const DICTIONARY: usize = 64 << 20;
        let crop = ColumnPath::from("crop");
        let properties = WriterProperties::builder()
            .set_created_by(concat!("layerscope ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::UNCOMPRESSED)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(None)
            .set_column_dictionary_page_size_limit(crop.clone(), DICTIONARY)
            .set_column_statistics_enabled(crop, EnabledStatistics::None)
            .build();
        let schema = parse_message_type(SCHEMA).map_err(failed)?;
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        Ok(Self { file, groups: 0 })
    }

    /// The row group that is written next.
    pub(in crate::scan) fn next_group(&self) -> usize {
        self.groups
    }

    /// Writes up to [`Header::CHANNELS`] channels of a layer, each with its number and the crops of what it keeps.
    pub(in crate::scan) fn write<'c>(
        &mut self,
        layer: &str,
        channels: impl Iterator<Item = io::Result<(usize, &'c Channel, Vec<Option<Vec<u8>>>)>>,
    ) -> io::Result<()> {
        let mut rows = Rows::default();
        for channel in channels {
            let (number, channel, crops) = channel?;
            rows.add(layer, number, channel, crops);
        }
        let mut group = self.file.next_row_group().map_err(failed)?;
        rows.write(&mut group).map_err(failed)?;
        group.close().map_err(failed)?;
        self.groups += 1;
        Ok(())
    }

    /// Writes what the file says of itself.
    pub(in crate::scan) fn finish(mut self, header: &Header) -> io::Result<()> {
        let text = serde_json::to_string(header)?;
        self.file.append_key_value_metadata(KeyValue::new(Header::KEY.to_owned(), text));
        self.file.finish().map_err(failed)?;
        Ok(())
    }
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => io::Error::other(inner),
        other => io::Error::other(other),
    }
}
