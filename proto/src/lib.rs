//! The snapshot that a filter executes, as protobuf types.
