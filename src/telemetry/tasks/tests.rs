//! Tests of the tasks, in turned time.

use super::*;
use std::sync::Arc;
use std::sync::Mutex;
use tokio::sync::mpsc;

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_is_started_again_with_a_pause_that_doubles_to_a_minute() {
    let tasks = Tasks::new();
    let (started, mut starts) = mpsc::channel(16);
    let began = Instant::now();
    tasks.supervise("broken", move || {
        let started = started.clone();
        async move {
            started.send(began.elapsed().as_secs()).await.unwrap();
            panic!("on purpose");
        }
    });
    let mut seen = Vec::new();
    for _ in 0..9 {
        seen.push(starts.recv().await.unwrap());
    }
    assert_eq!(seen, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    tasks.stop().await;
    assert!(starts.recv().await.is_none(), "nothing starts after a stop");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ran_well_for_long_is_started_again_soon() {
    let tasks = Tasks::new();
    let (started, mut starts) = mpsc::channel(16);
    let began = Instant::now();
    tasks.supervise("seldom", move || {
        let started = started.clone();
        async move {
            started.send(began.elapsed().as_secs()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(100)).await;
            panic!("on purpose");
        }
    });
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(starts.recv().await.unwrap());
    }
    assert_eq!(seen, [0, 101, 202]);
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_the_work_is_made_is_a_panic_of_the_work() {
    let tasks = Tasks::new();
    let count = Arc::new(Mutex::new(0));
    let (done, mut finished) = mpsc::channel(1);
    let seen = Arc::clone(&count);
    tasks.supervise("maker", move || {
        let number = {
            let mut count = seen.lock().unwrap_or_else(|held| held.into_inner());
            *count += 1;
            *count
        };
        assert!(number > 2, "not yet");
        let done = done.clone();
        async move { done.send(()).await.unwrap() }
    });
    finished.recv().await.unwrap();
    tasks.stop().await;
    assert_eq!(*count.lock().unwrap_or_else(|held| held.into_inner()), 3);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_returns_is_not_started_again() {
    let tasks = Tasks::new();
    let (started, mut starts) = mpsc::channel(4);
    tasks.supervise("brief", move || {
        let started = started.clone();
        async move { started.send(()).await.unwrap() }
    });
    assert!(starts.recv().await.is_some());
    assert!(starts.recv().await.is_none());
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_runs_and_outlives_a_panic() {
    let tasks = Tasks::new();
    let (done, mut finished) = mpsc::channel(1);
    let stopping = tasks.stopping();
    tasks.spawn("one", async move {
        stopping.cancelled().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        done.send(()).await.unwrap();
    });
    tasks.spawn("two", async { panic!("on purpose") });
    tasks.stop().await;
    assert!(finished.try_recv().is_ok());
}

#[test]
fn a_panic_is_told_in_its_own_words() {
    let payload = catch_unwind(|| panic!("disk {}", 7)).unwrap_err();
    assert_eq!(message(payload.as_ref()), "disk 7");
    let payload = catch_unwind(|| panic!("plain")).unwrap_err();
    assert_eq!(message(payload.as_ref()), "plain");
}
