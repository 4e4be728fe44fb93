//! `cargo xtask fixtures`: networks and golden arrays, made by the Python scripts of `tests/fixtures`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::checkout::Checkout;
use crate::python::{self, Python};
use crate::report::{self, Failure};

/// What is to be made, and by which Python.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// The committed fixtures instead of those that are too large to commit.
    pub(crate) golden: bool,
    /// VGG16 too.
    pub(crate) vgg16: bool,
    /// A Python that has the packages already.
    pub(crate) python: Option<PathBuf>,
}

const TORCH: &str = "tests/fixtures/requirements.txt";
const KERAS: &str = "tests/fixtures/requirements-keras.txt";

/// Makes the fixtures that are not there, or the committed ones again.
pub(crate) fn fixtures(checkout: &Checkout, wanted: &Wanted) -> Result<(), Failure> {
    if wanted.golden { golden(checkout, wanted) } else { large(checkout, wanted) }
}

fn golden(checkout: &Checkout, wanted: &Wanted) -> Result<(), Failure> {
    let picture = checkout.path("assets/chelsea.png");
    let torch = Python::with(checkout, wanted.python.as_deref(), TORCH, "torch", "3 GB to download, 5 GB on disk")?;
    script(checkout, &torch, "make.py", &[])?;
    script(checkout, &torch, "make_resize.py", &[&picture])?;
    let keras = Python::with(checkout, wanted.python.as_deref(), KERAS, "keras", "400 MB to download, 1.5 GB on disk")?;
    script(checkout, &keras, "make_keras.py", &[])
}

fn large(checkout: &Checkout, wanted: &Wanted) -> Result<(), Failure> {
    let folder = checkout.path("target/fixtures");
    let mut names = vec!["efficientnet_lite0.pt2", "efficientnet_lite0_dynamic.pt2", "resnet18.pt2"];
    if wanted.vgg16 {
        names.push("vgg16.pt2");
    }
    let sources = ["make_lite0.py", "make.py", "networks.py", "requirements.txt"];
    let sources = sources.map(|file| checkout.path("tests/fixtures").join(file));
    let sources = python::digest(&sources.each_ref().map(PathBuf::as_path))?;
    let stamp = folder.join("made-by");
    let are_there = std::fs::read_to_string(&stamp).is_ok_and(|made| made == sources)
        && names.iter().all(|name| folder.join(name).is_file());
    if !are_there {
        std::fs::create_dir_all(&folder).map_err(Failure::file("make the folder", &folder))?;
        // Gone while the script runs, so that files of a script that was stopped do not count.
        std::fs::write(&stamp, "").map_err(Failure::file("write", &stamp))?;
        let python =
            Python::with(checkout, wanted.python.as_deref(), TORCH, "torch", "3 GB to download, 5 GB on disk")?;
        let vgg16 = wanted.vgg16.then_some(Path::new("--vgg16"));
        script(
            checkout,
            &python,
            "make_lite0.py",
            &[Some(folder.as_path()), vgg16].into_iter().flatten().collect::<Vec<_>>(),
        )?;
        std::fs::write(&stamp, sources).map_err(Failure::file("write", &stamp))?;
    }
    report::say(&format!("{} are in {}", names.join(", "), folder.display()));
    Ok(())
}

/// Runs a script of `tests/fixtures`.
fn script(checkout: &Checkout, python: &Python, script: &str, arguments: &[&Path]) -> Result<(), Failure> {
    report::say(&format!("running tests/fixtures/{script}"));
    let mut command = Command::new(python.program());
    command.arg(checkout.path("tests/fixtures").join(script)).args(arguments);
    python.lend(&mut command);
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .map_err(|error| Failure::new(format!("cannot run the Python {}: {error}", python.program().display())))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("tests/fixtures/{script} failed ({status}), its own message is above")))
}
