//! A configuration's text.
//!
//! Holds that it ends with a configuration or with mistakes that say something in one line each,
//! that only TOML is a configuration, and that what is right keeps the promises the rest of the
//! gateway relies on.

#![no_main]

use hubgate::config::Config;
use hubgate::edge::source::From;
use hubgate::webhook::Mode;
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

fuzz_target!(|text: &str| {
    let read = Config::from_text(text, Path::new("/nowhere"));
    let config = match read {
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes.iter() {
                assert!(!mistake.text.is_empty());
                let said = mistake.to_string();
                assert!(!said.contains(['\n', '\r', '\x1b']), "{said:?}");
                let lines = text.lines().count().max(1);
                assert!(
                    mistake
                        .line
                        .is_none_or(|line| (1..=lines + 1).contains(&line))
                );
            }
            return;
        }
        Ok(config) => config,
    };
    assert!(text.parse::<toml::Table>().is_ok());
    let again = Config::from_text(text, Path::new("/nowhere")).expect("right a moment ago");
    assert!(config.restart_needed(&again).is_empty());
    assert_eq!(config.warnings, again.warnings);
    assert!(config.warnings.iter().all(|line| !line.contains('\n')));

    assert!(!config.listeners.is_empty());
    let mut addresses = HashSet::new();
    for listener in &config.listeners {
        let free = listener.address.port() == 0;
        assert!(addresses.insert(listener.address) || free);
        assert!(!listener.redirect || !listener.tls);
        let balancers = listener.proxy_protocol.iter().flatten();
        assert!(
            balancers
                .into_iter()
                .all(|network| network.prefix_len() > 0)
        );
    }
    let (mut keys, mut names) = (HashSet::new(), HashSet::new());
    for route in &config.webhooks {
        assert!(keys.insert(route.key.to_string()), "{}", route.key);
        assert!(!route.secrets.is_empty() && !route.to.is_empty());
        assert!(route.mode == Mode::Store || route.to.len() == 1);
        assert!((1..=25 << 20).contains(&route.max_body.bytes()));
        if let From::Sources(sources) = &route.from {
            assert!(!sources.is_empty());
            for name in sources {
                assert!(config.sources.iter().any(|source| source.name == *name));
            }
        }
        for target in &route.to {
            assert!(names.insert(target.name.clone()), "{}", target.name);
            assert!(matches!(target.url.scheme_str(), Some("http" | "https")));
            assert!(target.url.host().is_some_and(|host| !host.is_empty()));
            assert!(target.timeout > Duration::ZERO && target.concurrency > 0);
            assert!(target.attempts.first <= target.attempts.most);
            assert!(target.attempts.first > Duration::ZERO);
        }
    }
});
