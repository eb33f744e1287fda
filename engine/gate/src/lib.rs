//! One HTTP exchange from its headers to its audit record, without I/O.
