//! What a network probably wants as input where its file does not say: a guess that is always said.

use crate::model::preprocess::{Order, Resize};
use crate::model::{InputDescription, Layout, Preprocessing, Source};

/// A network of PyTorch's of `channels` probably wants torchvision's ImageNet preprocessing, one of other channels their
/// division by 255. `size` is what the file fixes, `hinted` what it was made with; `what` names the kind of file.
pub(super) fn pytorch(
    what: &str,
    channels: usize,
    size: Option<(usize, usize)>,
    hinted: Option<(usize, usize)>,
) -> InputDescription {
    let (preprocessing, assumed) = if channels == 3 {
        (imagenet_at(hinted), "torchvision's ImageNet preprocessing is assumed")
    } else {
        (unit(channels).fitted_to(hinted), "division by 255 is assumed")
    };
    InputDescription {
        channels,
        size,
        layout: Layout::ChannelsFirst,
        preprocessing,
        source: Source::Guessed(format!("{what} does not say; {assumed}")),
    }
}

/// Division by 255, of one grey channel or of three colours.
pub(super) fn unit(channels: usize) -> Preprocessing {
    let colour = Preprocessing::unit();
    let grey = || colour.clone().with_normalisation(Order::Grey, &[0.0], &[255.0]).ok();
    if channels == 1 { grey().unwrap_or(colour) } else { colour }
}

/// ImageNet's mean and deviation at another size: the usual share of 224 to 256 is kept.
fn imagenet_at(exported: Option<(usize, usize)>) -> Preprocessing {
    let imagenet = Preprocessing::imagenet();
    match exported {
        Some((224, 224)) | None => imagenet,
        Some((height, width)) if height == width && height >= 64 => {
            let pixels = u32::try_from(height).unwrap_or(u32::MAX);
            imagenet.with_resize(Some(Resize::ShortSide((pixels * 8).div_ceil(7)))).with_crop(Some((pixels, pixels)))
        }
        Some((height, width)) => {
            let pixels = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
            imagenet.with_crop(None).with_resize(Some(Resize::Exact { width: pixels(width), height: pixels(height) }))
        }
    }
}
