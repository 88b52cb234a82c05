//! The list of installed plug-ins, known to the compiler so that documents can be made from their types.
//!
//! `Callbacks::new().with(A).with(B)` is a `Callbacks<(((), A), B)>`; nobody writes that type. Not here: finding a
//! plug-in by its command at run time ([`crate::Dispatcher`]).

use crate::{Callback, Descriptor, Installed};

/// The plug-ins to install.
#[derive(Debug, Default)]
pub struct Callbacks<L = ()> {
    list: L,
}

/// A list of plug-ins as a type: `()`, or a list and one more.
pub trait List: Send + 'static {
    /// Shows the visitor every plug-in's type, in the order of installation.
    fn visit(visitor: &mut impl Visitor);
    /// Appends every plug-in, ready to be dispatched to.
    fn install(self, installed: &mut Vec<Installed>);
}

/// Something that is done once for each plug-in type.
pub trait Visitor {
    /// Called with each plug-in.
    fn visit<C: Callback>(&mut self);
}

// === impl Callbacks ===

impl Callbacks {
    /// An empty list.
    pub const fn new() -> Self {
        Self { list: () }
    }
}

impl<L: List> Callbacks<L> {
    /// Adds a plug-in. That no two have the same command is checked when the gateway starts.
    #[must_use]
    pub fn with<C: Callback>(self, callback: C) -> Callbacks<(L, C)> {
        Callbacks {
            list: (self.list, callback),
        }
    }

    /// The static facts of every plug-in, in the order of installation.
    pub fn descriptors(&self) -> Vec<Descriptor> {
        struct Descriptors(Vec<Descriptor>);
        impl Visitor for Descriptors {
            fn visit<C: Callback>(&mut self) {
                self.0.push(Descriptor::of::<C>(self.0.len()));
            }
        }
        let mut descriptors = Descriptors(Vec::new());
        L::visit(&mut descriptors);
        descriptors.0
    }

    pub(crate) fn install(self) -> Vec<Installed> {
        let mut installed = Vec::new();
        self.list.install(&mut installed);
        installed
    }
}

// === impl List ===

impl List for () {
    fn visit(_visitor: &mut impl Visitor) {}

    fn install(self, _installed: &mut Vec<Installed>) {}
}

impl<L: List, C: Callback> List for (L, C) {
    fn visit(visitor: &mut impl Visitor) {
        L::visit(visitor);
        visitor.visit::<C>();
    }

    fn install(self, installed: &mut Vec<Installed>) {
        let (rest, callback) = self;
        rest.install(installed);
        installed.push(Installed::new(callback, installed.len()));
    }
}
