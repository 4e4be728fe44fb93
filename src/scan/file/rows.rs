//! Channels as rows, and rows as channels.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::file::reader::RowGroupReader;
use parquet::file::writer::SerializedRowGroupWriter;

use super::cells::{Cells, Lists, cells, full, lists, put, put_cells, put_lists};
use crate::methods::excitation::{Channel, Distribution, ExactSum, Excitation, Keep, Patch, Said, Seen};

/// The column of the crops, which is read only where it is asked for.
const CROP: usize = 26;

/// The rows of some channels of a layer.
#[derive(Debug, Default)]
pub(super) struct Rows {
    layer: Vec<ByteArray>,
    channel: Vec<i32>,
    rank: Vec<i32>,
    value: Cells<f32>,
    picture: Cells<ByteArray>,
    /// Row, column, x, y, width, height.
    places: [Cells<i32>; 6],
    class: Cells<ByteArray>,
    probability: Cells<f32>,
    truth: Cells<ByteArray>,
    right: Cells<bool>,
    /// Pictures, undefined, positions, positive.
    counts: [Cells<i64>; 4],
    /// Mean, active.
    shares: [Cells<f64>; 2],
    /// Minimum, maximum.
    range: [Cells<f32>; 2],
    sum: Cells<ByteArray>,
    bins: Lists<f32>,
    bin_counts: Lists<i64>,
    crop: Cells<ByteArray>,
}

impl Rows {
    /// Adds a channel: its row of rank 0, and those of the pictures with their crops.
    pub(super) fn add(&mut self, layer: &str, number: usize, channel: &Channel, crops: Vec<Option<Vec<u8>>>) {
        let head = |rows: &mut Self, rank: usize| {
            rows.layer.push(layer.into());
            rows.channel.push(number as i32);
            rows.rank.push(rank as i32);
        };
        head(self, 0);
        self.picture(None, None);
        self.distribution(Some(&channel.distribution));
        for ((rank, excitation), crop) in (1..).zip(channel.kept()).zip(crops) {
            head(self, rank);
            self.picture(Some(excitation), crop);
            self.distribution(None);
        }
    }

    fn picture(&mut self, excitation: Option<&Excitation>, crop: Option<Vec<u8>>) {
        let seen = excitation.map(|excitation| &excitation.picture);
        self.value.push(excitation.map(|excitation| excitation.value));
        self.picture.push(seen.map(|seen| seen.path.as_str().into()));
        let places = excitation
            .map(|Excitation { row, column, patch, .. }| [*row, *column, patch.x, patch.y, patch.width, patch.height]);
        for (index, column) in self.places.iter_mut().enumerate() {
            column.push(places.map(|places| places[index] as i32));
        }
        let said = seen.and_then(|seen| seen.said.as_ref());
        self.class.push(said.map(|said| (&*said.class).into()));
        self.probability.push(said.map(|said| said.probability));
        self.truth.push(seen.and_then(|seen| seen.truth.as_deref()).map(Into::into));
        self.right.push(seen.and_then(|seen| seen.right));
        self.crop.push(crop.map(Into::into));
    }

    fn distribution(&mut self, of: Option<&Distribution>) {
        let counts = of.map(|of| [of.pictures, of.undefined, of.positions, of.positive]);
        for (index, column) in self.counts.iter_mut().enumerate() {
            column.push(counts.map(|counts| counts[index] as i64));
        }
        self.shares[0].push(of.and_then(Distribution::mean));
        self.shares[1].push(of.and_then(Distribution::active));
        let range = of.and_then(Distribution::range);
        self.range[0].push(range.map(|range| range.0));
        self.range[1].push(range.map(|range| range.1));
        self.sum.push(of.map(|of| of.sum.to_bytes().to_vec().into()));
        self.bins.push(of.map(|of| of.histogram().map(|(from, _)| from).collect()));
        self.bin_counts.push(of.map(|of| of.histogram().map(|(_, count)| count as i64).collect()));
    }

    /// Writes the rows as a row group, in the order of the schema.
    pub(super) fn write<W: Write + Send>(&self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        put::<ByteArrayType, W>(group, &self.layer, None, None)?;
        put::<Int32Type, W>(group, &self.channel, None, None)?;
        put::<Int32Type, W>(group, &self.rank, None, None)?;
        put_cells::<FloatType, W>(group, &self.value)?;
        put_cells::<ByteArrayType, W>(group, &self.picture)?;
        for column in &self.places {
            put_cells::<Int32Type, W>(group, column)?;
        }
        put_cells::<ByteArrayType, W>(group, &self.class)?;
        put_cells::<FloatType, W>(group, &self.probability)?;
        put_cells::<ByteArrayType, W>(group, &self.truth)?;
        put_cells::<BoolType, W>(group, &self.right)?;
        for column in &self.counts {
            put_cells::<Int64Type, W>(group, column)?;
        }
        for column in &self.shares {
            put_cells::<DoubleType, W>(group, column)?;
        }
        for column in &self.range {
            put_cells::<FloatType, W>(group, column)?;
        }
        put_cells::<ByteArrayType, W>(group, &self.sum)?;
        put_lists::<FloatType, W>(group, &self.bins)?;
        put_lists::<Int64Type, W>(group, &self.bin_counts)?;
        put_cells::<ByteArrayType, W>(group, &self.crop)
    }
}

/// Channels that were read, by their number, and the crops by channel and picture.
#[derive(Debug, Default)]
pub(in crate::scan) struct Channels {
    pub(in crate::scan) channels: HashMap<usize, Channel>,
    pub(in crate::scan) crops: HashMap<(usize, String), ByteArray>,
}

/// Reads a row group whose columns have been found to be those of the schema; none where they contradict each other.
pub(super) fn read(group: &dyn RowGroupReader, keep: Keep, with_crops: bool) -> Result<Option<Channels>> {
    let number = full::<Int32Type>(group, 1)?;
    let rank = full::<Int32Type>(group, 2)?;
    let value = cells::<FloatType>(group, 3)?;
    let picture = cells::<ByteArrayType>(group, 4)?;
    let places = (5..11).map(|column| cells::<Int32Type>(group, column)).collect::<Result<Vec<_>>>()?;
    let class = cells::<ByteArrayType>(group, 11)?;
    let probability = cells::<FloatType>(group, 12)?;
    let truth = cells::<ByteArrayType>(group, 13)?;
    let right = cells::<BoolType>(group, 14)?;
    let counts = (15..19).map(|column| cells::<Int64Type>(group, column)).collect::<Result<Vec<_>>>()?;
    let minimum = cells::<FloatType>(group, 21)?;
    let maximum = cells::<FloatType>(group, 22)?;
    let sum = cells::<ByteArrayType>(group, 23)?;
    let bins = lists::<FloatType>(group, 24)?;
    let bin_counts = lists::<Int64Type>(group, 25)?;
    let crops = if with_crops { cells::<ByteArrayType>(group, CROP)? } else { Vec::new() };
    let mut read = Channels::default();
    let mut labels: HashMap<String, Arc<str>> = HashMap::new();
    let mut seen: HashMap<String, Arc<Seen>> = HashMap::new();
    let text = |cells: &[Option<ByteArray>], row: usize| -> Option<String> {
        let bytes = cells.get(row)?.as_ref()?;
        std::str::from_utf8(bytes.data()).ok().map(str::to_owned)
    };
    let mut label = |cells: &[Option<ByteArray>], row: usize| {
        text(cells, row).map(|text| labels.entry(text.clone()).or_insert_with(|| text.into()).clone())
    };
    let mut channel_of = |row: usize| -> Option<()> {
        let number = usize::try_from(*number.get(row)?).ok()?;
        let channel = read.channels.entry(number).or_default();
        if *rank.get(row)? == 0 {
            let count = |index: usize| counts.get(index)?.get(row)?.and_then(|count| u64::try_from(count).ok());
            let edges = bins.get(row)?.iter().flatten().copied();
            let pictures = bin_counts.get(row)?.iter().flatten().map(|&count| count.max(0) as u64);
            let counted = [count(0)?, count(1)?, count(2)?, count(3)?];
            let sum = ExactSum::from_bytes(sum.get(row)?.as_ref()?.data())?;
            let range = minimum.get(row)?.zip(*maximum.get(row)?);
            channel.distribution = Distribution::restored(counted, sum, edges.zip(pictures), range);
            return Some(());
        }
        let place = |index: usize| places.get(index)?.get(row)?.and_then(|place| u32::try_from(place).ok());
        let path = text(&picture, row)?;
        let known = seen.entry(path.clone()).or_insert_with(|| {
            let probability = probability.get(row).copied().flatten();
            let said = label(&class, row).zip(probability).map(|(class, probability)| Said { class, probability });
            let right = right.get(row).copied().flatten();
            Arc::new(Seen { path: path.clone(), said, truth: label(&truth, row), right })
        });
        let seen_part = Patch { x: place(2)?, y: place(3)?, width: place(4)?, height: place(5)? };
        let value = value.get(row).copied().flatten()?;
        let excitation =
            Excitation { value, row: place(0)?, column: place(1)?, patch: seen_part, picture: known.clone() };
        channel.insert(keep, &excitation);
        if let Some(Some(crop)) = crops.get(row) {
            read.crops.insert((number, path), crop.clone());
        }
        Some(())
    };
    for row in 0..rank.len() {
        if channel_of(row).is_none() {
            return Ok(None);
        }
    }
    Ok(Some(read))
}
