//! What a map is of, as options say it.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use tch::Tensor;

use super::super::common::{Failure, class_named};
use crate::engine::Cancel;
use crate::methods::target::{ClassId, Measure, Region, Target};
use crate::methods::{Forward, MethodError, Network, predictions};

/// What the map is of
#[derive(Debug, Args)]
pub(super) struct TargetOptions {
    /// Index or label of the class; may be repeated, for a map of each; without this, the network's top class
    #[arg(long, value_name = "CLASS")]
    class: Vec<String>,
    /// The absence of the class: what speaks against it
    #[arg(long)]
    absent: bool,
    /// Class to hold it against: what speaks for the one and not for the other
    #[arg(long, value_name = "CLASS")]
    against: Option<String>,
    /// The class's number whose gradient is taken: before softmax or sigmoid, or after; without this, score, and what the book
    /// takes for grad-cam-book
    #[arg(long, value_name = "NUMBER")]
    pub(super) of: Option<Of>,
    /// Part of an output with space, as of a segmentation: everywhere, predicted (where the class is the greatest), or
    /// ROWxCOLUMN+HEIGHT+WIDTH in the output's positions
    #[arg(long, value_name = "REGION", default_value = "everywhere")]
    region: RegionName,
    /// Which of the network's outputs, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    output: usize,
}

/// A class's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Of {
    /// Before softmax or sigmoid.
    Score,
    /// After softmax or sigmoid.
    Probability,
}

impl Of {
    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Probability => "probability",
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct RegionName(Region);

impl FromStr for RegionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is no region: everywhere, predicted, or ROWxCOLUMN+HEIGHT+WIDTH such as 4x6+8+8");
        Ok(Self(match text {
            "everywhere" => Region::Everywhere,
            "predicted" => Region::Predicted,
            _ => {
                let numbers = text.split(['x', '+']).map(|number| number.parse().ok()).collect::<Option<Vec<usize>>>();
                let ordered = text.find('+').is_none_or(|plus| text.find('x').is_some_and(|x| x < plus));
                match numbers.as_deref() {
                    Some(&[top, left, height, width]) if ordered && text.matches('x').count() == 1 => {
                        Region::Rectangle { top, left, height, width }
                    }
                    _ => return Err(wrong()),
                }
            }
        }))
    }
}

/// What one map is of, and what the network says of it.
pub(super) struct Asked {
    pub(super) target: Target,
    pub(super) class: ClassId,
    pub(super) label: String,
    pub(super) against: Option<(ClassId, String)>,
    /// The network's own output, and the probability of the class or of its absence.
    pub(super) said: Option<(f32, f32)>,
}

impl TargetOptions {
    /// Looks up the classes, so that a wrong name is told before anything runs.
    pub(super) fn named(&self, network: &Network) -> Result<(Vec<ClassId>, Option<ClassId>), Failure> {
        let find = |option, class: &str| self.find(network, option, class);
        let classes = self.class.iter().map(|class| find("--class", class)).collect::<Result<_, _>>()?;
        let against = self.against.as_deref().map(|class| find("--against", class)).transpose()?;
        Ok((classes, against))
    }

    /// Labels are of the first output.
    fn find(&self, network: &Network, option: &'static str, class: &str) -> Result<ClassId, Failure> {
        if self.output == 0 {
            return class_named(network, option, class);
        }
        let wrong = |_| Failure::Usage(format!("{option}: '{class}' is no index; labels are of output 0"));
        Ok(ClassId { index: class.parse().map_err(wrong)?, negative: false })
    }

    /// Everything that is asked for, one for each class.
    pub(super) fn asked(
        &self,
        network: &Network,
        forward: &Forward,
        (classes, against): (Vec<ClassId>, Option<ClassId>),
    ) -> Result<Vec<Asked>, Failure> {
        let output = self.output_of(network, forward)?;
        let classes = match classes.as_slice() {
            [] if self.output == 0 => vec![predictions::top_class(network, &output)?],
            [] => vec![greatest(&output)?],
            _ => classes,
        };
        let label = |class: ClassId| match self.output {
            0 => network.label(class),
            _ if class.negative => format!("not {}", class.index),
            _ => class.index.to_string(),
        };
        let asked = classes.into_iter().map(|class| {
            let class = ClassId { negative: class.negative || self.absent, ..class };
            if against == Some(class) {
                return Err(Failure::Usage(format!("--against: {} is the class itself", label(class))));
            }
            let measure = if self.of == Some(Of::Probability) { Measure::Probability } else { Measure::Score };
            let target = Target::Class { class, against, measure, region: self.region.0, output: self.output };
            target.must_be_predicted(network, forward, &Cancel::new())?;
            let said = self.said(network, &output, class)?;
            let against = against.map(|class| (class, label(class)));
            Ok(Asked { target, class, label: label(class), against, said })
        });
        asked.collect()
    }

    fn output_of(&self, network: &Network, forward: &Forward) -> Result<Tensor, Failure> {
        if self.output == 0 {
            return Ok(forward.get(network.head.output)?.shallow_clone());
        }
        let outputs = &network.engine.graph().outputs;
        let last = outputs.len().saturating_sub(1);
        let value = *outputs.get(self.output).ok_or(MethodError::NoSuchOutput { last, asked: self.output })?;
        let given = [(network.source()?, forward.input.shallow_clone())];
        Ok(network.engine.run(&given, &[value.into()], &Cancel::new())?.get(value)?.shallow_clone())
    }

    /// Only the first output's probabilities are known to be some, and what a network that ends early gives is no answer.
    fn said(&self, network: &Network, output: &Tensor, class: ClassId) -> Result<Option<(f32, f32)>, Failure> {
        if self.output != 0 || network.ends_early().is_some() {
            return Ok(None);
        }
        let all = predictions::top(network, output, usize::MAX)?;
        let said = all.into_iter().find(|prediction| prediction.index == class.index);
        let probability = |of_class: f32| if class.negative { 1.0 - of_class } else { of_class };
        Ok(said.map(|said| (said.score, probability(said.probability))))
    }
}

/// The class with the greatest output.
fn greatest(output: &Tensor) -> Result<ClassId, Failure> {
    let scores = predictions::class_scores(output)?;
    let index = scores.f_select(0, 0)?.f_argmax(0, false)?.f_int64_value(&[])?;
    Ok(ClassId { index: index as usize, negative: false })
}
