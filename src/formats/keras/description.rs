//! What a Keras network wants as input: said by its own first layers, known of the networks of `keras.applications`, or guessed.

use super::KerasModel;
use crate::formats::guess;
use crate::model::{InputDescription, Labels, Layout, Model, Preprocessing, Source};

/// What the published weights of a network were trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pixels {
    /// BGR minus ImageNet's mean.
    Caffe,
    /// -1 to 1.
    Tf,
    /// ImageNet's mean and deviation.
    Torch,
    /// 0 to 255: the network scales them itself.
    Raw,
}

/// How the networks of `keras.applications` name themselves, letters and digits alone, and what they take.
const APPLICATIONS: &[(&str, Pixels, usize)] = &[
    ("vgg16", Pixels::Caffe, 224),
    ("vgg19", Pixels::Caffe, 224),
    ("resnet50v2", Pixels::Tf, 224),
    ("resnet101v2", Pixels::Tf, 224),
    ("resnet152v2", Pixels::Tf, 224),
    ("resnetrs", Pixels::Raw, 224),
    ("resnet50", Pixels::Caffe, 224),
    ("resnet101", Pixels::Caffe, 224),
    ("resnet152", Pixels::Caffe, 224),
    ("mobilenetv3", Pixels::Raw, 224),
    ("mobilenet", Pixels::Tf, 224),
    ("inceptionv3", Pixels::Tf, 299),
    ("inceptionresnetv2", Pixels::Tf, 299),
    ("xception", Pixels::Tf, 299),
    ("nasnet", Pixels::Tf, 224),
    ("densenet121", Pixels::Torch, 224),
    ("densenet169", Pixels::Torch, 224),
    ("densenet201", Pixels::Torch, 224),
    ("efficientnet", Pixels::Raw, 224),
    ("convnext", Pixels::Raw, 224),
    ("regnet", Pixels::Raw, 224),
];

fn application(name: &str) -> Option<(Pixels, usize)> {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let known = APPLICATIONS.iter().find(|(known, ..)| {
        // Where a variant is in the name, more may follow: `mobilenet_1.00_224`, `efficientnetv2-b0`.
        if known.ends_with(char::is_numeric) && !known.contains("netv3") {
            name == *known
        } else {
            name.starts_with(known)
        }
    });
    known.map(|&(_, pixels, side)| (pixels, side))
}

/// Builds the model that everything else works on.
pub(super) fn model(keras: KerasModel, file_name: String) -> Model {
    let input = &keras.input;
    let size = input.height.zip(input.width);
    let known = application(&keras.name).filter(|_| input.channels == 3);
    // A network without its own scaling was made with `include_preprocessing=False`, or is another of the same name.
    let known = known.filter(|(pixels, _)| (*pixels == Pixels::Raw) == keras.rescaling);
    let vgg = file_name.to_lowercase().contains("vgg") && input.channels == 3;
    let guessed = |reason: &str| Source::Guessed(reason.to_owned());
    let (pixels, source) = match known {
        Some((Pixels::Caffe, _)) => (Preprocessing::caffe(), Source::Architecture),
        Some((Pixels::Tf, _)) => (Preprocessing::tf(), Source::Architecture),
        Some((Pixels::Torch, _)) => (Preprocessing::imagenet(), Source::Architecture),
        Some((Pixels::Raw, _)) => (Preprocessing::raw(), Source::Architecture),
        None if keras.rescaling => {
            (Preprocessing::raw(), guessed("the network rescales by itself; pixels of 0 to 255 are assumed"))
        }
        None if vgg => (
            Preprocessing::caffe(),
            guessed("a Keras file does not say; as its name is VGG, BGR minus the ImageNet mean is assumed"),
        ),
        None => (guess::unit(input.channels), guessed("a Keras file does not say; division by 255 is assumed")),
    };
    let usual = known.map(|(_, side)| (side, side)).or_else(|| vgg.then_some((224, 224)));
    let description = InputDescription {
        channels: input.channels,
        size,
        layout: if input.channels_last { Layout::ChannelsLast } else { Layout::ChannelsFirst },
        preprocessing: pixels.fitted_to(size.or(usual)),
        source,
    };
    let labels = (known.is_some() && keras.classes == Some(1000)).then(Labels::imagenet);
    let mut model = Model::new(file_name, keras.format, keras.graph, description);
    model.labels = labels;
    model.note = keras.note;
    model
}
