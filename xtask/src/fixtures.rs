//! `cargo xtask fixtures`: networks and golden arrays, made by the Python scripts of `tests/fixtures`.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::checkout::Checkout;
use crate::pip::Home;
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

const TORCH: &str = "requirements.txt";
const KERAS: &str = "requirements-keras.txt";
const INSTEAD: &str = "Or give a Python that has the packages with --python";

/// Makes the fixtures that are not there, or the committed ones again.
pub(crate) fn fixtures(checkout: &Checkout, wanted: &Wanted) -> Result<(), Failure> {
    if wanted.golden { golden(checkout, wanted) } else { large(checkout, wanted) }
}

fn golden(checkout: &Checkout, wanted: &Wanted) -> Result<(), Failure> {
    let picture = checkout.path("assets/chelsea.png");
    let torch = Python::with(checkout, wanted, TORCH, "torch", "3 GB to download, 5 GB on disk")?;
    torch.script(checkout, "make.py", &[])?;
    torch.script(checkout, "make_resize.py", &[&picture])?;
    let keras = Python::with(checkout, wanted, KERAS, "keras", "400 MB to download, 1.5 GB on disk")?;
    keras.script(checkout, "make_keras.py", &[])
}

fn large(checkout: &Checkout, wanted: &Wanted) -> Result<(), Failure> {
    let folder = checkout.path("target/fixtures");
    let mut names = vec!["efficientnet_lite0.pt2", "efficientnet_lite0_dynamic.pt2", "resnet18.pt2"];
    if wanted.vgg16 {
        names.push("vgg16.pt2");
    }
    let sources = digest(checkout, &["make_lite0.py", "make.py", "networks.py", TORCH])?;
    let stamp = folder.join("made-by");
    let are_there = std::fs::read_to_string(&stamp).is_ok_and(|made| made == sources)
        && names.iter().all(|name| folder.join(name).is_file());
    if !are_there {
        std::fs::create_dir_all(&folder).map_err(Failure::file("make the folder", &folder))?;
        // Gone while the script runs, so that files of a script that was stopped do not count.
        std::fs::write(&stamp, "").map_err(Failure::file("write", &stamp))?;
        let python = Python::with(checkout, wanted, TORCH, "torch", "3 GB to download, 5 GB on disk")?;
        let vgg16 = wanted.vgg16.then_some(Path::new("--vgg16"));
        python.script(
            checkout,
            "make_lite0.py",
            &[Some(folder.as_path()), vgg16].into_iter().flatten().collect::<Vec<_>>(),
        )?;
        std::fs::write(&stamp, sources).map_err(Failure::file("write", &stamp))?;
    }
    report::say(&format!("{} are in {}", names.join(", "), folder.display()));
    Ok(())
}

/// A Python, and the folder of packages it is to use if they are not its own.
struct Python {
    program: PathBuf,
    packages: Option<PathBuf>,
}

impl Python {
    /// The Python that was asked for, or python3 with the packages that a file of requirements names.
    fn with(checkout: &Checkout, wanted: &Wanted, file: &str, name: &str, size: &str) -> Result<Self, Failure> {
        if let Some(program) = &wanted.python {
            return Ok(Self { program: program.clone(), packages: None });
        }
        let requirements = checkout.path("tests/fixtures").join(file);
        let folder = checkout.path("target/fixtures-python").join(name);
        let sources = digest(checkout, &[file])?;
        let (packages, stamp) = (folder.join("packages"), folder.join("packages/requirements-digest"));
        let is_there = || std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == sources);
        let home = Home::hold(&folder)?;
        if !is_there() {
            report::say(&format!("installing {file} from PyPI into {}, once: {size}", folder.display()));
            let fresh = home.install(&["--requirement", &requirements.to_string_lossy()], INSTEAD)?;
            let stamp = fresh.join("requirements-digest");
            std::fs::write(&stamp, &sources).map_err(Failure::file("write", &stamp))?;
            let whole = fresh.parent().unwrap_or(&fresh);
            home.take(whole, &["packages"])?;
        }
        Ok(Self { program: "python3".into(), packages: Some(packages) })
    }

    fn script(&self, checkout: &Checkout, script: &str, arguments: &[&Path]) -> Result<(), Failure> {
        report::say(&format!("running tests/fixtures/{script}"));
        let mut command = Command::new(&self.program);
        command.arg(checkout.path("tests/fixtures").join(script)).args(arguments);
        if let Some(packages) = &self.packages {
            command.env("PYTHONPATH", packages).env("PYTHONNOUSERSITE", "1");
        }
        let status = command
            .stdin(Stdio::null())
            .stdout(Stdio::from(std::io::stderr()))
            .status()
            .map_err(|error| Failure::new(format!("cannot run the Python {}: {error}", self.program.display())))?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("tests/fixtures/{script} failed ({status}), its own message is above")))
    }
}

/// Tells whether scripts or requirements have changed since something was made of them.
fn digest(checkout: &Checkout, files: &[&str]) -> Result<String, Failure> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        let path = checkout.path("tests/fixtures").join(file);
        hasher.write(&std::fs::read(&path).map_err(Failure::file("read", &path))?);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
