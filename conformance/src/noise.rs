//! The random numbers that methods draw, in a file.

use std::fs::File;
use std::io::BufWriter;

use layerscope::methods::noise;
use npyz::WriterBuilder;

use crate::arguments::Noise;

/// Writes S×… standard normal numbers, those of a method's sample 0, 1, ….
pub(crate) fn write(wanted: &Noise) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", wanted.file.display());
    let count: usize = wanted.shape.iter().product();
    let shape: Vec<u64> =
        std::iter::once(wanted.samples).chain(wanted.shape.iter().copied()).map(|s| s as u64).collect();
    let file = BufWriter::new(File::create(&wanted.file).map_err(fail)?);
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd().map_err(fail)?;
    for sample in 0..wanted.samples {
        writer.extend(noise::normal(wanted.seed, sample as u64, count)).map_err(fail)?;
    }
    writer.finish().map_err(fail)
}
