#![doc = include_str!("../README.md")]

mod cluster;
mod download;
mod error;
mod folder;
mod programs;
mod server;
pub mod testing;
mod user;

pub use cluster::{Cluster, Exit, Lifetime, Options};
pub use error::{Error, Result};
pub use programs::{SUPPORTED_MAJORS, Search, default_cache};
