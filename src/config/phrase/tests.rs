//! Lines and what is made of them.
