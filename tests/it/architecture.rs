//! The story is the architecture: a module uses what stands above it in `lib.rs`, never below.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules of `lib.rs`, each with its place.
fn order(lib: &str) -> BTreeMap<String, usize> {
    lib.lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .enumerate()
        .map(|(place, name)| (name.to_owned(), place))
        .collect()
}

/// Every `crate::x` of a source, outside comments.
fn uses(text: &str) -> impl Iterator<Item = String> + '_ {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect()
        })
}

#[test]
fn a_module_uses_only_what_stands_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let order = order(&fs::read_to_string(root.join("lib.rs")).unwrap());
    assert!(order.len() > 10, "lib.rs lists the modules, one a line");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let module = inside
            .iter()
            .next()
            .unwrap()
            .to_string_lossy()
            .replace(".rs", "");
        if module == "lib" || module == "main" {
            continue;
        }
        let place = order
            .get(&module)
            .unwrap_or_else(|| panic!("{module} is not in lib.rs"));
        for used in uses(&fs::read_to_string(&file).unwrap()) {
            match order.get(&used) {
                Some(other) if other <= place => {}
                Some(_) => wrong.push(format!(
                    "{} uses {used}, which stands below it",
                    inside.display()
                )),
                None => wrong.push(format!(
                    "{} uses {used}, which is no module",
                    inside.display()
                )),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Compiled into the unit tests only.
fn is_for_tests(file: &Path) -> bool {
    let name = file.file_stem().unwrap_or_default();
    name == "tests"
        || name == "fixtures"
        || file.components().any(|part| part.as_os_str() == "tests")
}

#[test]
fn steps_know_neither_http_nor_sql_nor_terminals() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms = [
        (
            "model",
            &[
                "axum", "sqlx", "tokio", "println!", "std::fs", "reqwest", "tonic",
            ][..],
        ),
        (
            "telemetry",
            &[
                "axum", "sqlx", "tokio", "println!", "std::fs", "reqwest", "tonic::",
            ],
        ),
        (
            "policy",
            &[
                "axum", "sqlx", "tokio", "println!", "std::fs", "reqwest", "tonic", "async ",
            ],
        ),
        (
            "csr",
            &[
                "axum", "sqlx", "tokio", "println!", "reqwest", "tonic", "async ",
            ],
        ),
        ("ca", &["axum", "sqlx", "println!", "reqwest", "tonic"]),
        ("attestation", &["axum", "sqlx", "println!"]),
        ("store", &["axum", "println!", "reqwest", "tonic", "ca::"]),
        ("admission", &["axum", "sqlx", "println!"]),
        ("enrollment", &["axum", "sqlx", "println!"]),
        ("responder", &["axum", "sqlx", "println!"]),
    ];
    let mut wrong = Vec::new();
    for (room, strangers) in rooms {
        let mut files = vec![root.join(format!("{room}.rs"))];
        if root.join(room).is_dir() {
            sources(&root.join(room), &mut files);
        }
        for file in files.iter().filter(|file| !is_for_tests(file)) {
            let text = fs::read_to_string(file).unwrap();
            let code = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            let lines = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in lines {
                for stranger in strangers
                    .iter()
                    .filter(|stranger| line.contains(**stranger))
                {
                    wrong.push(format!(
                        "{}: {stranger} in `{}`",
                        file.display(),
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whoever adds a route elsewhere serves what no document describes.
#[test]
fn one_file_gives_the_router_its_routes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut routers = Vec::new();
    for file in files.iter().filter(|file| !is_for_tests(file)) {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next();
        let code = code.unwrap_or_default();
        let makes = [".route(", ".route_service(", ".nest(", "Router::nest"];
        if makes.iter().any(|makes| code.contains(makes)) {
            routers.push(file.strip_prefix(&root).unwrap().to_path_buf());
        }
    }
    assert_eq!(routers, [Path::new("http/routes.rs")]);
}
