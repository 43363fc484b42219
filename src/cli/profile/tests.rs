//! Tests of what is said of profiles.

use super::*;
use crate::cli::client::tests::{arguments, with_gateway};
use clap::Parser as _;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

fn command(line: &str) -> Command {
    let words = line.split_ascii_whitespace();
    Line::parse_from(std::iter::once("hubgate").chain(words)).command
}

fn explain_line(line: &str) -> (String, bool) {
    match command(line) {
        Command::Explain(asked) => explained(&asked).unwrap(),
        other @ (Command::Show(_) | Command::Learned(_)) => panic!("{other:?}"),
    }
}

fn show_line(line: &str) -> anyhow::Result<String> {
    match command(line) {
        Command::Show(asked) => show(&asked),
        other @ (Command::Explain(_) | Command::Learned(_)) => panic!("{other:?}"),
    }
}

#[test]
fn a_decision_is_explained_with_the_rule_that_makes_it() {
    let (text, passes) = explain_line("explain GET /repos/acme/web/pulls --profile flow");
    assert!(passes);
    insta::assert_snapshot!(text);
    let (text, passes) = explain_line("explain POST /acme/web.git/git-receive-pack --profile flow");
    assert!(!passes);
    insta::assert_snapshot!(text);
    let (_, passes) = explain_line("explain GET /setup/start --profile read-only");
    assert!(!passes);
}

#[test]
fn a_profile_is_shown_with_every_operation_that_it_lets_through() {
    let text = show_line("show git-read-only").unwrap();
    insta::assert_snapshot!(text);
    let text = show_line("show flow --source").unwrap();
    assert!(text.contains("[[profile]]") && text.contains("name = \"flow\""));
}

#[test]
fn a_profile_that_is_neither_built_in_nor_in_the_configuration_is_told() {
    let why = show_line("show floww --config /nowhere/hubgate.toml").unwrap_err();
    assert!(why.to_string().contains("floww is not built in"), "{why}");
}

#[test]
fn what_was_learned_is_a_profile_or_a_table() {
    with_gateway(|open, _| {
        let text = learned(&arguments(open, "ghe.example.com")).unwrap();
        assert_eq!(text, "[[profile]]\n");
        let text = learned(&arguments(open, "ghe.example.com --requests")).unwrap();
        insta::assert_snapshot!(text);
    });
}
