//! layerscope shows what a vision network sees, in the terminal.
//!
//! One way leads through the program: a file becomes a [`model::Graph`] ([`formats`]), the graph is run ([`engine`], by
//! calling ATen operators through [`aten`]), [`methods`] turn values and gradients into maps, and [`picture`] turns those
//! into pixels for the terminal or a file. The [`service`] opens models and runs the engine on a thread of its own.

pub mod aten;
pub mod cli;
pub mod config;
pub mod engine;
mod folders;
pub mod formats;
pub mod methods;
pub mod model;
pub mod picture;
pub mod scan;
pub mod service;
pub mod terminal;
pub mod tui;
