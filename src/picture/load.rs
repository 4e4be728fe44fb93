//! Pictures and arrays from files and folders.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};

use super::natural;
use super::npy::{NpyArray, NpyError};
use crate::model::printable::printable_path;

/// Extensions of pictures in a folder.
const PICTURES: [&str; 8] = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"];
/// Most memory that one picture may take: 12,000×9,000 pixels with 16 bits a channel, and more.
const MOST_MEMORY: u64 = 1 << 30;

/// Something to look at: what an INPUT argument, or a file of the folder that it names, stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Input {
    /// A picture, which is preprocessed.
    Picture(PathBuf),
    /// A `.npy` array, which is fed as it is.
    Array(PathBuf),
}

/// An input in memory.
#[derive(Debug, Clone)]
pub enum Loaded {
    /// A picture, upright.
    Picture(RgbImage),
    /// An array.
    Array(NpyArray),
}

/// Why an input cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nothing there.
    #[error("{0}: no such file or folder")]
    Missing(String),
    /// The file system says no.
    #[error("{file}: {reason}")]
    Io {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// A folder with nothing to show.
    #[error("{0}: no pictures in this folder (looked for .{list} and .npy)", list = PICTURES.join(", ."))]
    EmptyFolder(String),
    /// A file without bytes.
    #[error("{0}: the file is empty")]
    EmptyFile(String),
    /// Bytes of no picture format that is known.
    #[error("{file}: not a picture{what}; pictures are PNG, JPEG, WebP, BMP, GIF or TIFF, arrays .npy")]
    NotAPicture {
        /// The file.
        file: String,
        /// What it looks like instead, or nothing.
        what: &'static str,
    },
    /// A picture that breaks off or contradicts itself.
    #[error("{file}: a damaged picture ({reason})")]
    Damaged {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// A picture that would take too much memory.
    #[error("{file}: {width}×{height} pixels are too many ({} MiB; at most {} MiB)", bytes >> 20, MOST_MEMORY >> 20)]
    TooLarge {
        /// The file.
        file: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes that it would take.
        bytes: u64,
    },
    /// An array that cannot be read.
    #[error(transparent)]
    Array(#[from] NpyError),
}

impl Input {
    /// What the arguments stand for, folders opened up (not those inside them), their files in natural order.
    ///
    /// # Errors
    /// A path that does not exist or a folder without pictures.
    pub fn resolve<P: AsRef<Path>>(arguments: impl IntoIterator<Item = P>) -> Result<Vec<Self>, LoadError> {
        let mut inputs = Vec::new();
        for path in arguments {
            let path = path.as_ref();
            match fs::metadata(path) {
                Ok(found) if found.is_dir() => inputs.extend(in_folder(path)?),
                Ok(_) => inputs.push(Self::of(path)),
                Err(error) => return Err(io_error(path, &error)),
            }
        }
        Ok(inputs)
    }

    fn of(path: &Path) -> Self {
        if extension(path) == "npy" { Self::Array(path.into()) } else { Self::Picture(path.into()) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Picture(path) | Self::Array(path) => path,
        }
    }

    /// Its file name, printable.
    pub fn name(&self) -> String {
        printable_path(Path::new(self.path().file_name().unwrap_or(self.path().as_os_str())))
    }

    /// Reads it.
    ///
    /// # Errors
    /// A file that cannot be read, is no picture or array, is damaged, or needs too much memory.
    pub fn load(&self) -> Result<Loaded, LoadError> {
        match self {
            Self::Picture(path) => load_picture(path).map(Loaded::Picture),
            Self::Array(path) => match fs::metadata(path) {
                Ok(found) if found.len() == 0 => Err(LoadError::EmptyFile(printable_path(path))),
                Ok(_) => Ok(Loaded::Array(NpyArray::open(path)?)),
                Err(error) => Err(io_error(path, &error)),
            },
        }
    }
}

fn in_folder(folder: &Path) -> Result<Vec<Input>, LoadError> {
    let entries = fs::read_dir(folder).map_err(|error| io_error(folder, &error))?;
    let mut names: Vec<String> = Vec::new();
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| io_error(folder, &error))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let extension = extension(&path);
        let shown = extension == "npy" || PICTURES.contains(&extension.as_str());
        // A hidden file named .png is what a file manager left behind, not a picture.
        if shown && !name.starts_with('.') && path.is_file() {
            names.push(name);
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(LoadError::EmptyFolder(printable_path(folder)));
    }
    let mut sorted: Vec<(String, PathBuf)> = names.into_iter().zip(paths).collect();
    sorted.sort_by(|left, right| natural::compare(&left.0, &right.0));
    Ok(sorted.iter().map(|(_, path)| Input::of(path)).collect())
}

/// Reads a picture as RGB: by its bytes, not its name; turned upright by its EXIF orientation; transparency dropped and
/// 16 bits cut to the upper 8, as Pillow's `convert('RGB')` does; the first frame of an animation.
///
/// # Errors
/// A file that cannot be read, is no picture, is damaged, or needs too much memory.
pub fn load_picture(path: &Path) -> Result<RgbImage, LoadError> {
    let file = || printable_path(path);
    let found = fs::metadata(path).map_err(|error| io_error(path, &error))?;
    if found.is_dir() {
        return Err(LoadError::Io { file: file(), reason: "a folder, not a picture".into() });
    }
    if found.is_file() && found.len() == 0 {
        return Err(LoadError::EmptyFile(file()));
    }
    let opened = File::open(path).map_err(|error| io_error(path, &error))?;
    let reader =
        ImageReader::new(BufReader::new(opened)).with_guessed_format().map_err(|error| io_error(path, &error))?;
    if reader.format().is_none_or(|format| !format.reading_enabled()) {
        return Err(LoadError::NotAPicture { file: file(), what: looks_like(path) });
    }
    decode(reader, &file())
}

/// The picture in `bytes`, as [`load_picture`] reads it; `name` is what errors call it.
///
/// # Errors
/// Bytes that are no picture or a damaged one.
pub fn decode_picture(bytes: &[u8], name: &str) -> Result<RgbImage, LoadError> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let reader = reader.map_err(|error| LoadError::Io { file: name.to_owned(), reason: error.to_string() })?;
    decode(reader, name)
}

fn decode<R: BufRead + Seek>(mut reader: ImageReader<R>, file: &str) -> Result<RgbImage, LoadError> {
    let file = || file.to_owned();
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(2 * MOST_MEMORY);
    reader.limits(limits);
    let damaged = |error: image::ImageError| LoadError::Damaged { file: file(), reason: one_line(&error) };
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let bytes = decoder.total_bytes();
    if bytes > MOST_MEMORY {
        return Err(LoadError::TooLarge { file: file(), width, height, bytes });
    }
    if width == 0 || height == 0 {
        return Err(LoadError::Damaged { file: file(), reason: "it has no pixels".into() });
    }
    // A picture whose EXIF block is damaged is still a picture.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::ImageRgb8(to_rgb(DynamicImage::from_decoder(decoder).map_err(damaged)?));
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

fn to_rgb(picture: DynamicImage) -> RgbImage {
    let upper = |level: u16| (level >> 8) as u8;
    let (width, height) = (picture.width(), picture.height());
    let levels: Option<Vec<u8>> = match &picture {
        DynamicImage::ImageLuma16(grey) => Some(grey.pixels().flat_map(|pixel| [upper(pixel.0[0]); 3]).collect()),
        DynamicImage::ImageLumaA16(grey) => Some(grey.pixels().flat_map(|pixel| [upper(pixel.0[0]); 3]).collect()),
        DynamicImage::ImageRgb16(color) => Some(color.pixels().flat_map(|pixel| pixel.0.map(upper)).collect()),
        DynamicImage::ImageRgba16(color) => {
            Some(color.pixels().flat_map(|image::Rgba([r, g, b, _])| [r, g, b].map(|level| upper(*level))).collect())
        }
        _ => None,
    };
    levels.and_then(|levels| RgbImage::from_raw(width, height, levels)).unwrap_or_else(|| picture.into_rgb8())
}

/// What a file that is no picture seems to be.
fn looks_like(path: &Path) -> &'static str {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut start));
    match read {
        Ok(_) if start.starts_with(b"\x93NUMPY") => " but a NumPy array (name it .npy)",
        Ok(_) if start.starts_with(b"PK\x03\x04") => " but a zip archive",
        Ok(_) if start.starts_with(b"\x89HDF") => " but an HDF5 file",
        Ok(_) if start.iter().all(|byte| *byte >= 32 || matches!(byte, b'\n' | b'\r' | b'\t')) => " but a text file",
        _ => "",
    }
}

/// Whether a file is named like a picture.
pub(crate) fn is_picture(path: &Path) -> bool {
    PICTURES.contains(&extension(path).as_str())
}

fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn io_error(path: &Path, error: &std::io::Error) -> LoadError {
    match error.kind() {
        std::io::ErrorKind::NotFound => LoadError::Missing(printable_path(path)),
        _ => LoadError::Io { file: printable_path(path), reason: error.to_string() },
    }
}

fn one_line(error: &image::ImageError) -> String {
    crate::model::printable(&error.to_string()).into_owned()
}
