//! The queue is bounded, and gives work out in order and in bites.

use super::{BATCH_JOBS, Job, Queue, Work};
use crate::spool::contract::intake;
use crate::spool::{Intake, PutError};
use crate::types::Timestamp;
use bytes::Bytes;

fn of(body: &Bytes) -> Intake {
    Intake {
        body: body.clone(),
        ..intake("g", b"", Timestamp::default())
    }
}

fn batch(queue: &Queue) -> Vec<Job> {
    match queue.take(None) {
        Work::Batch(jobs) => jobs,
        other @ (Work::Nothing | Work::Closed) => panic!("{other:?}"),
    }
}

#[test]
fn bytes_in_flight_are_bounded_until_they_are_answered() {
    let queue = Queue::default();
    let large = Bytes::from(vec![0; 25 << 20]);
    let mut answers = Vec::new();
    let refused = loop {
        match queue.put(of(&large)) {
            Ok(answer) => answers.push(answer),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, PutError::Busy);
    assert_eq!(answers.len(), 10);
    let jobs = batch(&queue);
    assert_eq!(jobs.len(), 1);
    // Taken, but not yet answered.
    assert!(queue.put(of(&large)).is_err());
    queue.done(super::bytes(&jobs));
    assert!(queue.put(of(&large)).is_ok());
}

#[test]
fn small_deliveries_are_bounded_in_number_too() {
    let queue = Queue::default();
    let empty = Bytes::new();
    let taken = std::iter::repeat_with(|| queue.put(of(&empty)))
        .take_while(Result::is_ok)
        .count();
    assert_eq!(taken, 65_536);
    assert_eq!(batch(&queue).len(), BATCH_JOBS);
}

#[test]
fn a_closed_queue_still_hands_out_what_waits() {
    let queue = Queue::default();
    let body = Bytes::from_static(b"one");
    let answer = queue.put(of(&body)).unwrap();
    queue.close();
    assert!(matches!(queue.put(of(&body)), Err(PutError::Broken(_))));
    assert_eq!(batch(&queue).len(), 1);
    assert!(matches!(queue.take(None), Work::Closed));
    drop(answer);
}
