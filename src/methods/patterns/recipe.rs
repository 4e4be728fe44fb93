//! Recipes with their constants.

use serde::{Deserialize, Serialize};

use crate::methods::registry::Settings;

/// The recipe of Chollet, *Deep Learning with Python*, first edition, section 5.4: start at 128 + 20·U(0,1), divide the gradient by
/// its root mean square + ε, take steps of one grey level; a picture is made of the result by `deprocess_image`.
///
/// The book feeds a network whose input is on the 0–255 scale. For a network whose input is divided by a standard deviation,
/// noise and steps are divided by it as well, so that a step is one grey level there too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// Steps of gradient ascent.
    pub steps: usize,
    /// Length of a step, in grey levels.
    pub step: f64,
    /// Added to the root mean square that the gradient is divided by.
    pub epsilon: f64,
}

/// The recipe of Olah, Mordvintsev and Schubert, *Feature Visualization* (Distill, 2017), as the program Lucid has it: a picture by
/// its Fourier coefficients, in colours that are independent of each other, under random transforms, by Adam.
///
/// Lucid's `render_vis` takes one step more than it says (0 to 512); here it is as many steps as it says. Adam is
/// PyTorch's, as in Lucent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lucid {
    /// Steps of gradient ascent.
    pub steps: usize,
    /// Adam's.
    pub learning_rate: f64,
    /// Standard deviation of the coefficients at the start.
    pub deviation: f64,
    /// Whether the network sees the picture under random transforms.
    pub transforms: bool,
    /// The last step, counted from 0, at which a ReLU that nothing would pass lets through what would wake it: Lucid's
    /// redirected ReLU and `ReLU6`, 16 there.
    pub redirected_until: usize,
}

/// Fel et al., *Unlocking Feature Visualization for Deeper Networks with `MAgnitude` Constrained Optimization* (2023), with the
/// constants of their program Horama: a picture whose amplitudes are fixed and whose phases are moved, seen in crops and noise,
/// by `NAdam`.
///
/// Horama's amplitudes are those of ImageNet's pictures, which may not be passed on; here they fall as 1/f, as those of natural
/// pictures do, alike in the three independent colour directions. Horama lets the picture range over ±2.5 of the network's input
/// space; here it is a picture from 0 to 1 under the network's own normalisation. Horama's crops are by a quarter larger than it
/// says (it adds the upper bound where the lower belongs); here they are as it says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Maco {
    /// Steps of gradient ascent.
    pub steps: usize,
    /// `NAdam`'s.
    pub learning_rate: f64,
    /// Crops that the network sees at a step.
    pub crops: usize,
    /// The smallest crop, as a share of the picture's side.
    pub smallest: f64,
    /// The largest crop.
    pub largest: f64,
    /// Standard deviation of the noise over a crop, and width of the even noise over it, in the network's input space.
    pub noise: f64,
}

/// How a pattern is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Recipe {
    /// The book's.
    Book(Book),
    /// Lucid's.
    Lucid(Lucid),
    /// Amplitudes fixed, phases moved.
    Maco(Maco),
}

impl Default for Recipe {
    fn default() -> Self {
        Self::BOOK
    }
}

impl Recipe {
    /// The book's: 40 steps of 1.
    pub const BOOK: Self = Self::Book(Book { steps: 40, step: 1.0, epsilon: 1e-5 });
    /// Lucid's: 512 steps of Adam at 0.05.
    pub const LUCID: Self =
        Self::Lucid(Lucid { steps: 512, learning_rate: 0.05, deviation: 0.01, transforms: true, redirected_until: 16 });
    /// Horama's: 1000 steps of `NAdam` at 1, six crops of 0.20 to 0.25.
    pub const MACO: Self =
        Self::Maco(Maco { steps: 1000, learning_rate: 1.0, crops: 6, smallest: 0.20, largest: 0.25, noise: 0.05 });

    /// The name by which it is asked for.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Book(_) => "book",
            Self::Lucid(_) => "lucid",
            Self::Maco(_) => "maco",
        }
    }

    /// Steps in all.
    pub fn steps(&self) -> usize {
        match self {
            Self::Book(book) => book.steps,
            Self::Lucid(lucid) => lucid.steps,
            Self::Maco(maco) => maco.steps,
        }
    }

    /// The same with another number of steps.
    #[must_use]
    pub fn with_steps(mut self, number: usize) -> Self {
        match &mut self {
            Self::Book(Book { steps, .. }) | Self::Lucid(Lucid { steps, .. }) | Self::Maco(Maco { steps, .. }) => {
                *steps = number;
            }
        }
        self
    }

    /// The side in pixels that its authors give, where they give one.
    pub fn side(&self) -> Option<usize> {
        match self {
            Self::Book(_) => None,
            Self::Lucid(_) => Some(128),
            Self::Maco(_) => Some(1280),
        }
    }
}

fn whole(settings: &Settings, name: &str) -> usize {
    usize::try_from(settings.whole(name)).unwrap_or(0)
}

/// The book's recipe with other constants.
pub(in crate::methods) fn book(settings: &Settings) -> Recipe {
    Recipe::Book(Book {
        steps: whole(settings, "steps"),
        step: settings.real("step"),
        epsilon: settings.real("epsilon"),
    })
}

/// Lucid's recipe with other constants.
pub(in crate::methods) fn lucid(settings: &Settings) -> Recipe {
    Recipe::Lucid(Lucid {
        steps: whole(settings, "steps"),
        learning_rate: settings.real("learning-rate"),
        deviation: settings.real("deviation"),
        transforms: settings.word("transforms") == "standard",
        redirected_until: whole(settings, "redirected-until"),
    })
}

/// `MaCo` with other constants.
pub(in crate::methods) fn maco(settings: &Settings) -> Recipe {
    let smallest = settings.real("smallest");
    Recipe::Maco(Maco {
        steps: whole(settings, "steps"),
        learning_rate: settings.real("learning-rate"),
        crops: whole(settings, "crops"),
        smallest,
        largest: settings.real("largest").max(smallest),
        noise: settings.real("noise"),
    })
}
