//! Shows batches of pictures to a network and takes down what they excite.

use std::collections::HashMap;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::answer::{Answer, Maps, judged};
use super::patch::patch;
use super::{Channel, Excitation, Excitations, Said};
use crate::engine::{Cancel, EngineError, Taps, numbers};
use crate::methods::cam::Grids;
use crate::methods::channels::batch_maps;
use crate::methods::predictions::{self, class_scores};
use crate::methods::receptive_field::{self, ReceptiveField};
use crate::methods::target::ClassId;
use crate::methods::{MethodError, Network, Place};
use crate::model::graph::Tap;
use crate::model::preprocess::Geometry;

/// What somebody says that a picture shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The label.
    pub label: Arc<str>,
    /// The network's class of that label, where it has one.
    pub class: Option<ClassId>,
}

/// A picture of a batch.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Where it is, from the folder that is scanned.
    pub path: String,
    /// How it was brought to the network's size.
    pub geometry: Geometry,
    /// What it shows, where somebody says so.
    pub truth: Option<Truth>,
}

/// Pictures of one size, and what the network is fed.
#[derive(Debug)]
pub struct Batch {
    /// N×C×H×W on the network's device.
    pub input: Tensor,
    /// The N pictures.
    pub pictures: Vec<Shown>,
}

/// A network with the layers that are looked at.
#[derive(Debug)]
pub struct Probe<'a> {
    network: &'a Network,
    places: Vec<Place>,
    /// Whether the network is asked what it sees: then all of it runs, else no more than the layers need.
    asks: bool,
    /// By the height and width that are fed.
    sizes: HashMap<(i64, i64), Size>,
    /// Pictures that are shown in one run, as far as memory allows.
    at_once: usize,
    /// Whether a run that has fewer pictures is filled up. libtorch's kernels choose their way by the number of pictures, and the
    /// last digits differ with it; in which place of a batch a picture is makes none. So a picture's numbers do not depend on
    /// what else is scanned, or in which shard. Not where pictures are fed in sizes of their own: then most runs have few.
    fills: bool,
    /// The longer side of a patch, at most, in pixels of what is fed.
    most: Option<i64>,
}

/// How far the network came with a batch.
#[derive(Debug)]
pub struct Taken {
    /// The first pictures of the batch, which are taken down.
    pub done: usize,
    /// Why not all are.
    pub stopped: Option<Stop>,
}

/// Why not all pictures of a batch are taken down.
#[derive(Debug)]
pub enum Stop {
    /// It was cancelled.
    Cancelled,
    /// The network does not take the next picture, such as one that is too small for its pooling or too large for the memory.
    Refused(MethodError),
    /// No picture can be shown; it fell out with the next.
    Failed(MethodError),
}

/// What is known of pictures of a size.
#[derive(Debug)]
struct Size {
    /// The receptive fields of the layers.
    fields: Vec<Option<ReceptiveField>>,
    /// Where tokens stand in rows and columns.
    grids: Grids,
    /// About how many bytes one picture takes.
    each: u64,
}

impl<'a> Probe<'a> {
    /// Looks at layers or nodes by name. `asks`: whether the network's answer to each picture is taken down too. `at_once`: how
    /// many pictures are shown in one run.
    ///
    /// # Errors
    /// A name that no layer or node has.
    pub fn new(network: &'a Network, layers: &[String], asks: bool, at_once: usize) -> Result<Self, MethodError> {
        let places = layers.iter().map(|name| network.place(name)).collect::<Result<_, _>>()?;
        let fed = |width, height| network.input.preprocessing.geometry(width, height).ok().map(|geometry| geometry.fed);
        let fills = network.input.size.is_some() || fed(300, 200) == fed(400, 500);
        Ok(Self { network, places, asks, sizes: HashMap::new(), at_once, fills, most: None })
    }

    /// Limits patches to so many pixels of what is fed, around the middle of the receptive field. That of a deep layer is often the
    /// whole picture, while what is near its middle counts most (Luo et al., *Understanding the Effective Receptive Field in Deep
    /// Convolutional Neural Networks*, 2016). A layer without receptive fields (attention) is taken to see around where the position is in
    /// its map; a layer of a single position sees everything all the same.
    #[must_use]
    pub fn limited_to(self, most: Option<u32>) -> Self {
        Self { most: most.map(i64::from), ..self }
    }

    /// The layers.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Shows a batch to the network, until it was stopped or a picture fails that is shown alone. Where the network takes fewer
    /// pictures at once, by its graph or for want of memory, they are shown in parts.
    pub fn show(&mut self, batch: &Batch, into: &mut Excitations, cancel: &Cancel) -> Taken {
        let mut done = 0;
        let at_once = self.at_once;
        let stopped = match self.show_parts(batch, into, cancel, &mut done) {
            Ok(()) => None,
            Err(MethodError::Engine(EngineError::Cancelled)) => Some(Stop::Cancelled),
            Err(error) => {
                // It was not for their number that the pictures before failed.
                self.at_once = at_once;
                let of_a_run =
                    matches!(error, MethodError::Engine(EngineError::Node { .. } | EngineError::OutOfMemory { .. }));
                // Where all are fed in one size, and none was taken yet, the network takes none at all.
                let takes_others = !self.fills || into.tally.pictures > 0;
                Some(if of_a_run && takes_others { Stop::Refused(error) } else { Stop::Failed(error) })
            }
        };
        Taken { done, stopped }
    }

    fn show_parts(
        &mut self,
        batch: &Batch,
        into: &mut Excitations,
        cancel: &Cancel,
        done: &mut usize,
    ) -> Result<(), MethodError> {
        let (_, _, height, width) = batch.input.size4()?;
        let size = self.size((height, width), &batch.input, cancel)?;
        let fit = self.network.batch_of(size)?;
        while *done < batch.pictures.len() {
            let run = self.at_once.min(fit).max(1);
            let count = run.min(batch.pictures.len() - *done);
            let input = batch.input.f_narrow(0, *done as i64, count as i64)?;
            match self.answer(&input, if self.fills { run } else { count }, cancel) {
                Ok(answer) => {
                    self.take_down(&answer, &batch.pictures[*done..*done + count], (height, width), into)?;
                    *done += count;
                }
                Err(MethodError::Engine(EngineError::Cancelled)) => return Err(EngineError::Cancelled.into()),
                Err(_) if run > 1 => self.at_once = run / 2,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn taps(&self) -> Vec<Tap> {
        let output = self.network.head.output.into();
        let mut taps: Vec<Tap> = Vec::with_capacity(self.places.len() + 1);
        for tap in self.places.iter().map(|place| place.tap).chain(self.asks.then_some(output)) {
            if !taps.iter().any(|known| known.value == tap.value) {
                taps.push(tap);
            }
        }
        taps
    }

    /// The bytes that one picture of a size takes. The first picture of a size is run alone to learn about it.
    fn size(&mut self, size: (i64, i64), input: &Tensor, cancel: &Cancel) -> Result<u64, MethodError> {
        if let Some(known) = self.sizes.get(&size) {
            return Ok(known.each);
        }
        let (network, taps) = (self.network, self.taps());
        let shapes = network.shapes_of(&input.f_narrow(0, 0, 1)?, &taps, cancel)?;
        let fields = receptive_field::of_graph(network.engine.graph(), &shapes);
        let fields = self.places.iter().map(|place| fields.get(&place.tap.value).copied()).collect();
        let each = network.cost(&[network.source()?], &taps, &[], &shapes);
        let grids = network.grids(&|value| shapes.get(&value).cloned());
        self.sizes.insert(size, Size { fields, grids, each });
        Ok(each)
    }

    /// Runs the network on `run` pictures, the first again for those that are missing, and brings the layers' outputs into the
    /// form N×K×H×W.
    fn answer(&self, input: &Tensor, run: usize, cancel: &Cancel) -> Result<Answer, MethodError> {
        let (count, channels, height, width) = input.size4()?;
        let missing = run as i64 - count;
        let fed = if missing > 0 {
            let first = input.f_narrow(0, 0, 1)?.f_expand([missing, channels, height, width], false)?;
            Tensor::f_cat(&[input, &first], 0)?
        } else {
            input.shallow_clone()
        };
        let run = self.network.engine.run(&[(self.network.source()?, fed)], &self.taps(), cancel)?;
        let count = Count { shown: count, run: count + missing.max(0) };
        let none = Grids::default();
        let grids = self.sizes.get(&(height, width)).map_or(&none, |size| &size.grids);
        let layers = self.places.iter().map(|place| self.maps(&run, place, grids, count)).collect::<Result<_, _>>()?;
        Ok(Answer { layers, said: if self.asks { self.said(&run, count)? } else { Vec::new() } })
    }

    fn maps(&self, run: &Taps, place: &Place, grids: &Grids, count: Count) -> Result<Maps, MethodError> {
        let output = run.get(place.tap.value)?;
        let sizes = output.size();
        if sizes.first() != Some(&count.run) || !(2..=5).contains(&sizes.len()) {
            return Err(MethodError::NoPictures { layer: place.name.clone(), given: sizes, pictures: count.run });
        }
        let shown = output.f_narrow(0, 0, count.shown)?;
        let maps = batch_maps(&shown, self.network.layout(place.tap.value), grids)?.f_to_kind(Kind::Float)?;
        let (_, channels, height, width) = maps.size4()?;
        let (channels, height, width) = (channels as usize, height as usize, width as usize);
        let rows = maps.f_reshape([count.shown * channels as i64, (height * width) as i64])?;
        if height * width == 0 {
            return Err(MethodError::NoPictures { layer: place.name.clone(), given: sizes, pictures: count.run });
        }
        Ok(Maps {
            // −0 and 0 are the same number, but not in the order that equal ones are told apart from others by, nor in a file.
            maxima: numbers(&rows.f_amax([1_i64].as_slice(), false)?.f_add_scalar(0.0)?)?,
            means: numbers(&rows.f_mean_dim(1, false, Kind::Float)?)?,
            positive: numbers(&rows.f_gt(0.0)?.f_sum_dim_intlist(1, false, Kind::Float)?)?,
            rows,
            channels,
            height,
            width,
        })
    }

    /// What the network says of each picture.
    fn said(&self, run: &Taps, count: Count) -> Result<Vec<(ClassId, Said)>, MethodError> {
        let output = run.get(self.network.head.output)?.f_to_device(Device::Cpu)?;
        if output.size().first() != Some(&count.run) {
            let layer = "the output".to_owned();
            return Err(MethodError::NoPictures { layer, given: output.size(), pictures: count.run });
        }
        let scores = class_scores(&output)?;
        let one = |index| {
            let scores = scores.f_narrow(0, index, 1)?;
            let class = predictions::top_class(self.network, &scores)?;
            let best = predictions::top(self.network, &scores, 1)?;
            let probability = best.first().map_or(0.0, |best| best.probability);
            let probability = if class.negative { 1.0 - probability } else { probability };
            Ok((class, Said { class: self.network.unique_label(class).into(), probability }))
        };
        (0..count.shown).map(one).collect()
    }

    fn take_down(
        &self,
        answer: &Answer,
        pictures: &[Shown],
        size: (i64, i64),
        into: &mut Excitations,
    ) -> Result<(), MethodError> {
        let seen = judged(pictures, &answer.said);
        // First what can fail, so that a picture is taken down as a whole or not at all.
        let mut found = Vec::with_capacity(answer.layers.len());
        for (layer, maps) in into.layers.iter_mut().zip(&answer.layers) {
            layer.channels.resize_with(maps.channels, Channel::default);
            let candidates = maps.candidates(layer, into.keep, &seen);
            let rows: Vec<i64> =
                candidates.iter().map(|&(picture, channel)| maps.row(picture, channel) as i64).collect();
            found.push((candidates, maps.positions(&rows)?));
        }
        let judged = |right: bool| seen.iter().filter(|seen| seen.right == Some(right)).count() as u64;
        into.tally.pictures += seen.len() as u64;
        into.tally.right += judged(true);
        into.tally.wrong += judged(false);
        let known = self.sizes.get(&size);
        for (index, (candidates, positions)) in found.into_iter().enumerate() {
            let (Some(layer), Some(maps)) = (into.layers.get_mut(index), answer.layers.get(index)) else { continue };
            maps.count(layer, seen.len());
            let field = known.and_then(|known| known.fields.get(index).copied().flatten());
            for ((picture, channel), position) in candidates.into_iter().zip(positions) {
                let (down, across) = (position / maps.width, position % maps.width);
                let (geometry, map) = (&pictures[picture].geometry, (maps.height, maps.width));
                let excitation = Excitation {
                    value: maps.maxima[maps.row(picture, channel)],
                    row: down as u32,
                    column: across as u32,
                    patch: patch(field, self.most, (down, across), map, geometry),
                    picture: seen[picture].clone(),
                };
                layer.channels[channel].insert(into.keep, &excitation);
            }
        }
        Ok(())
    }
}

/// Pictures of a run.
#[derive(Debug, Clone, Copy)]
struct Count {
    /// Those that count.
    shown: i64,
    /// Those that were fed.
    run: i64,
}
