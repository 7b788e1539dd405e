//! The inputs that are kept in `fuzz/corpus`, a folder for each target.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use vaca_fuzz_checks::CHECKS;

/// What all inputs together may weigh: they come with every clone.
const OCTETS_MAX: usize = 200_000;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What is kept for the target `name`: file name and octets, in the order of the names.
pub(crate) fn inputs(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut inputs: Vec<_> = fs::read_dir(fuzz().join("corpus").join(name))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let file = entry.file_name().into_string().unwrap();
            (file, fs::read(entry.path()).unwrap())
        })
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_kept_input_holds() {
    for (name, check) in CHECKS {
        for (file, input) in inputs(name) {
            let held = catch_unwind(|| check(&input));
            assert!(held.is_ok(), "fuzz/corpus/{name}/{file} does not hold");
        }
    }
}

#[test]
fn each_target_has_a_check_and_something_kept() {
    let checks: BTreeSet<String> = CHECKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for folder in ["corpus", "fuzz_targets"] {
        let names: BTreeSet<String> = fs::read_dir(fuzz().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, checks, "{folder}");
    }
    let kept = checks.iter().map(|name| inputs(name));
    let sizes = kept.map(|inputs| inputs.iter().map(|(_, octets)| octets.len()).sum());
    let sizes: Vec<usize> = sizes.collect();
    assert!(!sizes.contains(&0), "nothing is kept: {sizes:?}");
    assert!(sizes.iter().sum::<usize>() < OCTETS_MAX, "{sizes:?}");
}
