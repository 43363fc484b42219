//! What is to be changed in a head. Edits rather than a changed head: the gate's own heads keep
//! the case of field names, and only they can change themselves.

use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The field goes, with all its lines.
    Remove(HeaderName),
    /// The field has this one line.
    Set(HeaderName, HeaderValue),
    /// The field has this line more.
    Append(HeaderName, HeaderValue),
}

/// The changes of one head, to be made in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits(Vec<Edit>);

impl Edits {
    /// Makes the changes in a plain map.
    pub fn apply(&self, head: &mut HeaderMap) {
        for edit in &self.0 {
            match edit {
                Edit::Remove(name) => {
                    if let Entry::Occupied(field) = head.entry(name) {
                        field.remove_entry_mult();
                    }
                }
                Edit::Set(name, value) => {
                    head.insert(name, value.clone());
                }
                Edit::Append(name, value) => {
                    head.append(name, value.clone());
                }
            }
        }
    }

    /// The changes.
    pub fn iter(&self) -> std::slice::Iter<'_, Edit> {
        self.0.iter()
    }

    pub(super) fn remove(&mut self, name: HeaderName) {
        self.0.push(Edit::Remove(name));
    }

    pub(super) fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push(Edit::Set(name, value));
    }

    /// Gives a field these lines and no others.
    pub(super) fn lines(&mut self, name: &HeaderName, lines: Vec<HeaderValue>) {
        let mut lines = lines.into_iter();
        match lines.next() {
            None => self.remove(name.clone()),
            Some(first) => self.set(name.clone(), first),
        }
        self.0
            .extend(lines.map(|line| Edit::Append(name.clone(), line)));
    }
}

impl IntoIterator for Edits {
    type Item = Edit;
    type IntoIter = std::vec::IntoIter<Edit>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'e> IntoIterator for &'e Edits {
    type Item = &'e Edit;
    type IntoIter = std::slice::Iter<'e, Edit>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
