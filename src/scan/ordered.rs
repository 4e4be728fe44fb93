//! Work on many threads, taken up in order, a bounded number of items ahead.

use std::collections::BTreeMap;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Lets `workers` threads do `work` on what `source` gives (on a thread of its own) and gives the results to `consume`, in
/// the order of the source. No more than `ahead` items are between the source and `consume`, however slow one of them is.
/// The threads end when `consume` returns.
pub(super) fn ordered<T: Send, U: Send, R>(
    source: impl Iterator<Item = T> + Send,
    workers: usize,
    ahead: usize,
    work: impl Fn(T) -> U + Sync,
    consume: impl FnOnce(&mut dyn Iterator<Item = U>) -> R,
) -> R {
    let ahead = ahead.max(1);
    let (permit, permits) = bounded(ahead);
    let (job, jobs) = bounded::<(u64, T)>(ahead);
    let (result, results) = bounded::<(u64, U)>(ahead);
    std::thread::scope(|scope| {
        let work = &work;
        scope.spawn(move || {
            for item in (0..).zip(source) {
                if permits.recv().is_err() || job.send(item).is_err() {
                    break;
                }
            }
        });
        for _ in 0..workers.max(1) {
            let (jobs, result) = (jobs.clone(), result.clone());
            scope.spawn(move || {
                for (number, item) in jobs {
                    if result.send((number, work(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop((jobs, result));
        for _ in 0..ahead {
            // There is room for all of them.
            let _ = permit.send(());
        }
        consume(&mut InOrder { permit, results, early: BTreeMap::new(), next: 0 })
    })
}

struct InOrder<U> {
    permit: Sender<()>,
    results: Receiver<(u64, U)>,
    early: BTreeMap<u64, U>,
    next: u64,
}

impl<U> Iterator for InOrder<U> {
    type Item = U;

    fn next(&mut self) -> Option<U> {
        while !self.early.contains_key(&self.next) {
            let (number, result) = self.results.recv().ok()?;
            self.early.insert(number, result);
        }
        // The source may be at its end: then nobody waits for the permit.
        let _ = self.permit.try_send(());
        self.next += 1;
        self.early.remove(&(self.next - 1))
    }
}
