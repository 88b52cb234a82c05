//! The OpenAPI document and the page that shows it.

use gateway_core::List;

/// The document as pretty JSON, OpenAPI 3.1, for the plug-ins of `L`; `callback_path` is where Chat calls.
pub fn document<L: List>(_callback_path: &str) -> String {
    unimplemented!()
}
