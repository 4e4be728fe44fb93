//! What a model is fed: a picture, and zeros for what it takes beside that.

use super::KerasError;
use super::config::{Joining, ModelConfig};
use super::lower::Lowering;
use super::tensor::{Tensor, shape_text};
use crate::model::graph::{Argument, DType, Operator, Weight, WeightRole};

/// Numbers of channels of a picture, where a model takes several maps.
const PICTURE_CHANNELS: [i64; 3] = [1, 3, 4];

/// The inputs of a model.
pub(super) struct Fed {
    /// All of them in the model's own order.
    pub(super) tensors: Vec<Tensor>,
    /// The one that is the picture.
    pub(super) picture: Tensor,
    /// That the others are fed zeros, in one line.
    pub(super) note: Option<String>,
}

/// An input as the model declares it: its name, and its sizes without the batch in Keras's order.
struct Input {
    name: String,
    sizes: Option<Vec<Option<i64>>>,
}

impl Input {
    /// The sizes, where they can be a picture's.
    fn picture(&self, channels_first: bool) -> Option<&[Option<i64>]> {
        let sizes = self.sizes.as_deref().filter(|sizes| sizes.len() == 3 && !sizes.contains(&Some(0)))?;
        sizes[channel_axis(channels_first)].is_some().then_some(sizes)
    }

    fn text(&self) -> String {
        self.sizes.as_ref().map_or_else(
            || "of no declared shape".to_owned(),
            |sizes| {
                if sizes.is_empty() { "?".to_owned() } else { format!("?×{}", shape_text(sizes)) }
            },
        )
    }
}

fn channel_axis(channels_first: bool) -> usize {
    if channels_first { 0 } else { 2 }
}

/// Makes the values that a whole model is fed by.
pub(super) fn feed(lowering: &mut Lowering, config: &ModelConfig) -> Result<Fed, KerasError> {
    let inputs = declared(config);
    let channels_first = lowering.channels_first;
    let chosen = choose(&inputs, channels_first)?;
    let value = lowering.graph.value(inputs[chosen].name.clone());
    lowering.graph.inputs.push(value);
    let like = |input: &Input| {
        let sizes = input.sizes.clone().unwrap_or_default();
        let moved = sizes.len() >= 3 && !channels_first;
        Tensor { value, sizes, moved }
    };
    let picture = like(&inputs[chosen]);
    let mut tensors = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate() {
        tensors.push(if index == chosen { picture.clone() } else { zeros(lowering, input, &like(input))? });
    }
    let others: Vec<&str> =
        inputs.iter().enumerate().filter(|(index, _)| *index != chosen).map(|(_, input)| &*input.name).collect();
    let them = if others.len() == 1 { "input is" } else { "inputs are" };
    let note = (!others.is_empty()).then(|| format!("its other {them} fed zeros ({})", others.join(", ")));
    Ok(Fed { tensors, picture, note })
}

fn declared(config: &ModelConfig) -> Vec<Input> {
    let sizes = |shape: Vec<Option<u64>>| -> Option<Vec<Option<i64>>> {
        let sizes = shape.iter().skip(1).map(|size| size.and_then(|size| i32::try_from(size).ok()).map(i64::from));
        (!shape.is_empty()).then(|| sizes.collect())
    };
    match &config.joining {
        Joining::Functional { inputs, .. } => inputs
            .iter()
            .map(|input| Input { name: input.layer.clone(), sizes: config.input_shape(Some(input)).and_then(sizes) })
            .collect(),
        Joining::Sequential => {
            vec![Input { name: "input".to_owned(), sizes: config.input_shape(None).and_then(sizes) }]
        }
    }
}

/// Which input is the picture: of several the first with as many channels as a picture has, or else the first with rows,
/// columns and channels.
fn choose(inputs: &[Input], channels_first: bool) -> Result<usize, KerasError> {
    let pictures: Vec<(usize, Option<i64>)> = inputs
        .iter()
        .enumerate()
        .filter_map(|(index, input)| Some((index, input.picture(channels_first)?[channel_axis(channels_first)])))
        .collect();
    let usual = |channels: &Option<i64>| channels.is_some_and(|channels| PICTURE_CHANNELS.contains(&channels));
    let best = pictures.iter().find(|(_, channels)| usual(channels)).or(pictures.first());
    best.map(|(index, _)| *index).ok_or_else(|| {
        KerasError::OtherKind(match inputs {
            [one] if one.sizes.is_none() => "a model that does not say the shape of its input".to_owned(),
            [one] => format!("a model whose input has shape {}", one.text()),
            several => {
                let shapes: Vec<String> =
                    several.iter().take(8).map(|input| format!("{} {}", input.name, input.text())).collect();
                format!("a model of {} inputs, none of which is a picture ({})", several.len(), shapes.join(", "))
            }
        })
    })
}

/// Zeros in the shape of an input, for as many pictures as are fed: `like` has the picture's value. Nothing is allocated: all of it is one number.
fn zeros(lowering: &mut Lowering, input: &Input, like: &Tensor) -> Result<Tensor, KerasError> {
    let name = &input.name;
    let sizes: Option<Vec<i64>> = input.sizes.as_ref().and_then(|sizes| sizes.iter().copied().collect());
    let Some(mut sizes) = sizes else {
        return Err(KerasError::OtherKind(format!(
            "a model that leaves the shape of its input {name} open ({})",
            input.text()
        )));
    };
    if like.moved {
        sizes.rotate_right(1);
    }
    let picture = like.value;
    let graph = &mut lowering.graph;
    let zero = graph.weight(|value| Weight {
        name: name.clone(),
        value,
        role: WeightRole::Constant,
        dtype: DType::Float32,
        shape: vec![1; sizes.len() + 1],
        strides: None,
        data: vec![0; 4].into(),
    });
    // A run may feed something else.
    graph.inputs.push(zero);
    let arguments = [("self", picture.into()), ("dim", Argument::Int(0))];
    let batch = graph.call(&[], &format!("{name}.batch"), Operator::aten("sym_size", "int"), arguments);
    let all = std::iter::once(batch.into()).chain(sizes.into_iter().map(Argument::Int)).collect();
    let arguments = [("self", zero.into()), ("size", Argument::List(all))];
    let value = graph.call(&[], &format!("{name}.zeros"), Operator::aten("expand", ""), arguments);
    Ok(like.with(value))
}
