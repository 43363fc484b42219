//! `Link` (RFC 8288, section 3) and `Refresh`: fields with references in them.

/// A `Link` field with other targets: what stands between `<` and `>` outside of quotes. Nothing
/// where none changes.
pub(super) fn link(field: &str, change: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::with_capacity(field.len() + 32);
    let mut changed = false;
    let mut rest = field;
    while let Some(at) = rest.find(['<', '"']) {
        let (before, tail) = rest.split_at(at + 1);
        out.push_str(before);
        if before.ends_with('<') {
            let Some((target, after)) = tail.split_once('>') else {
                rest = tail;
                break;
            };
            let new = change(target);
            changed |= new.is_some();
            out.push_str(new.as_deref().unwrap_or(target));
            out.push('>');
            rest = after;
        } else {
            let (quoted, after) = tail.split_at(quoted(tail));
            out.push_str(quoted);
            rest = after;
        }
    }
    out.push_str(rest);
    changed.then_some(out)
}

/// The length of what is left of a quoted string, with its last quote.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The parts of a `Refresh` field, as browsers read it: what stands before the address, the
/// address, what stands after. Nothing where it has no address.
pub(super) fn refresh(field: &str) -> Option<(&str, &str, &str)> {
    let time = |c: char| c.is_ascii_whitespace() || c.is_ascii_digit() || c == '.';
    let rest = field.trim_start_matches(time);
    let rest = rest.strip_prefix([';', ',']).unwrap_or(rest).trim_start();
    let word = rest
        .get(..3)
        .filter(|word| word.eq_ignore_ascii_case("url"));
    let address = word
        .and_then(|word| rest.strip_prefix(word))
        .and_then(|rest| rest.trim_start().strip_prefix('='))
        .map_or(rest, str::trim_start);
    let quote = address.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (address, after) = match quote {
        None => (address.trim_end(), ""),
        Some(quote) => {
            let inner = address.strip_prefix(quote)?;
            let end = inner.find(quote).unwrap_or(inner.len());
            inner.split_at(end)
        }
    };
    let from = field.len() - after.len() - address.len();
    let trailing = field.len() - field.trim_end().len();
    let from = if quote.is_none() {
        from - trailing
    } else {
        from
    };
    (!address.is_empty()).then_some(())?;
    Some((field.get(..from)?, address, after))
}
