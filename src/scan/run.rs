//! A scan from the first picture to the file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::crops::Crops;
use super::folder::{Found, Walk};
use super::header::Header;
use super::ordered::ordered;
use super::path_text::text_of;
use super::saved::{self, Earlier};
use super::truth::Truths;
use super::{Glob, Outcome, Progress, Scan, ScanError, Shard, Time};
use crate::engine::Cancel;
use crate::methods::excitation::{Batch, Excitations, Probe, Shown, Stop, Taken, fingerprint};
use crate::methods::{MethodError, Network};
use crate::model::preprocess::{Geometry, Preprocessing};
use crate::model::printable::printable_path;
use crate::model::{InputTensor, printable};
use crate::picture::load::load_picture;

/// Scans a folder. Begins where an earlier run of the same scan was stopped; where its file is there already, nothing is done.
///
/// # Errors
/// One line that names the file, layer or option. After [`ScanError::Stopped`] what was found is saved.
pub fn scan(
    network: &Network,
    scan: &Scan,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, ScanError> {
    let folder = &scan.folder;
    let read_error =
        |error: &std::io::Error| ScanError::Read { file: printable_path(folder), reason: error.to_string() };
    let walk = Walk::new(folder, &scan.exclude).map_err(|error| read_error(&error))?;
    let truths = Truths::find(network, scan)?;
    let mut probe = Probe::new(network, &scan.layers, scan.predictions, scan.batch)?.limited_to(scan.patch);
    let preprocessing = network.input.preprocessing.to_string();
    let whole = std::fs::canonicalize(folder).map_err(|error| read_error(&error))?;
    let header = Header {
        folder: Some(text_of(whole.as_os_str())),
        keep: scan.keep,
        predictions: scan.predictions,
        truth: truths.name().to_owned(),
        truth_list: truths.fingerprint().map(Header::fingerprint_text),
        crop: scan.crop,
        patch: scan.patch,
        exclude: excluded(&scan.exclude),
        shards: vec![scan.shard],
        ..Header::new(network.name.clone(), fingerprint(network)?, preprocessing, &scan.layers)
    };
    let (mut excitations, last) = match saved::earlier(&scan.out, &header, &whole)? {
        Earlier::Done(header) => {
            let resumed = header.tally.pictures + header.tally.unreadable;
            return Ok(Outcome { header: *header, resumed, was_done: true, time: Time::default() });
        }
        Earlier::Begun(excitations, last) => (*excitations, last),
        Earlier::Nothing => (Excitations::new(scan.keep, scan.layers.iter().cloned()), None),
    };
    let resumed = excitations.tally.pictures + excitations.tally.unreadable;
    let reading = AtomicU64::new(0);
    // The network itself stays on this thread.
    let network_input = network.input.preprocessing.clone();
    let prepare = |found: Found| {
        let began = Instant::now();
        let prepared = prepared(found, &network_input);
        reading.fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
        prepared
    };
    let passed = Passed::default();
    let source = Source { walk, shard: scan.shard, last: last.clone(), passed: &passed };
    let mut driver = Driver {
        scan,
        header: &header,
        whole: &whole,
        truths: &truths,
        network,
        probe: &mut probe,
        excitations: &mut excitations,
        last,
        passed: &passed,
        open: Vec::new(),
        began: Instant::now(),
        saved: Instant::now(),
        resumed,
        time: Time::default(),
    };
    let ahead = scan.batch + 2 * scan.workers;
    ordered(source, scan.workers, ahead, prepare, |prepared| driver.drive(prepared, cancel, progress))?;
    let mut time = driver.time;
    if !passed.any.load(Ordering::Relaxed) {
        return Err(ScanError::NoPictures(printable_path(folder)));
    }
    time.pictures = driver.began.elapsed().as_secs_f64();
    time.reading = reading.load(Ordering::Relaxed) as f64 / 1e9;
    let finishing = Instant::now();
    // Whatever happens to the crops, the pictures need not be shown again.
    driver.save()?;
    let mut crops = Crops::cut(&excitations, folder, scan.crop, scan.workers, &scan.out, cancel)?;
    let header = saved::write(&scan.out, &header, &excitations, |excitation| crops.get(excitation))?;
    saved::forget(&scan.out);
    time.finishing = finishing.elapsed().as_secs_f64();
    Ok(Outcome { header, resumed, was_done: false, time })
}

/// In an order that does not depend on the user's.
fn excluded(globs: &[Glob]) -> Vec<Glob> {
    let mut globs = globs.to_vec();
    globs.sort_unstable();
    globs.dedup();
    globs
}

/// The pictures of a shard behind the last one that is counted already.
struct Source<'a> {
    walk: Walk,
    shard: Shard,
    last: Option<String>,
    passed: &'a Passed,
}

/// What the source has passed over. Final for what was counted before when the source gives its first picture.
#[derive(Debug, Default)]
struct Passed {
    /// Whether there are pictures at all, of whatever shard.
    any: AtomicBool,
    /// Pictures that are counted already.
    counted: AtomicU64,
}

impl Iterator for Source<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let found = self.walk.next()?;
            self.passed.any.store(true, Ordering::Relaxed);
            if !self.shard.holds(&found.relative) {
                continue;
            }
            // The walk goes by the names between the slashes, as paths are ordered.
            if self.last.as_ref().is_none_or(|last| Path::new(&found.relative) > Path::new(last)) {
                return Some(found);
            }
            self.passed.counted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A picture as it is fed, or why it cannot be.
struct Prepared {
    relative: String,
    what: Result<(InputTensor, Geometry), String>,
}

fn prepared(found: Found, preprocessing: &Preprocessing) -> Prepared {
    let Found { path, relative, trouble } = found;
    let read = || -> Result<_, String> {
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        let name = printable_path(&path);
        // The file is named already where this is shown.
        let plain = |error: String| error.strip_prefix(&format!("{name}: ")).map_or(error.clone(), str::to_owned);
        let picture = load_picture(&path).map_err(|error| plain(error.to_string()))?;
        let geometry = preprocessing.geometry(picture.width(), picture.height()).map_err(|error| error.to_string())?;
        let input = preprocessing.apply(&picture).map_err(|error| error.to_string())?;
        Ok((input, geometry))
    };
    // A decoder that panics at a damaged picture has not read it.
    let what = catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("a damaged picture".to_owned()));
    Prepared { relative, what: what.map_err(|reason| printable(&reason).into_owned()) }
}

/// Takes prepared pictures in order, shows them in batches, and saves what was found.
struct Driver<'a> {
    scan: &'a Scan,
    header: &'a Header,
    /// The folder, without links.
    whole: &'a Path,
    truths: &'a Truths,
    network: &'a Network,
    probe: &'a mut Probe<'a>,
    excitations: &'a mut Excitations,
    /// The last picture that is counted.
    last: Option<String>,
    passed: &'a Passed,
    /// Pictures that are not shown yet.
    open: Vec<Prepared>,
    began: Instant,
    saved: Instant,
    resumed: u64,
    time: Time,
}

impl Driver<'_> {
    fn drive(
        &mut self,
        prepared: &mut dyn Iterator<Item = Prepared>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ScanError> {
        let mut checked = false;
        loop {
            let waiting = Instant::now();
            let next = prepared.next();
            self.time.waiting += waiting.elapsed().as_secs_f64();
            if !std::mem::replace(&mut checked, true) {
                self.check_passed()?;
            }
            if cancel.is_raised() {
                return self.stop();
            }
            let full = self.readable() >= self.scan.batch || self.open.len() > 4 * self.scan.batch;
            let other_size = || next.as_ref().is_some_and(|next| self.is_of_other_size(next));
            if next.is_none() || full || other_size() {
                let shown = self.show_open(cancel);
                // Where nothing is counted, the next attempt may be of another scan.
                if matches!(shown, Err(ScanError::Stopped)) || shown.is_err() && self.last.is_some() {
                    self.save()?;
                }
                shown?;
                progress(self.progress(next.is_none()));
                if self.saved.elapsed() >= self.scan.save_every {
                    self.save()?;
                }
            }
            match next {
                Some(next) => self.open.push(next),
                None => return Ok(()),
            }
        }
    }

    /// What was counted before must still be there, or the counts are of other pictures.
    fn check_passed(&self) -> Result<(), ScanError> {
        let now = self.passed.counted.load(Ordering::Relaxed);
        if now == self.resumed {
            return Ok(());
        }
        Err(ScanError::Changed {
            folder: printable_path(&self.scan.folder),
            before: self.resumed,
            now,
            last: self.last.as_deref().map(printable).unwrap_or_default().into_owned(),
            state: printable_path(&saved::unfinished(&self.scan.out)),
        })
    }

    fn readable(&self) -> usize {
        self.open.iter().filter(|prepared| prepared.what.is_ok()).count()
    }

    fn is_of_other_size(&self, next: &Prepared) -> bool {
        let size = |prepared: &Prepared| prepared.what.as_ref().ok().map(|(input, _)| (input.height, input.width));
        let known = self.open.iter().find_map(size);
        known.is_some() && size(next).is_some() && size(next) != known
    }

    /// Shows what is open and counts it. Where it fails, what comes before is counted.
    fn show_open(&mut self, cancel: &Cancel) -> Result<(), ScanError> {
        let began = Instant::now();
        let mut shown = Ok(());
        while shown.is_ok() && !self.open.is_empty() {
            shown = self.show(cancel);
        }
        self.time.network += began.elapsed().as_secs_f64();
        shown
    }

    /// Shows what is open up to the first picture that the network does not take.
    fn show(&mut self, cancel: &Cancel) -> Result<(), ScanError> {
        let (mut data, mut pictures, mut shape) = (Vec::new(), Vec::new(), None);
        for prepared in &self.open {
            if let Ok((input, geometry)) = &prepared.what {
                self.check_size(input)?;
                shape = Some([input.channels, input.height, input.width]);
                data.extend_from_slice(&input.data);
                let truth = self.truths.of(&prepared.relative).cloned();
                pictures.push(Shown { path: prepared.relative.clone(), geometry: *geometry, truth });
            }
        }
        let mut taken = Taken { done: 0, stopped: None };
        if let Some([channels, height, width]) = shape {
            let shape = [pictures.len(), channels, height, width].map(|size| size as i64);
            let input = self.network.engine.tensor(&data, &shape).map_err(|error| self.failed(error.into()))?;
            taken = self.probe.show(&Batch { input, pictures }, self.excitations, cancel);
        }
        self.count_shown(taken.done);
        let Some(stopped) = taken.stopped else { return Ok(()) };
        match stopped {
            Stop::Cancelled => Err(ScanError::Stopped),
            Stop::Refused(error) => {
                if let Some(refused) = self.open.first_mut() {
                    refused.what = Err(printable(&error.to_string()).into_owned());
                }
                Ok(())
            }
            Stop::Failed(error) => Err(self.failed(error)),
        }
    }

    /// An error with the picture that it fell out with.
    fn failed(&self, error: MethodError) -> ScanError {
        let file = self.open.iter().find(|prepared| prepared.what.is_ok());
        let file = file.map(|prepared| printable(&prepared.relative).into_owned()).unwrap_or_default();
        ScanError::Picture { file, error }
    }

    /// Counts the pictures of which the network took so many, and those between them that could not be read.
    fn count_shown(&mut self, mut shown: usize) {
        let tally = &mut self.excitations.tally;
        let counted = self.open.iter().position(|prepared| match &prepared.what {
            Ok(_) if shown == 0 => true,
            Ok(_) => {
                shown -= 1;
                false
            }
            Err(reason) => {
                tally.add_unreadable(prepared.relative.clone(), reason.clone());
                false
            }
        });
        let mut counted = self.open.drain(..counted.unwrap_or(self.open.len()));
        if let Some(last) = counted.next_back() {
            self.last = Some(last.relative);
        }
    }

    fn check_size(&self, input: &InputTensor) -> Result<(), ScanError> {
        match self.network.input.size {
            Some((height, width)) if (height, width) != (input.height, input.width) => {
                let given = format!("{}x{}", input.width, input.height);
                Err(ScanError::Size { given, wanted: format!("{width}x{height}") })
            }
            _ => Ok(()),
        }
    }

    fn progress(&self, cutting: bool) -> Progress {
        let tally = &self.excitations.tally;
        let pictures = tally.pictures + tally.unreadable;
        let rate = (pictures - self.resumed) as f64 / self.began.elapsed().as_secs_f64().max(1e-9);
        Progress { pictures, unreadable: tally.unreadable, rate, cutting }
    }

    fn save(&mut self) -> Result<(), ScanError> {
        saved::save(&self.scan.out, self.header, self.excitations, self.whole, self.last.as_deref())?;
        self.saved = Instant::now();
        Ok(())
    }

    fn stop(&mut self) -> Result<(), ScanError> {
        self.save()?;
        Err(ScanError::Stopped)
    }
}
