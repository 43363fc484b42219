//! How many requests of an installation are under way at once, and who waits: a queue for each
//! caller, served in turn, so that one who asks for much stands in nobody's way.

use crate::types::Name;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// What GitHub takes at once (its secondary limit).
pub const AT_ONCE: usize = 100;
/// How many may wait, and how many of one caller.
const MOST_WAITING: usize = 1000;
const MOST_OF_ONE: usize = 500;
/// How long one waits.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The places of an installation.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    taken: usize,
    waiting: usize,
    /// Callers who wait, the next first.
    turns: VecDeque<Name>,
    queues: HashMap<Name, VecDeque<oneshot::Sender<Place>>>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Option<Arc<Places>>);

impl Places {
    /// A place for a caller, at once or when it is its turn; none where too many wait, or where it
    /// took too long.
    pub(super) async fn take(self: &Arc<Self>, caller: &Name) -> Option<Place> {
        let turn = {
            let mut queue = self.lock();
            if queue.taken < AT_ONCE {
                queue.taken += 1;
                return Some(Place(Some(Arc::clone(self))));
            }
            queue.join(caller)?
        };
        let come = tokio::time::timeout(PATIENCE, turn).await;
        come.ok()?.ok()
    }

    /// Gives a place on to whoever is next, or back.
    fn give_back(self: Arc<Self>) {
        let mut place = Place(Some(Arc::clone(&self)));
        loop {
            let next = {
                let mut queue = self.lock();
                let next = queue.next();
                if next.is_none() {
                    queue.taken = queue.taken.saturating_sub(1);
                }
                next
            };
            let Some(next) = next else {
                // It was given back above.
                place.0 = None;
                return;
            };
            match next.send(place) {
                Ok(()) => return,
                // Who waited has gone.
                Err(back) => place = back,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn join(&mut self, caller: &Name) -> Option<oneshot::Receiver<Place>> {
        let own = |queue: &Self| queue.queues.get(caller).map_or(0, VecDeque::len);
        if self.waiting >= MOST_WAITING || own(self) >= MOST_OF_ONE {
            self.forget_those_who_went();
            if self.waiting >= MOST_WAITING || own(self) >= MOST_OF_ONE {
                return None;
            }
        }
        let (place, turn) = oneshot::channel();
        let queue = self.queues.entry(caller.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(caller.clone());
        }
        queue.push_back(place);
        self.waiting += 1;
        Some(turn)
    }

    /// The first of the caller whose turn it is.
    fn next(&mut self) -> Option<oneshot::Sender<Place>> {
        while let Some(caller) = self.turns.pop_front() {
            let Some(queue) = self.queues.get_mut(&caller) else {
                continue;
            };
            let next = queue.pop_front();
            if queue.is_empty() {
                self.queues.remove(&caller);
            } else {
                self.turns.push_back(caller);
            }
            if next.is_some() {
                self.waiting = self.waiting.saturating_sub(1);
                return next;
            }
        }
        None
    }

    fn forget_those_who_went(&mut self) {
        self.queues.retain(|_, queue| {
            queue.retain(|place| !place.is_closed());
            !queue.is_empty()
        });
        let queues = &self.queues;
        self.turns.retain(|caller| queues.contains_key(caller));
        self.waiting = queues.values().map(VecDeque::len).sum();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(places) = self.0.take() {
            places.give_back();
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

    async fn full(places: &Arc<Places>, caller: &Name) -> Vec<Place> {
        let mut taken = Vec::new();
        for _ in 0..AT_ONCE {
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
            drop(taken.pop());
            let (caller, place) = order.recv().await.unwrap();
            assert_eq!(&caller, expected);
            kept.push(place.unwrap());
        }
        assert_eq!(places.lock().taken, AT_ONCE);
        drop((taken, kept));
        let queue = places.lock();
        assert_eq!((queue.taken, queue.waiting), (0, 0));
        assert!(queue.queues.is_empty() && queue.turns.is_empty());
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
        for _ in 0..MOST_OF_ONE {
            waiting.push(places.lock().join(&greedy).unwrap());
        }
        assert!(places.lock().join(&greedy).is_none());
        assert!(places.lock().join(&modest).is_some());
        drop(waiting);
        assert!(places.lock().join(&greedy).is_some());
        assert_eq!(places.lock().waiting, 1);
    }
}
