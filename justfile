# Short names for what the README says in full. `just --list` shows them.

# the main job on embedded defaults: emulator, CA, two virtual Chromebooks
quickstart *arguments:
    cargo run --example quickstart -- {{ arguments }}

# everything that must hold before a change lands
test:
    scripts/test

# accept changed snapshots after reading them
snapshots:
    INSTA_UPDATE=always cargo test --workspace

# known vulnerabilities of dependencies; needs the network
advisories:
    cargo deny check advisories
