//! Certificates, made for one test.

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use std::path::{Path, PathBuf};

/// An authority and where its certificate lies.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, in PEM.
    pub file: PathBuf,
}

/// A certificate with its key, in PEM files.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")
}

impl Authority {
    /// A new authority; its certificate goes to `<folder>/<name>.pem`.
    ///
    /// # Panics
    /// When it cannot be made or written.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = key();
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, certificate.pem()).expect("the certificate is written");
        Self {
            issuer: Issuer::new(params, key),
            file,
        }
    }

    /// A certificate that names `san`, in `<folder>/<name>.pem` and `<name>.key`.
    ///
    /// # Panics
    /// When it cannot be made or written.
    pub fn sign(&self, folder: &Path, name: &str, san: &str) -> Identity {
        let params = CertificateParams::new(vec![san.to_owned()]).expect("parameters");
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let identity = Identity {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        std::fs::write(&identity.certificate, certificate.pem()).expect("it is written");
        std::fs::write(&identity.key, key.serialize_pem()).expect("the key is written");
        identity
    }
}
