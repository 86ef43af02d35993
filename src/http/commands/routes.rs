//! Routes, each with the role that it takes.
//!
//! A command is reached by a [`Routes`] alone, which has no way to add one without a role; and
//! before it is told which, a route is for admins.

use super::Doors;
use crate::http::api::require;
use crate::model::session::Role;
use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware::{self, Next};
use axum::routing::{self, MethodRouter};
use http::Method;

/// A route as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// How it is asked.
    pub method: Method,
    /// Its path, with `{…}` where an id stands.
    pub path: &'static str,
    /// What whoever asks must be.
    pub role: Role,
}

/// Routes under way to a router.
pub(super) struct Routes {
    role: Role,
    router: Router<Doors>,
    listed: Vec<Route>,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self {
            role: Role::Admin,
            router: Router::new(),
            listed: Vec::new(),
        }
    }

    /// What comes next takes this role.
    pub(super) fn for_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    pub(super) fn get<H: Handler<T, Doors>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
    ) -> Self {
        self.add(Method::GET, path, routing::get(handler))
    }

    pub(super) fn post<H: Handler<T, Doors>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
    ) -> Self {
        self.add(Method::POST, path, routing::post(handler))
    }

    pub(super) fn delete<H: Handler<T, Doors>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
    ) -> Self {
        self.add(Method::DELETE, path, routing::delete(handler))
    }

    fn add(mut self, method: Method, path: &'static str, way: MethodRouter<Doors>) -> Self {
        let role = self.role;
        let guard =
            middleware::from_fn(move |request: Request, next: Next| require(role, request, next));
        self.router = self.router.route(path, way.route_layer(guard));
        self.listed.push(Route { method, path, role });
        self
    }

    /// The router, and what is in it.
    pub(super) fn parts(self) -> (Router<Doors>, Vec<Route>) {
        (self.router, self.listed)
    }
}
