//! Pages of what is there: an App, its settings, where it may be deleted, an installation's.

use super::Simulator;
use super::answer::Reply;
use super::pages::escaped;
use super::state::Side;

impl Simulator {
    pub(super) fn installation_page(&self, id: &str) -> Option<Reply> {
        let state = self.state();
        let one = state.installations.get(&id.parse().ok()?)?;
        let name = escaped(&state.apps[&one.app].name);
        let other = if one.suspended.is_some() {
            "Unsuspend"
        } else {
            "Suspend"
        };
        Some(Reply::page(
            &format!("Installed {name}"),
            &format!(
                "<form method=post><button name=press value={other}>{other}</button><button name=press value=Uninstall>Uninstall</button></form>"
            ),
        ))
    }

    /// A button on an installation's page was pressed.
    pub(super) fn installation_pressed(&self, id: &str, button: &str) -> Option<Reply> {
        let id = id.parse().ok()?;
        self.installation(id)?;
        match button {
            "Suspend" => self.suspend(id, Side::Account),
            "Unsuspend" => drop(self.unsuspend(id, Side::Account)),
            "Uninstall" => self.uninstall(id),
            _ => return None,
        }
        Some(Reply::page("Done", ""))
    }

    pub(super) fn app_settings(&self, slug: &str) -> Option<Reply> {
        let name = escaped(&self.app_called(slug)?.name);
        let body =
            "<form method=post><button name=press value=Delete>Delete GitHub App</button></form>";
        Some(Reply::page(&name, body))
    }

    pub(super) fn app_pressed(&self, slug: &str, button: &str) -> Option<Reply> {
        let app = self.app_called(slug)?.id;
        if button != "Delete" {
            return None;
        }
        self.delete_app(app);
        Some(Reply::page("Done", ""))
    }

    /// What everybody sees of an App.
    pub(super) fn public_page(&self, slug: &str) -> Option<Reply> {
        let name = escaped(&self.app_called(slug)?.name);
        let there = format!("{}/installations/new", self.app_page(slug));
        Some(Reply::page(
            &name,
            &format!("<a href=\"{there}\">Install</a>"),
        ))
    }
}
