//! Entity tags of rewritten bodies (RFC 9110, section 8.8.3): weak, and bound to the names that
//! the body was rewritten with, so that other names never get a 304.
//!
//! The service's `"abc"` is `W/"abc.hgs0123456789ab"` outside, its `W/"abc"` is
//! `W/"abc.hgw0123456789ab"`: letters, digits and dots, which every client gives back as they are.

/// The tag as it is told outside: nothing where it is no entity tag.
pub(super) fn mark(tag: &str, version: &str) -> Option<String> {
    let Tag { weak, opaque } = parse(tag.trim()).filter(|(_, rest)| rest.is_empty())?.0;
    let kind = if weak { 'w' } else { 's' };
    Some(format!("W/\"{opaque}.hg{kind}{version}\""))
}

/// What a client's list of tags means to the service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unmarked {
    /// The list for the service; empty where no tag is left.
    pub(super) list: String,
    /// Those of the list that were marked.
    pub(super) marked: Vec<String>,
    /// Whether a tag was left out.
    pub(super) cut: bool,
}

/// Which tags that bear no mark of these names are left in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strangers {
    /// All of them.
    Stay,
    /// Those with no mark at all.
    Plain,
    /// None.
    Go,
}

/// Takes the marks off. What is no list of tags is left as it is, where strangers stay.
pub(super) fn unmark(list: &str, version: &str, strangers: Strangers) -> Unmarked {
    let mut all = Unmarked {
        list: String::new(),
        marked: Vec::new(),
        cut: false,
    };
    if list.trim() == "*" {
        all.list.push('*');
        return all;
    }
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return all;
        }
        let Some((tag, after)) = parse(rest) else {
            if strangers == Strangers::Go {
                all.cut = true;
            } else {
                all.add(rest);
            }
            return all;
        };
        let text = rest.get(..rest.len() - after.len()).unwrap_or_default();
        rest = after;
        match (tag.bare(), strangers) {
            (Some((bare, of)), _) if of == version => {
                all.add(&bare);
                all.marked.push(bare);
            }
            (_, Strangers::Stay) | (None, Strangers::Plain) => all.add(text),
            (Some(_), Strangers::Plain) | (_, Strangers::Go) => all.cut = true,
        }
    }
}

impl Unmarked {
    fn add(&mut self, tag: &str) {
        if !self.list.is_empty() {
            self.list.push_str(", ");
        }
        self.list.push_str(tag);
    }
}

struct Tag<'t> {
    weak: bool,
    opaque: &'t str,
}

impl<'t> Tag<'t> {
    /// The service's own tag and the version of the names, where this one is marked.
    fn bare(&self) -> Option<(String, &'t str)> {
        let (opaque, mark) = self.opaque.rsplit_once(".hg")?;
        let (weak, version) = match mark.strip_prefix('w') {
            Some(version) => ("W/", version),
            None => ("", mark.strip_prefix('s')?),
        };
        let hex = version.bytes().all(|byte| byte.is_ascii_hexdigit());
        (hex && version.len() == 12).then(|| (format!("{weak}\"{opaque}\""), version))
    }
}

/// The entity tag that a text begins with, and what follows it.
fn parse(text: &str) -> Option<(Tag<'_>, &str)> {
    let (weak, quoted) = match text.strip_prefix("W/") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (opaque, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    let fits = opaque.bytes().all(|byte| byte == 0x21 || byte > 0x22) && !opaque.contains('\x7f');
    fits.then_some((Tag { weak, opaque }, rest))
}
