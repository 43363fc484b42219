//! Lists that come in pages.

use http::HeaderMap;

/// Where the next page begins. Opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins, where there is one.
    pub next: Option<Cursor>,
}

impl Cursor {
    /// The cursor as a query's value.
    pub(super) fn encoded(&self) -> String {
        form_urlencoded::byte_serialize(self.0.as_bytes()).collect()
    }
}

/// The value of `key` in the address of `rel="next"`. Only that is taken from it: a server that
/// stands behind another name writes addresses that are not ours to follow.
pub(super) fn next(headers: &HeaderMap, key: &str) -> Option<Cursor> {
    let links = headers.get_all(http::header::LINK).iter();
    let links = links.filter_map(|value| value.to_str().ok());
    let next = links.flat_map(|value| value.split(',')).find(|link| {
        let mut parts = link.split(';').skip(1);
        parts.any(|part| part.trim().eq_ignore_ascii_case("rel=\"next\""))
    })?;
    let (_, rest) = next.split_once('<')?;
    let (address, _) = rest.split_once('>')?;
    let (_, query) = address.split_once('?')?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, value)| name == key && !value.is_empty() && value.len() <= LONGEST)
        .map(|(_, value)| Cursor(value.into_owned()))
}

const LONGEST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(link: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(http::header::LINK, link.parse().unwrap())]);
        next(&headers, "page").map(|cursor| cursor.0)
    }

    #[test]
    fn the_next_page_is_taken_from_the_link_and_nothing_else_is() {
        let table = [
            (
                r#"<https://x/a?per_page=100&page=2>; rel="next", <https://x/a?page=9>; rel="last""#,
                Some("2"),
            ),
            (
                r#"<https://x/a?page=1>; rel="prev", <https://evil/?page=3>; rel="next""#,
                Some("3"),
            ),
            (r#"<https://x/a?page=1>; rel="first""#, None),
            (r#"<https://x/a?page=>; rel="next""#, None),
            (r#"<https://x/a>; rel="next""#, None),
            ("nonsense", None),
        ];
        for (link, expected) in table {
            assert_eq!(of(link).as_deref(), expected, "{link}");
        }
    }
}
