//! What a test puts on the server: accounts, repositories, Apps; and how it changes them.

use super::keys::AppKey;
use super::permissions::Permissions;
use super::state::{Account, App, Hook, Repository};
use super::{Simulator, manifest::slug};
use serde_json::json;

impl Simulator {
    /// The organisation's id; it is made where there is none.
    pub fn organization(&self, login: &str) -> u64 {
        self.account(login, true)
    }

    pub fn user(&self, login: &str) -> u64 {
        self.account(login, false)
    }

    fn account(&self, login: &str, organization: bool) -> u64 {
        let mut state = self.state();
        if let Some(known) = state.account(login) {
            return known.id;
        }
        let id = state.next();
        let login = login.to_owned();
        state.accounts.insert(
            id,
            Account {
                id,
                login,
                organization,
            },
        );
        id
    }

    /// A private repository, `owner/name`; the owner is an organisation unless it is known.
    pub fn repository(&self, name: &str) -> u64 {
        let (owner, name) = name.split_once('/').unwrap();
        let owner = self.organization(owner);
        let mut state = self.state();
        let id = state.next();
        let made = Repository {
            id,
            owner,
            name: name.to_owned(),
            private: true,
            issues: Vec::new(),
            pulls: Vec::new(),
            releases: Default::default(),
            comments: Default::default(),
            files: [("README.md".to_owned(), b"# Read me\n".to_vec())].into(),
        };
        state.repositories.insert(id, made);
        id
    }

    /// Changes what is known of a repository: its issues, say, or that it is public.
    pub fn change(&self, repository: u64, change: impl FnOnce(&mut Repository)) {
        change(self.state().repositories.get_mut(&repository).unwrap());
    }

    /// Gives a repository another name; the old one leads to it.
    pub fn rename(&self, repository: u64, name: &str) {
        self.moved(repository, |one| one.name = name.to_owned());
    }

    /// Gives it to another owner, whose installations have it if they have all.
    pub fn transfer(&self, repository: u64, owner: &str) {
        let owner = self.organization(owner);
        self.moved(repository, |one| one.owner = owner);
    }

    fn moved(&self, repository: u64, change: impl FnOnce(&mut Repository)) {
        let mut state = self.state();
        let old = state.full_name(&state.repositories[&repository]);
        state.former.insert(old.to_ascii_lowercase(), repository);
        change(state.repositories.get_mut(&repository).unwrap());
    }

    /// Gives an account another name; Apps installed there are told.
    pub fn rename_account(&self, account: u64, login: &str) {
        let mut state = self.state();
        let known = state.accounts.get_mut(&account).unwrap();
        known.login = login.to_owned();
        let installed = state
            .installations
            .values()
            .filter(|one| one.account == account);
        let installed: Vec<u64> = installed.map(|one| one.id).collect();
        drop(state);
        for id in installed {
            self.tell(id, "installation_target", "renamed");
        }
    }

    pub fn remove_repository(&self, repository: u64) {
        self.state().repositories.remove(&repository);
    }

    /// An App with one key, no hook, and these permissions; its id.
    pub fn app(&self, name: &str, owner: &str, key: &AppKey, permissions: &[(&str, &str)]) -> u64 {
        let owner = self.organization(owner);
        let mut state = self.state();
        let id = state.next();
        let made = App {
            id,
            slug: slug(name),
            client_id: format!("Iv23li{id:014}"),
            client_secret: uuid::Uuid::new_v4().simple().to_string(),
            name: name.to_owned(),
            owner,
            keys: vec![key.clone()],
            permissions: Permissions::of(permissions).with_metadata(),
            events: vec!["push".to_owned()],
            hook: Hook::default(),
            setup_url: None,
        };
        state.apps.insert(id, made);
        id
    }

    /// Changes an App: its keys, its hook, the permissions it wants, its name.
    pub fn change_app(&self, app: u64, change: impl FnOnce(&mut App)) {
        change(self.state().apps.get_mut(&app).unwrap());
    }

    pub fn app_now(&self, app: u64) -> Option<App> {
        self.state().apps.get(&app).cloned()
    }

    /// The App with this slug, such as one made from a manifest.
    pub fn app_called(&self, slug: &str) -> Option<App> {
        self.state()
            .apps
            .values()
            .find(|app| app.slug == slug)
            .cloned()
    }

    /// The App is deleted on the server, with all its installations.
    pub fn delete_app(&self, app: u64) {
        let mut state = self.state();
        state.installations.retain(|_, one| one.app != app);
        state.apps.remove(&app);
    }

    /// A JWT for the App as it should be, by the server's clock.
    pub fn jwt(&self, app: u64, key: &AppKey) -> String {
        let now = self.0.clock.now().as_second();
        key.sign(&json!({ "iat": now - 60, "exp": now + 540, "iss": app.to_string() }))
    }
}
