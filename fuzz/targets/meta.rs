//! GitHub's meta document.
//!
//! Holds that what is read is what `serde_json` finds in the lists asked for, sorted, each once,
//! and that no document opens the gate to more than it may.

#![no_main]

use hubgate::github::meta::document;
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    for asked in [&["hooks"][..], &["hooks", "web"]] {
        let sections: Vec<String> = asked.iter().map(ToString::to_string).collect();
        let Ok(networks) = document::read(input, &sections) else {
            continue;
        };
        assert!(!networks.is_empty());
        assert!(networks.is_sorted_by(|one, other| one < other));
        let (mut v4, mut v6) = (0.0, 0.0);
        for network in &networks {
            assert_eq!(*network, network.trunc());
            let share = 0.5_f64.powi(i32::from(network.prefix_len()));
            match network {
                IpNet::V4(_) => {
                    assert!(network.prefix_len() >= 8);
                    v4 += share;
                }
                IpNet::V6(_) => {
                    assert!(network.prefix_len() >= 16);
                    v6 += share;
                }
            }
        }
        assert!(v4 <= 1.0 / 16.0, "{v4} of all addresses");
        // An eighth of all is the internet.
        assert!(v6 <= 1.0 / 128.0 + 1e-9, "{v6} of all addresses");

        // A document whose other parts `serde_json` cannot hold is read all the same.
        if let Ok(value) = serde_json::from_slice::<Value>(input) {
            let mut expected: Vec<IpNet> = Vec::new();
            for section in asked {
                let list = value[section].as_array().expect("a list");
                for text in list {
                    let text = text.as_str().expect("a text");
                    let network = text.parse::<IpNet>().ok();
                    let network = network
                        .or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)));
                    expected.push(network.expect("a network").trunc());
                }
            }
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(networks, expected);
        }
    }
});
