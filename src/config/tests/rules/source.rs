//! What is a mistake, a warning or right of a source, and of who may come.

use super::{FROM, NETWORKS};
use crate::config::tests::{RIGHT, config, each_is_a_mistake, each_is_right, with};
use crate::edge::source::{From, Origin};

const SOURCES: &[(&str, &str)] = &[
    (
        "networks = []",
        "source[0].networks: is empty, expected networks such as `203.0.113.0/24`",
    ),
    (
        "networks = [\"0.0.0.0/0\"]",
        "source[0].networks[0]: `0.0.0.0/0` is everybody; expected `from = \"anywhere\"` where everybody may come",
    ),
    (
        "networks = [\"::/0\"]",
        "source[0].networks[0]: `::/0` is everybody; expected `from = \"anywhere\"` where everybody may come",
    ),
    (
        "networks = [\"0.0.0.0/1\", \"128.0.0.0/1\"]",
        "source[0].networks: together are everybody; expected `from = \"anywhere\"` where everybody may come",
    ),
    (
        "networks = [\"192.0.2.1/24\"]",
        "source[0].networks[0]: `192.0.2.1/24` has bits set beyond its prefix; expected `192.0.2.0/24` or `192.0.2.1`",
    ),
    (
        "networks = [\"::ffff:192.0.2.0/120\"]",
        "source[0].networks[0]: `::ffff:192.0.2.0/120` is an IPv4 network; expected `192.0.2.0/24`",
    ),
    (
        "networks = [\"office.example.com\"]",
        "source[0].networks[0]: found `office.example.com`, expected a network such as `203.0.113.0/24` or `2001:db8::/32`",
    ),
    (
        "networks = [\"192.0.2.1\"]\nmeta = { url = \"https://a.example/meta\", sections = [\"hooks\"] }",
        "source[0]: has both `networks` and `meta`; expected one of them",
    ),
    (
        "",
        "source[0]: names no addresses; expected `networks` or `meta`",
    ),
    (
        "meta = { url = \"http://api.github.com/meta\", sections = [\"hooks\"] }",
        "source[0].meta.url: `http://api.github.com/meta` is not https; expected https, since it says who may come in",
    ),
    (
        "meta = { url = \"https://api.github.com/meta\", sections = [] }",
        "source[0].meta.sections: is empty, expected a list such as `[\"hooks\"]`",
    ),
    (
        "meta = { url = \"https://api.github.com/meta\" }",
        "source[0].meta.sections: missing; expected a list such as `[\"hooks\"]`",
    ),
    (
        "meta = { url = \"https://api.github.com/meta\", sections = [\"hooks\"], refresh = \"59s\" }",
        "source[0].meta.refresh: found `59s`, expected a duration from 1m to 7d",
    ),
];

#[test]
fn sources_have_their_rules() {
    let rows: Vec<_> = SOURCES
        .iter()
        .map(|(to, expected)| (NETWORKS, *to, *expected))
        .collect();
    each_is_a_mistake(&rows);
    each_is_a_mistake(&[
        (
            "name = \"office\"",
            "name = \"office\"\nnetworks = [\"10.0.0.1\"]\n[[source]]\nname = \"office\"",
            "source[1].name: `office` is taken by `source[0].name`",
        ),
        (
            "[[source]]",
            "[[source]]\nname = \"anywhere\"\nnetworks = [\"10.0.0.1\"]\n[[source]]",
            "source[0].name: `anywhere` is not a name: it means everybody in `from`",
        ),
    ]);
    each_is_right(&[
        (
            NETWORKS,
            "meta = { url = \"http://127.0.0.1:1/meta\", sections = [\"x\"] }",
            "",
        ),
        (
            NETWORKS,
            "meta = { url = \"http://localhost/meta\", sections = [\"x\"] }",
            "",
        ),
        (
            NETWORKS,
            "meta = { url = \"http://[::1]/meta\", sections = [\"x\"] }",
            "",
        ),
        (
            NETWORKS,
            "meta = { url = \"https://api.github.com/meta\", sections = [\"hook\"] }",
            "configuration:11: source[0].meta.sections[0]: `hook` is not a list that GitHub is \
             known to publish; did you mean `hooks`?",
        ),
        (
            "[[webhook]]",
            "[[source]]\nname = \"spare\"\nnetworks = [\"10.0.0.1\"]\n[[webhook]]",
            "configuration:13: source[1].name: no `from` names the source `spare`",
        ),
    ]);
}

#[test]
fn who_may_come_must_be_written_by_a_person() {
    let expected =
        "expected a list of source names such as `[\"github-hooks\"]`, or `\"anywhere\"`";
    each_is_a_mistake(&[
        (FROM, "", &format!("webhook[0].from: missing; {expected}")),
        (
            FROM,
            "from = []",
            &format!("webhook[0].from: is empty, which admits nobody; {expected}"),
        ),
        (
            FROM,
            "from = \"office\"",
            &format!("webhook[0].from: found `office`, {expected}"),
        ),
        (
            FROM,
            "from = [\"offices\"]",
            "webhook[0].from[0]: there is no `[[source]]` named `offices`; did you mean `office`?",
        ),
        (
            FROM,
            "from = [\"Anywhere\"]",
            "webhook[0].from[0]: there is no `[[source]]` named `Anywhere`; did you mean `anywhere`?",
        ),
        (
            FROM,
            "from = [\"office\", \"anywhere\"]",
            "webhook[0].from[1]: `anywhere` stands alone: the other names say nothing beside it",
        ),
    ]);
    for anywhere in ["from = \"anywhere\"", "from = [\"anywhere\"]"] {
        let config = config(&with(FROM, anywhere));
        assert_eq!(config.webhooks[0].from, From::Anywhere);
        assert!(config.warnings[0].contains("no `from` names the source"));
    }
    let config = config(RIGHT);
    assert_eq!(
        config.webhooks[0].from,
        From::Sources(vec!["office".parse().unwrap()])
    );
    assert!(matches!(&config.sources[0].origin, Origin::Networks(list) if list.len() == 1));
}
