//! Link options of the daemon.

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script of the target by the environment alone"
)]
fn main() {
    println!("cargo::rerun-if-changed=packaging/build.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        // The addresses that the loader corrects at the start, as a bitmap: 24 bytes each become
        // less than one. It takes glibc 2.36 to load, which is Debian 12's.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        // What `strip = "symbols"` asks for, and cargo does not pass on where the package has an
        // optimisation level of its own: 2.5 MB of names.
        if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
            println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
        }
    }
}
