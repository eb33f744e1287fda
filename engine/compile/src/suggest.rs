//! "Did you mean": the nearest of the names that would have been right.

/// The candidate that a person most likely meant, if any is near.
pub(crate) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if written.chars().count() > 64 {
        return None;
    }
    let plain = simplified(written);
    let most = (plain.len() / 3).clamp(1, 3);
    let candidates: Vec<(Vec<char>, &str)> = candidates
        .into_iter()
        .map(|candidate| (simplified(candidate), candidate))
        .collect();
    let near = candidates
        .iter()
        .filter(|(letters, _)| letters.len().abs_diff(plain.len()) <= most)
        .map(|(letters, candidate)| (distance(&plain, letters), *candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance);
    // `timeout` for `timeout_seconds`
    let begun = || {
        candidates
            .iter()
            .find(|(letters, _)| plain.len() >= 4 && letters.starts_with(&plain))
            .map(|(_, candidate)| *candidate)
    };
    near.map(|(_, candidate)| candidate).or_else(begun)
}

/// `a`, `b`, `c`, and not more than twenty of them.
pub(crate) fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .take(20)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = if names.len() > 20 { ", …" } else { "" };
    format!("{}{more}", quoted.join(", "))
}

fn simplified(text: &str) -> Vec<char> {
    text.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Insertions, deletions, replacements and swaps of neighbours between two short texts.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut least = (at(&above, j) + usize::from(x != y))
                .min(at(&above, j + 1) + 1)
                .min(at(&row, j) + 1);
            let crossed = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if crossed && x != y {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let keys = ["servers", "policies", "subjects", "max_request_bytes"];
        let near = |written| nearest(written, keys);
        assert_eq!(near("server"), Some("servers"));
        assert_eq!(near("polices"), Some("policies"));
        assert_eq!(near("subejcts"), Some("subjects"));
        assert_eq!(near("maxRequestBytes"), Some("max_request_bytes"));
        assert_eq!(near("max_request"), Some("max_request_bytes"));
        assert_eq!(near("tools"), None);
        assert_eq!(near(""), None);
    }

    #[test]
    fn swaps_count_once() {
        let d = |a: &str, b: &str| distance(&simplified(a), &simplified(b));
        assert_eq!(d("ab", "ba"), 1);
        assert_eq!(d("kitten", "sitting"), 3);
        assert_eq!(d("", "abc"), 3);
    }
}
