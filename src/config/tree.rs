//! Blocks and statements as they stand in the text, before anyone asks what a keyword means. (Interface sketch: the owner of
//! this file keeps the accessors and chooses the storage, which must be flat: no allocation a line.)
