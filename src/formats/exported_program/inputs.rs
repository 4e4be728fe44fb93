//! What feeds the program: the picture, weights, and other inputs, which are fed what the program was exported with.

use super::arguments::dtype;
use super::lower::Lowering;
use super::samples::Sample;
use super::schema::{Argument as Given, Bound, Graph, InputSpec, Size, TensorMeta};
use super::{Dimension, ExportedProgramError, InputShape};
use crate::model::Layout;
use crate::model::graph::{Argument, DType, Operator, ValueId, Weight, WeightRole};

/// A weight that the signature names.
#[derive(Debug)]
pub(super) struct WeightInput {
    /// Its name in the state dictionary or among the constants.
    pub(super) name: String,
    /// The value that nodes read.
    pub(super) value: ValueId,
    pub(super) role: WeightRole,
}

/// An input that a user feeds.
struct UserInput<'a> {
    name: &'a str,
    /// Its place among all that the user feeds, constants included.
    place: usize,
    /// `None` is a number.
    meta: Option<&'a TensorMeta>,
}

/// Names of the channel numbers that a picture has: grey, colour, colour with transparency.
const PICTURE_CHANNELS: [usize; 3] = [1, 3, 4];

impl<'a> Lowering<'a> {
    /// Makes the values that feed the graph. `samples` reads what the program was exported with, one for each input and
    /// constant that the user feeds; it is asked only where there is more than a picture.
    pub(super) fn inputs(
        &mut self,
        specs: &'a [InputSpec<'_>],
        graph: &'a Graph<'_>,
        samples: impl FnOnce() -> Result<Vec<Sample>, String>,
    ) -> Result<(Vec<WeightInput>, InputShape), ExportedProgramError> {
        let mut weights = Vec::new();
        let mut users = Vec::new();
        let mut place = 0;
        for spec in specs {
            let (given, name, role) = match spec {
                InputSpec::UserInput(Bound { arg }) => {
                    if let Some(name) = arg.name() {
                        users.push(UserInput { name, place, meta: graph.tensor_values.get(name) });
                    }
                    place += 1;
                    continue;
                }
                InputSpec::ConstantInput(_) => {
                    place += 1;
                    continue;
                }
                InputSpec::Parameter { arg, parameter_name } => (arg, parameter_name, WeightRole::Parameter),
                InputSpec::Buffer { arg, buffer_name } => (arg, buffer_name, WeightRole::Buffer),
                InputSpec::TensorConstant { arg, tensor_constant_name } => {
                    (arg, tensor_constant_name, WeightRole::Constant)
                }
                InputSpec::CustomObj { custom_obj_name } => {
                    return Err(ExportedProgramError::OtherKind(format!(
                        "a program that calls the object {} of a class of its own, which layerscope does not run",
                        &**custom_obj_name
                    )));
                }
                InputSpec::Token(_) => {
                    return Err(ExportedProgramError::OtherKind(
                        "a program with side effects (it passes tokens), which layerscope does not run".to_owned(),
                    ));
                }
            };
            let value = self.define(value_name(given)?);
            weights.push(WeightInput { name: name.to_string(), value, role });
        }
        let (chosen, picture) = choose(&users)?;
        let value = self.picture(&picture);
        self.names.insert(users[chosen].name, value.into());
        users.remove(chosen);
        if !users.is_empty() {
            self.others(&users, place, samples)?;
        }
        Ok((weights, picture))
    }

    /// The picture as the run feeds it, N×C×H×W in single precision, and as the program takes it.
    fn picture(&mut self, picture: &InputShape) -> ValueId {
        let name = &picture.name;
        let fed = self.graph.value(name.clone());
        self.graph.inputs.push(fed);
        let mut value = fed;
        if picture.layout == Layout::ChannelsLast {
            let operator = Operator::aten("permute", "");
            let arguments = [("self", value.into()), ("dims", Argument::ints([0, 2, 3, 1]))];
            value = self.graph.call(&[], &format!("{name}_channels_last"), operator, arguments);
        }
        if picture.dtype != DType::Float32 {
            let operator = Operator::aten("to", "dtype");
            let arguments = [("self", value.into()), ("dtype", Argument::DType(picture.dtype))];
            let precision = format!("{:?}", picture.dtype).to_lowercase();
            value = self.graph.call(&[], &format!("{name}_{precision}"), operator, arguments);
        }
        value
    }

    /// The other inputs: a tensor is a weight that a run may feed anew, a number a constant.
    fn others(
        &mut self,
        others: &[UserInput<'a>],
        places: usize,
        samples: impl FnOnce() -> Result<Vec<Sample>, String>,
    ) -> Result<(), ExportedProgramError> {
        let names: Vec<&str> = others.iter().map(|user| user.name).collect();
        let names = names.join(", ");
        let fail = |reason: String| {
            ExportedProgramError::OtherKind(format!(
                "a program that takes more than a picture ({names}), and what it was exported with cannot be read: {reason}"
            ))
        };
        let mut samples = samples().map_err(&fail)?;
        if samples.len() != places {
            return Err(fail(format!("it holds {} values for {places} inputs", samples.len())));
        }
        for user in others {
            let sample = std::mem::replace(&mut samples[user.place], Sample::None);
            match (sample, user.meta) {
                (Sample::Tensor(found), Some(_)) => {
                    let value = self.define(user.name);
                    self.graph.inputs.push(value);
                    self.graph.weights.push(Weight {
                        name: user.name.to_owned(),
                        value,
                        role: WeightRole::Constant,
                        dtype: found.dtype,
                        shape: found.shape,
                        strides: Some(found.strides),
                        data: found.data,
                    });
                }
                (Sample::Number(number), None) => {
                    self.names.insert(user.name, number);
                }
                _ => return Err(fail(format!("{} is of another kind", user.name))),
            }
        }
        let them = if others.len() == 1 { "input is" } else { "inputs are" };
        self.notes.push(format!("its other {them} fed what it was exported with ({names})"));
        Ok(())
    }
}

fn value_name<'a>(given: &'a Given<'_>) -> Result<&'a str, ExportedProgramError> {
    given.name().ok_or_else(|| ExportedProgramError::Damaged("a weight without a name among its inputs".to_owned()))
}

/// The first input that is a picture, and its place among `users`.
fn choose(users: &[UserInput<'_>]) -> Result<(usize, InputShape), ExportedProgramError> {
    let other = |what: String| {
        ExportedProgramError::OtherKind(format!(
            "{what}; layerscope shows networks that take a float picture of N×C×H×W"
        ))
    };
    if users.is_empty() {
        return Err(other("a program without inputs".to_owned()));
    }
    let mut pictures = users.iter().enumerate().filter_map(|(index, user)| Some((index, picture_of(user)?)));
    if let Some(picture) = pictures.next() {
        return Ok(picture);
    }
    let described: Vec<String> = users.iter().map(describe).collect();
    let takes = if users.len() == 1 { "whose input is" } else { "whose inputs are" };
    Err(other(format!("a program {takes} {}", described.join(", "))))
}

fn picture_of(user: &UserInput<'_>) -> Option<InputShape> {
    let meta = user.meta?;
    let dtype = dtype(meta.dtype)?;
    let sizes: [Dimension; 4] = meta.sizes.iter().map(dimension).collect::<Option<Vec<_>>>()?.try_into().ok()?;
    let float = dtype.is_float();
    let channels = |size: Dimension| matches!(size, Dimension::Fixed(size) if PICTURE_CHANNELS.contains(&size));
    let [n, second, third, last] = sizes;
    let (layout, dimensions) = if channels(last) && !channels(second) {
        (Layout::ChannelsLast, [n, last, second, third])
    } else {
        (Layout::ChannelsFirst, sizes)
    };
    float.then(|| InputShape { name: user.name.to_owned(), dimensions, layout, dtype })
}

fn describe(user: &UserInput<'_>) -> String {
    let Some(meta) = user.meta else { return format!("{} (a number)", user.name) };
    let size = |size: &Size| dimension(size).and_then(Dimension::size).map_or("?".to_owned(), |size| size.to_string());
    let shape: Vec<String> = meta.sizes.iter().map(size).collect();
    let kind = dtype(meta.dtype).map_or("of another type".to_owned(), |dtype| format!("{dtype:?}").to_lowercase());
    format!("{} ({kind} {})", user.name, shape.join("×"))
}

fn dimension(size: &Size) -> Option<Dimension> {
    match size {
        Size::Int(number) => usize::try_from(*number).ok().map(Dimension::Fixed),
        Size::Expression { hint } => {
            let hint = hint.as_ref().and_then(|hint| hint.as_int);
            Some(Dimension::Symbolic(hint.and_then(|hint| usize::try_from(hint).ok())))
        }
    }
}
