//! Any sequence of puts, claims, settlements, restarts and sendings-again leaves the engine where
//! a model in a few lines says.

use crate::spool::contract::{Case, WINDOW, name};
use crate::spool::{Claim, Fate, Intake, Order, Put, State};
use crate::types::{Clock as _, DeliveryId, Timestamp};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const TARGETS: [(&str, Order); 2] = [("jira", Order::None), ("siem", Order::Repository)];

#[derive(Debug, Clone)]
enum Step {
    Put { guid: u8, body: u8, repository: u8 },
    Claim { target: usize, limit: usize },
    Settle { which: usize, fate: u8 },
    Redeliver { which: usize },
    Forget,
    Turn { seconds: u64 },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..6_u8, 0..2_u8, 0..3_u8)
            .prop_map(|(guid, body, repository)| Step::Put { guid, body, repository }),
        6 => (0..2_usize, 1..4_usize).prop_map(|(target, limit)| Step::Claim { target, limit }),
        8 => (any::<usize>(), 0..5_u8).prop_map(|(which, fate)| Step::Settle { which, fate }),
        2 => any::<usize>().prop_map(|which| Step::Redeliver { which }),
        1 => Just(Step::Forget),
        3 => (1..8_u64).prop_map(|seconds| Step::Turn { seconds }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..80)
}

#[derive(Debug, Clone)]
struct Task {
    state: State,
    due: Timestamp,
    attempts: u32,
    interruptions: u32,
    failing: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Kept {
    id: DeliveryId,
    intake: Intake,
    tasks: [Task; 2],
}

#[derive(Debug, Default)]
struct Model {
    kept: Vec<Kept>,
    in_hand: Vec<(DeliveryId, usize)>,
}

impl Task {
    fn is_open(&self) -> bool {
        matches!(self.state, State::Pending | State::Sending)
    }

    fn renew(&mut self, now: Timestamp) {
        *self = Self {
            state: State::Pending,
            due: now,
            attempts: 0,
            interruptions: 0,
            failing: None,
        };
    }
}

impl Model {
    fn put(&mut self, intake: &Intake, answer: Put) {
        let earlier: Vec<&Kept> = self
            .kept
            .iter()
            .rev()
            .filter(|kept| kept.intake.guid == intake.guid)
            .collect();
        let same = earlier.iter().find(|kept| kept.intake.body == intake.body);
        let id = match (same, earlier.first(), answer) {
            (Some(same), _, Put::Duplicate(id)) => {
                assert!(intake.received.since(same.intake.received) < WINDOW);
                assert_eq!(id, same.id);
                let now = intake.received;
                let kept = self.kept.iter_mut().find(|kept| kept.id == id).unwrap();
                for task in &mut kept.tasks {
                    if task.state == State::Dead {
                        task.renew(now);
                    }
                }
                return;
            }
            (Some(same), _, Put::Redelivered { id, earlier }) => {
                assert!(intake.received.since(same.intake.received) >= WINDOW);
                assert_eq!(earlier, same.id);
                id
            }
            (None, Some(other), Put::Conflicting { id, earlier }) => {
                assert_eq!(earlier, other.id);
                id
            }
            (None, None, Put::Stored(id)) => id,
            other => panic!("{other:?}"),
        };
        let mut task = Task {
            state: State::Pending,
            due: intake.received,
            attempts: 0,
            interruptions: 0,
            failing: None,
        };
        task.renew(intake.received);
        assert!(self.kept.last().is_none_or(|last| last.id < id));
        self.kept.push(Kept {
            id,
            intake: intake.clone(),
            tasks: [task.clone(), task],
        });
    }

    fn may_go(&self, at: usize, target: usize) -> bool {
        let one = &self.kept[at];
        let repository = |kept: &Kept| {
            let text = kept.intake.repository.as_ref().map(|r| r.as_str());
            text.map(str::to_ascii_lowercase)
        };
        TARGETS[target].1 == Order::None
            || one.intake.repository.is_none()
            || self.kept.iter().enumerate().all(|(other, kept)| {
                other == at
                    || repository(kept) != repository(one)
                    || !kept.tasks[target].is_open()
                    || (other > at && kept.tasks[target].state == State::Pending)
            })
    }

    fn claim(&mut self, target: usize, limit: usize, now: Timestamp) -> Vec<usize> {
        let mut due: Vec<usize> = (0..self.kept.len())
            .filter(|at| {
                let task = &self.kept[*at].tasks[target];
                task.state == State::Pending && task.due <= now && self.may_go(*at, target)
            })
            .collect();
        due.sort_by_key(|at| (self.kept[*at].tasks[target].due, *at));
        due.truncate(limit);
        for at in &due {
            let task = &mut self.kept[*at].tasks[target];
            task.state = State::Sending;
            task.attempts += 1;
            self.in_hand.push((self.kept[*at].id, target));
        }
        due
    }

    fn settle(&mut self, id: DeliveryId, target: usize, fate: Fate, now: Timestamp) {
        let kept = self.kept.iter_mut().find(|kept| kept.id == id).unwrap();
        let task = &mut kept.tasks[target];
        task.interruptions = 0;
        match fate {
            Fate::Delivered => {
                task.state = State::Delivered;
                task.failing = None;
            }
            Fate::Dead => {
                task.state = State::Dead;
                task.failing.get_or_insert(now);
            }
            Fate::Retry { at, counts } => {
                task.state = State::Pending;
                task.due = at;
                task.attempts -= u32::from(!counts);
                task.failing.get_or_insert(now);
            }
        }
    }

    fn restart(&mut self, now: Timestamp) {
        for (id, target) in std::mem::take(&mut self.in_hand) {
            let kept = self.kept.iter_mut().find(|kept| kept.id == id).unwrap();
            let task = &mut kept.tasks[target];
            task.interruptions += 1;
            task.due = now;
            task.state = if task.interruptions == 10 {
                State::Dead
            } else {
                State::Pending
            };
        }
    }

    fn forget(&mut self, before: Timestamp) -> usize {
        let count = self.kept.len();
        self.kept.retain(|kept| {
            kept.intake.received >= before
                || kept.tasks.iter().any(|task| task.state != State::Delivered)
        });
        count - self.kept.len()
    }
}

async fn run(case: &mut Case, model: &mut Model, step: Step) {
    let now = case.clock.now();
    match step {
        Step::Put {
            guid,
            body,
            repository,
        } => {
            let mut intake = case.intake(&format!("g-{guid}"), &[body; 9]);
            intake.targets = Arc::from(TARGETS.map(|(target, _)| name(target)));
            intake.repository = ["", "acme/web", "Acme/WEB"][usize::from(repository)]
                .parse()
                .ok();
            let put = case.spool.put(intake.clone()).await.unwrap();
            model.put(&intake, put);
        }
        Step::Claim { target, limit } => {
            let claim = Claim {
                target: name(TARGETS[target].0),
                limit,
                now,
                order: TARGETS[target].1,
            };
            let got = case.spool.claim(claim).await.unwrap();
            let expected = model.claim(target, limit, now);
            assert_eq!(got.len(), expected.len());
            for (got, at) in got.iter().zip(expected) {
                let kept = &model.kept[at];
                assert_eq!((got.id, &got.body), (kept.id, &kept.intake.body));
                assert_eq!(got.attempt, kept.tasks[target].attempts);
                assert_eq!(got.failing_since, kept.tasks[target].failing);
            }
        }
        Step::Settle { which, fate } => {
            if model.in_hand.is_empty() {
                return;
            }
            let (id, target) = model.in_hand.swap_remove(which % model.in_hand.len());
            let later = now.after(Duration::from_secs(3));
            let fate = match fate {
                0 | 1 => Fate::Delivered,
                2 => Fate::Dead,
                3 => Fate::Retry {
                    at: later,
                    counts: true,
                },
                _ => Fate::Retry {
                    at: later,
                    counts: false,
                },
            };
            case.settle(id, TARGETS[target].0, fate).await;
            model.settle(id, target, fate, now);
        }
        Step::Redeliver { which } => {
            if model.kept.is_empty() {
                return;
            }
            let at = which % model.kept.len();
            let kept = &mut model.kept[at];
            let mut expected = 0;
            for task in &mut kept.tasks {
                if task.state != State::Sending {
                    task.renew(now);
                    expected += 1;
                }
            }
            assert_eq!(case.spool.redeliver(kept.id, None).await.unwrap(), expected);
        }
        Step::Forget => {
            let before = now.before(Duration::from_secs(5));
            let count = case.spool.forget(before).await.unwrap();
            assert_eq!(count, model.forget(before) as u64);
        }
        Step::Turn { seconds } => case.clock.turn(Duration::from_secs(seconds)),
        Step::Restart => {
            case.restart().await;
            model.restart(now);
        }
    }
}

async fn compare(case: &Case, model: &Model) {
    for kept in &model.kept {
        let detail = case.spool.show(kept.id).await.unwrap().unwrap();
        for (standing, task) in detail.summary.targets.iter().zip(&kept.tasks) {
            assert_eq!(
                (standing.state, standing.attempts),
                (task.state, task.attempts)
            );
        }
    }
    assert_eq!(case.spool.room().deliveries, model.kept.len() as u64);
    for (target, depth) in case.spool.depths().await.unwrap() {
        let target = TARGETS
            .iter()
            .position(|(name, _)| *name == target)
            .unwrap();
        let tasks = || model.kept.iter().map(|kept| (kept, &kept.tasks[target]));
        let open = tasks().filter(|(_, task)| task.is_open()).count();
        let dead = tasks()
            .filter(|(_, task)| task.state == State::Dead)
            .count();
        assert_eq!((depth.pending, depth.dead), (open as u64, dead as u64));
        let oldest = tasks().find(|(_, task)| task.is_open());
        assert_eq!(depth.oldest, oldest.map(|(kept, _)| kept.intake.received));
        let (name_of, order) = TARGETS[target];
        let due = (0..model.kept.len())
            .filter(|at| model.kept[*at].tasks[target].state == State::Pending)
            .filter(|at| model.may_go(*at, target))
            .map(|at| model.kept[at].tasks[target].due);
        let next = case.spool.next_due(&name(name_of), order).await.unwrap();
        assert_eq!(next, due.min());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn ends_where_the_model_ends(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut case = Case::new(super::open);
            let mut model = Model::default();
            // From here on each target is claimed for in its own order.
            for target in 0..TARGETS.len() {
                run(&mut case, &mut model, Step::Claim { target, limit: 1 }).await;
            }
            for step in steps {
                run(&mut case, &mut model, step).await;
            }
            compare(&case, &model).await;
            case.restart().await;
            model.restart(case.clock.now());
            compare(&case, &model).await;
            case.spool.close().await;
        });
    }
}
