//! Tests of what people are told of Apps.

use super::*;
use crate::admin::answer::AppState;
use crate::admin::fake::app;

#[test]
fn an_app_is_shown_with_its_keys_its_installations_and_what_they_lack() {
    let text = shown::whole(&app());
    let expected = "\
sync is installed
GitHub      App 12, jira-sync at ghes
credentials made here
settings    https://ghes/settings/apps/jira-sync
install     https://ghes/github-apps/jira-sync/installations/new
wants       contents: write
events      push
checked     2027-01-15T08:00:00.000Z
key         SHA256:abc= in use

acme (installation 77): installed
  repositories  selected, 1: acme/web
  granted       contents: read
  not granted   contents: write
";
    assert_eq!(text, expected);
}

#[test]
fn every_state_has_a_word_and_text_from_github_steers_no_terminal() {
    let mut odd = app();
    odd.advice = Some("\u{1b}[2Jinstall it".to_owned());
    for state in [
        AppState::Waiting,
        AppState::Expired,
        AppState::Lost,
        AppState::Unasked,
        AppState::Created,
        AppState::Installed,
        AppState::Suspended,
        AppState::Removed,
        AppState::KeyRefused,
        AppState::Gone,
        AppState::Away,
    ] {
        odd.state = state;
        let line = shown::line(&odd);
        assert!(
            line.starts_with("sync is ") && !line.contains('\u{1b}'),
            "{line}"
        );
    }
    let text = shown::table(&[odd]);
    assert!(text.starts_with("APP ") && !text.contains('\u{1b}'));
    assert!(shown::table(&[]).starts_with("No App"));
}
