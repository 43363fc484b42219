//! What is made up from the description fits it.

use super::BOTH;
use crate::simulator::description::Description;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

#[test]
fn every_example_fits_its_schema() {
    for shape in BOTH {
        let Some(description) = Description::of(shape) else {
            return;
        };
        for template in description.templates() {
            for method in METHODS {
                let operation = description.operation(method, template);
                let Some(operation) = operation else { continue };
                let status = description.success(&operation).unwrap();
                let schema = description.answer(&operation, status).unwrap();
                if schema.is_null() {
                    continue;
                }
                let example = description.example_of(&schema).to_string();
                let faults = description.faults(method, template, status, example.as_bytes());
                assert!(faults.is_empty(), "{faults:#?}");
            }
        }
    }
}
