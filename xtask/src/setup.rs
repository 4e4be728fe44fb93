//! `cargo xtask setup`: what a build needs.

use crate::checkout::Checkout;
use crate::compiler;
use crate::install::{self, Variant};
use crate::libtorch::{self, Source, VERSION};
use crate::report::Failure;

/// Checks the C++ compiler and makes libtorch available; says which libtorch that is.
pub(crate) fn setup(checkout: &Checkout, wish: Option<Variant>) -> Result<String, Failure> {
    compiler::check()?;
    match libtorch::source(checkout)? {
        Source::Checkout => install::ensure(checkout, wish),
        Source::Folder(folder) => Ok(format!("libtorch {VERSION} is in {}, as LIBTORCH says", folder.display())),
        Source::Python(folder) => {
            Ok(format!("libtorch {VERSION} is in {}, as LIBTORCH_USE_PYTORCH asks", folder.display()))
        }
    }
}
