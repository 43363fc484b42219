//! The document: which operation would run, and what it asks for with fragments spread and
//! variables filled in.

use super::{Argument, Field, Kind, Operation, Refusal, token};
use graphql_parser::query::{
    self, Definition, OperationDefinition, Selection, SelectionSet, Value, VariableDefinition,
};
use serde_json::Map;
use std::collections::{HashMap, HashSet};

type Text<'a> = &'a str;

/// How many fields, spreads and argument items may be visited. Fragments that spread each other
/// grow a short document without end; this is ten times what a large honest one needs.
const MOST_VISITS: usize = 50_000;

/// How deep fields may lie below each other once fragments are spread.
const DEEPEST: usize = 100;

/// The longest text that is kept of an argument; names, logins and ids are all shorter.
const LONGEST_TEXT: usize = 256;

/// How much of an operation's name is kept: it is for people who read audit records.
const LONGEST_NAME: usize = 100;

/// The variables that came with a request, as far as a decision can need them.
pub(super) struct Variables(HashMap<String, Argument>);

impl Variables {
    pub(super) fn new(given: Map<String, serde_json::Value>) -> Self {
        let given = given.into_iter();
        Self(given.map(|(name, value)| (name, value.into())).collect())
    }
}

impl From<serde_json::Value> for Argument {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Absent,
            serde_json::Value::Bool(flag) => Self::Flag(flag),
            serde_json::Value::String(text) => brief(&text),
            serde_json::Value::Array(items) => {
                Self::List(items.into_iter().map(Into::into).collect())
            }
            serde_json::Value::Number(_) | serde_json::Value::Object(_) => Self::Other,
        }
    }
}

/// Reads a document and says what would run when the request names `selected`.
pub(super) fn read(
    text: &str,
    selected: Option<&str>,
    given: &Variables,
) -> Result<Operation, Refusal> {
    token::admit(text)?;
    let document = query::parse_query::<Text<'_>>(text).or(Err(Refusal::Unparsable))?;
    let mut parts = Vec::new();
    let mut fragments = HashMap::new();
    for definition in &document.definitions {
        match definition {
            Definition::Operation(operation) => parts.push(Part::new(operation)),
            Definition::Fragment(fragment) => {
                if fragments
                    .insert(fragment.name, &fragment.selection_set)
                    .is_some()
                {
                    return Err(Refusal::Ambiguous);
                }
            }
        }
    }
    let part = select(&parts, selected)?;
    let kind = part.kind.ok_or(Refusal::Subscription)?;
    let mut declared = HashMap::new();
    for variable in part.variables {
        if declared.insert(variable.name, variable).is_some() {
            return Err(Refusal::Ambiguous);
        }
    }
    let mut spread = Spread {
        fragments,
        declared,
        given,
        inside: Vec::new(),
        left: MOST_VISITS,
    };
    let mut fields = Vec::new();
    spread.visit(part.fields, 0, &mut fields)?;
    Ok(Operation {
        kind,
        name: part
            .name
            .map(|name| name.get(..LONGEST_NAME).unwrap_or(name).into()),
        fields,
    })
}

/// The operation that would run. Operations are told apart by name, so each has one of its own.
fn select<'d, 'a>(
    parts: &'d [Part<'d, 'a>],
    selected: Option<&str>,
) -> Result<&'d Part<'d, 'a>, Refusal> {
    let mut names = HashSet::new();
    let told_apart = parts
        .iter()
        .all(|part| part.name.is_some_and(|name| names.insert(name)));
    match (parts, selected) {
        ([], _) => Err(Refusal::Unparsable),
        ([only], None) => Ok(only),
        (several, Some(name)) if several.len() == 1 || told_apart => several
            .iter()
            .find(|part| part.name == Some(name))
            .ok_or(Refusal::Ambiguous),
        ([_, ..], _) => Err(Refusal::Ambiguous),
    }
}

/// One operation of a document.
struct Part<'d, 'a> {
    /// None: a subscription.
    kind: Option<Kind>,
    name: Option<&'a str>,
    variables: &'d [VariableDefinition<'a, Text<'a>>],
    fields: &'d SelectionSet<'a, Text<'a>>,
}

impl<'d, 'a> Part<'d, 'a> {
    fn new(operation: &'d OperationDefinition<'a, Text<'a>>) -> Self {
        match operation {
            OperationDefinition::SelectionSet(fields) => Self {
                kind: Some(Kind::Query),
                name: None,
                variables: &[],
                fields,
            },
            OperationDefinition::Query(query) => Self {
                kind: Some(Kind::Query),
                name: query.name,
                variables: &query.variable_definitions,
                fields: &query.selection_set,
            },
            OperationDefinition::Mutation(mutation) => Self {
                kind: Some(Kind::Mutation),
                name: mutation.name,
                variables: &mutation.variable_definitions,
                fields: &mutation.selection_set,
            },
            OperationDefinition::Subscription(subscription) => Self {
                kind: None,
                name: subscription.name,
                variables: &subscription.variable_definitions,
                fields: &subscription.selection_set,
            },
        }
    }
}

/// A walk over an operation that spreads its fragments.
struct Spread<'d, 'a> {
    fragments: HashMap<&'a str, &'d SelectionSet<'a, Text<'a>>>,
    declared: HashMap<&'a str, &'d VariableDefinition<'a, Text<'a>>>,
    given: &'d Variables,
    /// The fragments that the walk stands in.
    inside: Vec<&'a str>,
    left: usize,
}

impl<'d, 'a> Spread<'d, 'a> {
    fn visit(
        &mut self,
        set: &'d SelectionSet<'a, Text<'a>>,
        depth: usize,
        fields: &mut Vec<Field>,
    ) -> Result<(), Refusal> {
        if depth > DEEPEST {
            return Err(Refusal::TooDeep);
        }
        for selection in &set.items {
            self.spend()?;
            match selection {
                Selection::Field(field) => {
                    let arguments = self.arguments(&field.arguments)?;
                    let mut below = Vec::new();
                    self.visit(&field.selection_set, depth + 1, &mut below)?;
                    fields.push(Field {
                        name: field.name.into(),
                        arguments,
                        fields: below,
                    });
                }
                Selection::InlineFragment(inline) => {
                    self.visit(&inline.selection_set, depth + 1, fields)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name;
                    let set = *self.fragments.get(name).ok_or(Refusal::Fragment)?;
                    if self.inside.contains(&name) {
                        return Err(Refusal::Fragment);
                    }
                    self.inside.push(name);
                    self.visit(set, depth + 1, fields)?;
                    self.inside.pop();
                }
            }
        }
        Ok(())
    }

    fn arguments(
        &mut self,
        given: &'d [(&'a str, Value<'a, Text<'a>>)],
    ) -> Result<Vec<(Box<str>, Argument)>, Refusal> {
        let mut arguments = Vec::with_capacity(given.len());
        let mut names = HashSet::with_capacity(given.len());
        for (name, value) in given {
            if !names.insert(*name) {
                return Err(Refusal::Ambiguous);
            }
            arguments.push(((*name).into(), self.value(value)?));
        }
        Ok(arguments)
    }

    fn value(&mut self, value: &'d Value<'a, Text<'a>>) -> Result<Argument, Refusal> {
        self.spend()?;
        Ok(match value {
            Value::Variable(name) => match (self.declared.get(name), self.given.0.get(*name)) {
                (Some(_), Some(given)) => {
                    self.left = self
                        .left
                        .checked_sub(weight(given))
                        .ok_or(Refusal::TooLarge)?;
                    given.clone()
                }
                // A default holds no variables, so this ends.
                (Some(VariableDefinition { default_value, .. }), None) => {
                    match default_value.as_ref() {
                        Some(default) => self.value(default)?,
                        None => Argument::Absent,
                    }
                }
                (None, _) => Argument::Other,
            },
            Value::String(text) => brief(text),
            Value::Boolean(flag) => Argument::Flag(*flag),
            Value::Null => Argument::Absent,
            Value::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.push(self.value(item)?);
                }
                Argument::List(list)
            }
            Value::Int(_) | Value::Float(_) | Value::Enum(_) | Value::Object(_) => Argument::Other,
        })
    }

    fn spend(&mut self) -> Result<(), Refusal> {
        self.left = self.left.checked_sub(1).ok_or(Refusal::TooLarge)?;
        Ok(())
    }
}

fn brief(text: &str) -> Argument {
    if text.len() > LONGEST_TEXT {
        Argument::Other
    } else {
        Argument::Text(text.into())
    }
}

/// How many items copying a variable's value makes.
fn weight(value: &Argument) -> usize {
    match value {
        Argument::List(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Argument::Absent | Argument::Text(_) | Argument::Flag(_) | Argument::Other => 1,
    }
}
