//! The images: what goes in, who runs in them, what runs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::dockerfile::Dockerfile;
use super::project::{project, settings};
use super::{read, repository};

/// Sources and target of `COPY`, without its options; none for a copy from another stage.
fn copied(rest: &str) -> Option<(Vec<&str>, &str)> {
    if rest.contains("--from=") {
        return None;
    }
    let words: Vec<_> = rest
        .split(' ')
        .filter(|word| !word.starts_with("--"))
        .collect();
    let (target, sources) = words.split_last().unwrap();
    Some((sources.to_vec(), target))
}

/// All that the Dockerfile takes from the repository, with the stage that does.
fn sources(dockerfile: &Dockerfile) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    for (name, stage) in &dockerfile.stages {
        let copies = stage.instructions.iter().filter(|one| one.name == "COPY");
        for (sources, _) in copies.filter_map(|copy| copied(&copy.rest)) {
            all.extend(sources.into_iter().map(|source| (name.as_str(), source)));
        }
    }
    all
}

/// Whether `.dockerignore` keeps a path out: everything is kept out but what is named.
fn ignored(path: &str) -> bool {
    let text = read(".dockerignore");
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "what is not named stays out");
    let mut named = lines.map(|line| line.strip_prefix('!').expect("only exceptions"));
    !named.any(|name| {
        assert!(!name.contains(['*', '?', '[']), "{name}: paths only");
        Path::new(path).starts_with(name)
    })
}

#[test]
fn what_is_copied_is_there_and_nothing_else_can_be() {
    let dockerfile = Dockerfile::of_the_repository();
    let sources = sources(&dockerfile);
    for (_, source) in &sources {
        assert!(repository().join(source).exists(), "{source}");
        assert!(!ignored(source), "{source}");
    }
    for line in read(".dockerignore").lines() {
        if let Some(name) = line.strip_prefix('!') {
            let used = sources.iter().any(|(_, source)| *source == name);
            assert!(used, "{name} is let in, and nobody copies it");
        }
    }
    for private in [
        ".env",
        "secrets/database-password",
        "site",
        ".git",
        "target",
    ] {
        assert!(ignored(private), "{private}");
    }
    for folder in ["/.env", "/secrets", "/site"] {
        assert!(read(".gitignore").lines().any(|line| line == folder));
    }
}

fn copy_all(from: &Path, to: &Path) {
    if from.is_file() {
        std::fs::copy(from, to).unwrap();
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy_all(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Cargo finds every member, its targets and the lock file in what the images are built from.
#[test]
fn the_sources_in_the_image_are_a_workspace() {
    let dockerfile = Dockerfile::of_the_repository();
    let folder = tempfile::tempdir().unwrap();
    let source = &dockerfile.stages["source"];
    let copies = source.instructions.iter().filter(|one| one.name == "COPY");
    for (sources, target) in copies.filter_map(|copy| copied(&copy.rest)) {
        for source in sources {
            let target = match target.strip_suffix('/') {
                Some(target) => folder.path().join(target).join(source),
                None => folder.path().join(target),
            };
            copy_all(&repository().join(source), &target);
        }
    }
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--locked",
            "--offline",
            "--no-deps",
            "--format-version=1",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let workspace: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let has = |package: &str, program: &str| {
        let packages = workspace["packages"].as_array().unwrap();
        let package = packages.iter().find(|one| one["name"] == package).unwrap();
        let targets = package["targets"].as_array().unwrap();
        targets
            .iter()
            .any(|one| one["name"] == program && one["kind"][0] == "bin")
    };
    // What is built is in there, and is what is then copied and started.
    for (target, package) in [
        ("vaca", "verified-access-ca"),
        ("emulator", "vaca-emulator"),
    ] {
        assert!(has(package, target));
        let build = format!("build-{target}");
        let run = dockerfile.effective(&build, "RUN").unwrap();
        let wanted = format!("cargo build --release --locked --package {package} --bin {target}");
        assert!(run.contains(&wanted), "{run}");
        assert!(run.contains(&format!("target/release/{target} /out/{target}")));
        let copy = dockerfile.effective(target, "COPY").unwrap();
        let wanted = format!("--from={build} /out/{target} /usr/local/bin/{target}");
        assert_eq!(copy, wanted);
        let entry = dockerfile.words(target, "ENTRYPOINT").unwrap();
        assert_eq!(entry, [target]);
    }
}

/// Major and minor.
fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap())
}

#[test]
fn the_toolchain_can_build_it_and_the_result_can_run() {
    let dockerfile = Dockerfile::of_the_repository();
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let needed = manifest["workspace"]["package"]["rust-version"]
        .as_str()
        .unwrap();
    let (toolchain, debian) = dockerfile.stages["source"]
        .base
        .strip_prefix("rust:")
        .and_then(|tag| tag.split_once('-'))
        .unwrap();
    assert!(
        version(toolchain) >= version(needed),
        "{toolchain} < {needed}"
    );
    // A program does not run on an older C library than it was linked against.
    let runtime = &dockerfile.stages["runtime"].base;
    assert_eq!(*runtime, format!("debian:{debian}-slim"));
}

#[test]
fn images_run_as_a_user_with_a_fixed_number() {
    let dockerfile = Dockerfile::of_the_repository();
    assert_eq!(dockerfile.last, "vaca", "what is built by default");
    for target in ["vaca", "emulator"] {
        let user = dockerfile.effective(target, "USER").unwrap();
        let (user, group) = user.split_once(':').unwrap();
        assert!(user.parse::<u32>().unwrap() >= 10_000, "{user}");
        assert!(group.parse::<u32>().unwrap() >= 10_000, "{group}");
        let made = dockerfile.effective("runtime", "RUN").unwrap();
        assert!(made.contains(&format!("--owner={user} --group={group} --mode=0700")));
    }
    // SIGTERM is the service's way to stop, and the default.
    assert_eq!(dockerfile.effective("vaca", "STOPSIGNAL"), None);
}

#[test]
fn the_health_checks_are_a_program_of_the_image() {
    let dockerfile = Dockerfile::of_the_repository();
    let mode = std::fs::metadata(repository().join("deploy/answers")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o111, 0o111);
    for target in ["vaca", "emulator"] {
        let copies = dockerfile.line_of(target);
        let copies = copies.iter().flat_map(|stage| &stage.instructions);
        let mut copies = copies.filter(|one| one.name == "COPY");
        assert!(copies.any(|one| one.rest == "deploy/answers /usr/local/bin/answers"));
        assert_eq!(dockerfile.health(target).unwrap()[0], "answers");
    }
}

#[test]
fn compose_builds_what_the_dockerfile_offers() {
    let dockerfile = Dockerfile::of_the_repository();
    for settings in settings() {
        let project = project(&settings);
        for (name, service) in &project.services {
            let Some(build) = &service.build else {
                assert_eq!(name, "postgres");
                assert!(
                    service.image.starts_with("postgres:17-"),
                    "a named major version"
                );
                continue;
            };
            assert_eq!(build.context, ".");
            assert!(dockerfile.stages.contains_key(&build.target), "{name}");
            // One tag is one target.
            let tag = match build.target.as_str() {
                "vaca" => "vaca:local",
                "emulator" => "vaca-emulator:local",
                other => panic!("{name}: {other}"),
            };
            assert_eq!(service.image, tag);
        }
    }
}
