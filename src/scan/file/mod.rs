//! The file of a scan: one Parquet table, so that pyarrow, pandas and `DuckDB` read it too.
//!
//! Every channel has one row of rank 0 with how it answers to all pictures, and then a row for each picture that is kept, of rank 1
//! and on, with a crop of the picture. Row groups hold [`Header::CHANNELS`](super::header::Header::CHANNELS) channels of one layer.

mod cells;
mod read;
mod rows;
mod write;

pub use read::{ChannelRows, ExcitationFile, Filter, Kept};
pub(super) use rows::Channels;
pub(super) use write::Writer;

/// The columns. Those from `value` to `crop` are of pictures, those from `pictures` on of channels.
const SCHEMA: &str = "message excitations {
    required binary layer (STRING);
    required int32 channel;
    required int32 rank;
    optional float value;
    optional binary picture (STRING);
    optional int32 row;
    optional int32 column;
    optional int32 x;
    optional int32 y;
    optional int32 width;
    optional int32 height;
    optional binary class (STRING);
    optional float probability;
    optional binary truth (STRING);
    optional boolean right;
    optional int64 pictures;
    optional int64 undefined;
    optional int64 positions;
    optional int64 positive;
    optional double mean;
    optional double active;
    optional float minimum;
    optional float maximum;
    optional binary sum;
    optional group bins (LIST) { repeated group list { required float element; } }
    optional group counts (LIST) { repeated group list { required int64 element; } }
    optional binary crop;
}";
