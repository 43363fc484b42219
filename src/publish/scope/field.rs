//! The fields below a GraphQL query's top level: which of them stay where they are.
//!
//! A field without fields of its own is a value of the object that it stands in. A field with
//! fields below it leads to another object, and only those listed here may be followed; they were
//! reviewed against GitHub's public schema. What is not listed leads, or may lead, to
//! repositories elsewhere: `forks`, `templateRepository`, `compare` (which takes
//! `owner:branch`), projects, linked branches, the commits and subjects of a time line, issues
//! closed or tracked, and whatever a later version adds.

use crate::publish::graphql::Field;

/// What kind of object fields are asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A repository that is inside, or a thing in it.
    Inside,
    /// An organisation whose repositories are all inside.
    Organization,
    /// A user or an organisation whose repositories are all inside.
    Owner,
    /// A person, or a thing that may belong to another repository: values, not what they lead to.
    Leaves,
    /// The repository that a fork was made of: what REST tells of it beside the fork, which `gh repo
    /// clone` asks for each time; not what is in it.
    Parent,
    /// A repository or a thing that may be elsewhere: which one it is, not what is in it.
    Identity,
}

impl Place {
    /// Where a field leads; None where it must not be followed.
    fn follow(self, name: &str) -> Option<Self> {
        match self {
            Self::Inside if among(&INSIDE, name) => Some(Self::Inside),
            Self::Inside if among(&PEOPLE, name) || among(&SHARED, name) => Some(Self::Leaves),
            Self::Inside if among(&REFERENCES, name) => Some(Self::Identity),
            Self::Inside if name == "parent" => Some(Self::Parent),
            Self::Parent if name == "owner" => Some(Self::Leaves),
            Self::Parent if name == "defaultBranchRef" => Some(Self::Identity),
            Self::Organization if name == "repositories" => Some(Self::Inside),
            Self::Organization | Self::Owner if name == "repository" => Some(Self::Inside),
            Self::Organization if matches!(name, "membersWithRole" | "team" | "teams") => {
                Some(Self::Leaves)
            }
            Self::Leaves if among(&PEOPLE, name) || among(&LISTS, name) => Some(Self::Leaves),
            Self::Leaves if matches!(name, "label" | "labels") => Some(Self::Leaves),
            Self::Identity if among(&LISTS, name) || name == "repository" => Some(Self::Identity),
            Self::Identity if name == "owner" => Some(Self::Leaves),
            Self::Inside
            | Self::Organization
            | Self::Owner
            | Self::Leaves
            | Self::Parent
            | Self::Identity => None,
        }
    }

    /// Whether the value of a field may be seen.
    fn shows(self, name: &str) -> bool {
        match self {
            Self::Inside | Self::Organization | Self::Owner | Self::Leaves => true,
            Self::Identity => among(&WHICH, name),
            Self::Parent => among(&WHICH, name) || among(&TOLD, name),
        }
    }
}

fn among(names: &[&str], name: &str) -> bool {
    names.binary_search(&name).is_ok()
}

/// Whether all fields, and all below them, stay in their place.
pub(super) fn stays(place: Place, fields: &[Field]) -> bool {
    fields.iter().all(|field| {
        if field.is_leaf() {
            place.shows(&field.name)
        } else {
            place
                .follow(&field.name)
                .is_some_and(|below| stays(below, &field.fields))
        }
    })
}

/// From a thing inside to a thing in the same repository, or to one that is in none. Sorted.
const INSIDE: [&str; 145] = [
    "advisory",
    "annotations",
    "answer",
    "autoMergeRequest",
    "baseCommit",
    "baseRef",
    "blame",
    "branchProtectionRule",
    "branchProtectionRules",
    "category",
    "checkRunCountsByState",
    "checkRuns",
    "checkSuite",
    "checkSuites",
    "codeOfConduct",
    "codeowners",
    "combinedContexts",
    "comments",
    "commit",
    "commitComments",
    "commits",
    "conditions",
    "configuration",
    "contactLinks",
    "context",
    "contexts",
    "contributingGuidelines",
    "cvss",
    "cvssSeverities",
    "cvssV3",
    "cvssV4",
    "cwes",
    "defaultBranchRef",
    "dependabotUpdate",
    "dependencies",
    "dependencyGraphManifests",
    "deployment",
    "deploymentReviews",
    "deployments",
    "discussion",
    "discussionCategories",
    "discussionCategory",
    "discussions",
    "edges",
    "end",
    "entries",
    "environment",
    "environments",
    "epss",
    "error",
    "errors",
    "file",
    "files",
    "firstPatchedVersion",
    "fundingLinks",
    "headCommit",
    "history",
    "identifiers",
    "interactionAbility",
    "issue",
    "issueOrPullRequest",
    "issueTemplates",
    "issues",
    "label",
    "labels",
    "language",
    "languages",
    "latestCompletedDeployment",
    "latestOpinionatedReviews",
    "latestRelease",
    "latestReviews",
    "latestStatus",
    "licenseInfo",
    "limitations",
    "location",
    "matchingRefs",
    "mergeCommit",
    "mergeQueue",
    "mergeQueueEntry",
    "milestone",
    "milestones",
    "node",
    "nodes",
    "object",
    "options",
    "originalCommit",
    "package",
    "pageInfo",
    "parents",
    "permissions",
    "pinnedDiscussions",
    "pinnedEnvironments",
    "pinnedIssues",
    "planFeatures",
    "poll",
    "potentialMergeCommit",
    "primaryLanguage",
    "protectionRules",
    "pullRequest",
    "pullRequestReview",
    "pullRequestTemplates",
    "pullRequests",
    "push",
    "ranges",
    "ref",
    "refUpdateRule",
    "references",
    "refs",
    "release",
    "releaseAssets",
    "releases",
    "replies",
    "replyTo",
    "repositoryTopics",
    "requiredStatusChecks",
    "reviewRequests",
    "reviewThreads",
    "reviews",
    "run",
    "runs",
    "securityAdvisory",
    "securityVulnerability",
    "signature",
    "start",
    "status",
    "statusCheckRollup",
    "statusContextCountsByState",
    "statuses",
    "steps",
    "subIssuesSummary",
    "submodule",
    "submodules",
    "suggestedReviewers",
    "tag",
    "tagCommit",
    "target",
    "tree",
    "userContentEdits",
    "viewerLatestReview",
    "viewerLatestReviewRequest",
    "vulnerabilities",
    "vulnerabilityAlert",
    "vulnerabilityAlerts",
    "workflow",
    "workflowRun",
];

/// To people, teams and Apps. Sorted.
const PEOPLE: [&str; 42] = [
    "actor",
    "answerChosenBy",
    "app",
    "assignableUsers",
    "assignee",
    "assignees",
    "author",
    "authors",
    "collaborators",
    "committer",
    "creator",
    "deletedBy",
    "deletedCommentAuthor",
    "disabler",
    "dismisser",
    "editor",
    "enabledBy",
    "enabler",
    "enqueuer",
    "headRepositoryOwner",
    "mentionableUsers",
    "mentions",
    "mergedBy",
    "onBehalfOf",
    "organization",
    "organizations",
    "owner",
    "participants",
    "pinnedBy",
    "pusher",
    "reactors",
    "requestedReviewer",
    "resolvedBy",
    "reviewer",
    "reviewers",
    "signer",
    "stargazers",
    "tagger",
    "uploadedBy",
    "user",
    "users",
    "watchers",
];

/// From a thing inside to what may be on the other side of a fork or a mention, or to what things
/// everywhere share. Sorted.
const SHARED: [&str; 8] = [
    "associatedPullRequests",
    "branch",
    "headRef",
    "reactionGroups",
    "reactions",
    "timeline",
    "timelineItems",
    "topic",
];

/// From a thing inside to a repository, an issue or a pull request that may be elsewhere. Sorted.
const REFERENCES: [&str; 7] = [
    "baseRepository",
    "closedByPullRequestsReferences",
    "closingIssuesReferences",
    "headRepository",
    "matchingPullRequests",
    "repository",
    "subIssues",
];

/// What lists are made of. Sorted.
const LISTS: [&str; 4] = ["edges", "node", "nodes", "pageInfo"];

/// The values that are told of a fork's parent besides. Sorted.
const TOLD: [&str; 6] = [
    "description",
    "hasIssuesEnabled",
    "hasWikiEnabled",
    "isEmpty",
    "isTemplate",
    "viewerPermission",
];

/// The values that tell which repository, issue or pull request it is. Sorted.
const WHICH: [&str; 21] = [
    "__typename",
    "closed",
    "cursor",
    "databaseId",
    "endCursor",
    "fullDatabaseId",
    "hasNextPage",
    "hasPreviousPage",
    "id",
    "isArchived",
    "isFork",
    "isPrivate",
    "name",
    "nameWithOwner",
    "number",
    "resourcePath",
    "startCursor",
    "state",
    "totalCount",
    "url",
    "visibility",
];

#[cfg(test)]
mod tests {
    //! Tests of the lists.

    use super::*;

    #[test]
    fn lists_are_sorted_and_a_field_leads_to_one_place() {
        let all = [&INSIDE[..], &PEOPLE, &SHARED, &REFERENCES];
        for list in all.into_iter().chain([&WHICH[..], &LISTS, &TOLD]) {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        }
        let mut names = all.concat();
        names.sort_unstable();
        assert!(names.is_sorted_by(|a, b| a < b), "one name in two lists");
    }
}
