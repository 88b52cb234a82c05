//! The certificates in the files that the configuration names: dates, chain, and who vouches for them.

use std::time::Duration;

use gateway_core::Causes;
use rustls::{
    CertificateError, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::ring,
    pki_types::{CertificateDer, UnixTime},
    server::ParsedCertificate,
};
use x509_parser::{certificate::X509Certificate, error::X509Error, parse_x509_certificate};

use super::{finding::Finding, settings::is_proxied, thresholds::CERTIFICATE_DAYS};
use crate::{
    config::{Config, TlsConfig},
    listener::{Tls, TlsError, TlsFiles},
    plural::counted,
};

const CHECK: &str = "certificate";

const DAY_SECONDS: i64 = 86_400;

const RENEW: &str = "renew it, put the files in their places, and send SIGHUP to the gateway";

/// The listeners' certificates, each file read once.
#[derive(Debug, Default)]
pub(super) struct Certificates(Vec<Loaded>);

/// Those of a listener that has TLS.
#[derive(Debug)]
struct Loaded {
    listener: &'static str,
    files: Result<(TlsFiles, Tls), TlsError>,
}

// === impl Certificates ===

impl Certificates {
    /// Reads what the configuration names.
    pub(super) fn read(config: &Config) -> Self {
        let listeners = [
            ("callbacks", &config.callbacks.tls),
            ("admin", &config.admin.tls),
        ];
        let with_tls = listeners.into_iter();
        let with_tls = with_tls.filter_map(|(listener, tls)| Some((listener, tls.as_ref()?)));
        Self(
            with_tls
                .map(|(listener, tls)| Loaded::read(listener, tls))
                .collect(),
        )
    }

    /// When those that can be used end, by listener.
    pub(super) fn ends(&self) -> impl Iterator<Item = (&'static str, i64)> {
        self.0.iter().filter_map(|loaded| {
            let (_, tls) = loaded.files.as_ref().ok()?;
            Some((loaded.listener, tls.expires_seconds()))
        })
    }

    /// Looks at both listeners'. `now` is in seconds since the Unix epoch.
    pub(super) fn check(&self, config: &Config, now: i64) -> Vec<Finding> {
        let mut findings = Vec::new();
        for loaded in &self.0 {
            findings.extend(loaded.check(now));
            // Behind a proxy it is the proxy's that Chat sees.
            if loaded.listener == "callbacks" && !is_proxied(config) {
                findings.extend(loaded.check_authority(now));
            }
        }
        findings
    }
}

// === impl Loaded ===

impl Loaded {
    fn read(listener: &'static str, config: &TlsConfig) -> Self {
        let files = TlsFiles::read(config).and_then(|files| {
            let tls = Tls::new(config, &files)?;
            Ok((files, tls))
        });
        Self { listener, files }
    }

    fn check(&self, now: i64) -> Vec<Finding> {
        let key = format!("{}.tls", self.listener);
        let (files, _) = match &self.files {
            Ok(files) => files,
            Err(error) => {
                let finding = Finding::problem(CHECK, "the listener can't use its certificate")
                    .because(format!("{key}: {}", Causes(error)))
                    .remedy("mend the file that is named");
                return vec![finding];
            }
        };
        let mut findings = check_dates(&format!("{key}.certificate"), &files.chain, now);
        if let Some(authority) = &files.authority {
            findings.extend(check_dates(&format!("{key}.client_ca"), authority, now));
        }
        findings
    }

    /// Chat verifies the certificate. Which authorities it takes is not known: these are the browsers'.
    fn check_authority(&self, now: i64) -> Option<Finding> {
        let (files, _) = self.files.as_ref().ok()?;
        let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let error = verify(&files.chain, &roots, now).err()?;
        if matches!(&error, rustls::Error::InvalidCertificate(error) if is_of_dates(error)) {
            return None;
        }
        let what =
            "no public authority vouches for the callback listener, and Chat may not call it";
        let finding = Finding::warning(CHECK, what)
            .because(format!("callbacks.tls.certificate: {error}"))
            .remedy("use the whole chain of a public authority, its own certificate first, or put a proxy with one in front and name it in callbacks.trusted_proxies");
        Some(finding)
    }
}

/// The dates of a file's certificates.
fn check_dates(key: &str, chain: &[CertificateDer<'_>], now: i64) -> Vec<Finding> {
    let judged = chain.iter().map(|der| {
        let (_, certificate) = parse_x509_certificate(der)?;
        Ok(judge_dates(key, &certificate, now))
    });
    let judged: Result<Vec<Finding>, X509Error> = judged.collect();
    judged.unwrap_or_else(|_| {
        let finding = Finding::problem(CHECK, "a certificate can't be read")
            .because(format!("{key}: it is damaged"))
            .remedy("mend the file");
        vec![finding]
    })
}

fn judge_dates(key: &str, certificate: &X509Certificate<'_>, now: i64) -> Finding {
    let validity = certificate.validity();
    let (begin, end) = (validity.not_before, validity.not_after);
    let subject = certificate.subject();
    let left = end.timestamp() - now;
    let days = left.max(0).cast_unsigned() / DAY_SECONDS.cast_unsigned();
    let finding = if begin.timestamp() > now {
        Finding::problem(CHECK, "a certificate is not valid yet")
            .remedy("wait, or check this machine's clock")
    } else if left < 0 {
        Finding::problem(CHECK, "a certificate has expired").remedy(RENEW)
    } else if left < CERTIFICATE_DAYS * DAY_SECONDS {
        let when = match days {
            0 => "today".to_owned(),
            days => format!("in {}", counted(days, "day")),
        };
        Finding::warning(CHECK, format!("a certificate expires {when}")).remedy(RENEW)
    } else {
        let what = format!("{key}: {subject}, valid for {} more", counted(days, "day"));
        return Finding::ok(CHECK, what);
    };
    finding.because(format!("{key}: {subject}, valid from {begin} to {end}"))
}

/// What is told by the dates themselves.
fn is_of_dates(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

fn verify(
    chain: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: i64,
) -> Result<(), rustls::Error> {
    let Some((first, intermediates)) = chain.split_first() else {
        return Ok(());
    };
    let now = Duration::from_secs(now.max(0).cast_unsigned());
    let algorithms = ring::default_provider().signature_verification_algorithms;
    verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(first)?,
        roots,
        intermediates,
        UnixTime::since_unix_epoch(now),
        algorithms.all,
    )
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
    };
    use tempfile::TempDir;

    use super::{super::finding::Level, *};

    /// 2026-06-01.
    const NOW: i64 = 1_780_272_000;

    struct Authority(CertifiedIssuer<'static, KeyPair>);

    fn named(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["chat.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        params
    }

    fn authority(name: &str) -> Authority {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    impl Authority {
        fn pem(&self) -> String {
            self.0.pem()
        }

        /// A certificate and its key in PEM.
        fn issue(&self, params: &CertificateParams) -> (String, String) {
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &self.0).unwrap();
            (certificate.pem(), key.serialize_pem())
        }
    }

    fn loaded(chain: &str, key: &str) -> Loaded {
        let directory = TempDir::new().unwrap();
        let tls = TlsConfig {
            certificate: directory.path().join("chain.pem"),
            private_key: directory.path().join("key.pem"),
            client_ca: None,
        };
        std::fs::write(&tls.certificate, chain).unwrap();
        std::fs::write(&tls.private_key, key).unwrap();
        Loaded::read("callbacks", &tls)
    }

    /// What is said of a chain, but for who vouches for it: levels and words.
    fn check(chain: &str, key: &str, expected: &[(Level, &str)]) {
        let findings = loaded(chain, key).check(NOW);
        assert_eq!(findings.len(), expected.len(), "{findings:#?}");
        for (finding, (level, words)) in findings.iter().zip(expected) {
            assert_eq!(finding.level, *level, "{finding:#?}");
            assert!(finding.what.contains(words), "{finding:#?}");
        }
    }

    #[test]
    fn a_good_chain_tells_how_long_it_lasts() {
        let authority = authority("authority");
        let (certificate, key) = authority.issue(&named("gateway"));
        let days = (Level::Ok, "valid for 214 days more");
        check(&certificate, &key, &[days]);
        check(&(certificate + &authority.pem()), &key, &[days, days]);
    }

    #[test]
    fn dates_are_told_before_it_is_too_late() {
        let authority = authority("authority");
        for (not_before, not_after, level, words) in [
            ((2026, 1, 1), (2026, 6, 1), Level::Warning, "expires today"),
            (
                (2026, 1, 1),
                (2026, 6, 10),
                Level::Warning,
                "expires in 9 days",
            ),
            ((2026, 1, 1), (2026, 5, 31), Level::Problem, "has expired"),
            ((2026, 6, 2), (2027, 1, 1), Level::Problem, "not valid yet"),
        ] {
            let mut params = named("gateway");
            params.not_before = date_time_ymd(not_before.0, not_before.1, not_before.2);
            params.not_after = date_time_ymd(not_after.0, not_after.1, not_after.2);
            let (certificate, key) = authority.issue(&params);
            check(&certificate, &key, &[(level, words)]);
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_told() {
        let authority = authority("authority");
        let (certificate, _) = authority.issue(&named("gateway"));
        let (_, other) = authority.issue(&named("gateway"));
        let unusable = (Level::Problem, "can't use its certificate");
        check(&certificate, &other, &[unusable]);
        check("no certificate", &other, &[unusable]);
    }

    #[test]
    fn a_private_authority_is_no_public_one() {
        let authority = authority("authority");
        let (certificate, key) = authority.issue(&named("gateway"));
        let loaded = loaded(&(certificate + &authority.pem()), &key);
        let finding = loaded.check_authority(NOW).unwrap();
        assert!(finding.evidence.contains("UnknownIssuer"), "{finding:#?}");
    }
}
