//! From text to model: source (files, includes) -> expand (@conditions, $definitions, ~SEQ) -> line -> tree -> keywords -> model.
//! Every stage keeps where a thing stood, so that every message can name file, line and column.

pub mod diagnostic;
pub mod expand;
pub mod expanded;
pub mod keywords;
pub mod line;
pub mod model;
pub mod secret;
pub mod shell;
pub mod source;
pub mod tree;
