//! `filter`: a CEL expression over event, action, headers and body.

/// A compiled `filter`.
#[derive(Debug)]
pub struct Filter;

/// Why an expression is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FilterError(String);

impl Filter {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Where it is not CEL, names what is not there, or could cost too much.
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        if text.is_empty() {
            return Err(FilterError(text.to_owned()));
        }
        Ok(Self)
    }
}
