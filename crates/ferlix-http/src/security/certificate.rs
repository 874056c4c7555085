//! Client certificates: which are trusted, and whose they are.

use std::path::PathBuf;
use std::sync::Arc;

use ferlix_core::service::{Identity, Proof};
use ring::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use webpki::EndEntityCert;

use super::tokens::hexadecimal;
use crate::reload::FileError;

/// `commonName` (X.520, 2.5.4.3) as it stands in DER.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0C;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;

/// Whose certificates are trusted, and whether one must be shown.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) authorities: PathBuf,
    pub(crate) required: bool,
}

impl Clients {
    /// What checks the certificates of clients, from the content of the file.
    pub(crate) fn verifier(
        &self,
        content: &[u8],
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, FileError> {
        let wrong = |source: crate::error::BoxError| FileError::new(&self.authorities, source);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(content) {
            let certificate = certificate.map_err(|error| wrong(error.into()))?;
            roots
                .add(certificate)
                .map_err(|error| wrong(error.into()))?;
        }
        if roots.is_empty() {
            return Err(wrong("it holds no certificate".into()));
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = if self.required {
            builder
        } else {
            builder.allow_unauthenticated()
        };
        builder.build().map_err(|error| wrong(error.into()))
    }
}

/// Whose certificate this is: the common name of its subject, else its first URI or DNS name, else its digest. The
/// certificate was verified before.
pub(crate) fn identity_of(certificate: &CertificateDer<'_>) -> Arc<Identity> {
    let named = EndEntityCert::try_from(certificate)
        .ok()
        .and_then(|parsed| {
            common_name(parsed.subject())
                .or_else(|| parsed.valid_uri_names().next().map(str::to_owned))
                .or_else(|| parsed.valid_dns_names().next().map(str::to_owned))
        });
    let name = named.unwrap_or_else(|| {
        let digest = digest(&SHA256, certificate);
        format!("sha256:{}", hexadecimal(digest.as_ref()))
    });
    Arc::new(Identity::new(name, Proof::Certificate))
}

/// The last common name among the attributes of a subject (the most specific one); `None` when there is none that can be
/// shown.
fn common_name(subject: &[u8]) -> Option<String> {
    let mut found = None;
    let mut names = subject;
    while !names.is_empty() {
        let (set, rest) = element(names, SET)?;
        names = rest;
        let mut attributes = set;
        while !attributes.is_empty() {
            let (attribute, rest) = element(attributes, SEQUENCE)?;
            attributes = rest;
            let (kind, value) = element(attribute, OBJECT_IDENTIFIER)?;
            if kind == COMMON_NAME {
                found = Some(value);
            }
        }
    }
    let value = found?;
    let text = [UTF8_STRING, PRINTABLE_STRING, IA5_STRING]
        .into_iter()
        .find_map(|tag| element(value, tag))?
        .0;
    let name = std::str::from_utf8(text).ok()?;
    let usable = !name.is_empty() && !name.contains(char::is_control);
    usable.then(|| name.to_owned())
}

/// The content of the DER element of this tag that the bytes begin with, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7F => (usize::from(short), rest),
        // Nothing in a name needs more than two bytes of length.
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    (first == tag && length <= rest.len()).then(|| rest.split_at(length))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    use super::*;

    fn name_of(change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        identity_of(certificate.der()).name().to_owned()
    }

    #[test]
    fn the_common_name_is_the_identity() {
        let common = |name: &str| {
            let name = name.to_owned();
            move |parameters: &mut CertificateParams| {
                let subject = &mut parameters.distinguished_name;
                subject.push(DnType::OrganizationName, "Ferlix");
                subject.push(DnType::CommonName, name);
            }
        };
        assert_eq!(name_of(common("alice")), "alice");
        assert_eq!(name_of(common("Zoë 你好")), "Zoë 你好");
        let long = "x".repeat(300);
        assert_eq!(name_of(common(&long)), long);
    }

    #[test]
    fn without_a_common_name_the_alternative_names_and_the_digest_are() {
        let named = name_of(|parameters| {
            let dns = "worker.example".try_into().unwrap();
            parameters.subject_alt_names.push(SanType::DnsName(dns));
        });
        assert_eq!(named, "worker.example");
        let uri = name_of(|parameters| {
            let uri = "spiffe://example/worker".try_into().unwrap();
            parameters.subject_alt_names.push(SanType::URI(uri));
        });
        assert_eq!(uri, "spiffe://example/worker");
        let digest = name_of(|_| {});
        assert!(
            digest.starts_with("sha256:") && digest.len() == 71,
            "{digest}"
        );
    }

    #[test]
    fn a_malformed_subject_has_no_name() {
        let good: &[u8] = b"\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02ab";
        assert_eq!(common_name(good).as_deref(), Some("ab"));
        for end in 1..good.len() {
            assert_eq!(common_name(&good[..end]), None, "{end}");
        }
        for index in 0..good.len() {
            for byte in 0..=255 {
                let mut changed = good.to_vec();
                changed[index] = byte;
                drop(common_name(&changed));
            }
        }
        assert_eq!(
            common_name(b"\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02a\n"),
            None
        );
    }
}
