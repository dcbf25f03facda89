//! A small file system, for filling it up. Needs root.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

/// A mounted tmpfs, unmounted when this is dropped.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts a file system of this many megabytes; a new cluster takes about 60. None: this
    /// process may not mount.
    pub fn mount(megabytes: u32) -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("parlor_chaos_disk_").tempdir()?;
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=0711"), "parlor_chaos"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        Ok(mount.is_ok_and(|status| status.success()).then_some(Self { folder }))
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Fills the file system.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::options().create(true).append(true).open(self.ballast())?;
        for size in [1024 * 1024, 4096] {
            let block = vec![0; size];
            while file.write_all(&block).is_ok() {}
        }
        Ok(())
    }

    /// Frees the space.
    pub fn free(&self) -> anyhow::Result<()> {
        fs::remove_file(self.ballast()).context("no ballast")?;
        ensure!(!self.ballast().exists(), "the ballast stays");
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, since Postgres may still be ending.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).stderr(Stdio::null()).status();
    }
}
