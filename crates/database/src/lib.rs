//! What is inside a database server: databases, roles, grants, data; made as wanted, watched, copied away and back.
