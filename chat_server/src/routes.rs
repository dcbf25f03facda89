//! Which route a request takes, for its figures and its line in the log. The router finds it as well, but tells nobody outside of it.

use anyhow::Context as _;

use crate::metrics::{Metrics, RouteFigures};

/// Requests that take none of the routes.
const NONE: &str = "(none)";

/// All routes, with their placeholders: never a path itself.
pub struct Routes {
    matcher: matchit::Router<RouteFigures>,
    none: RouteFigures,
}

impl Routes {
    /// # Errors
    /// Two of them are in each other's way, which the router would not have either.
    pub fn new(names: impl Iterator<Item = String>, metrics: &Metrics) -> anyhow::Result<Self> {
        let mut matcher = matchit::Router::new();
        for name in names {
            matcher
                .insert(name.as_str(), metrics.of_route(&name))
                .with_context(|| format!("the route {name}"))?;
        }
        Ok(Self { matcher, none: metrics.of_route(NONE) })
    }

    pub fn find(&self, path: &str) -> &RouteFigures {
        self.matcher.at(path).map_or(&self.none, |found| found.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{openapi::document, web};

    #[test]
    fn a_path_is_known_by_its_route_and_not_by_itself() {
        let document = document();
        let names = document.paths.paths.keys().cloned().chain(web::routes().map(str::to_owned));
        let routes = Routes::new(names, &Metrics::default()).unwrap();
        let known = |path: &str| routes.find(path).name.to_string();
        for name in document.paths.paths.keys() {
            let path: Vec<_> =
                name.split('/').map(|part| if part.starts_with('{') { "0193%2f" } else { part }).collect();
            assert_eq!(known(&path.join("/")), *name);
        }
        for (path, name) in
            [("/", "/"), ("/c/7/8", "/c/{*rest}"), ("/assets/x.js", "/assets/{file}"), ("/x.ico", "/{file}")]
        {
            assert_eq!(known(path), name);
        }
        for path in ["", "*", "/api/chat/", "/api/chat/7/messages/8/9", "/assets/x/y", "/api/../chat"] {
            assert_eq!(known(path), NONE, "{path}");
        }
    }
}
