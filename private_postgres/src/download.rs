//! Downloads the programs of Postgres into a cache if none are installed.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::read::GzDecoder;
use semver::Version;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use ureq::{Agent, tls::RootCerts, tls::TlsConfig};

use crate::user::environment;

/// The list of releases. Each is a whole Postgres for many targets.
const RELEASES: &str = "https://api.github.com/repos/theseus-rs/postgresql-binaries/releases";

/// The list has one page a hundred releases; a longer one is not the list.
const PAGES_MAX: usize = 20;

/// What is read of an answer at most: a page of the list is some megabytes, an archive about 20.
const ANSWER_MAX_BYTES: u64 = 200 * 1024 * 1024;

/// The major version for a new cluster. Not 18: builds of 17 need fewer libraries of the system.
const PREFERRED_MAJOR: u32 = 17;

/// The version is one small request; no answer in this time means no network.
const ASK_TIMEOUT: Duration = Duration::from_secs(15);

/// Enough for 20 MB over a slow line.
const FETCH_TIMEOUT: Duration = Duration::from_mins(10);

/// Returns the folder with the programs of major version `wanted`, from `cache` or else from the
/// network. Blocks.
///
/// The error is one short line without a period.
pub(crate) fn fetch(cache: &Path, wanted: Option<u32>) -> Result<PathBuf, String> {
    let major = wanted.unwrap_or(PREFERRED_MAJOR);
    fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    // Of two first runs at once, the second waits here and then finds the download of the first.
    let lock = File::create(cache.join("lock")).map_err(|error| format!("{}: {error}", cache.display()))?;
    lock.lock().map_err(|error| format!("cannot lock {}: {error}", cache.display()))?;
    let version = if let Some(version) = newest_cached(cache, major) {
        version
    } else {
        tracing::info!(major, "no Postgres is installed: downloading it");
        download(RELEASES, cache, major)?
    };
    let folder = cache.join(version.to_string());
    // Only the current user may read the unpacked folder; as root, another user runs the programs.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
    Ok(folder.join("bin"))
}

/// The newest minor version of `major` in the cache.
fn newest_cached(cache: &Path, major: u32) -> Option<Version> {
    fs::read_dir(cache)
        .ok()?
        .flatten()
        .filter_map(|entry| Version::parse(entry.file_name().to_str()?).ok())
        .filter(|version| version.major == u64::from(major))
        .max()
}

/// Unpacks the newest minor version into `cache/<version>`; that folder appears whole or not at
/// all.
fn download(releases: &str, cache: &Path, major: u32) -> Result<Version, String> {
    let at = |error: ureq::Error| format!("github.com: {error}");
    let (version, assets) = newest_release(releases, major).map_err(at)?.ok_or("github.com has none")?;
    let archive = format!("postgresql-{version}-{}.tar.gz", env!("TARGET"));
    let url = |name: &str| {
        let asset = assets.as_array().into_iter().flatten().find(|asset| asset["name"] == name);
        let url = asset.and_then(|asset| asset["browser_download_url"].as_str());
        url.ok_or_else(|| format!("github.com has no {name}"))
    };
    let agent = agent(FETCH_TIMEOUT);
    let bytes = read(&agent, url(&archive)?).map_err(at)?;
    let sum = read(&agent, url(&format!("{archive}.sha256"))?).map_err(at)?;
    let expected = String::from_utf8_lossy(&sum);
    if expected.split_whitespace().next() != Some(hex(&Sha256::digest(&bytes)).as_str()) {
        return Err(format!("{archive} is not what its checksum says"));
    }
    unpack(&bytes, cache, &version).map_err(|error| format!("cannot unpack: {error}"))?;
    Ok(version)
}

/// The newest minor version of `major` that was released, and the files of that release.
fn newest_release(releases: &str, major: u32) -> Result<Option<(Version, Value)>, ureq::Error> {
    let agent = agent(ASK_TIMEOUT);
    let mut newest: Option<(Version, Value)> = None;
    for page in 1..=PAGES_MAX {
        let url = format!("{releases}?per_page=100&page={page}");
        let list: Value = serde_json::from_slice(&read(&agent, &url)?).unwrap_or_default();
        let list = list.as_array().map_or(&[][..], Vec::as_slice);
        if list.is_empty() {
            break;
        }
        for release in list {
            let tag = release["tag_name"].as_str().unwrap_or_default();
            let Ok(version) = Version::parse(tag.trim_start_matches('v')) else { continue };
            let is_newer = newest.as_ref().is_none_or(|(newest, _)| version > *newest);
            if version.major == u64::from(major) && version.pre.is_empty() && is_newer {
                newest = Some((version, release["assets"].clone()));
            }
        }
    }
    Ok(newest)
}

fn agent(timeout: Duration) -> Agent {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = Agent::config_builder().tls_config(tls).timeout_global(Some(timeout));
    config.user_agent(concat!("parlor/", env!("CARGO_PKG_VERSION"))).build().into()
}

fn read(agent: &Agent, url: &str) -> Result<Vec<u8>, ureq::Error> {
    let mut request = agent.get(url);
    // Without one GitHub answers few requests an hour to an address that many share.
    if let Some(token) = environment("GITHUB_TOKEN").as_deref().and_then(OsStr::to_str)
        && url.starts_with(RELEASES)
    {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    request.call()?.body_mut().with_config().limit(ANSWER_MAX_BYTES).read_to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An archive has one folder, which has the programs in `bin`.
fn unpack(archive: &[u8], cache: &Path, version: &Version) -> std::io::Result<()> {
    let folder = tempfile::tempdir_in(cache)?;
    tar::Archive::new(GzDecoder::new(archive)).unpack(folder.path())?;
    let whole = fs::read_dir(folder.path())?.next().ok_or(std::io::ErrorKind::NotFound)??;
    fs::rename(whole.path(), cache.join(version.to_string()))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
    };

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// A list of releases with an archive whose checksum is `sum`, or the right one.
    fn serve(sum: Option<&str>) -> String {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o755);
        let program = format!("postgresql-17.10.0-{}/bin/postgres", env!("TARGET"));
        tar.append_data(&mut header, program, &b"#!"[..]).unwrap();
        let archive = tar.into_inner().unwrap().finish().unwrap();
        let sum = sum.map_or_else(|| hex(&Sha256::digest(&archive)), str::to_owned);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let name = |version: &str| format!("postgresql-{version}-{}.tar.gz", env!("TARGET"));
        let release = |version: &str| {
            let assets = [name(version), format!("{}.sha256", name(version))].map(
                |name| serde_json::json!({ "name": name, "browser_download_url": format!("{url}/{name}") }),
            );
            serde_json::json!({ "tag_name": version, "assets": assets })
        };
        let pages = [
            serde_json::json!([release("18.1.0"), release("17.9.0")]).to_string(),
            serde_json::json!([release("17.10.0"), { "tag_name": "nonsense" }, release("17.2.0")])
                .to_string(),
        ];
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let asked = lines.next().unwrap_or_default();
                lines.find(String::is_empty);
                let body = match asked.split(' ').nth(1).unwrap_or_default() {
                    "/?per_page=100&page=1" => pages[0].as_bytes(),
                    "/?per_page=100&page=2" => pages[1].as_bytes(),
                    path if path.starts_with("/postgresql-17.10.0") && path.ends_with(".sha256") => {
                        sum.as_bytes()
                    }
                    path if path.starts_with("/postgresql-17.10.0") => &archive,
                    _ => b"[]",
                };
                let head =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(body).unwrap();
            }
        });
        url
    }

    #[test]
    fn newest_minor_version_is_fetched_and_unpacked() {
        let cache = tempfile::tempdir().unwrap();
        let version = download(&serve(None), cache.path(), 17).unwrap();
        assert_eq!(version, Version::new(17, 10, 0));
        let program = cache.path().join("17.10.0/bin/postgres");
        assert_eq!(fs::metadata(program).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(newest_cached(cache.path(), 17), Some(version));
    }

    #[test]
    fn archive_that_its_checksum_does_not_fit_is_not_unpacked() {
        let cache = tempfile::tempdir().unwrap();
        let error = download(&serve(Some("0000")), cache.path(), 17).unwrap_err();
        assert!(error.contains("checksum"), "{error}");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[test]
    fn major_version_that_was_never_released_is_said() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(download(&serve(None), cache.path(), 12).unwrap_err(), "github.com has none");
    }
}
