//! Whom Postgres runs as: ourselves, or another user where we are root, which Postgres refuses to be.

use std::{
    ffi::OsString,
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use rustix::process::geteuid;

use crate::error::{Error, Result, Trying};

/// Tried in this order when root makes a new cluster.
const STAND_INS: [&str; 2] = ["postgres", "nobody"];

/// Who runs the programs of Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunAs {
    /// An ordinary user runs them as itself.
    Ourselves,
    /// Root runs them as somebody else.
    Other { uid: u32, gid: u32 },
}

impl RunAs {
    /// The owner of `cluster` if that exists, else a user that has no other rights here.
    ///
    /// Fails where root finds no such user, or the cluster belongs to root (which cannot have made it).
    pub(crate) fn choose(cluster: &Path) -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        if let Ok(existing) = fs::metadata(cluster)
            && existing.uid() != 0
        {
            return Ok(Self::Other { uid: existing.uid(), gid: existing.gid() });
        }
        let users = fs::read_to_string("/etc/passwd").trying(|| "cannot read /etc/passwd".to_owned())?;
        STAND_INS.iter().find_map(|name| find_user(&users, name)).ok_or(Error::NoUser)
    }

    /// A command as that user, with nothing in its environment but where to find programs and libraries: a PGPORT or
    /// LC_ALL of the owner must not change a cluster of ours.
    pub(crate) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").current_dir("/");
        for name in ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
            if let Some(value) = environment(name) {
                command.env(name, value);
            }
        }
        // The scripts need cat, sleep and rm: in the last two folders, if not on the owner's path.
        let mut path = environment("PATH").unwrap_or_default();
        path.push(":/usr/bin:/bin");
        command.env("PATH", path);
        if let Self::Other { uid, gid } = self {
            // Also drops root's supplementary groups.
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives a folder of ours to that user.
    pub(crate) fn give(self, path: &Path) -> Result<()> {
        let Self::Other { uid, gid } = self else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(uid), Some(gid))
            .trying(|| format!("cannot give {} to user {uid}", path.display()))
    }

    /// Whether that user can reach `path` from the root by its permission bits (access lists are not looked at: an
    /// answer of no that should be yes does no harm).
    pub(crate) fn can_reach(self, path: &Path) -> bool {
        let Self::Other { uid, gid } = self else { return true };
        path.ancestors().skip(1).all(|folder| {
            fs::metadata(folder).is_ok_and(|metadata| {
                let execute = if metadata.uid() == uid {
                    0o100
                } else if metadata.gid() == gid {
                    0o010
                } else {
                    0o001
                };
                metadata.permissions().mode() & execute != 0
            })
        })
    }
}

/// A script as short as it should look in a list of processes.
pub(crate) fn without_comments(script: &str) -> String {
    let lines: Vec<&str> = script.lines().filter(|line| !line.starts_with('#')).collect();
    lines.join("\n")
}

/// The user and group number of `name` in the text of `/etc/passwd`.
fn find_user(users: &str, name: &str) -> Option<RunAs> {
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [found, _, uid, gid, ..] = fields[..] else { return None };
        (found == name).then_some(RunAs::Other { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })
}

/// This crate knows no configuration: it reads where programs lie, what a cache folder is, and (in tests) which server.
#[expect(clippy::disallowed_methods, reason = "it depends on no crate of ours, chat_core::config neither")]
pub(crate) fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_found_by_its_whole_name() {
        let users =
            "root:x:0:0::/root:/bin/sh\nxpostgres:x:7:7::/:/bin/sh\npostgres:x:101:104:A,,,:/var:/bin/sh\n";
        assert_eq!(find_user(users, "postgres"), Some(RunAs::Other { uid: 101, gid: 104 }));
        assert_eq!(find_user(users, "nobody"), None);
    }
}
