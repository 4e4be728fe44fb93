//! Pictures to files: PNG with a palette for maps, any common format for full colour.

use std::io::{self, Cursor, Write};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};

use super::atomic;
use super::indexed::IndexedImage;
use crate::model::printable::printable_path;

/// Extensions that pictures can be saved by.
const EXTENSIONS: &str = ".png, .jpg, .webp, .bmp, .gif or .tiff";
/// JPEG quality: high, because thin structures of maps matter more than bytes.
const JPEG_QUALITY: u8 = 95;

/// Why a picture was not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// No format goes by that extension.
    #[error("{file}: {}; save as {EXTENSIONS}", if extension.is_empty() { "no extension to tell the format by".into() } else { format!("pictures are not saved as .{extension}") })]
    Extension {
        /// The file.
        file: String,
        /// Its extension.
        extension: String,
    },
    /// The file system says no.
    #[error("{file}: {reason}")]
    Io {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
}

/// Tells whether a picture can be saved under this name, before any work is done for it.
///
/// # Errors
/// An extension that no format has.
pub fn check_extension(path: &Path) -> Result<(), SaveError> {
    format_of(path).map(|_| ())
}

/// Saves a full-colour picture in the format of the extension. Either the whole file is there afterwards or the old one.
///
/// # Errors
/// An unknown extension, or a file that cannot be written.
pub fn save_picture(path: &Path, picture: &RgbImage) -> Result<(), SaveError> {
    let format = format_of(path)?;
    let mut bytes = Cursor::new(Vec::new());
    match format {
        ImageFormat::Jpeg => picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)),
        other => picture.write_to(&mut bytes, other),
    }
    .map_err(|error| failed(path, &error))?;
    atomic::write(path, |out| out.write_all(bytes.get_ref())).map_err(|error| failed(path, &error))
}

/// Saves a picture of one byte per pixel: as PNG with its palette, in other formats in full colour.
///
/// # Errors
/// An unknown extension, or a file that cannot be written.
pub fn save_indexed(path: &Path, picture: &IndexedImage) -> Result<(), SaveError> {
    match format_of(path)? {
        ImageFormat::Png => {
            atomic::write(path, |out| encode_indexed_png(picture, out)).map_err(|error| failed(path, &error))
        }
        _ => save_picture(path, &picture.to_rgb()),
    }
}

/// Writes a PNG with a palette of 256 colours, one byte per pixel.
///
/// # Errors
/// A picture without pixels, indices that do not fit its size, or a failing writer.
pub fn encode_indexed_png(picture: &IndexedImage, out: impl Write) -> io::Result<()> {
    let mut encoder = png::Encoder::new(out, picture.width as u32, picture.height as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(picture.palette.as_flattened());
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.indices)?;
    Ok(writer.finish()?)
}

fn format_of(path: &Path) -> Result<ImageFormat, SaveError> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default();
    ImageFormat::from_extension(&extension).filter(ImageFormat::writing_enabled).ok_or_else(|| SaveError::Extension {
        file: printable_path(path),
        extension: crate::model::printable(&extension).into_owned(),
    })
}

fn failed(path: &Path, reason: &dyn std::fmt::Display) -> SaveError {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let reason = match folder {
        Some(folder) => format!("there is no folder {}", printable_path(folder)),
        None => reason.to_string(),
    };
    SaveError::Io { file: printable_path(path), reason }
}
