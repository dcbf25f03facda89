#![doc = include_str!("../README.md")]

mod cluster;
mod download;
mod error;
mod folder;
mod majors;
mod options;
mod programs;
mod server;
pub mod testing;
mod user;

pub use cluster::Cluster;
pub use error::{Error, Result};
pub use folder::url_of_running;
pub use majors::SUPPORTED_MAJORS;
pub use options::{Lifetime, Options};
pub use programs::{Search, default_cache};
pub use server::Exit;
