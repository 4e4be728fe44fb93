//! What a network wants as input, and a picture in that form.

use super::preprocess::Preprocessing;

/// Where the channels stand in the network's own input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Layout {
    /// N×C×H×W, as PyTorch and ONNX have it.
    ChannelsFirst,
    /// N×H×W×C, as Keras and TensorFlow have it.
    ChannelsLast,
}

/// Where the preprocessing is known from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Source {
    /// The model file says so.
    File,
    /// The architecture is known, and with it what its published weights were trained on.
    Architecture,
    /// Nobody says so; the text tells what the guess rests on.
    Guessed(String),
    /// The user asked for it.
    User,
}

/// The network's input: its shape, and what is done to a picture to get there.
#[derive(Debug, Clone, PartialEq)]
pub struct InputDescription {
    /// Number of channels: 3 for colour, 1 for grey.
    pub channels: usize,
    /// Height and width in pixels, where the network fixes them.
    pub size: Option<(usize, usize)>,
    /// Where the channels stand.
    pub layout: Layout,
    /// What is done to a picture.
    pub preprocessing: Preprocessing,
    /// Where that is known from.
    pub source: Source,
}

/// A picture as numbers, one plane after the other: C×H×W.
#[derive(Debug, Clone, PartialEq)]
pub struct InputTensor {
    /// Number of channels.
    pub channels: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// The numbers, C×H×W.
    pub data: Vec<f32>,
}

impl InputTensor {
    /// The numbers in the order of `layout`: C×H×W as they are, or H×W×C.
    pub fn into_layout(self, layout: Layout) -> Vec<f32> {
        match layout {
            Layout::ChannelsFirst => self.data,
            Layout::ChannelsLast => {
                let mut turned = vec![0.0; self.data.len()];
                let plane = self.height * self.width;
                for (channel, values) in self.data.chunks_exact(plane.max(1)).enumerate() {
                    for (pixel, value) in turned.iter_mut().skip(channel).step_by(self.channels.max(1)).zip(values) {
                        *pixel = *value;
                    }
                }
                turned
            }
        }
    }
}
