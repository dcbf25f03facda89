//! Makes cargo build this crate again when a migration is added: `sqlx::migrate!` alone sees
//! changes only in files that were there before. Tells the crate which target it is built for.

#[expect(clippy::disallowed_methods, reason = "what cargo tells a build script")]
fn main() {
    println!("cargo:rustc-env=TARGET={}", std::env::var("TARGET").unwrap_or_default());
    println!("cargo:rerun-if-changed=../migrations");
}
