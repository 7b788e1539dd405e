//! Every check, on what nobody kept.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use vaca_fuzz_checks::CHECKS;

use crate::edit::{Edit, edit};
use crate::kept::inputs;

/// Runs every check on `cases` inputs. A finding is kept as an input, not as the seed of a test.
fn hold<S: Strategy<Value = Vec<u8>>>(cases: u32, strategy: impl Fn(&str) -> S) {
    for (name, check) in CHECKS {
        let config = Config {
            failure_persistence: None,
            ..Config::with_cases(cases)
        };
        let tried = TestRunner::new(config).run(&strategy(name), |input| {
            check(&input);
            Ok(())
        });
        if let Err(finding) = tried {
            panic!("{name}: {finding}");
        }
    }
}

/// A kept input of the target `name`, changed once, twice or three times.
fn changed(name: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let kept: Vec<Vec<u8>> = inputs(name).into_iter().map(|(_, octets)| octets).collect();
    let edits = vec(edit(), 1..4);
    (select(kept.clone()), any::<Index>(), edits).prop_map(move |(mut input, other, edits)| {
        let other = other.get(&kept);
        edits
            .iter()
            .for_each(|edit: &Edit| edit.apply(&mut input, other));
        input
    })
}

#[test]
fn any_octets_hold() {
    hold(512, |_| vec(any::<u8>(), 0..512));
}

#[test]
fn changed_inputs_hold() {
    hold(2048, changed);
}
