//! libtorch from PyPI into `.libtorch`: PyTorch's own wheel, of which only the C++ part is used.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::checkout::Checkout;
use crate::libtorch::{self, VERSION};
use crate::pip::Home;
use crate::report::{self, Failure};

/// With or without the libraries of CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// For the CPU only.
    Cpu,
    /// For NVIDIA GPUs, and the CPU.
    Cuda,
}

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU only",
            Self::Cuda => "with CUDA",
        }
    }

    fn size(self) -> &'static str {
        match self {
            Self::Cpu => "540 MB to download, 1.1 GB on disk",
            Self::Cuda => "2.5 GB to download, 4 GB on disk",
        }
    }

    /// What torch 2.13.0 asks for on Linux, less what only its Python part uses. Its `libtorch_cpu.so` is linked to the
    /// first two, even where no GPU is.
    fn packages(self) -> &'static [&'static str] {
        const CPU: &[&str] = &["torch==2.13.0", "nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85"];
        const CUDA: &[&str] = &[
            "torch==2.13.0",
            "nvidia-cuda-runtime==13.0.96",
            "nvidia-cuda-cupti==13.0.85",
            "nvidia-cublas==13.1.1.3",
            "nvidia-cuda-nvrtc==13.0.88",
            "nvidia-cudnn-cu13==9.20.0.48",
            "nvidia-cufft==12.0.0.61",
            "nvidia-cufile==1.15.1.6",
            "nvidia-curand==10.4.0.35",
            "nvidia-cusolver==12.0.4.66",
            "nvidia-cusparse==12.6.3.3",
            "nvidia-cusparselt-cu13==0.8.1",
            "nvidia-nccl-cu13==2.29.7",
            "nvidia-nvjitlink==13.5.37",
            "nvidia-nvshmem-cu13==3.4.5",
        ];
        match self {
            // Elsewhere the wheel has no CUDA in it.
            _ if !cfg!(target_os = "linux") => &["torch==2.13.0"],
            Self::Cpu => CPU,
            Self::Cuda => CUDA,
        }
    }
}

const INSTEAD: &str =
    "Or set LIBTORCH to a libtorch 2.13.0, or LIBTORCH_USE_PYTORCH=1 to use python3's own PyTorch 2.13.0";

/// Names the variant in the installed folder. It moves into place with it, so that no half install has it.
const STAMP: &str = "installed-by-xtask";

/// Installs what is not there, and says what is there then. Without a wish, what is there already is kept.
pub(crate) fn ensure(checkout: &Checkout, wish: Option<Variant>) -> Result<String, Failure> {
    let folder = checkout.path(".libtorch");
    let home = if serves(&folder, wish) { None } else { Some(Home::hold(&folder)?) };
    // Another install may have ended while this one waited.
    if let Some(home) = home
        && !serves(&folder, wish)
    {
        let variant = wish.unwrap_or_else(|| if has_nvidia_driver() { Variant::Cuda } else { Variant::Cpu });
        report::say(&format!(
            "installing libtorch {VERSION} ({}) from PyPI into {}, once: {}",
            variant.name(),
            folder.display(),
            variant.size()
        ));
        install(&home, variant)?;
    }
    let variant = installed(&folder).map_or("", Variant::name);
    Ok(format!("libtorch {VERSION} ({variant}) is in {}", folder.display()))
}

fn install(home: &Home, variant: Variant) -> Result<(), Failure> {
    let mut arguments = vec!["--no-deps", "--only-binary=:all:"];
    arguments.extend(variant.packages());
    let packages = home.install(&arguments, INSTEAD)?;
    let stamp = packages.join("torch").join(STAMP);
    std::fs::write(&stamp, variant.name()).map_err(Failure::file("write", &stamp))?;
    home.take(&packages, &["nvidia", "torch"])
}

fn serves(folder: &Path, wish: Option<Variant>) -> bool {
    match installed(folder) {
        None => false,
        Some(Variant::Cuda) => true,
        Some(Variant::Cpu) => wish != Some(Variant::Cuda),
    }
}

fn installed(folder: &Path) -> Option<Variant> {
    let torch = folder.join("torch");
    let stamp = std::fs::read_to_string(torch.join(STAMP)).ok()?;
    libtorch::version(&torch).filter(|version| libtorch::is_right(version))?;
    [Variant::Cpu, Variant::Cuda].into_iter().find(|variant| variant.name() == stamp)
}

fn has_nvidia_driver() -> bool {
    // The second is for WSL, where the driver is Windows's.
    Path::new("/proc/driver/nvidia/version").exists()
        || Command::new("nvidia-smi")
            .arg("-L")
            .stdin(Stdio::null())
            .output()
            .is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}
