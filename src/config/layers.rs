//! The layers of a configuration: the file, what is in `conf.d` beside it, the environment; later
//! ones override keys of tables and append to lists. Reads files and says nothing of their values.

use super::document;
use super::environment::Environment;
use super::file::File;
use super::key::{Key, Origin};
use super::mistake::Mistake;
use super::mistakes::Mistakes;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest file read: a configuration with a thousand webhooks is under 1 MiB.
const LARGEST_FILE: u64 = 4 << 20;

/// What each layer says, lowest first. There is at least one.
#[derive(Debug)]
pub(super) struct Layers {
    all: Vec<(Arc<Origin>, File)>,
}

impl Layers {
    /// Reads `path`, `conf.d/*.toml` beside it, and the environment.
    pub(super) fn read(
        path: &Path,
        environment: &Environment,
        mistakes: &mut Mistakes,
    ) -> Result<Self, ()> {
        let directory = std::path::absolute(path)
            .ok()
            .and_then(|path| path.parent().map(Path::to_owned))
            .unwrap_or_default();
        let mut all = Vec::new();
        let mut whole = true;
        for file in std::iter::once(path.to_owned()).chain(beside(path, &directory, mistakes)) {
            let label = file.display().to_string();
            mistakes.turn_to(&label);
            let read = match read_text(&file) {
                Ok(text) => {
                    let directory = if file == path {
                        directory.clone()
                    } else {
                        directory.join("conf.d")
                    };
                    document::parse(&label, &directory, &text, mistakes)
                }
                Err(why) => {
                    mistakes.add(about_file(&label, why));
                    None
                }
            };
            whole &= read.is_some();
            all.extend(read);
        }
        let (origin, table) = environment.settings(mistakes);
        let settings = document::fit(table, &origin, mistakes);
        all.push((origin, settings));
        // What stands in a file that could not be read is missing everywhere else: to go on would
        // only add consequences.
        if whole { Ok(Self { all }) } else { Err(()) }
    }

    /// One text alone.
    pub(super) fn of_text(
        text: &str,
        directory: &Path,
        mistakes: &mut Mistakes,
    ) -> Result<Self, ()> {
        match document::parse("configuration", directory, text, mistakes) {
            Some(layer) => Ok(Self { all: vec![layer] }),
            None => Err(()),
        }
    }

    /// The first file as a whole.
    pub(super) fn root(&self) -> Key {
        match self.all.first() {
            Some((origin, _)) => Key::root(origin),
            None => Key::root(&Arc::default()),
        }
    }

    /// The elements of the list `name` of every layer, in order.
    pub(super) fn list<'a, T: 'a>(
        &'a self,
        name: &'a str,
        field: impl Fn(&'a File) -> &'a Option<Vec<T>> + 'a,
    ) -> impl Iterator<Item = (Key, &'a T)> {
        self.all.iter().flat_map(move |(origin, file)| {
            let key = Key::root(origin).child(name);
            field(file)
                .iter()
                .flatten()
                .enumerate()
                .map(move |(index, element)| (key.item(index), element))
        })
    }

    /// The table `name` as the layers say it.
    pub(super) fn table<'a, S>(
        &'a self,
        name: &str,
        field: impl Fn(&File) -> &Option<S>,
    ) -> Section<'a, S> {
        let said = self
            .all
            .iter()
            .filter_map(|(origin, file)| {
                Some((Key::root(origin).child(name), field(file).as_ref()?))
            })
            .collect();
        Section {
            absent: self.root().child(name),
            said,
        }
    }
}

/// A table that several layers may say something in.
#[derive(Debug)]
pub(super) struct Section<'a, S> {
    said: Vec<(Key, &'a S)>,
    absent: Key,
}

impl<'a, S> Section<'a, S> {
    /// What the highest layer that names the key says, and where it does.
    pub(super) fn key<T>(
        &self,
        name: &str,
        field: impl Fn(&'a S) -> &'a Option<T>,
    ) -> (Key, Option<&'a T>) {
        self.said
            .iter()
            .rev()
            .find_map(|(key, table)| Some((key.child(name), Some(field(table).as_ref()?))))
            .unwrap_or_else(|| (self.absent.child(name), None))
    }
}

/// The regular files `*.toml` of `conf.d`, by name. Hidden ones are editors' leavings.
fn beside(path: &Path, directory: &Path, mistakes: &mut Mistakes) -> Vec<PathBuf> {
    let listed = path.parent().unwrap_or(Path::new("")).join("conf.d");
    let mut unlisted = |why: io::Error| {
        let label = listed.display().to_string();
        mistakes.add(about_file(
            &label,
            format!("cannot list the directory: {why}"),
        ));
    };
    let entries = match fs::read_dir(directory.join("conf.d")) {
        Ok(entries) => entries,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(why) => {
            unlisted(why);
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        let name = match entry {
            Ok(entry) => entry.file_name(),
            Err(why) => {
                unlisted(why);
                continue;
            }
        };
        let file = listed.join(&name);
        let is_named = file
            .extension()
            .is_some_and(|extension| extension == "toml")
            && !name.as_encoded_bytes().starts_with(b".");
        // A link that leads nowhere stays in the list, so that reading it says so.
        if is_named && fs::metadata(&file).map_or(true, |about| about.is_file()) {
            files.push(file);
        }
    }
    files.sort();
    files
}

fn read_text(path: &Path) -> Result<String, String> {
    let refused = |why: io::Error| {
        if why.kind() == io::ErrorKind::NotFound {
            "no such file".to_owned()
        } else {
            format!("cannot read it: {why}")
        }
    };
    let about = fs::metadata(path).map_err(refused)?;
    if about.is_dir() {
        return Err("is a directory, expected a TOML file".to_owned());
    }
    if !about.is_file() {
        return Err("is not a regular file, expected a TOML file".to_owned());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(refused)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err("is larger than 4 MiB, expected a configuration".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        format!("is not UTF-8: byte {offset} begins no character")
    })
}

fn about_file(label: &str, text: String) -> Mistake {
    Mistake {
        file: label.to_owned(),
        line: None,
        key: String::new(),
        text,
    }
}
