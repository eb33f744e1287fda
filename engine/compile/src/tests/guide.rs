//! The guide to error codes names every code that there is.

use crate::Code;

const GUIDE: &str = include_str!("../../../../docs/troubleshooting.md");

#[test]
fn every_code_has_a_row_in_the_guide() {
    let rows: Vec<&str> = GUIDE
        .lines()
        .filter_map(|line| line.strip_prefix("| MZ"))
        .filter_map(|row| row.split_once(' '))
        .map(|(number, _)| number)
        .collect();
    let codes: Vec<&str> = Code::ALL
        .iter()
        .filter_map(|code| code.id().strip_prefix("MZ"))
        .collect();
    assert_eq!(rows, codes, "rows of the guide, codes of the program");
}
