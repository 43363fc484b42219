//! How many requests of an installation are under way at once, and who waits: a queue for each
//! caller, served in turn, so that one who asks for much stands in nobody's way; nor has one caller
//! all places, which it could keep by reading slowly.

use crate::types::Name;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// What GitHub takes at once (its secondary limit).
pub const AT_ONCE: usize = 100;
/// What one caller may have of it.
pub const OF_ONE: usize = 90;
/// How many may wait, and how many of one caller.
const MOST_WAITING: usize = 1000;
const MOST_WAITING_OF_ONE: usize = 500;
/// How long one waits.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The places of an installation.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    taken: usize,
    waiting: usize,
    /// Callers who have places or wait for one.
    callers: HashMap<Name, Line>,
    /// Callers who wait, the next first.
    turns: VecDeque<Name>,
}

/// What a caller has, and what it waits for.
#[derive(Debug, Default)]
struct Line {
    taken: usize,
    waiting: VecDeque<oneshot::Sender<Place>>,
}

/// A place of a caller's, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Option<(Arc<Places>, Name)>);

impl Places {
    /// A place for a caller, at once or when it is its turn; none where too many wait, or where it
    /// took too long.
    pub(super) async fn take(self: &Arc<Self>, caller: &Name) -> Option<Place> {
        let turn = {
            let mut queue = self.lock();
            if queue.seat(caller) {
                return Some(Place(Some((Arc::clone(self), caller.clone()))));
            }
            queue.join(caller)?
        };
        let come = tokio::time::timeout(PATIENCE, turn).await;
        come.ok()?.ok()
    }

    /// Takes a caller's place back, and gives it to whoever is next.
    fn give_back(self: Arc<Self>, caller: &Name) {
        self.lock().leave(caller);
        loop {
            let Some((caller, next)) = self.lock().next() else {
                return;
            };
            let place = Place(Some((Arc::clone(&self), caller.clone())));
            let Err(mut back) = next.send(place) else {
                return;
            };
            // Who waited has gone.
            back.0 = None;
            self.lock().leave(&caller);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Gives a caller a place, where there is one for it.
    fn seat(&mut self, caller: &Name) -> bool {
        let own = self.callers.get(caller).map_or(0, |line| line.taken);
        let free = self.taken < AT_ONCE && own < OF_ONE;
        if free {
            self.taken += 1;
            self.callers.entry(caller.clone()).or_default().taken += 1;
        }
        free
    }

    fn leave(&mut self, caller: &Name) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(line) = self.callers.get_mut(caller) {
            line.taken = line.taken.saturating_sub(1);
            if line.taken == 0 && line.waiting.is_empty() {
                self.callers.remove(caller);
            }
        }
    }

    fn join(&mut self, caller: &Name) -> Option<oneshot::Receiver<Place>> {
        if self.is_full(caller) {
            self.forget_those_who_went();
            if self.is_full(caller) {
                return None;
            }
        }
        let (place, turn) = oneshot::channel();
        let line = self.callers.entry(caller.clone()).or_default();
        if line.waiting.is_empty() {
            self.turns.push_back(caller.clone());
        }
        line.waiting.push_back(place);
        self.waiting += 1;
        Some(turn)
    }

    fn is_full(&self, caller: &Name) -> bool {
        let own = self
            .callers
            .get(caller)
            .map_or(0, |line| line.waiting.len());
        self.waiting >= MOST_WAITING || own >= MOST_WAITING_OF_ONE
    }

    /// The first of the caller whose turn it is, given a place; a caller who has all that one may
    /// have is passed over.
    fn next(&mut self) -> Option<(Name, oneshot::Sender<Place>)> {
        for _ in 0..self.turns.len() {
            let caller = self.turns.pop_front()?;
            if !self.seat(&caller) {
                self.turns.push_back(caller);
                continue;
            }
            let line = self.callers.get_mut(&caller);
            let next = line.and_then(|line| {
                let next = line.waiting.pop_front();
                if !line.waiting.is_empty() {
                    self.turns.push_back(caller.clone());
                }
                next
            });
            let Some(next) = next else {
                self.leave(&caller);
                continue;
            };
            self.waiting = self.waiting.saturating_sub(1);
            return Some((caller, next));
        }
        None
    }

    fn forget_those_who_went(&mut self) {
        self.callers.retain(|_, line| {
            line.waiting.retain(|place| !place.is_closed());
            line.taken > 0 || !line.waiting.is_empty()
        });
        let callers = &self.callers;
        let waits = |caller: &Name| {
            callers
                .get(caller)
                .is_some_and(|line| !line.waiting.is_empty())
        };
        self.turns.retain(waits);
        self.waiting = callers.values().map(|line| line.waiting.len()).sum();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((places, caller)) = self.0.take() {
            places.give_back(&caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Tasks;

    fn names() -> [Name; 2] {
        ["greedy", "modest"].map(|name| name.parse().unwrap())
    }

    /// All are taken: as many as one may have by the first, the others by a third.
    async fn full(places: &Arc<Places>, caller: &Name) -> Vec<Place> {
        let third = "third".parse().unwrap();
        let mut taken = Vec::new();
        for number in 0..AT_ONCE {
            let caller = if number < OF_ONE { caller } else { &third };
            taken.push(places.take(caller).await.unwrap());
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_served_in_turn_with_the_others() {
        let places = Arc::<Places>::default();
        let [greedy, modest] = names();
        let mut taken = full(&places, &greedy).await;
        let (come, mut order) = tokio::sync::mpsc::channel(4);
        let tasks = Tasks::new();
        for caller in [&greedy, &greedy, &greedy, &modest] {
            let (places, caller, come) = (places.clone(), caller.clone(), come.clone());
            tasks.spawn("waiter", async move {
                let place = places.take(&caller).await;
                come.send((caller, place)).await.unwrap();
            });
            tokio::task::yield_now().await;
        }
        let mut kept = Vec::new();
        for expected in [&greedy, &modest, &greedy, &greedy] {
            drop(taken.remove(0));
            let (caller, place) = order.recv().await.unwrap();
            assert_eq!(&caller, expected);
            kept.push(place.unwrap());
        }
        assert_eq!(places.lock().taken, AT_ONCE);
        drop((taken, kept));
        let queue = places.lock();
        assert_eq!((queue.taken, queue.waiting), (0, 0));
        assert!(queue.callers.is_empty() && queue.turns.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_a_place_is_not_lost_on_one_who_went() {
        let places = Arc::<Places>::default();
        let [greedy, modest] = names();
        let mut taken = full(&places, &greedy).await;
        let begun = tokio::time::Instant::now();
        assert!(places.take(&modest).await.is_none());
        assert_eq!(begun.elapsed(), PATIENCE);
        // The one who went still stands in the queue.
        drop(taken.pop());
        assert_eq!(places.lock().taken, AT_ONCE - 1);
        assert!(places.take(&modest).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_does_not_fill_the_queue() {
        let places = Arc::<Places>::default();
        let [greedy, modest] = names();
        let _taken = full(&places, &greedy).await;
        let mut waiting = Vec::new();
        for _ in 0..MOST_WAITING_OF_ONE {
            waiting.push(places.lock().join(&greedy).unwrap());
        }
        assert!(places.lock().join(&greedy).is_none());
        assert!(places.lock().join(&modest).is_some());
        drop(waiting);
        assert!(places.lock().join(&greedy).is_some());
        assert_eq!(places.lock().waiting, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_does_not_have_all_places() {
        let places = Arc::<Places>::default();
        let [greedy, modest] = names();
        let mut taken = Vec::new();
        for _ in 0..OF_ONE {
            taken.push(places.take(&greedy).await.unwrap());
        }
        // It keeps what it has for ever; the others go on all the same.
        let (place, waits) = tokio::join!(places.take(&modest), places.take(&greedy));
        assert!(place.is_some() && waits.is_none());
        drop(place);
        assert!(places.take(&modest).await.is_some());
        // And has the next as soon as one of its own is free.
        let (waits, ()) = tokio::join!(places.take(&greedy), async {
            tokio::task::yield_now().await;
            drop(taken.pop());
        });
        assert!(waits.is_some());
        assert_eq!(places.lock().taken, OF_ONE);
    }
}
