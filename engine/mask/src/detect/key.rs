//! Names that say that their value is a secret.

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A password or another shared secret.
    Password,
    /// A word that also counts tests and tickets.
    Pass,
    /// The shell's working directory, or a password.
    Pwd,
    /// A key of an interface.
    Api,
    /// A word that also means a piece of text, or a place in a list.
    Token,
    /// Credentials behind the name of their scheme.
    Authorization,
}

/// Bytes at the end of a name that are looked at.
const WINDOW: usize = 64;

/// Words that stand behind the one that matters.
const SUFFIXES: [&str; 16] = [
    "confirmation",
    "confirm",
    "repeat",
    "again",
    "new",
    "old",
    "current",
    "value",
    "text",
    "plain",
    "plaintext",
    "string",
    "is",
    "env",
    "raw",
    "default",
];

/// What stands before `key` in the name of a secret one.
const KEYS: [&str; 24] = [
    "api",
    "access",
    "secret",
    "private",
    "auth",
    "encryption",
    "signing",
    "account",
    "subscription",
    "master",
    "shared",
    "service",
    "app",
    "application",
    "client",
    "admin",
    "deploy",
    "storage",
    "consumer",
    "webhook",
    "functions",
    "hmac",
    "license",
    "ssh",
];

/// Services whose keys have names like `STRIPE_KEY`; their values must look like keys.
const SERVICES: [&str; 26] = [
    "openai",
    "anthropic",
    "azure",
    "aws",
    "gcp",
    "google",
    "stripe",
    "sendgrid",
    "mailgun",
    "mailchimp",
    "twilio",
    "datadog",
    "sentry",
    "github",
    "gitlab",
    "slack",
    "okta",
    "cohere",
    "cloudflare",
    "fastly",
    "algolia",
    "heroku",
    "postman",
    "shopify",
    "dropbox",
    "mapbox",
];

/// What stands before `token` where it is none.
const NO_TOKENS: [&str; 32] = [
    "page",
    "next",
    "continuation",
    "cursor",
    "progress",
    "sync",
    "max",
    "min",
    "total",
    "prompt",
    "completion",
    "input",
    "output",
    "stop",
    "start",
    "end",
    "pad",
    "eos",
    "bos",
    "unk",
    "mask",
    "sep",
    "special",
    "last",
    "first",
    "per",
    "context",
    "previous",
    "cached",
    "used",
    "num",
    "count",
];

/// Ends of names of passwords.
const PASSWORDS: [&str; 7] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "passwort",
    "passwords",
];

/// Ends of names of keys.
const API_KEYS: [&str; 5] = ["apikey", "accesskey", "secretkey", "privatekey", "authkey"];

/// The other words that end a name which says anything.
const WORDS: [&str; 16] = [
    "secrets",
    "credential",
    "credentials",
    "word",
    "phrase",
    "code",
    "pass",
    "psw",
    "pw",
    "pwd",
    "authorization",
    "key",
    "keys",
    "jwt",
    "bearer",
    "token",
];

/// By a last letter, those that stand before it at the end of any of these words: most names
/// are told from a secret's by two letters.
static ENDINGS: [u32; 26] = {
    let mut endings = [0; 26];
    endings = note(endings, &PASSWORDS);
    endings = note(endings, &API_KEYS);
    endings = note(endings, &WORDS);
    note(endings, &SUFFIXES)
};

const fn note(mut endings: [u32; 26], words: &[&str]) -> [u32; 26] {
    let mut at = 0;
    while at < words.len() {
        let word = words[at].as_bytes();
        let (before, last) = (word[word.len() - 2], word[word.len() - 1]);
        endings[(last - b'a') as usize] |= 1 << (before - b'a');
        at += 1;
    }
    endings
}

/// Whether a word may end as one of those that say anything.
fn may_tell(word: &[u8]) -> bool {
    let [.., before, last] = word else {
        return false;
    };
    let letter = |b: &u8| usize::from(b.to_ascii_lowercase().wrapping_sub(b'a'));
    let endings = ENDINGS.get(letter(last)).copied().unwrap_or_default();
    letter(before) < 26 && (endings >> letter(before)) & 1 == 1
}

/// What the end of a name says, in any of the spellings that names have.
pub(crate) fn classify(name: &str) -> Option<Key> {
    classify_bytes(name.as_bytes())
}

/// As [`classify`], of a name that may be cut: all but ASCII letters divides words anyway.
pub(super) fn classify_bytes(bytes: &[u8]) -> Option<Key> {
    let window = bytes
        .get(bytes.len().saturating_sub(WINDOW)..)
        .unwrap_or(bytes);
    let mut words = Words { rest: window };
    let mut word = words.next().filter(|word| may_tell(word))?;
    for _ in 0..2 {
        if !is_any(word, &SUFFIXES) {
            break;
        }
        word = words.next()?;
    }
    let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
    let before = words.next().unwrap_or_default();
    let after = |other: &str| before.eq_ignore_ascii_case(other.as_bytes());
    if PASSWORDS.iter().any(|end| ends(word, end))
        || is("secrets")
        || is("credential")
        || is("credentials")
        || (after("pass") && (is("word") || is("phrase") || is("code")))
    {
        return Some(Key::Password);
    }
    if is("pass") || is("psw") || is("pw") {
        return Some(Key::Pass);
    }
    if ends(word, "pwd") {
        return Some(Key::Pwd);
    }
    if is("authorization") {
        return Some(Key::Authorization);
    }
    let key = (is("key") || is("keys")) && is_any(before, &KEYS);
    if key || API_KEYS.iter().any(|end| ends(word, end)) {
        return Some(Key::Api);
    }
    if (is("key") || is("keys")) && is_any(before, &SERVICES) {
        return Some(Key::Token);
    }
    let token = is("jwt") || is("bearer") || ends(word, "token");
    (token && !is_any(before, &NO_TOKENS)).then_some(Key::Token)
}

fn ends(word: &[u8], end: &str) -> bool {
    word.len()
        .checked_sub(end.len())
        .and_then(|from| word.get(from..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
}

fn is_any(word: &[u8], list: &[&str]) -> bool {
    list.iter()
        .any(|other| word.eq_ignore_ascii_case(other.as_bytes()))
}

/// Words from the end of a name: `dbPassword`, `DB_PASS`, `APIKey2`, `x-api-key`.
struct Words<'n> {
    rest: &'n [u8],
}

impl<'n> Iterator for Words<'n> {
    type Item = &'n [u8];

    fn next(&mut self) -> Option<&'n [u8]> {
        let end = self.rest.iter().rposition(u8::is_ascii_alphabetic)? + 1;
        let body = self.rest.get(..end)?;
        let mut start = end;
        while let Some(at) = start.checked_sub(1) {
            let byte = body.get(at)?;
            if !byte.is_ascii_alphabetic() {
                break;
            }
            start = at;
            let before = at.checked_sub(1).and_then(|i| body.get(i));
            let next = body.get(at + 1);
            let lower = |b: Option<&u8>| b.is_some_and(u8::is_ascii_lowercase);
            if byte.is_ascii_uppercase() && (lower(before) || lower(next)) {
                break;
            }
        }
        let (rest, word) = body.split_at(start);
        self.rest = rest;
        Some(word)
    }
}
