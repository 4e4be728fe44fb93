//! Fills `corpus/TARGET` from the fixtures of the tests: `cargo run --bin seeds`, in `fuzz`.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use layerscope_fuzz::formats::archive::Archive;

/// Larger files take the fuzzer too long.
const LARGEST: u64 = 256 << 10;

fn files(folder: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, into)?;
        } else if fs::metadata(&path)?.len() <= LARGEST {
            into.push(path);
        }
    }
    Ok(())
}

/// The entries of an archive whose names end so.
fn entries(bytes: &[u8], ending: &str) -> Vec<Vec<u8>> {
    let Ok(mut archive) = Archive::open(Cursor::new(bytes)) else { return Vec::new() };
    let names: Vec<String> = archive.names().filter(|name| name.ends_with(ending)).map(str::to_owned).collect();
    names.iter().filter_map(|name| archive.read(name).ok()).collect()
}

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    files(&here.join("../tests/fixtures"), &mut paths)?;
    let mut count = 0;
    let mut seed = |target: &str, bytes: &[u8]| -> std::io::Result<()> {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        count += 1;
        fs::write(folder.join(format!("seed{count}")), bytes)
    };
    for path in paths {
        let bytes = fs::read(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kind = name.rsplit('.').next().unwrap_or_default();
        match kind {
            "h5" | "hdf5" | "keras" => seed("keras", &bytes)?,
            "onnx" => seed("onnx", &bytes)?,
            "pth" | "pt" | "pkl" | "ckpt" | "bin" | "tar" | "safetensors" => seed("checkpoint", &bytes)?,
            _ => {}
        }
        if bytes.starts_with(b"PK") {
            seed("archive", &bytes)?;
            for pickle in entries(&bytes, "data.pkl") {
                seed("pickle", &pickle)?;
            }
            for program in entries(&bytes, "models/model.json") {
                seed("exported_program", &program)?;
            }
            let code = entries(&bytes, ".py").concat();
            let pickles = ["data.pkl", "constants.pkl", "traced_inputs.pkl"].map(|name| entries(&bytes, name)).concat();
            for pickle in pickles.iter().filter(|_| !code.is_empty()) {
                if let Ok(length) = u16::try_from(pickle.len()) {
                    seed("torchscript", &[&length.to_le_bytes(), pickle.as_slice(), &code].concat())?;
                }
            }
        }
        if kind == "pkl" {
            seed("pickle", &bytes)?;
        }
        if kind == "safetensors"
            && let Some((length, rest)) = bytes.split_first_chunk()
            && let Some(header) =
                usize::try_from(u64::from_le_bytes(*length)).ok().and_then(|length| rest.get(..length))
        {
            seed("safetensors", header)?;
        }
    }
    println!("{count} seeds");
    Ok(())
}
