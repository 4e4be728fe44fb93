//! The patches of the pictures that excite most, as small pictures for the file.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage, imageops};

use super::ScanError;
use super::ordered::ordered;
use super::path_text::path_of;
use crate::engine::Cancel;
use crate::methods::excitation::{Excitation, Excitations, Patch};
use crate::model::resample::{Interpolation, resize};
use crate::picture::atomic;
use crate::picture::load::load_picture;

/// Patches of up to so many pixels are PNG: small ones would lose what there is to see in them, and are short anyway.
const EXACT: u32 = 64 * 64;
const JPEG_QUALITY: u8 = 90;

/// Crops of pictures that lie in a file without a name until they are written out.
#[derive(Debug)]
pub(super) struct Crops {
    store: File,
    /// Where each begins and how long it is, by picture and patch.
    places: HashMap<(String, Patch), (u64, usize)>,
}

impl Crops {
    /// Cuts out everything that is kept, every picture being read once. A picture that is gone by now has no crops.
    /// `beside` is the file that they are for.
    ///
    /// # Errors
    /// A disk that is full, or that it was stopped.
    pub(super) fn cut(
        excitations: &Excitations,
        folder: &Path,
        side: u32,
        workers: usize,
        beside: &Path,
        cancel: &Cancel,
    ) -> Result<Self, ScanError> {
        let mut wanted: BTreeMap<String, Vec<Patch>> = BTreeMap::new();
        for excitation in excitations.layers.iter().flat_map(|layer| &layer.channels).flat_map(|channel| channel.kept())
        {
            wanted.entry(excitation.picture.path.clone()).or_default().push(excitation.patch);
        }
        for patches in wanted.values_mut() {
            patches.sort_unstable();
            patches.dedup();
        }
        let failed =
            |error: std::io::Error| ScanError::Write { file: beside.display().to_string(), reason: error.to_string() };
        let mut store = atomic::nameless(beside).map_err(failed)?;
        let mut places = HashMap::new();
        let mut end = 0;
        let work = |(path, patches): (String, Vec<Patch>)| {
            let picture = load_picture(&folder.join(path_of(&path))).ok();
            let crop = |patch| Some((patch, encoded(picture.as_ref()?, patch, side)?));
            let crops: Vec<(Patch, Vec<u8>)> = patches.into_iter().filter_map(crop).collect();
            (path, crops)
        };
        ordered(wanted.into_iter(), workers, 2 * workers, work, |results| {
            for (path, crops) in results {
                if cancel.is_raised() {
                    return Err(ScanError::Stopped);
                }
                for (patch, bytes) in crops {
                    store.write_all(&bytes).map_err(failed)?;
                    places.insert((path.clone(), patch), (end, bytes.len()));
                    end += bytes.len() as u64;
                }
            }
            Ok(())
        })?;
        Ok(Self { store, places })
    }

    /// The crop of an excitation, as the bytes of a picture file.
    pub(super) fn get(&mut self, excitation: &Excitation) -> std::io::Result<Option<Vec<u8>>> {
        let Some(&(start, length)) = self.places.get(&(excitation.picture.path.clone(), excitation.patch)) else {
            return Ok(None);
        };
        let mut bytes = vec![0; length];
        self.store.seek(SeekFrom::Start(start))?;
        self.store.read_exact(&mut bytes)?;
        Ok(Some(bytes))
    }
}

/// The patch as the bytes of a PNG or JPEG, made smaller where its longer side is above `side`.
fn encoded(picture: &RgbImage, patch: Patch, side: u32) -> Option<Vec<u8>> {
    // The picture may have been replaced by a smaller one.
    let x = patch.x.min(picture.width() - 1);
    let y = patch.y.min(picture.height() - 1);
    let (width, height) = (patch.width.min(picture.width() - x), patch.height.min(picture.height() - y));
    let crop = imageops::crop_imm(picture, x, y, width, height).to_image();
    let longer = width.max(height);
    let crop = if longer > side {
        let shrunk = |length: u32| (u64::from(length) * u64::from(side) / u64::from(longer)).max(1) as u32;
        resize(&crop, shrunk(width), shrunk(height), Interpolation::Box).ok()?
    } else {
        crop
    };
    let mut bytes = Cursor::new(Vec::new());
    if crop.width() * crop.height() <= EXACT {
        crop.write_to(&mut bytes, ImageFormat::Png).ok()?;
    } else {
        crop.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)).ok()?;
    }
    Some(bytes.into_inner())
}
