//! Makes cargo build this crate again when a migration is added: `sqlx::migrate!` alone sees changes only in
//! files that were there before.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
