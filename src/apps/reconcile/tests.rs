//! Tests of when GitHub is asked again.

use super::*;

#[derive(Debug)]
struct Fixed(f64);

impl Entropy for Fixed {
    fn unit(&self) -> f64 {
        self.0
    }
}

fn failed(fault: Fault) -> Result<Known, Trouble> {
    Err(Trouble::Github(fault))
}

#[test]
fn a_failure_is_tried_again_sooner_and_then_less_and_less() {
    let pause = |failures| next_pause(&failed(Fault::TimedOut), failures, &Fixed(0.0)).as_secs();
    let pauses: Vec<u64> = (0..8).map(pause).collect();
    assert_eq!(pauses, [300, 10, 20, 40, 80, 160, 300, 300]);
    assert_eq!(pause(u32::MAX), 300);
    let shortest = next_pause(&failed(Fault::TimedOut), 0, &Fixed(0.999));
    assert!(shortest >= Duration::from_secs(270));
}

#[test]
fn github_is_not_asked_before_it_wants_to_be() {
    let retry_after = Duration::from_secs(1000);
    let limited = failed(Fault::Limited {
        retry_after,
        told: true,
    });
    assert_eq!(next_pause(&limited, 1, &Fixed(0.5)), retry_after);
}
