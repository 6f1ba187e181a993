// Package servers starts real servers for tests: on ports that the system chose, in
// temporary folders, and up when the functions return. Whatever happens to the test, they
// end with it; on Linux also when its process is killed.
//
// The programs come from the machine. When one is missing the test is skipped with the
// name of the package that has it; with CI=true it fails. An already running server can be
// given instead, by URL in the environment: CLOAKROOM_TEST_REDIS_URL,
// CLOAKROOM_TEST_VALKEY_URL, CLOAKROOM_TEST_REDIS_CLUSTER_URL,
// CLOAKROOM_TEST_REDIS_SENTINEL_URL, CLOAKROOM_TEST_POSTGRES_URL,
// CLOAKROOM_TEST_MARIADB_URL, CLOAKROOM_TEST_MEMCACHED_URL. Such a server is neither
// stopped nor emptied, and a test that wants to stop it is skipped.
package servers
