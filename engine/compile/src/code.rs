//! Every code that a policy author may meet. A code keeps its meaning for good.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal,)+) => {
        /// What is wrong, as a stable code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as it is printed: `MZ0010`.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }

            /// What it stands for, in one line.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim(),)+
                }
            }
        }
    };
}

codes! {
    /// The file's extension is none of .yaml, .yml and .json.
    Extension = "MZ0001",
    /// The file is not UTF-8.
    NotUtf8 = "MZ0002",
    /// The file is empty.
    EmptyFile = "MZ0003",
    /// The file is too large, too deep or has too many values.
    TooLarge = "MZ0004",
    /// The file is not well-formed YAML or JSON.
    Syntax = "MZ0005",
    /// The file holds more than one document.
    SeveralDocuments = "MZ0006",
    /// Anchors, aliases and merge keys have no place in a policy.
    Alias = "MZ0007",
    /// Tags have no place in a policy.
    Tag = "MZ0008",
    /// A key is not text.
    KeyNotText = "MZ0009",
    /// The section has no such key.
    UnknownKey = "MZ0010",
    /// A key stands twice in one mapping.
    DuplicateKey = "MZ0011",
    /// A required key is missing.
    MissingKey = "MZ0012",
    /// A value has the wrong type.
    WrongType = "MZ0013",
    /// A value is empty.
    Empty = "MZ0014",
    /// A number lies outside its range.
    OutOfRange = "MZ0015",
    /// A value is none of those that the key takes.
    UnknownValue = "MZ0016",
    /// A text has characters or a length that it may not have.
    UnsuitableText = "MZ0017",
    /// A name that must be unique is used twice.
    NotUnique = "MZ0018",
    /// Keys that do not go together.
    Conflict = "MZ0019",
    /// A variable that holds a secret of the gateway is named.
    SecretNamed = "MZ0020",
    /// A URL cannot be read, or has parts that it may not have.
    Url = "MZ0101",
    /// A URL is not https.
    InsecureUrl = "MZ0102",
    /// A URL leads to an address that is never a server.
    ForbiddenAddress = "MZ0103",
    /// An http URL is accepted.
    InsecureUrlAccepted = "MZ0104",
    /// An Okta org authorization server is named as issuer.
    OktaOrgServer = "MZ0201",
    /// The setting has moved to the environment.
    Moved = "MZ0202",
    /// The algorithm is never accepted.
    ForbiddenAlgorithm = "MZ0203",
    /// A setting of the environment has no effect.
    Ignored = "MZ0204",
    /// A rule names a server that is not there.
    UnknownServer = "MZ0301",
    /// A rule names an identity that is not there.
    UnknownIdentity = "MZ0302",
    /// With several issuers a rule must say whose users and groups it means.
    IssuersMissing = "MZ0303",
    /// No server asks clients for that.
    UnknownClientRequest = "MZ0304",
    /// A pattern looks as if it were written in another language.
    SuspiciousPattern = "MZ0305",
    /// A pattern over server names matches none.
    MatchesNoServer = "MZ0306",
    /// Rules name users or groups, but nobody can have an identity.
    MatchesNobody = "MZ0307",
    /// There is no server.
    NoServers = "MZ0308",
    /// An argument is not named by a JSON Pointer.
    Pointer = "MZ0309",
    /// A regex cannot be read, or is too large.
    Regex = "MZ0310",
    /// Conditions on arguments where there are none.
    ConditionElsewhere = "MZ0311",
    /// There is no such plugin.
    UnknownPlugin = "MZ0401",
    /// The priority lies outside the bands of plugins.
    Priority = "MZ0402",
    /// Masking is configured twice.
    MaskingTwice = "MZ0403",
    /// The older spelling of masking is used.
    OldMasking = "MZ0404",
    /// Masking is configured, but switched off.
    MaskingOff = "MZ0405",
    /// A `${…}` that cannot be read, or has no place where it stands.
    Variable = "MZ0501",
    /// A variable is not set.
    UnsetVariable = "MZ0502",
    /// The value of a variable does not fit where it is used.
    VariableValue = "MZ0503",
    /// A header that is not the policy's to set.
    ReservedHeader = "MZ0504",
    /// A header that usually holds a secret has all of its value in the policy.
    LiteralSecret = "MZ0505",
    /// Start-up gate 1: neither identity nor a policy file.
    GateNothing = "MZ0801",
    /// Start-up gate 2: an issuer without an audience.
    GateAudience = "MZ0802",
    /// Start-up gate 3: strict security without identity or without governance.
    GateStrict = "MZ0803",
    /// Start-up gate 4: everything is allowed to everyone.
    GateDefaultAllow = "MZ0804",
    /// `token_exchange` that nobody could carry out.
    GateExchange = "MZ0805",
    /// A compiled policy that filters would refuse: a fault of this program.
    Lowering = "MZ0899",
    /// This build does not have it yet.
    NotSupported = "MZ0900",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
