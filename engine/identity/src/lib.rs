//! Who is calling: token verification and claims.
