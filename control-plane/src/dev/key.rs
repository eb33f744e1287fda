//! The issuer's key and what tokens say.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jwt_simple::prelude::{Claims, Duration, ECDSAP256KeyPairLike as _, ES256KeyPair};
use serde::{Deserialize, Serialize};

use super::AUDIENCE;
use crate::failure::Failure;

const KEY_FILE: &str = "dev-issuer.key.pem";
const ISSUER_FILE: &str = "dev-issuer.json";

/// The key of a state directory's development issuer.
#[derive(Debug)]
pub struct DevIdentity {
    pair: ES256KeyPair,
    directory: PathBuf,
}

/// Where the issuer is served.
#[derive(Debug, Serialize, Deserialize)]
struct Location {
    issuer: String,
}

/// Whom a token speaks of.
#[derive(Debug, Clone)]
pub struct Person {
    /// `sub`.
    pub user: String,
    /// `groups`.
    pub groups: Vec<String>,
    /// `email`.
    pub email: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Custom {
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl DevIdentity {
    /// Reads the key of a state directory, or makes one, readable to its owner only.
    ///
    /// # Errors
    /// The file cannot be read, written or understood.
    pub fn open_or_create(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(KEY_FILE);
        if path.exists() {
            return Self::open(directory);
        }
        let pair = ES256KeyPair::generate();
        let pem = pair
            .to_pem()
            .map_err(|e| Failure::runtime(format!("development key: {e}")))?;
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(pem.as_bytes()));
        written.map_err(|e| Failure::config(format!("{}: {e}", path.display())))?;
        Ok(Self::new(pair, directory))
    }

    /// Reads the key of a state directory.
    ///
    /// # Errors
    /// There is none, or it cannot be understood.
    pub fn open(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(KEY_FILE);
        let pem = fs::read_to_string(&path).map_err(|e| {
            Failure::config(format!(
                "{}: {e}; `mcp-zero run --dev` makes the development issuer (same --state-dir)",
                path.display()
            ))
        })?;
        let pair = ES256KeyPair::from_pem(&pem)
            .map_err(|_| Failure::config(format!("{}: no ES256 key in PEM", path.display())))?;
        Ok(Self::new(pair, directory))
    }

    fn new(pair: ES256KeyPair, directory: &Path) -> Self {
        let kid = pair.public_key().jwk_thumbprint();
        Self {
            pair: pair.with_key_id(&kid),
            directory: directory.to_owned(),
        }
    }

    /// The issuer URL that was served last, if any.
    pub fn issuer(&self) -> Option<String> {
        let text = fs::read_to_string(self.directory.join(ISSUER_FILE)).ok()?;
        let location: Location = serde_json::from_str(&text).ok()?;
        Some(location.issuer)
    }

    /// Keeps the issuer URL for `mcp-zero token`.
    pub(super) fn keep_issuer(&self, issuer: &str) -> Result<(), Failure> {
        let path = self.directory.join(ISSUER_FILE);
        let text = serde_json::json!({ "issuer": issuer }).to_string();
        fs::write(&path, text).map_err(|e| Failure::config(format!("{}: {e}", path.display())))
    }

    /// A token for a person.
    ///
    /// # Errors
    /// The issuer was never started here.
    pub fn mint(&self, person: &Person, seconds: u64) -> Result<String, Failure> {
        let issuer = self.issuer().ok_or_else(|| {
            Failure::config("the development issuer was never started here: `mcp-zero run --dev`")
        })?;
        let custom = Custom {
            groups: person.groups.clone(),
            email: person.email.clone(),
        };
        let claims = Claims::with_custom_claims(custom, Duration::from_secs(seconds))
            .with_issuer(issuer)
            .with_audience(AUDIENCE)
            .with_subject(&person.user);
        self.pair
            .sign(claims)
            .map_err(|e| Failure::runtime(format!("cannot sign: {e}")))
    }

    /// The public key set (RFC 7517).
    pub fn jwks(&self) -> String {
        let key: serde_json::Value =
            serde_json::from_str(&self.pair.public_key().to_jwk()).unwrap_or_default();
        serde_json::json!({ "keys": [key] }).to_string()
    }
}
