//! The little of GitHub's API that we call ourselves. Knows neither doors nor routes: it is given
//! plain values and hands lists back.

pub mod meta;
