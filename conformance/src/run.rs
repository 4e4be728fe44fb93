//! One case: open, run, compare.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use layerscope::engine::{Cancel, Engine};
use layerscope::formats;
use layerscope::model::graph::Tap;
use layerscope::model::{Graph, Layout};
use npyz::{DType, NpyFile, TypeChar};
use tch::{Device, Kind, Tensor};

use crate::case::{Case, Measured, Seconds, TOLERANCE};
use crate::child;

/// Runs the case on stdin and writes what came of it to stdout.
pub(crate) fn one() -> ExitCode {
    let mut told = String::new();
    let read = std::io::stdin().read_to_string(&mut told).map_err(|error| error.to_string());
    let case = read.and_then(|_| serde_json::from_str(&told).map_err(|error| error.to_string()));
    match case.and_then(|case| measure(&case)).and_then(|done| serde_json::to_string(&done).map_err(|e| e.to_string()))
    {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(case: &Case) -> Result<Measured, String> {
    tch::set_num_threads(1);
    let start = Instant::now();
    let (graph, layout) = open(case)?;
    let engine = Engine::load(graph, Device::Cpu).map_err(|error| error.to_string())?;
    let load = start.elapsed().as_secs_f64();
    let inputs = &engine.graph().inputs;
    if inputs.len() != case.inputs.len() {
        return Err(format!("{} inputs, the case feeds {}", inputs.len(), case.inputs.len()));
    }
    let given = inputs.iter().zip(&case.inputs).map(|(&value, path)| Ok((value, array(path)?)));
    let mut given = given.collect::<Result<Vec<_>, String>>()?;
    if let (Layout::ChannelsLast, Some((_, picture))) = (layout, given.first_mut()) {
        *picture = picture.f_permute([0, 3, 1, 2]).map_err(|error| error.to_string())?;
    }
    let outputs = engine.graph().outputs.clone();
    if outputs.len() != case.outputs.len() {
        return Err(format!("{} outputs, the peer gives {}", outputs.len(), case.outputs.len()));
    }
    let taps: Vec<Tap> = outputs.iter().map(|&value| value.into()).collect();
    let start = Instant::now();
    let run = engine.run(&given, &taps, &Cancel::new()).map_err(|error| error.to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    let (mut differences, mut not_finite) = (Vec::new(), false);
    for (&output, path) in outputs.iter().zip(&case.outputs) {
        let ours = run.get(output).map_err(|error| error.to_string())?;
        let (difference, finite) = difference(ours, &array(path)?)?;
        differences.push(difference);
        not_finite |= !finite;
    }
    let told = |index: usize| case.tolerances.get(index).copied().flatten();
    Ok(Measured {
        tolerances: (0..differences.len()).map(|index| told(index).unwrap_or(TOLERANCE)).collect(),
        differences,
        seconds: Seconds { load: Some(load), run: Some(seconds) },
        peak: child::own_peak(),
        not_finite,
    })
}

/// The graph, and where the channels stand in what the peer feeds.
fn open(case: &Case) -> Result<(Graph, Layout), String> {
    if case.any_graph {
        let file = std::fs::read(&case.file).map_err(|error| error.to_string())?;
        let folder = case.file.parent().map(Path::to_path_buf);
        let model = formats::onnx::read(file, folder).map_err(|error| error.to_string())?;
        return Ok((model.graph, Layout::ChannelsFirst));
    }
    let model = formats::open(&case.file, case.architecture.as_deref()).map_err(|error| error.to_string())?;
    Ok((model.graph, model.input.layout))
}

/// The largest difference relative to the peer's largest magnitude, and whether all of the peer's numbers are finite. NaNs
/// and infinities must stand in the same places.
pub(crate) fn difference(ours: &Tensor, golden: &Tensor) -> Result<(f64, bool), String> {
    if ours.size() != golden.size() {
        return Err(format!("an output of shape {:?}, the peer's is {:?}", ours.size(), golden.size()));
    }
    if ours.is_complex() {
        return Err("an output of complex numbers, which is not compared".to_owned());
    }
    let wide = |tensor: &Tensor| tensor.f_to_kind(Kind::Double)?.f_contiguous()?.f_view([-1]);
    let read = || -> Result<(Vec<f64>, Vec<f64>), tch::TchError> {
        Ok((Vec::try_from(wide(ours)?)?, Vec::try_from(wide(golden)?)?))
    };
    let (ours, golden) = read().map_err(|error| error.to_string())?;
    let largest =
        golden.iter().filter(|number| number.is_finite()).fold(0.0_f64, |most, number| most.max(number.abs()));
    let mut finite = true;
    let mut apart = 0.0_f64;
    for (a, b) in ours.iter().zip(&golden) {
        finite &= b.is_finite();
        let same = a.total_cmp(b).is_eq() || (a.is_nan() && b.is_nan());
        if !same {
            apart = if a.is_finite() && b.is_finite() { apart.max((a - b).abs()) } else { f64::INFINITY };
        }
    }
    // An output of zeros alone must be zeros here, too.
    Ok((if apart == 0.0 { 0.0 } else { apart / largest.max(f64::MIN_POSITIVE) }, finite))
}

/// An array of a `.npy` file as a tensor of its own element type.
pub(crate) fn array(path: &Path) -> Result<Tensor, String> {
    let fail = |error: String| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    let file = NpyFile::new(BufReader::new(file)).map_err(|error| fail(error.to_string()))?;
    let shape: Vec<i64> = file.shape().iter().map(|&size| size as i64).collect();
    if file.order() == npyz::Order::Fortran && shape.len() > 1 {
        return Err(fail("an array in Fortran's order; save np.ascontiguousarray of it".to_owned()));
    }
    let DType::Plain(kind) = file.dtype() else { return Err(fail("an array of records".to_owned())) };
    let tensor = match (kind.type_char(), kind.size_field()) {
        (TypeChar::Float, 4) => numbers::<f32>(file),
        (TypeChar::Float, 8) => numbers::<f64>(file),
        (TypeChar::Int, 1) => numbers::<i8>(file),
        (TypeChar::Int, 2) => numbers::<i16>(file),
        (TypeChar::Int, 4) => numbers::<i32>(file),
        (TypeChar::Int, 8) => numbers::<i64>(file),
        (TypeChar::Uint, 1) => numbers::<u8>(file),
        (TypeChar::Bool, 1) => numbers::<bool>(file),
        _ => Err(format!("elements of the type {kind}, which is not read")),
    };
    tensor.and_then(|flat| flat.f_view(shape.as_slice()).map_err(|error| error.to_string())).map_err(fail)
}

fn numbers<T: npyz::Deserialize + tch::kind::Element>(file: NpyFile<BufReader<File>>) -> Result<Tensor, String> {
    let numbers: Vec<T> = file.into_vec().map_err(|error| error.to_string())?;
    Tensor::f_from_slice(&numbers).map_err(|error| error.to_string())
}
