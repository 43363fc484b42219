//! Values that may be one word or several.

use schemars::JsonSchema;
use serde::Deserialize;

/// One word that says all, or a list of names.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub(in crate::config) enum OneOrMany {
    /// `"anywhere"`, `"everything"`
    One(String),
    /// `["github-hooks"]`
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> serde::de::Visitor<'de> for Words {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of strings, or the one word that stands for all")
            }

            fn visit_str<E>(self, word: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(word.to_owned()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<OneOrMany, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(OneOrMany::Many(words))
            }
        }
        deserializer.deserialize_any(Words)
    }
}
