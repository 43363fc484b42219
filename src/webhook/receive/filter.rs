//! `filter`: a CEL expression over `event`, `action`, `headers` and `body`.
//!
//! What it may cost is bounded when it is compiled: its length, its parts, and no loop inside a
//! loop, so that a run is at worst linear in the payload.

use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr};
use cel::{Context, Program, Value};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The longest expression, in bytes.
const LONGEST: usize = 4096;
/// The most parts an expression may have.
const MOST_PARTS: usize = 1000;
/// The variables an expression may name.
const VARIABLES: [&str; 4] = ["event", "action", "headers", "body"];
/// The functions an expression may call, besides operators and macros.
const FUNCTIONS: [&str; 11] = [
    "bool",
    "bytes",
    "contains",
    "double",
    "endsWith",
    "int",
    "matches",
    "size",
    "startsWith",
    "string",
    "uint",
];

/// A compiled `filter`.
#[derive(Debug)]
pub struct Filter {
    program: Program,
    reads_body: bool,
    reads_headers: bool,
}

/// Why an expression is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is not CEL.
    #[error("not a CEL expression: {0}")]
    Syntax(String),
    /// It names a variable that is not there.
    #[error("`{0}` is not known here; there are `event`, `action`, `headers` and `body`")]
    Unknown(String),
    /// It names a function that is not there.
    #[error(
        "there is no function `{0}`; there are bool, bytes, contains, double, endsWith, int, \
         matches, size, startsWith, string, uint, and the macros has, all, exists, exists_one, \
         map, filter"
    )]
    NoFunction(String),
    /// A run could cost too much.
    #[error("{0}")]
    Costly(&'static str),
}

/// Why a run gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// It failed on this payload, most often for want of a member.
    #[error("{0}")]
    Failed(String),
    /// It gave something other than true or false.
    #[error("the filter gave something other than true or false")]
    NotBool,
}

/// What a filter judges.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// `X-GitHub-Event`.
    pub event: &'a str,
    /// The payload's action, empty in CEL where there is none.
    pub action: Option<&'a str>,
    /// The headers that are passed on.
    pub headers: &'a [crate::spool::Header],
    /// The payload, well-formed JSON.
    pub body: &'a [u8],
}

impl Filter {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Where it is not CEL, names what is not there, or could cost too much.
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        if text.len() > LONGEST {
            return Err(FilterError::Costly("longer than 4096 bytes"));
        }
        let program = catch_unwind(|| Program::compile(text))
            .unwrap_or_else(|_| Err(no_parse()))
            .map_err(|fault| FilterError::Syntax(one_line(&fault.to_string())))?;
        let mut walk = Walk::default();
        walk.visit(program.expression(), &[], false)?;
        let references = program.references();
        Ok(Self {
            reads_body: references.has_variable("body"),
            reads_headers: references.has_variable("headers"),
            program,
        })
    }

    /// Whether a run reads the body, and so is as costly as the payload is long.
    #[must_use]
    pub const fn reads_body(&self) -> bool {
        self.reads_body
    }

    /// Judges a payload.
    ///
    /// # Errors
    /// Where the expression fails on it, or gives no truth value.
    pub fn matches(&self, subject: Subject<'_>) -> Result<bool, RunError> {
        let mut context = Context::default();
        context.add_variable_from_value("event", subject.event.to_owned());
        context.add_variable_from_value("action", subject.action.unwrap_or_default().to_owned());
        if self.reads_headers {
            let headers: HashMap<String, Value> = subject
                .headers
                .iter()
                .map(|header| {
                    let value = String::from_utf8_lossy(&header.value).into_owned();
                    (header.name.to_string(), Value::from(value))
                })
                .collect();
            context.add_variable_from_value("headers", headers);
        }
        if self.reads_body {
            let body = serde_json::from_slice(subject.body)
                .map_err(|fault| RunError::Failed(fault.to_string()))?;
            context.add_variable_from_value("body", value(body));
        }
        // The interpreter is not ours: a fault in it must stay one payload's.
        match catch_unwind(AssertUnwindSafe(|| self.program.execute(&context))) {
            Ok(Ok(Value::Bool(verdict))) => Ok(verdict),
            Ok(Ok(_)) => Err(RunError::NotBool),
            Ok(Err(fault)) => Err(RunError::Failed(one_line(&fault.to_string()))),
            Err(_) => Err(RunError::Failed("the interpreter failed".to_owned())),
        }
    }
}

fn no_parse() -> cel::ParseErrors {
    cel::ParseErrors { errors: Vec::new() }
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .take(40)
        .collect::<Vec<_>>()
        .join(" ")
}

/// JSON as CEL values: whole numbers become `int` where they fit, so that they compare with the
/// numbers people write.
fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(truth),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(whole)) => Value::UInt(whole),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::String(Arc::new(text)),
        serde_json::Value::Array(items) => {
            Value::List(Arc::new(items.into_iter().map(value).collect()))
        }
        serde_json::Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, value(member)))
            .collect::<HashMap<String, Value>>()
            .into(),
    }
}

#[derive(Default)]
struct Walk {
    parts: usize,
}

impl Walk {
    /// Visits a part: `bound` are the variables of the loops around it.
    fn visit(&mut self, part: &IdedExpr, bound: &[&str], in_loop: bool) -> Result<(), FilterError> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(FilterError::Costly("has more than 1000 parts"));
        }
        match &part.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => {
                let name = name.as_str();
                if VARIABLES.contains(&name) || bound.contains(&name) || name.starts_with('@') {
                    Ok(())
                } else {
                    Err(FilterError::Unknown(name.to_owned()))
                }
            }
            Expr::Call(call) => {
                let name = call.func_name.as_str();
                if name.starts_with(|first: char| first.is_ascii_alphabetic())
                    && !FUNCTIONS.contains(&name)
                {
                    return Err(FilterError::NoFunction(name.to_owned()));
                }
                if name == "matches" {
                    let literal = |part: &IdedExpr| matches!(part.expr, Expr::Literal(_));
                    if in_loop || !call.args.last().is_some_and(literal) {
                        return Err(FilterError::Costly(
                            "`matches` takes a pattern written out, and not inside a loop, since \
                             a pattern is compiled each time",
                        ));
                    }
                }
                for part in call.target.iter().map(|target| &**target).chain(&call.args) {
                    self.visit(part, bound, in_loop)?;
                }
                Ok(())
            }
            Expr::List(list) => {
                for part in &list.elements {
                    self.visit(part, bound, in_loop)?;
                }
                Ok(())
            }
            Expr::Select(select) => self.visit(&select.operand, bound, in_loop),
            Expr::Map(map) => self.entries(&map.entries, bound, in_loop),
            Expr::Struct(object) => self.entries(&object.entries, bound, in_loop),
            Expr::Comprehension(each) => {
                if in_loop {
                    return Err(FilterError::Costly(
                        "has a loop (`all`, `exists`, `map`, `filter`) inside another, which \
                         could take as long as the square of the payload's length",
                    ));
                }
                self.visit(&each.iter_range, bound, in_loop)?;
                self.visit(&each.accu_init, bound, in_loop)?;
                let mut bound = bound.to_vec();
                bound.extend([each.iter_var.as_str(), each.accu_var.as_str()]);
                bound.extend(each.iter_var2.as_deref());
                self.visit(&each.loop_cond, &bound, true)?;
                self.visit(&each.loop_step, &bound, true)?;
                self.visit(&each.result, &bound, true)
            }
        }
    }

    fn entries(
        &mut self,
        entries: &[IdedEntryExpr],
        bound: &[&str],
        in_loop: bool,
    ) -> Result<(), FilterError> {
        for entry in entries {
            match &entry.expr {
                EntryExpr::StructField(field) => self.visit(&field.value, bound, in_loop)?,
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key, bound, in_loop)?;
                    self.visit(&entry.value, bound, in_loop)?;
                }
            }
        }
        Ok(())
    }
}
