//! Releases and archives: what is told of them, and where their bytes are.

use super::Simulator;
use super::answer::{Answered, Reply};
use super::bytes::To;
use super::example::{about, laid_over};
use super::state::{Repository, State};
use serde_json::{Value, json};

impl Simulator {
    /// Answers about a repository's releases.
    pub(super) fn releases(
        &self,
        state: &State,
        one: &Repository,
        octets: bool,
        rest: &[&str],
    ) -> Answered {
        match rest {
            ["tags", tag] if one.releases.contains_key(*tag) => {
                Ok(Reply::json(200, &self.release(state, one, tag)))
            }
            [number, "assets"] if number.parse::<usize>().is_ok() => {
                let tag = one.releases.keys().next().ok_or_else(Reply::not_found)?;
                let release = self.release(state, one, tag);
                Ok(Reply::json(200, &release["assets"]))
            }
            ["assets", number] => {
                let number: usize = number.parse().map_err(|_| Reply::not_found())?;
                let assets = one.releases.values().flatten();
                let (name, bytes) = assets.clone().nth(number).ok_or_else(Reply::not_found)?;
                if octets {
                    return Ok(Reply::to(
                        302,
                        &self.signed_address(To::Asset(bytes.clone())),
                    ));
                }
                Ok(Reply::json(200, &self.asset(state, one, number, name)))
            }
            _ => Err(Reply::not_found()),
        }
    }

    /// `/{owner}/{repo}/releases/download/{tag}/{file}`, for who may read the repository.
    pub(super) fn downloaded(&self, one: &Repository, tag: &str, file: &str) -> Answered {
        let found = one.releases.get(tag).and_then(|assets| assets.get(file));
        let bytes = found.ok_or_else(Reply::not_found)?;
        let to = To::Next(Box::new(To::Asset(bytes.clone())));
        Ok(Reply::to(302, &self.signed_address(to)))
    }

    fn release(&self, state: &State, one: &Repository, tag: &str) -> Value {
        let name = state.full_name(one);
        let all = one
            .releases
            .iter()
            .flat_map(|(of, assets)| assets.keys().map(move |file| (of.as_str(), file)));
        let assets = all.enumerate().filter(|(_, (of, _))| *of == tag);
        let assets: Vec<Value> = assets
            .map(|(number, (_, file))| self.asset(state, one, number, file))
            .collect();
        let known = json!({
            "tag_name": tag,
            "name": tag,
            "draft": false,
            "assets": assets,
            "id": 1,
            "url": format!("{}/repos/{name}/releases/1", self.0.api),
            "assets_url": format!("{}/repos/{name}/releases/1/assets", self.0.api),
            "tarball_url": format!("{}/repos/{name}/tarball/{tag}", self.0.api),
        });
        laid_over(about(&name, self.0.description.example("release")), known)
    }

    fn asset(&self, state: &State, one: &Repository, number: usize, file: &str) -> Value {
        let name = state.full_name(one);
        let known = json!({
            "id": number,
            "name": file,
            "state": "uploaded",
            "size": one.releases.values().filter_map(|all| all.get(file)).map(Vec::len).next(),
            "url": format!("{}/repos/{name}/releases/assets/{number}", self.0.api),
            "browser_download_url": format!("{}/{name}/releases/download/v1/{file}", self.0.web),
        });
        laid_over(
            about(&name, self.0.description.example("release-asset")),
            known,
        )
    }
}
