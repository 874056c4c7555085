//! LDAP filters.
