//! Finds the programs of Postgres on this machine: in the configured folder, in PATH, in the usual
//! install folders. If there are none, it downloads them.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    download,
    error::{Error, Result},
    majors::{NEWEST, OLDEST, SUPPORTED_MAJORS},
    user::{RunAs, environment},
};

/// Where installers put them; `{}` is the major version.
const USUAL_FOLDERS: [&str; 14] = [
    "/usr/lib/postgresql/{}/bin",   // Debian, Ubuntu
    "/usr/pgsql-{}/bin",            // PGDG on Fedora, Red Hat
    "/usr/libexec/postgresql{}",    // Alpine
    "/usr/lib/postgresql{}/bin",    // openSUSE
    "/usr/lib64/postgresql-{}/bin", // Gentoo
    "/usr/lib/postgresql-{}/bin",   // Gentoo, 32 bits
    "/opt/pgsql-{}/bin",            // Arch, older versions
    "/opt/homebrew/opt/postgresql@{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@{}/bin",
    "/Applications/Postgres.app/Contents/Versions/{}/bin",
    "/Library/PostgreSQL/{}/bin", // EDB on macOS
    "/opt/PostgreSQL/{}/bin",     // EDB on Linux
    "/usr/local/pgsql/bin",       // built from source
];

/// Where to look.
#[derive(Debug, Clone)]
pub struct Search {
    /// The configured folder that holds `postgres` and `initdb`. If set, nothing else is looked at.
    pub folder: Option<PathBuf>,
    /// The search path, as in `PATH`.
    pub path: OsString,
    /// Whether to look in the folders that installers use.
    pub usual_folders: bool,
    /// Where downloads are kept; `None` downloads nothing.
    pub cache: Option<PathBuf>,
}

impl Default for Search {
    /// Everywhere: this process's `PATH`, the usual folders, a download into [`default_cache`].
    fn default() -> Self {
        Self {
            folder: None,
            path: environment("PATH").unwrap_or_default(),
            usual_folders: true,
            cache: Some(default_cache()),
        }
    }
}

/// Where downloaded programs are kept for all clusters of this user.
///
/// For root it is a folder that the user who runs Postgres can read, unlike root's home.
pub fn default_cache() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/cache/parlor/postgres");
    }
    environment("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("parlor/postgres")
}

/// A folder with `postgres` and `initdb` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) folder: PathBuf,
    pub(crate) major: u32,
}

impl Programs {
    pub(crate) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    pub(crate) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    /// Looks at one folder; the error says what is missing in it.
    fn inspect(folder: &Path, run_as: RunAs) -> Result<Self, String> {
        for name in ["postgres", "initdb"] {
            if !folder.join(name).is_file() {
                return Err(format!("has no {name} in it"));
            }
        }
        // Run as the user who will run the server, who may not be permitted to.
        let output = run_as
            .command(folder.join("postgres"))
            .arg("--version")
            .output()
            .map_err(|error| format!("its postgres cannot be run: {error}"))?;
        let version = String::from_utf8_lossy(&output.stdout);
        let major = parse_major(&version).ok_or_else(|| format!("its postgres says {:?}", version.trim()))?;
        Ok(Self { folder: folder.to_owned(), major })
    }
}

/// Finds programs of a supported version, of version `wanted` if that is given, or downloads them.
pub(crate) fn find(search: &Search, wanted: Option<u32>, data: &Path, run_as: RunAs) -> Result<Programs> {
    if let Some(folder) = &search.folder {
        return find_configured(folder, wanted, data, run_as);
    }
    let mut others = Vec::new();
    for folder in candidates(search) {
        let Ok(programs) = Programs::inspect(&folder, run_as) else { continue };
        if fits(programs.major, wanted) {
            tracing::debug!(folder = %programs.folder.display(), major = programs.major, "found Postgres");
            return Ok(programs);
        }
        others.push(format!("{} ({})", programs.major, programs.folder.display()));
    }
    let downloaded = match &search.cache {
        Some(cache) => {
            download::fetch(cache, wanted).and_then(|folder| Programs::inspect(&folder, run_as)).and_then(
                |found| fits(found.major, wanted).then_some(found).ok_or("another version came".to_owned()),
            )
        }
        None => Err("downloads are off".to_owned()),
    };
    downloaded.map_err(|download| match wanted {
        Some(major) => {
            let found = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
            Error::WrongMajor { folder: data.to_owned(), data: major, found, download }
        }
        None => Error::NoPrograms { download },
    })
}

/// The configured folder must be right; looking elsewhere would hide a mistake.
fn find_configured(folder: &Path, wanted: Option<u32>, data: &Path, run_as: RunAs) -> Result<Programs> {
    let problem = |problem| Error::ProgramsFolder { folder: folder.to_owned(), problem };
    let programs = Programs::inspect(folder, run_as).map_err(problem)?;
    match wanted {
        Some(wanted) if wanted != programs.major => Err(Error::WrongMajor {
            folder: data.to_owned(),
            data: wanted,
            found: programs.major.to_string(),
            download: "a folder is configured".to_owned(),
        }),
        _ if !SUPPORTED_MAJORS.contains(&programs.major) => {
            Err(problem(format!("holds Postgres {}, supported are {OLDEST} to {NEWEST}", programs.major)))
        }
        _ => Ok(programs),
    }
}

fn fits(major: u32, wanted: Option<u32>) -> bool {
    wanted.map_or(SUPPORTED_MAJORS.contains(&major), |wanted| wanted == major)
}

/// Folders that may hold the programs, best first, each once.
fn candidates(search: &Search) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for entry in std::env::split_paths(&search.path).filter(|entry| entry.is_absolute()) {
        // A link leads to the real installation, which has initdb even where only postgres was
        // linked.
        let Ok(real) = fs::canonicalize(entry.join("postgres")) else { continue };
        folders.extend(real.parent().map(Path::to_owned));
        folders.push(entry);
    }
    if search.usual_folders {
        for major in SUPPORTED_MAJORS.rev() {
            folders.extend(
                USUAL_FOLDERS.iter().map(|pattern| PathBuf::from(pattern.replace("{}", &major.to_string()))),
            );
        }
    }
    let mut seen = std::collections::HashSet::new();
    folders.retain(|folder| folder.is_dir() && seen.insert(folder.clone()));
    folders
}

/// `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)` → 15; also `18beta1`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.find(|c: char| !c.is_ascii_digit()).map_or(number, |end| &number[..end]);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A folder with programs that only say their version.
    fn fake(parent: &Path, major: u32) -> PathBuf {
        let folder = parent.join(major.to_string());
        fs::create_dir(&folder).unwrap();
        for name in ["postgres", "initdb"] {
            let program = folder.join(name);
            fs::write(&program, format!("#!/bin/sh\necho '{name} (PostgreSQL) {major}.1'\n")).unwrap();
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn on_path(folders: &[&Path]) -> Search {
        let path = std::env::join_paths(folders).unwrap();
        Search { folder: None, path, usual_folders: false, cache: None }
    }

    #[test]
    fn first_supported_version_on_the_path_is_taken_unless_data_asks_for_another() {
        let machine = tempfile::tempdir().unwrap();
        let [too_old, old, new] = [14, 16, 17].map(|major| fake(machine.path(), major));
        // A folder of links, as /usr/local/bin: initdb is only where the link leads.
        let links = machine.path().join("links");
        fs::create_dir(&links).unwrap();
        symlink(old.join("postgres"), links.join("postgres")).unwrap();
        let search = on_path(&[&too_old, &links, &new]);
        let find = |wanted| find(&search, wanted, Path::new("data"), RunAs::Ourselves);
        assert_eq!(find(None).unwrap(), Programs { folder: old, major: 16 });
        assert_eq!(find(Some(17)).unwrap(), Programs { folder: new, major: 17 });
        let error = find(Some(18)).unwrap_err().to_string();
        assert!(
            error.starts_with("data was made by Postgres 18, which was not found (only: 14 ("),
            "{error}"
        );
    }

    #[test]
    fn major_version_is_read_from_what_postgres_says() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(parse_major("cockroach"), None);
    }
}
