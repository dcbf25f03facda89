//! TLS to Postgres, by the same `sslmode` and `sslrootcert` of the URL that sqlx reads in
//! chat_server.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::form_urlencoded;

/// The TLS that a URL asks for.
#[derive(Clone)]
pub struct Tls {
    pub mode: SslMode,
    pub connector: MakeRustlsConnect,
}

impl Tls {
    /// Splits a URL into the URL without its TLS parameters, and the TLS that these ask for.
    ///
    /// The modes are those of libpq, section "SSL Support": `prefer` and `require` encrypt without
    /// checking the server, `verify-full` checks the certificate and its name against `sslrootcert`
    /// and the public authorities.
    ///
    /// # Errors
    /// The mode is unknown, or the file of certificates cannot be used.
    pub fn split_from(url: &str) -> anyhow::Result<(String, Self)> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let mut mode = "prefer".to_owned();
        let mut root_certificates = None;
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            // One pair; none for a lone "=".
            for (key, value) in form_urlencoded::parse(pair.as_bytes()) {
                match &*key {
                    "sslmode" => mode = value.into_owned(),
                    "sslrootcert" => root_certificates = Some(value.into_owned()),
                    "sslcert" | "sslkey" => {
                        bail!("database.url: {key}: client certificates are not supported")
                    }
                    _ => others.push(pair),
                }
            }
        }
        let tls = Self::new(&mode, root_certificates.as_deref().map(Path::new))?;
        let rest =
            if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
        Ok((rest, tls))
    }

    fn new(mode: &str, root_certificates: Option<&Path>) -> anyhow::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .context("TLS")?;
        let ssl_mode = match mode {
            "disable" => SslMode::Disable,
            "prefer" => SslMode::Prefer,
            "require" | "verify-full" => SslMode::Require,
            _ => bail!("database.url: sslmode: expected disable, prefer, require or verify-full"),
        };
        let config = if mode == "verify-full" {
            config.with_root_certificates(roots(root_certificates)?)
        } else {
            config.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate(provider)))
        };
        Ok(Self { mode: ssl_mode, connector: MakeRustlsConnect::new(config.with_no_client_auth()) })
    }
}

/// The public authorities, and those in the file.
fn roots(file: Option<&Path>) -> anyhow::Result<RootCertStore> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let Some(file) = file else { return Ok(roots) };
    let at = || format!("database.url: sslrootcert: {}", file.display());
    let mut certificates = 0;
    for certificate in CertificateDer::pem_file_iter(file).with_context(at)? {
        roots.add(certificate.with_context(at)?).with_context(at)?;
        certificates += 1;
    }
    if certificates == 0 {
        bail!("{}: no certificate in it", at());
    }
    Ok(roots)
}

/// Accepts any certificate. This protects against eavesdroppers, not against a server that poses as
/// Postgres.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
