//! Compiles the Verified Access service description that the service uses too, and the messages
//! inside challenge and response; protox needs no `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../proto");
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(
        [
            "google/chrome/verifiedaccess/v2/verifiedaccess.proto",
            "attestation.proto",
        ],
        ["../proto", "proto"],
    )?;
    tonic_prost_build::configure()
        .build_transport(false)
        .compile_fds(files)?;
    Ok(())
}
