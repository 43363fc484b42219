//! A `filter`: the expression, and after a zero byte the payload it judges.
//!
//! Holds that compiling and a run end, in time and in memory that the fuzzer bounds and on a
//! stack no larger than a request thread's, and that both give the same result each time.

#![no_main]

use hubgate::spool::Header;
use hubgate::webhook::receive::filter::{Filter, Subject};
use hubgate::webhook::receive::json;
use libfuzzer_sys::fuzz_target;
use std::sync::{LazyLock, mpsc};
use std::thread;

/// What tokio gives a thread.
const STACK: usize = 2 << 20;
const PAYLOAD: &[u8] = br#"{"action":"opened","number":2,
"repository":{"full_name":"acme/web","id":7,"private":true},"commits":[{"added":["a"],"n":1.5},
{"added":[],"n":null}],"sender":{"login":"octocat"}}"#;

type Work = (Vec<u8>, mpsc::SyncSender<thread::Result<()>>);

/// The thread that works, since libFuzzer's own has another stack.
static THREAD: LazyLock<mpsc::SyncSender<Work>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::sync_channel::<Work>(1);
    thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || {
            for (input, done) in receiver {
                let ended = std::panic::catch_unwind(|| judge(&input));
                done.send(ended).expect("somebody waits");
            }
        })
        .expect("a thread");
    sender
});

fuzz_target!(
    init: {
        // The interpreter's panics are caught where it is called. libFuzzer's hook would end the
        // process before that.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |input: &[u8]| {
        let (done, ended) = mpsc::sync_channel(1);
        THREAD.send((input.to_vec(), done)).expect("the thread runs");
        if let Err(panic) = ended.recv().expect("the thread runs") {
            let said = panic.downcast_ref::<String>().cloned();
            eprintln!("{}", said.unwrap_or_default());
            std::process::abort();
        }
    }
);

fn judge(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let Ok(text) = std::str::from_utf8(parts.next().unwrap_or_default()) else {
        return;
    };
    let body = parts.next().unwrap_or(PAYLOAD);
    let compiled = Filter::compile(text);
    let again = Filter::compile(text);
    let (filter, again) = match (compiled, again) {
        (Ok(filter), Ok(again)) => (filter, again),
        (Err(fault), Err(again)) => {
            assert_eq!(fault, again);
            assert!(!fault.to_string().contains('\n'), "{fault}");
            return;
        }
        (one, other) => panic!("{one:?} and {other:?}"),
    };
    if json::outline(body).is_err() {
        return;
    }
    let headers = [Header {
        name: "x-github-hook-id".into(),
        value: (*b"12").into(),
    }];
    let subject = Subject {
        event: "pull_request",
        action: Some("opened"),
        headers: &headers,
        body,
    };
    let verdict = filter.matches(subject);
    assert_eq!(verdict.is_ok(), again.matches(subject).is_ok());
    assert_eq!(verdict.ok(), again.matches(subject).ok());
}
