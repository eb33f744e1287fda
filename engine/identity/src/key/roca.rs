//! RSA keys of a generator whose private parts can be found from the public ones (CVE-2017-15361).

/// Small primes: that a good key looks weak to all of them does not happen.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// The generator made both factors, and so the modulus, powers of this one in small fields.
const BASE: u32 = 65_537;

/// Whether a modulus (big-endian) is one of that generator.
pub(super) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let rest = |rest: u32, byte: &u8| (rest * 256 + u32::from(*byte)) % prime;
        is_power(modulus.iter().fold(0, rest), *prime)
    })
}

fn is_power(rest: u32, prime: u32) -> bool {
    let mut power = 1;
    for _ in 0..prime {
        if power == rest {
            return true;
        }
        power = power * (BASE % prime) % prime;
    }
    false
}
