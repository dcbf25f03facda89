//! The user that Postgres runs as: the current user, or another one if this process is root, as
//! which Postgres refuses to run.

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

/// The users to try, in this order, when root creates a cluster.
const STAND_INS: [&str; 2] = ["postgres", "nobody"];

/// The user that runs the programs of Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunAs {
    /// The current user, who is not root.
    Ourselves,
    /// Another user, since the current one is root.
    Other { uid: u32, gid: u32 },
}

impl RunAs {
    /// The owner of `cluster` if it exists, else one of [`STAND_INS`].
    ///
    /// Fails if root finds no such user, or the cluster belongs to root.
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

    /// A command as that user. Its environment only says where programs and libraries are: the
    /// caller's PGPORT or LC_ALL must not change the cluster.
    pub(crate) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").current_dir("/");
        for name in ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
            if let Some(value) = environment(name) {
                command.env(name, value);
            }
        }
        // The scripts need cat, sleep and rm, which the last two folders have.
        let mut path = environment("PATH").unwrap_or_default();
        path.push(":/usr/bin:/bin");
        command.env("PATH", path);
        if let Self::Other { uid, gid } = self {
            // Also drops root's supplementary groups.
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes that user the owner of a folder.
    pub(crate) fn give(self, path: &Path) -> Result<()> {
        let Self::Other { uid, gid } = self else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(uid), Some(gid))
            .trying(|| format!("cannot give {} to user {uid}", path.display()))
    }

    /// Whether the permission bits let that user reach `path` from the root. Access lists are
    /// ignored: a wrong "no" does no harm.
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

/// A script without its comments, which would show in the list of processes.
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

/// A variable that says where programs or the cache are, or (in tests) which server to use.
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
