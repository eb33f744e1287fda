//! Values of a policy's variables, which no log line shows.

/// What stands in place of a value.
const REDACTED: &str = "[redacted]";

/// Values to be kept out of logs.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Those of the values that have `shortest` bytes at least: shorter ones are no secrets, and
    /// would be found in any line.
    pub fn among(values: impl IntoIterator<Item = String>, shortest: usize) -> Self {
        let mut values: Vec<String> = values.into_iter().collect();
        values.retain(|value| value.len() >= shortest.max(1));
        // One that is a part of another would leave the rest of it.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// The line without them.
    pub fn taken_out(&self, line: &str) -> String {
        self.0.iter().fold(line.to_owned(), |line, value| {
            line.replace(value.as_str(), REDACTED)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_part_of_another_leaves_nothing_of_it() {
        let values = ["s3cr3t", "s3cr3t-and-more", "on", ""].map(str::to_owned);
        for order in [values.clone(), {
            let mut other = values.clone();
            other.reverse();
            other
        }] {
            let secrets = Secrets::among(order, 4);
            assert_eq!(
                secrets.taken_out("on: 's3cr3t-and-more' s3cr3t"),
                "on: '[redacted]' [redacted]"
            );
        }
        assert_eq!(Secrets::among([String::new()], 0).taken_out("ab"), "ab");
    }
}
