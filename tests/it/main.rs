//! The gateway through its real binary, over real sockets and TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::map_err_ignore,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    let_underscore_drop,
    reason = "tests fail by panicking"
)]

mod acme;
mod apps;
mod brokered;
mod control;
mod doors;
mod examples;
mod front;
mod full;
mod harness;
mod inside;
mod loss;
mod making;
mod outside;
mod packaging;
mod property;
mod publish;
mod receivers;
mod refusals;
mod reloaded;
mod secrets;
mod service;
mod simulator;
mod slow;
mod stories;
mod targets;
mod through;
mod tls;
mod unfinished;
mod ways;
mod world;
