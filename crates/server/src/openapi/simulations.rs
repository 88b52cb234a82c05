//! Operations that no attribute can write: the simulation of each installed command, made from the one that is written
//! once. With `payload.rs` and `parameters.rs` the only place that knows poem-openapi's registry, which is not part of its
//! documented API.

use std::{collections::HashMap, marker::PhantomData, sync::Arc};

use gateway_core::{Callback, List, Visitor};
use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, MetaExternalDocument, Registry},
};

use crate::admin::{Shared, Simulate, paths::simulation};

type Routes = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// The simulations of every plug-in of `L`.
pub(crate) struct Simulations<L> {
    shared: Arc<Shared>,
    list: PhantomData<fn() -> L>,
}

/// The operations of `T`, to be described only: it has no routes and needs nothing to work on.
pub(crate) struct Described<T>(PhantomData<fn() -> T>);

// === impl Simulations ===

impl<L> Simulations<L> {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            list: PhantomData,
        }
    }
}

impl<L: List> OpenApi for Simulations<L> {
    fn meta() -> Vec<MetaApi> {
        struct Metas(Vec<MetaApi>);
        impl Visitor for Metas {
            fn visit<C: Callback>(&mut self) {
                self.0.extend(meta::<C>());
            }
        }
        let mut metas = Metas(Vec::new());
        L::visit(&mut metas);
        metas.0
    }

    fn register(registry: &mut Registry) {
        struct Registering<'a>(&'a mut Registry);
        impl Visitor for Registering<'_> {
            fn visit<C: Callback>(&mut self) {
                Simulate::<C>::register(self.0);
            }
        }
        L::visit(&mut Registering(registry));
    }

    fn add_routes(self, routes: &mut Routes) {
        struct Routing<'a>(Arc<Shared>, &'a mut Routes);
        impl Visitor for Routing<'_> {
            fn visit<C: Callback>(&mut self) {
                let simulate = Simulate::<C> {
                    shared: Arc::clone(&self.0),
                    command: PhantomData,
                };
                let mut own = Routes::new();
                simulate.add_routes(&mut own);
                for methods in own.into_values() {
                    self.1.insert(simulation(C::COMMAND), methods);
                }
            }
        }
        L::visit(&mut Routing(self.shared, routes));
    }
}

/// The operation that is written once, with the command's own path, tag and words.
fn meta<C: Callback>() -> Vec<MetaApi> {
    let mut apis = Simulate::<C>::meta();
    for meta_path in apis.iter_mut().flat_map(|api| &mut api.paths) {
        meta_path.path = simulation(C::COMMAND);
        for operation in &mut meta_path.operations {
            operation.tags = vec![C::FEATURE];
            operation.summary = Some(C::SUMMARY);
            operation.description = Some(
                "Sends this callback through the pipeline: signed for the app, journaled, handled. The answer is what Chat would get.",
            );
            operation.operation_id = Some(C::COMMAND);
            operation.external_docs = Some(MetaExternalDocument {
                url: C::SOURCE.to_owned(),
                description: Some("The vendor's page".to_owned()),
            });
        }
    }
    apis
}

// === impl Described ===

impl<T> Default for Described<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: OpenApi> OpenApi for Described<T> {
    fn meta() -> Vec<MetaApi> {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, _routes: &mut Routes) {}
}
