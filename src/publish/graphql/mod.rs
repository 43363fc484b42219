//! What a GraphQL request asks for, read before it is let through: the operation that would run,
//! and its fields with fragments spread and variables filled in. Whether that is allowed, and to
//! which repositories, is said elsewhere.
//!
//! The server behind the gate reads the same bytes with another parser, so whatever two parsers
//! might read differently is refused here rather than interpreted.

mod document;
mod post;
mod refusal;
mod token;

pub use post::{LONGEST_BODY, admit, read};
pub use refusal::Refusal;

/// The operation that a request would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Whether it reads or writes.
    pub kind: Kind,
    /// Its name in the document, for the audit record.
    pub name: Option<Box<str>>,
    /// Its top-level fields, through all fragments. A field under `@skip` or `@include` counts as
    /// asked for.
    pub fields: Vec<Field>,
}

/// Whether an operation reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `query`, written or not.
    Query,
    /// `mutation`.
    Mutation,
}

impl Kind {
    /// The word in documents, rules and audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
        }
    }
}

/// A field that is asked for, under its own name: an alias hides nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field's name in the schema.
    pub name: Box<str>,
    /// Its arguments, variables filled in.
    pub arguments: Vec<(Box<str>, Argument)>,
    /// What is asked for below it, type conditions left out: each counts as met. None: a scalar.
    pub fields: Vec<Self>,
}

impl Field {
    /// The argument of that name; [`Argument::Absent`] where it is not given.
    #[must_use]
    pub fn argument(&self, name: &str) -> &Argument {
        self.arguments
            .iter()
            .find(|(given, _)| &**given == name)
            .map_or(&Argument::Absent, |(_, value)| value)
    }

    /// Whether it asks for a value and for nothing below it.
    #[must_use]
    pub const fn is_leaf(&self) -> bool {
        self.fields.is_empty()
    }
}

/// The value of an argument, as far as a decision can need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// Not given, or `null`.
    Absent,
    /// A string.
    Text(Box<str>),
    /// `true` or `false`.
    Flag(bool),
    /// A list.
    List(Vec<Self>),
    /// Anything else: numbers, enums, objects, texts longer than any name, undeclared variables.
    Other,
}

impl Argument {
    /// The text, where it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Flag(_) | Self::List(_) | Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests;
