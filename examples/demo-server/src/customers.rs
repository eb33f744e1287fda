//! The customers of the demo. Nothing here belongs to anyone: the domain is reserved for examples,
//! the card numbers are the payment industry's public test numbers, the keys open nothing.

use rmcp::schemars::{self, JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// One customer, with everything that a gateway should not let out.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Customer {
    /// Number of the customer.
    #[schemars(schema_with = "number")]
    pub(crate) id: u32,
    /// Full name.
    pub(crate) name: &'static str,
    /// E-mail address.
    #[schemars(email)]
    pub(crate) email: &'static str,
    /// Number of the payment card.
    pub(crate) card_number: &'static str,
    /// Key with which the customer calls our API.
    pub(crate) api_key: &'static str,
}

/// One line of the list of customers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Line {
    /// Number of the customer.
    #[schemars(schema_with = "number")]
    pub(crate) id: u32,
    /// Full name.
    pub(crate) name: &'static str,
    /// E-mail address.
    pub(crate) email: &'static str,
}

const CUSTOMERS: &[Customer] = &[
    Customer {
        id: 1,
        name: "Ada Example",
        email: "ada@example.com",
        card_number: "4111 1111 1111 1111",
        api_key: "sk-demo-not-a-real-key-0000-0001",
    },
    Customer {
        id: 2,
        name: "Grace Sample",
        email: "grace@example.com",
        card_number: "5555 5555 5555 4444",
        api_key: "sk-demo-not-a-real-key-0000-0002",
    },
    Customer {
        id: 3,
        name: "Alan Placeholder",
        email: "alan@example.com",
        card_number: "3782 822463 10005",
        api_key: "sk-demo-not-a-real-key-0000-0003",
    },
];

/// The customer with this number.
pub(crate) fn find(id: u32) -> Option<&'static Customer> {
    CUSTOMERS.iter().find(|customer| customer.id == id)
}

/// All customers, without card and key.
pub(crate) fn lines() -> Vec<Line> {
    CUSTOMERS
        .iter()
        .map(|customer| Line {
            id: customer.id,
            name: customer.name,
            email: customer.email,
        })
        .collect()
}

/// The customer as a person would write it down.
pub(crate) fn card(customer: &Customer) -> String {
    let Customer {
        id,
        name,
        email,
        card_number,
        api_key,
    } = customer;
    format!("Customer {id}: {name} <{email}>\nCard: {card_number}\nAPI key: {api_key}\n")
}

/// A whole number as JSON Schema knows it; the derived `format: uint32` is news to most clients.
pub(crate) fn number(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 0})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Detectors check it, so an invalid number would not show masking at work.
    #[test]
    fn every_card_number_has_a_valid_check_digit() {
        for customer in CUSTOMERS {
            let sum: u32 = customer
                .card_number
                .chars()
                .rev()
                .filter_map(|c| c.to_digit(10))
                .enumerate()
                .map(|(place, digit)| match place % 2 {
                    0 => digit,
                    _ => digit * 2 / 10 + digit * 2 % 10,
                })
                .sum();
            assert_eq!(sum % 10, 0, "{}", customer.card_number);
        }
    }

    #[test]
    fn only_known_customers_are_found() {
        assert!(find(1).is_some());
        assert!(find(9).is_none());
        assert_eq!(lines().len(), CUSTOMERS.len());
    }
}
