//! Choosing where a graph runs.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tch::Device;

use super::EngineError;
use crate::aten;

/// What the user asks for: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DeviceChoice {
    /// The GPU with most free memory if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU: the one named, or the one with most free memory.
    Cuda(Option<usize>),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(None)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(|index| Self::Cuda(Some(index)))
                .ok_or_else(|| format!("'{text}' is no device: auto, cpu, cuda or cuda:N")),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(None) => f.write_str("cuda"),
            Self::Cuda(Some(index)) => write!(f, "cuda:{index}"),
        }
    }
}

impl DeviceChoice {
    /// The device that the choice means on this machine. CUDA is loaded only where it is used.
    ///
    /// # Errors
    /// When a GPU is asked for and there is none, or its libraries cannot be loaded.
    pub fn resolve(self) -> Result<Device, EngineError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto if !driver_present() => Ok(Device::Cpu),
            Self::Auto => Ok(open_cuda().map_or(Device::Cpu, |count| Device::Cuda(freest_gpu().min(count - 1)))),
            Self::Cuda(wanted) => {
                let count = open_cuda().map_err(|reason| EngineError::Device { device: self.to_string(), reason })?;
                match wanted {
                    Some(index) if index >= count => Err(EngineError::Device {
                        device: self.to_string(),
                        reason: format!("this machine has cuda:0 to cuda:{}", count - 1),
                    }),
                    Some(index) => Ok(Device::Cuda(index)),
                    None => Ok(Device::Cuda(freest_gpu().min(count - 1))),
                }
            }
        }
    }
}

/// Whether the kernel has an NVIDIA driver.
fn driver_present() -> bool {
    Path::new("/proc/driver/nvidia/version").exists() || Path::new("/dev/nvidia0").exists()
}

/// Loads CUDA and gives the number of GPUs, which is never 0.
fn open_cuda() -> Result<usize, String> {
    if !aten::cuda_is_loaded() {
        aten::load_cuda().map_err(|error| error.to_string())?;
    }
    match tch::Cuda::device_count() {
        count if count > 0 => Ok(count as usize),
        _ => Err("no NVIDIA GPU was found".to_owned()),
    }
}

/// Index of the GPU with most free memory; 0 where that cannot be told, or where the user chose by `CUDA_VISIBLE_DEVICES`.
fn freest_gpu() -> usize {
    if std::env::var_os("CUDA_VISIBLE_DEVICES").is_some() {
        return 0;
    }
    let asked = std::process::Command::new("nvidia-smi")
        .args(["--query-gpu=memory.free", "--format=csv,noheader,nounits"])
        .output();
    let Ok(answer) = asked else { return 0 };
    let free = String::from_utf8_lossy(&answer.stdout);
    let free = free.lines().map(|line| line.trim().parse::<u64>().unwrap_or(0));
    free.enumerate().max_by_key(|&(_, bytes)| bytes).map_or(0, |(index, _)| index)
}
