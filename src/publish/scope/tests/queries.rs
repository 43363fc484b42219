//! Tests of the limits on GraphQL.

use super::super::{Question, Refusal, Verdict};
use super::{directory, limit, name};
use crate::publish::graphql::{self, Operation};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(query: &str, variables: &Value) -> Operation {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let head = super::post("/api/graphql", "application/json");
    graphql::read(&head, body.as_bytes()).unwrap_or_else(|refusal| panic!("{query}: {refusal}"))
}

fn judged(patterns: &[&str], query: &str) -> Verdict {
    limit(patterns).judge_graphql(&read(query, &Value::Null), &directory())
}

const OUTSIDE: Verdict = Verdict::Outside(Refusal::Graphql);

/// `R_…` of `acme/web` (1), `other/secret` (2) and one that nothing is known of (3).
const IDS: [&str; 3] = ["R_kgAB", "R_kgAC", "R_kgAD"];

#[test]
fn top_level_fields_are_inside_or_the_request_is_not() {
    let moved = || Verdict::Unknown(Question::Current(name("acme/api")));
    let rows = [
        (
            "{ repository(owner: \"acme\", name: \"web\") { name } }",
            Verdict::Inside,
        ),
        (
            "{ repository(owner: \"ACME\", name: \"Web\") { name } }",
            Verdict::Inside,
        ),
        (
            "{ repository(owner: \"acme\", name: \"api\") { name } }",
            moved(),
        ),
        (
            "{ repository(owner: \"acme\", name: \"api\", followRenames: true) { name } }",
            moved(),
        ),
        (
            "{ repository(owner: \"acme\", name: \"api\", followRenames: false) { name } }",
            Verdict::Inside,
        ),
        (
            "{ repository(owner: \"other\", name: \"web\") { name } }",
            OUTSIDE,
        ),
        (
            "{ repository(owner: \"acme/web\", name: \"x\") { name } }",
            OUTSIDE,
        ),
        (
            "{ repository(owner: \"acme\", name: \"../other\") { name } }",
            OUTSIDE,
        ),
        (
            "{ repository(owner: \" acme\", name: \"web\") { name } }",
            OUTSIDE,
        ),
        ("{ repository(owner: \"acme\") { name } }", OUTSIDE),
        (
            "{ repository(owner: \"acme\", name: null) { name } }",
            OUTSIDE,
        ),
        (
            "{ repository(owner: acme, name: \"web\") { name } }",
            OUTSIDE,
        ),
        (
            "{ repository(owner: [\"acme\"], name: \"web\") { name } }",
            OUTSIDE,
        ),
        (
            "query($o: String!) { repository(owner: $o, name: \"web\") { name } }",
            OUTSIDE,
        ),
        (
            "query($o: String = \"acme\") { repository(owner: $o, name: \"web\") { name } }",
            Verdict::Inside,
        ),
        (
            "query($o: String = \"other\") { repository(owner: $o, name: \"web\") { name } }",
            OUTSIDE,
        ),
        (
            "{ a: repository(owner: \"acme\", name: \"web\") { name } \
               b: repository(owner: \"other\", name: \"web\") { name } }",
            OUTSIDE,
        ),
        (
            "{ repository(owner: \"other\", name: \"web\") @skip(if: true) { name } rateLimit { cost } }",
            OUTSIDE,
        ),
        (
            "{ ...f } fragment f on Query { repository(owner: \"other\", name: \"x\") { name } }",
            OUTSIDE,
        ),
        (
            "{ viewer: repository(owner: \"other\", name: \"x\") { name } }",
            OUTSIDE,
        ),
        // A refusal before a question.
        (
            "{ a: repository(owner: \"acme\", name: \"api\") { name } search(query: \"x\") { n } }",
            OUTSIDE,
        ),
    ];
    for (query, expected) in rows {
        assert_eq!(judged(&["acme/*"], query), expected, "{query}");
    }
}

#[test]
fn a_field_that_names_no_repository_is_known_to_show_none_or_refused() {
    let rows = [
        (
            "{ __typename rateLimit { cost remaining resetAt } }",
            Verdict::Inside,
        ),
        (
            "{ __schema { types { name fields { name } } } }",
            Verdict::Inside,
        ),
        (
            "{ __type(name: \"Repository\") { fields { name type { name } } } }",
            Verdict::Inside,
        ),
        ("{ viewer { login id email avatarUrl } }", Verdict::Inside),
        (
            "{ viewer { organizations(first: 9) { nodes { login } } } }",
            Verdict::Inside,
        ),
        (
            "{ viewer { repositories(first: 9) { totalCount } } }",
            OUTSIDE,
        ),
        (
            "{ viewer { ... on User { issues { nodes { title } } } } }",
            OUTSIDE,
        ),
        (
            "{ viewer { organizations { nodes { repositories { totalCount } } } } }",
            OUTSIDE,
        ),
        ("{ viewer { repository(name: \"web\") { name } } }", OUTSIDE),
        (
            "{ search(query: \"repo:acme/web x\", type: ISSUE) { issueCount } }",
            OUTSIDE,
        ),
        (
            "{ resource(url: \"https://ghe.example.com/acme/web\") { url } }",
            OUTSIDE,
        ),
        (
            "{ relay { repository(owner: \"acme\", name: \"web\") { name } } }",
            OUTSIDE,
        ),
        (
            "{ topic(name: \"x\") { repositories { totalCount } } }",
            OUTSIDE,
        ),
        ("{ enterprise(slug: \"x\") { name } }", OUTSIDE),
        ("{ somethingNew { name } }", OUTSIDE),
        (
            "mutation { addStar(input: {starrableId: \"R_kgAB\"}) { clientMutationId } }",
            OUTSIDE,
        ),
    ];
    for (query, expected) in rows {
        assert_eq!(judged(&["acme/*"], query), expected, "{query}");
    }
}

#[test]
fn a_node_is_a_repository_that_is_inside() {
    let unknown = || Verdict::Unknown(Question::Repository(3));
    let rows = [
        (
            "{ node(id: \"R_kgAB\") { ... on Repository { name } } }",
            Verdict::Inside,
        ),
        (
            "{ node(id: \"MDEwOlJlcG9zaXRvcnkx\") { id } }",
            Verdict::Inside,
        ),
        ("{ node(id: \"R_kgAC\") { id } }", OUTSIDE),
        ("{ node(id: \"R_kgAD\") { id } }", unknown()),
        ("{ node(id: \"I_kwDOABPHrc4AAQ\") { id } }", OUTSIDE),
        ("{ node(id: \"MDQ6VXNlcjE=\") { id } }", OUTSIDE),
        ("{ node(id: 1) { id } }", OUTSIDE),
        ("{ node { id } }", OUTSIDE),
        (
            "{ nodes(ids: [\"R_kgAB\", \"MDEwOlJlcG9zaXRvcnkx\"]) { id } }",
            Verdict::Inside,
        ),
        ("{ nodes(ids: \"R_kgAB\") { id } }", Verdict::Inside),
        ("{ nodes(ids: [\"R_kgAB\", \"R_kgAC\"]) { id } }", OUTSIDE),
        ("{ nodes(ids: [\"R_kgAB\", \"R_kgAD\"]) { id } }", unknown()),
        ("{ nodes(ids: [\"R_kgAD\", \"R_kgAC\"]) { id } }", OUTSIDE),
        ("{ nodes(ids: []) { id } }", OUTSIDE),
        ("{ nodes { id } }", OUTSIDE),
    ];
    for (query, expected) in rows {
        assert_eq!(judged(&["acme/*"], query), expected, "{query}");
    }
}

#[test]
fn an_owners_repositories_are_shown_where_all_of_them_are_inside() {
    let wide = &["acme/*"][..];
    let narrow = &["acme/web"][..];
    let list = "{ organization(login: \"Acme\") { repositories(first: 9) { nodes { name issues { totalCount } } } } }";
    let one =
        "{ organization(login: \"acme\") { repository(name: \"web\") { issues { totalCount } } } }";
    let gone = "{ organization(login: \"acme\") { repository(name: \"api\") { name } } }";
    let profile = "{ organization(login: \"acme\") { name membersWithRole { nodes { login } } } }";
    let rows = [
        (wide, list, Verdict::Inside),
        (narrow, list, OUTSIDE),
        (wide, one, Verdict::Inside),
        (narrow, one, OUTSIDE),
        (
            wide,
            gone,
            Verdict::Unknown(Question::Current(name("acme/api"))),
        ),
        (wide, profile, Verdict::Inside),
        (narrow, profile, OUTSIDE),
        (
            narrow,
            "{ organization(login: \"acme\") { name } }",
            Verdict::Inside,
        ),
        (wide, "{ organization(login: \"other\") { name } }", OUTSIDE),
        (wide, "{ organization(login: null) { name } }", OUTSIDE),
        (wide, "{ organization { name } }", OUTSIDE),
        (wide, "{ user(login: \"other\") { login } }", OUTSIDE),
        (wide, "{ user(login: \"acme\") { login } }", Verdict::Inside),
        // A user's list holds what the user works on, too.
        (
            wide,
            "{ user(login: \"acme\") { repositories { totalCount } } }",
            OUTSIDE,
        ),
        (
            wide,
            "{ user(login: \"acme\") { repository(name: \"web\") { name } } }",
            Verdict::Inside,
        ),
        (
            wide,
            "{ user(login: \"acme\") { repository(name: null) { name } } }",
            OUTSIDE,
        ),
        (
            wide,
            "{ repositoryOwner(login: \"acme\") { repositories { totalCount } } }",
            OUTSIDE,
        ),
        (
            wide,
            "{ repositoryOwner(login: \"acme\") { login } }",
            Verdict::Inside,
        ),
        (
            wide,
            "{ organization(login: \"acme\") { membersWithRole { nodes { repositories { totalCount } } } } }",
            OUTSIDE,
        ),
        (
            wide,
            "{ organization(login: \"acme\") { team(slug: \"x\") { repositories { totalCount } } } }",
            OUTSIDE,
        ),
        (
            wide,
            "{ organization(login: \"acme\") { repositories { nodes { forks { totalCount } } } } }",
            OUTSIDE,
        ),
        (
            wide,
            "{ organization(login: \"acme\") { projectsV2 { totalCount } } }",
            OUTSIDE,
        ),
    ];
    for (patterns, query, expected) in rows {
        assert_eq!(judged(patterns, query), expected, "{patterns:?} {query}");
    }
}

#[test]
fn below_a_repository_nothing_leads_to_another() {
    let within = |below: &str| {
        let query = format!("{{ repository(owner: \"acme\", name: \"web\") {{ {below} }} }}");
        judged(&["acme/*"], &query)
    };
    for below in [
        "owner { login id avatarUrl url ... on User { name } }",
        "pullRequests(first: 9) { pageInfo { endCursor } edges { cursor node { title body \
         author { login avatarUrl ... on User { email } } baseRef { name target { oid } } \
         headRef { name } repository { nameWithOwner url owner { login } } \
         headRepository { nameWithOwner isFork owner { login } } mergeCommit { oid } \
         reviews(first: 5) { nodes { state author { login } } } \
         reviewRequests { nodes { requestedReviewer { ... on Team { slug } } } } \
         commits { nodes { commit { oid statusCheckRollup { state } } } } \
         files { nodes { path additions } } labels { nodes { name } } \
         closingIssuesReferences { nodes { number url repository { nameWithOwner } } } \
         timelineItems { nodes { ... on LabeledEvent { createdAt actor { login } label { name } } } } } } }",
        "defaultBranchRef { target { ... on Commit { history(first: 9) { edges { cursor node { \
         oid message author { name email user { login } } parents { totalCount } \
         committer { date } } } } } } }",
        "refs(first: 9, refPrefix: \"refs/heads/\") { totalCount edges { node { name \
         associatedPullRequests(first: 1) { nodes { title number } } \
         target { ... on Commit { authoredDate changedFiles history { nodes { oid } } } } } } }",
        "deployments(first: 9) { edges { node { createdAt databaseId commitOid task ref { name id } \
         repository { name owner { login } } latestStatus { environmentUrl logUrl state } } } }",
        "issues { nodes { title assignees { nodes { login } } comments { nodes { body } } \
         milestone { title } } }",
        "object(expression: \"main:a.txt\") { ... on Blob { text } ... on Tree { entries { name } } }",
        "releases { nodes { tagName releaseAssets { nodes { name downloadUrl } } } }",
        "languages { edges { size node { name } } } repositoryTopics { nodes { topic { name } } }",
        "vulnerabilityAlerts { nodes { securityVulnerability { package { name } severity } } }",
        "collaborators { edges { permission node { login } } }",
        "licenseInfo { spdxId } primaryLanguage { name } stargazerCount",
        // As `gh repo clone` asks.
        "parent { id name owner { login } hasIssuesEnabled description hasWikiEnabled \
         viewerPermission defaultBranchRef { name } }",
    ] {
        assert_eq!(within(below), Verdict::Inside, "{below}");
    }
    for below in [
        "owner { repositories { totalCount } }",
        "owner { ... on User { repository(name: \"x\") { name } } }",
        "owner { ... on Organization { teams { nodes { repositories { totalCount } } } } }",
        "parent { issues { totalCount } }",
        "parent { defaultBranchRef { target { oid } } }",
        "parent { parent { name } }",
        "parent { owner { ... on User { repositories { totalCount } } } }",
        "forks { totalCount }",
        "templateRepository { name }",
        "source { name }",
        "projectsV2 { nodes { items { nodes { content { ... on Issue { title } } } } } }",
        "ref(qualifiedName: \"main\") { compare(headRef: \"other:main\") { commits { totalCount } } }",
        "issues { nodes { author { ... on User { repositories { totalCount } } } } }",
        "issues { nodes { author { ... on User { issues { nodes { title } } } } } }",
        "issues { nodes { assignees { nodes { starredRepositories { totalCount } } } } }",
        "issues { nodes { projectItems { nodes { id } } } }",
        "issues { nodes { linkedBranches { nodes { ref { name } } } } }",
        "issues { nodes { timelineItems { nodes { ... on CrossReferencedEvent { source { ... on Issue { title } } } } } } }",
        "issues { nodes { timelineItems { nodes { ... on ReferencedEvent { commit { message } } } } } }",
        "issues { nodes { timelineItems { nodes { ... on ClosedEvent { closer { ... on PullRequest { title } } } } } } }",
        "pullRequests { nodes { headRepository { description } } }",
        "pullRequests { nodes { headRepository { issues { totalCount } } } }",
        "pullRequests { nodes { headRepository { owner { ... on User { repositories { totalCount } } } } } }",
        "pullRequests { nodes { headRef { target { oid } } } }",
        "pullRequests { nodes { headRef { repository { name } } } }",
        "pullRequests { nodes { repository { forks { totalCount } } } }",
        "pullRequests { nodes { closingIssuesReferences { nodes { title } } } }",
        "pullRequests { nodes { closingIssuesReferences { nodes { body } } } }",
        "refs { nodes { associatedPullRequests { nodes { files { nodes { path } } } } } }",
        "refs { nodes { associatedPullRequests { nodes { timelineItems { nodes { id } } } } } }",
        "repositoryTopics { nodes { topic { repositories { totalCount } } } }",
        "stargazers { nodes { starredRepositories { totalCount } } }",
        "viewer { login }",
        "organization(login: \"x\") { repositories { totalCount } }",
        "somethingNew { name }",
    ] {
        assert_eq!(within(below), OUTSIDE, "{below}");
    }
}

/// A field of a made-up document.
#[derive(Debug, Clone)]
struct Wish {
    name: &'static str,
    owner: &'static str,
    spelling: u8,
    below: Vec<Self>,
}

/// Names that lead somewhere, and names that do not.
const NAMES: [&str; 24] = [
    "repository",
    "organization",
    "user",
    "viewer",
    "node",
    "nodes",
    "search",
    "rateLimit",
    "owner",
    "author",
    "issues",
    "pullRequests",
    "nodes",
    "edges",
    "node",
    "repositories",
    "parent",
    "forks",
    "headRepository",
    "timelineItems",
    "name",
    "login",
    "title",
    "commit",
];
/// Names of which no one may be followed anywhere below a repository.
const LEAD_AWAY: [&str; 3] = ["repositories", "forks", "search"];

fn wish() -> impl Strategy<Value = Wish> {
    let leaf = (0..NAMES.len(), any::<bool>(), any::<u8>()).prop_map(|(name, inside, spelling)| {
        let owner = if inside { "acme" } else { "other" };
        Wish {
            name: NAMES[name],
            owner,
            spelling,
            below: Vec::new(),
        }
    });
    leaf.prop_recursive(4, 24, 3, |inner| {
        let below = prop::collection::vec(inner, 1..3);
        (0..NAMES.len(), 0..8_u8, any::<u8>(), below).prop_map(|(name, owner, spelling, below)| {
            let owner = if owner > 0 { "acme" } else { "other" };
            Wish {
                name: NAMES[name],
                owner,
                spelling,
                below,
            }
        })
    })
}

/// Writes the wishes down, in one of many ways, each with a fragment or not, an alias or not, its
/// arguments as variables or not.
fn written(wishes: &[Wish], fragments: &mut Vec<String>) -> String {
    let mut text = String::new();
    for wish in wishes {
        let owner = match (wish.spelling & 1, wish.owner) {
            (0, owner) => format!("\"{owner}\""),
            (_, "acme") => "$inside".to_owned(),
            _ => "$outside".to_owned(),
        };
        let id = usize::from(wish.owner == "other");
        let arguments = match wish.name {
            "repository" => format!("(owner: {owner}, name: \"web\", followRenames: false)"),
            "organization" | "user" => format!("(login: {owner})"),
            "node" => format!("(id: \"{}\")", IDS[id]),
            "nodes" => format!("(ids: [\"{}\"])", IDS[id]),
            _ => String::new(),
        };
        let alias = match wish.spelling & 2 {
            0 => "",
            _ => "rateLimit: ",
        };
        let below = match wish.below.as_slice() {
            [] => String::new(),
            below => format!(" {{ {} }}", written(below, fragments)),
        };
        let field = format!("{alias}{}{arguments}{below} ", wish.name);
        match wish.spelling & 12 {
            0 => {
                text += &format!("...f{} ", fragments.len());
                fragments.push(format!("fragment f{} on X {{ {field} }} ", fragments.len()));
            }
            4 => text += &format!("... on X {{ {field} }} "),
            8 => text += &format!("... @include(if: false) {{ {field} }} "),
            _ => text += &field,
        }
    }
    text
}

/// Whether all wishes are certainly answered by `acme/*`, told by hand and not by the judge.
fn leads_away(wish: &Wish, top: bool) -> bool {
    let composite = !wish.below.is_empty();
    let named_outside =
        top && matches!(
            wish.name,
            "repository" | "organization" | "user" | "node" | "nodes"
        ) && wish.owner == "other";
    let strange = top && matches!(wish.name, "search" | "repositories" | "parent" | "forks");
    // Of an organisation that is covered, `repositories` is inside: one level below the top.
    let away = !top && composite && LEAD_AWAY.contains(&wish.name);
    // Of a fork's parent it is told which one it is, and whose.
    let parent = !top
        && wish.name == "parent"
        && wish.below.iter().any(|below| match below.below.as_slice() {
            [] => below.name != "name",
            _ => below.name != "owner",
        });
    let covered = top && wish.name == "organization";
    named_outside
        || strange
        || away
        || parent
        || wish.below.iter().any(|below| match (covered, below.name) {
            (true, "repositories") => below.below.iter().any(|field| leads_away(field, false)),
            (_, _) => leads_away(below, false),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_judged_inside_names_nothing_outside(
        wishes in prop::collection::vec(wish(), 1..4),
    ) {
        let mut fragments = Vec::new();
        let fields = written(&wishes, &mut fragments);
        let text = format!(
            "query($inside: String!, $outside: String = \"other\") {{ {fields} }} {}",
            fragments.concat()
        );
        let operation = read(&text, &json!({ "inside": "acme" }));
        let verdict = limit(&["acme/*"]).judge_graphql(&operation, &directory());
        if verdict == Verdict::Inside {
            prop_assert!(!wishes.iter().any(|wish| leads_away(wish, true)), "{text}");
        }
        prop_assert!(!matches!(verdict, Verdict::Body(_)));
    }

    #[test]
    fn an_honest_document_is_inside_however_it_is_written(
        spellings in prop::collection::vec(any::<u8>(), 1..5),
    ) {
        let wishes: Vec<_> = spellings
            .into_iter()
            .map(|spelling| Wish {
                name: ["repository", "organization", "node", "nodes"][usize::from(spelling % 4)],
                owner: "acme",
                spelling,
                below: vec![Wish { name: "name", owner: "acme", spelling, below: Vec::new() }],
            })
            .collect();
        let mut fragments = Vec::new();
        let fields = written(&wishes, &mut fragments);
        let text = format!(
            "query($inside: String!, $outside: String) {{ {fields} }} {}",
            fragments.concat()
        );
        let operation = read(&text, &json!({ "inside": "acme" }));
        let verdict = limit(&["acme/*"]).judge_graphql(&operation, &directory());
        prop_assert_eq!(verdict, Verdict::Inside, "{}", text);
    }
}
