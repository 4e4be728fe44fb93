//! Layers that stretch, shrink or cut feature maps: `UpSampling`, `Resizing`, `CenterCrop`.

use super::KerasError;
use super::layers::Call;
use super::tensor::{Maps, Tensor};
use crate::model::graph::{Argument, ValueId};

/// `UpSampling1D` to `3D`.
pub(super) fn up_sampling(call: &mut Call, input: &Tensor, dimensions: usize) -> Result<Tensor, KerasError> {
    let maps = call.maps(input, dimensions)?;
    let factors = call.options.sizes("size", dimensions)?.unwrap_or_else(|| vec![2; dimensions]);
    let grown = maps.sizes.iter().zip(&factors).map(|(size, by)| size.map(|size| size.saturating_mul(*by)));
    let sizes: Vec<Option<i64>> = grown.collect();
    let scales = Argument::List(factors.iter().map(|&by| Argument::Float(by as f64)).collect());
    let method = call.options.text("interpolation", "nearest")?;
    let value = match (method, dimensions) {
        ("nearest", _) => {
            let operator = ["upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"];
            let operator = operator.get(dimensions - 1).copied().unwrap_or_default();
            let arguments = [("input", maps.value.into()), ("output_size", Argument::None), ("scale_factors", scales)];
            call.node("upsample", (operator, "vec"), arguments)?
        }
        ("bilinear", 2) => bilinear(call, maps.value, Argument::None, scales)?,
        (other, _) => return Err(call.options.unsupported(format!("interpolation '{other}'"))),
    };
    call.give(value, sizes, Some(maps.channels))
}

fn bilinear(call: &mut Call, value: ValueId, sizes: Argument, scales: Argument) -> Result<ValueId, KerasError> {
    let arguments = [
        ("input", value.into()),
        ("output_size", sizes),
        ("align_corners", Argument::Bool(false)),
        ("scale_factors", scales),
    ];
    call.node("upsample", ("upsample_bilinear2d", "vec"), arguments)
}

/// `Resizing`.
pub(super) fn resizing(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    for option in ["crop_to_aspect_ratio", "pad_to_aspect_ratio"] {
        if call.options.flag(option, false)? {
            return Err(call.options.unsupported(option));
        }
    }
    let side = |key: &str| call.options.size(key)?.ok_or_else(|| call.options.wrong(format!("it has no {key}")));
    let sides = [side("height")?, side("width")?];
    let method = call.options.text("interpolation", "bilinear")?.to_owned();
    let antialias = call.options.flag("antialias", false)?;
    resize(call, input, sides, &method, antialias)
}

/// Feature maps at another size, pixels taken for little squares, as TensorFlow 2 does.
pub(super) fn resize(
    call: &mut Call,
    input: &Tensor,
    size: [i64; 2],
    method: &str,
    antialias: bool,
) -> Result<Tensor, KerasError> {
    let maps = call.maps(input, 2)?;
    let wanted = Argument::ints(size);
    let value = match (method.to_ascii_lowercase().as_str(), antialias) {
        ("bilinear", false) => bilinear(call, maps.value, wanted, Argument::None)?,
        ("bilinear", true) => {
            let arguments = [
                ("input", maps.value.into()),
                ("output_size", wanted),
                ("align_corners", Argument::Bool(false)),
                ("scale_factors", Argument::None),
            ];
            call.node("upsample", ("_upsample_bilinear2d_aa", "vec"), arguments)?
        }
        ("nearest", _) => {
            let arguments = [("input", maps.value.into()), ("output_size", wanted), ("scale_factors", Argument::None)];
            call.node("upsample", ("_upsample_nearest_exact2d", "vec"), arguments)?
        }
        (other, _) => return Err(call.options.unsupported(format!("interpolation '{other}'"))),
    };
    call.give(value, size.map(Some).to_vec(), Some(maps.channels))
}

/// `CenterCrop` of maps that are large enough.
pub(super) fn center_crop(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let length = |key: &str| call.options.size(key)?.ok_or_else(|| call.options.wrong(format!("it has no {key}")));
    let window = [length("height")?, length("width")?];
    let Maps { mut value, sizes: space, channels } = call.maps(input, 2)?;
    for (axis, (size, kept)) in space.into_iter().zip(window).enumerate() {
        let Some(size) = size.filter(|&size| size >= kept) else {
            return Err(call.options.unsupported("an input that may be smaller than its output"));
        };
        let start = (size - kept) / 2;
        value = call.slice(value, axis as i64 + 2, start, Some(start + kept), 1)?;
    }
    call.give(value, window.map(Some).to_vec(), Some(channels))
}

impl Call<'_> {
    /// Part of a dimension of the graph.
    pub(super) fn slice(
        &mut self,
        value: ValueId,
        dimension: i64,
        start: i64,
        end: Option<i64>,
        step: i64,
    ) -> Result<ValueId, KerasError> {
        let arguments = [
            ("self", value.into()),
            ("dim", Argument::Int(dimension)),
            ("start", Argument::Int(start)),
            ("end", end.map_or(Argument::None, Argument::Int)),
            ("step", Argument::Int(step)),
        ];
        self.node("slice", ("slice", "Tensor"), arguments)
    }
}
