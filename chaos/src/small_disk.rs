//! A small file system of our own, to be filled. Needs root.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

/// A mounted tmpfs. Dropped, it is unmounted.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Of so many megabytes; a new cluster takes some 60. None: this process may not mount anything.
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

    /// Takes all the room there is.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::options().create(true).append(true).open(self.ballast())?;
        for size in [1024 * 1024, 4096] {
            let block = vec![0; size];
            while file.write_all(&block).is_ok() {}
        }
        Ok(())
    }

    /// Gives it back.
    pub fn free(&self) -> anyhow::Result<()> {
        fs::remove_file(self.ballast()).context("no ballast")?;
        ensure!(!self.ballast().exists(), "the ballast stays");
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: Postgres may be about to end.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).stderr(Stdio::null()).status();
    }
}
